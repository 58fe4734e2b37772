// What is saved of a run: which pictures and sounds go into which file.
import assert from "node:assert/strict";
import { test } from "node:test";

import { addFrames, openRun } from "../../mmdemo/ui/generate/player/run.js";
import { faces, parts } from "../../mmdemo/ui/generate/player/save.js";

function made(steps, want = ["image"], n = 2) {
  const settings = { text: "sun", mix: "moon", seed: 4 };
  const run = openRun({ run: "r", open: { lanes: [{ key: "a", steps, n, settings }], want, blocks: 0, given: {} } });
  addFrames(run, Array.from({ length: steps }, (_, i) => ({ lane: "a", i: i + 1, t: 0, distance: {},
    ...Object.fromEntries(want.map((m) => [m, { x0: Array.from({ length: n }, (_, s) => `${m}${i + 1}${"ab"[s]}`) }])) })));
  return run;
}

const shownOf = (frame, modality) => frame[modality].x0;

test("a card shows the first, the middle and the last step of the sample that is looked at", () => {
  const say = (key) => key;
  const { pictures, line } = faces(made(9), 1, say);
  assert.deepEqual(pictures, [["image1b", "step 1"], ["image5b", "step 5"], ["image9b", "step 9"]]);
  assert.equal(line, "sun + moon · step 9 / 9 · seed 4");
  assert.equal(faces(made(1), 0, say).pictures.length, 1);
  const heard = faces(made(3, ["audio"]), 0, say, "canvas");
  assert.deepEqual(heard.pictures, [["canvas", "audio"]]);
  assert.deepEqual(faces(made(3, ["text"]), 0, say).pictures, []);
  assert.match(faces(made(3, ["image", "text"]), 0, say).line, /text3a/);
});

test("a picture is of the step that is looked at, a film of all, in both of what is shown", () => {
  const run = made(4), all = { layout: "all", step: 2, sample: 0 };
  assert.deepEqual(parts("png", run, all, shownOf).frames, [["image2a", "image2b"]]);
  assert.deepEqual(parts("gif", run, { ...all, layout: "one", sample: 1 }, shownOf).frames, [["image1b"], ["image2b"], ["image3b"], ["image4b"]]);
  assert.deepEqual(parts("film", run, { ...all, step: 4 }, shownOf).frames, [["image4a"], ["image4b"]]);
});
