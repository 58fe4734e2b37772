// Attention maps, suggestions and the diagram: numbers and words in, what to show out.
import assert from "node:assert/strict";
import { test } from "node:test";

import { letters, looks, placed, strengths, unpackMaps } from "../../mmdemo/ui/generate/inside/attention.js";
import { stages } from "../../mmdemo/ui/generate/inside/stages.js";
import { completed, fitting, typedPart, typing } from "../../mmdemo/ui/generate/suggest.js";
import { base64Of } from "../../mmdemo/ui/shared/base.js";

const packed = (values) => base64Of(new Uint8Array(Uint16Array.from(values.map((v) => Math.round(65535 * v))).buffer));

test("rows are what a token looks at, columns what looks at it, heads apart or as their mean", () => {
  const maps = unpackMaps(packed([0.2, 0.8, 0.6, 0.4, 1, 0, 0.5, 0.5]), 2);
  assert.equal(maps.size, 2);
  const rounded = (shares) => shares.map((v) => Math.round(100 * v));
  assert.deepEqual(rounded(looks(maps, 0, "from", 0)), [20, 80]);
  assert.deepEqual(rounded(looks(maps, 0, "to", 0)), [20, 60]);
  assert.deepEqual(rounded(looks(maps, 0, "to", 1)), [100, 50]);
  assert.deepEqual(rounded(looks(maps, 0, "from")), [60, 40]);
  assert.deepEqual(strengths([0.25, 1, 0]), [0.5, 1, 0]);
});

test("runs of tokens follow one another", () => {
  assert.deepEqual(placed([{ count: 16 }, { count: 6 }, { count: 1 }]).map((run) => run.start), [0, 16, 22]);
});

test("letters stand in the token that holds their first byte", () => {
  assert.deepEqual(letters("red 红心", 4, 3), ["red ", "红心", ""]);
  assert.deepEqual(letters("abcdefghij", 4, 2), ["abcd", "efgh"]);
});

const ROWS = [["🐱", "cat face", "猫脸"], ["🐈", "cat", "猫"], ["🚀", "rocket", "火箭"], ["🦁", "lion", "狮子"], ["🎓", "education cap", "毕业帽"]];

test("suggestions: the very name first, then whole words, then beginnings, in any language", () => {
  const signs = (text) => fitting(ROWS, text).map(([sign]) => sign);
  assert.deepEqual(signs("cat"), ["🐈", "🐱", "🎓"]);
  assert.deepEqual(signs("猫"), ["🐈", "🐱"]);
  assert.deepEqual(signs("sun + rock"), ["🚀"]);
  assert.deepEqual(signs("🦁"), ["🦁"]);
  assert.deepEqual(signs("zzz"), []);
  assert.equal(fitting(ROWS, "", 2).length, 2);
  assert.equal(typedPart("a + "), "");
  assert.equal(completed("sun + ro", "rocket"), "sun + rocket");
  assert.equal(completed("ro", "rocket"), "rocket");
});

// Timers that a test turns on by hand.
function clock() {
  let now = 0, next = 1;
  const waiting = new Map();
  return {
    timers: { set: (run, ms) => { waiting.set(next, [now + ms, run]); return next++; }, clear: (id) => waiting.delete(id), now: () => now },
    pass(ms) {
      const end = now + ms;
      for (;;) {
        const due = [...waiting].filter(([, [at]]) => at <= end).sort((a, b) => a[1][0] - b[1][0])[0];
        if (!due) break;
        waiting.delete(due[0]);
        now = due[1][0];
        due[1][1]();
      }
      now = end;
    },
  };
}

test("typing draws when it pauses, now and then while it goes on, and once more when it has ended", () => {
  const time = clock(), seen = [];
  const typed = typing({ draft: () => seen.push("draft"), settle: () => seen.push("settled"), pause: 100, longest: 250, rest: 1000 }, time.timers);
  typed();
  time.pass(90);
  assert.deepEqual(seen, []);
  time.pass(20);
  assert.deepEqual(seen, ["draft"]);
  for (let i = 0; i < 10; i++) { typed(); time.pass(50); } // half a second without a pause
  assert.equal(seen.filter((name) => name === "draft").length, 3);
  assert.ok(!seen.includes("settled"));
  time.pass(2000);
  assert.equal(seen.at(-1), "settled");
  assert.equal(seen.filter((name) => name === "settled").length, 1);
});

test("the diagram has the shapes of the run", () => {
  const stream = { name: "image", shape: [8, 8], dim: 48, patches: [2, 2], tokens: 16, size: [64, 64], t: 0.5 };
  const shapes = { streams: [stream], conditions: [], styles: 5, tokens: 17, width: 256, depth: 8, heads: 4, head_dim: 64,
    hidden: 1024, weights: 1e7, block_weights: 8e5 };
  const say = (key, values = {}) => `${key} ${JSON.stringify(values)}`;
  const made = stages(shapes, say);
  assert.equal(made.length, 5);
  assert.match(made[0].text, /192/); // 48 channels of 2 x 2 positions
  assert.match(made[1].title, /"tokens":17/);
});
