// What the player has decoded on demand: pending steps after a run or where somebody looks, noisy samples that are seen.
import assert from "node:assert/strict";
import { test } from "node:test";

import { makeDecoder } from "../../mmdemo/ui/generate/player/decode.js";
import { addFrames, countPending, openRun } from "../../mmdemo/ui/generate/player/run.js";
import { openPage } from "./page.js";

const first = () => ({ lane: "a", i: 1, t: 1, change: 0, distance: { image: 1 }, image: { x0: ["x1"], x: ["n1"], latent: "z1" } });
const pending = (i) => ({ lane: "a", i, t: 1 - i / 20, change: 0, pending: true, distance: {}, image: { clean: `c${i}`, latent: `z${i}` } });

// A player at the end of a run of `steps` steps, all but the first pending; `given` replaces parts of it.
function playing(steps, given = {}) {
  const run = openRun({ run: "r", open: { lanes: [{ key: "a", steps, n: 1 }], want: ["image"], blocks: 0, given: {}, model: "m" } });
  addFrames(run, [first(), ...Array.from({ length: steps - 1 }, (_, i) => pending(i + 2))]);
  const asked = [], told = [];
  const server = {
    decode_clean: async ({ latents }) => {
      asked.push(latents.image);
      return { steps: latents.image.map((c) => ({ distance: { image: 0.5 }, image: { x0: [c.replace("c", "x")] } })) };
    },
    decode_noisy: async ({ modality, latents }) => {
      asked.push([modality, ...latents]);
      return { samples: latents.map((z) => [z.replace("z", "n")]) };
    },
  };
  const player = { run, server, view: { step: 1, follow: false, what: "x0" }, repaint: () => {}, tell: (text) => told.push(text), busy: () => false, ...given };
  return { player, run, asked, told, decoder: makeDecoder(player) };
}

test("after a run all is decoded, what is looked at and its neighbours first, eight at a time", async () => {
  const { run, asked, decoder } = playing(20, { view: { step: 10, follow: false, what: "x0" } });
  await decoder.fillPending();
  assert.deepEqual(asked.map((batch) => batch.length), [8, 8, 3]);
  assert.equal(asked[0][0], "c10");
  assert.ok(asked[0].every((c) => Math.abs(Number(c.slice(1)) - 10) <= 4));
  assert.equal(countPending(run), 0);
  assert.deepEqual(run.lanes[0].frames[4].image.x0, ["x5"]);
  assert.equal(run.lanes[0].frames[4].distance.image, 0.5);
  assert.equal(run.lanes[0].frames[4].image.clean, undefined);
});

test("during a run only the step that is looked at is decoded, and none while the newest is followed", async () => {
  const looking = playing(6, { busy: () => true, view: { step: 3, follow: false, what: "x0" } });
  await looking.decoder.fillPending();
  assert.deepEqual(looking.asked, [["c3"]]);
  const following = playing(6, { busy: () => true, view: { step: 6, follow: true, what: "x0" } });
  await following.decoder.fillPending();
  assert.deepEqual(following.asked, []);
  await following.decoder.fillPending(true); // somebody saves the run, and wants every step
  assert.equal(countPending(following.run), 0);
});

test("two who ask at once wait for the same decoding", async () => {
  const { asked, decoder } = playing(4);
  await Promise.all([decoder.fillPending(), decoder.fillPending()]);
  assert.deepEqual(asked, [["c2", "c3", "c4"]]);
});

test("a refusal is told once, and not asked for again at every repaint", async () => {
  const { player, asked, told, decoder } = playing(4);
  player.server.decode_clean = async () => { asked.push("asked"); return { error: "too late" }; };
  await decoder.fillPending();
  await decoder.fillPending();
  assert.deepEqual([asked, told], [["asked"], ["too late"]]);
});

test("decoding ends with its run", async () => {
  const { player, run, asked, decoder } = playing(20);
  player.repaint = () => { player.run = null; }; // another run was begun
  await decoder.fillPending();
  assert.equal(asked.length, 1);
  assert.equal(countPending(run), 11);
});

test("noisy samples are fetched where they are seen, and few while a run needs the processor", async () => {
  const unseen = playing(6);
  await unseen.decoder.fetchNoisy();
  assert.deepEqual(unseen.asked, []);
  const busy = playing(6, { busy: () => true, view: { step: 4, follow: false, what: "x" } });
  await busy.decoder.fetchNoisy();
  assert.deepEqual(busy.asked, [["image", "z4", "z3"]]);
  const idle = playing(6, { view: { step: 4, follow: false, what: "x" } });
  await idle.decoder.fetchNoisy();
  assert.equal(idle.asked[0].length, 6); // the first one came with its noise
  assert.deepEqual(idle.run.lanes[0].frames[5].image.x, ["n6"]);
});

test("where noise cannot be had, the clean picture is shown and the reason said", async () => {
  const { player, told, decoder } = playing(3, { view: { step: 2, follow: false, what: "x" } });
  player.server.decode_noisy = async () => { throw new Error("no connection"); };
  await decoder.fetchNoisy();
  assert.deepEqual([told, player.view.what], [["no connection"], "x0"]);
});

test("the noisy digit at work stands in its place in the number", async () => {
  openPage({ strip: { width: 192, height: 64 }, digit: { width: 64, height: 64 } });
  const { player, run, decoder } = playing(2, { view: { step: 2, follow: false, what: "x" } });
  Object.assign(run.lanes[0].frames[1], { block: 2 });
  run.lanes[0].frames[1].image.x0 = ["strip"];
  player.server.decode_noisy = async () => ({ samples: [["digit"]] });
  await decoder.fetchNoisy();
  const [, drawn] = run.lanes[0].frames[1].image.x[0].split(/,(.*)/s);
  assert.deepEqual(JSON.parse(drawn).map(([name, [, ...at]]) => [name, at]), [["drawImage", [0, 0]], ["drawImage", [128, 0]]]);
});
