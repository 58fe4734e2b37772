// How the player keeps a run: frames in, what to show and what to decode out.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  addFrames, arrived, countPending, frameAt, lengthOf, nextPending, openRun, pendingIn, record, samplesOf, settled,
} from "../../mmdemo/ui/generate/player/run.js";
import { base64Of } from "../../mmdemo/ui/shared/base.js";
import { pcmOf } from "../../mmdemo/ui/shared/sound.js";

const opened = (lanes, want = ["image"], blocks = 0) =>
  openRun({ run: "r", open: { lanes, want, blocks, given: {}, device: "CPU" } });
const picture = (i) => ({ x0: [`x${i}`], latent: "z", tokens: [{ model: "m", shape: [1, 1], packed: base64Of(new Uint8Array([i, 0])) }] });
const frame = (i, lane = "a") => ({ lane, i, t: 1 - i / 4, change: 0.5, distance: { image: i }, image: picture(i) });
const pending = (i) => ({ lane: "a", i, t: 0, change: 0.5, pending: true, distance: {}, image: { clean: "c", latent: "z" } });
const sound = (values) => ({ rate: 16000, pcm: base64Of(new Uint8Array(pcmOf(Float32Array.from(values)).buffer)) });

test("a frame that comes twice is kept once, and one of another lane is not lost", () => {
  const run = opened([{ key: "a", steps: 4, n: 1 }, { key: "b", steps: 2, n: 1 }]);
  addFrames(run, [frame(1), frame(1), frame(1, "b"), frame(2), frame(9, "c")]);
  assert.deepEqual(run.lanes.map((lane) => lane.frames.length), [2, 1]);
});

test("a shorter run keeps pace with the longer one beside it", () => {
  const run = opened([{ key: "a", steps: 8, n: 1 }, { key: "b", steps: 2, n: 1 }]);
  addFrames(run, [1, 2, 3, 4, 5, 6, 7, 8].map((i) => frame(i)));
  addFrames(run, [frame(1, "b"), frame(2, "b")]);
  assert.equal(arrived(run), 8);
  assert.deepEqual([1, 4, 6, 8].map((step) => frameAt(run, run.lanes[1], step)), [0, 0, 1, 1]);
});

test("a pending step shows the one before it, and only what is open is decoded", () => {
  const run = opened([{ key: "a", steps: 4, n: 1 }]), [lane] = run.lanes;
  addFrames(run, [frame(1), pending(2), pending(3), frame(4)]);
  assert.equal(lane.frames[1].image.x0[0], "x1");
  assert.equal(lane.frames[2].distance.image, 1);
  assert.deepEqual(pendingIn(lane, lane.frames[1]), ["image"]);
  assert.equal(countPending(run), 2);
  assert.deepEqual(nextPending(lane, 3, 8).map((f) => f.i), [3, 2]); // the nearest to what is shown first
  assert.equal(nextPending(lane, 3, 1).length, 1);
});

test("steps with other things open are decoded in another batch", () => {
  const run = opened([{ key: "a", steps: 4, n: 1 }], ["image", "text"]), [lane] = run.lanes;
  const text = { x0: ["seven"], tokens: [] };
  addFrames(run, [{ ...frame(1), text }, { ...pending(2), text }, { ...pending(3), text: { clean: "c" } }]);
  assert.deepEqual(nextPending(lane, 1, 8).map((f) => f.i), [2]);
});

test("how long a character has stayed", () => {
  const texts = ["abc", "abd", "abd", "abd"];
  assert.equal(settled((at) => texts[at], 3, 0, "a"), 0.75);
  assert.equal(settled((at) => texts[at], 3, 2, "d"), 0.5);
  assert.equal(settled((at) => texts[at], 0, 0, "a"), 0);
});

test("the sound of a digit at work follows the digits before", () => {
  const run = opened([{ key: "a", steps: 2, n: 1 }], ["audio"], 2), [lane] = run.lanes;
  const of = (i, value, extra = {}) => ({ lane: "a", i, block: 0, distance: {}, audio: { x0: [{ ...value, ...extra }] } });
  addFrames(run, [of(1, sound([0.5, 0.5])), { ...of(2, sound([-0.5]), { part: true }), block: 1 }]);
  const whole = samplesOf(lane.frames[1].audio.x0[0]);
  assert.deepEqual([...whole].map((v) => Math.round(v * 2) / 2), [0.5, 0.5, -0.5]);
  assert.equal(lengthOf(lane.frames[1].audio.x0[0]), 3);
  assert.equal(lane.longest, 3);
});

test("the record of a stopped run has the tokens of its newest step", () => {
  const run = opened([{ key: "a", steps: 4, n: 1, settings: { seed: 3 } }]);
  addFrames(run, [frame(1), frame(2)]);
  const [made] = record(run, "http://here").runs;
  assert.deepEqual(made.tokens.image[0], { model: "m", shape: [1, 1], codes: [2] });
  assert.deepEqual(made.steps.map((step) => step.step), [1, 2]);
});
