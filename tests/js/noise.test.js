// The noise panel: pictures, sounds and texts as numbers of zero mean and unit variance, and back.
import assert from "node:assert/strict";
import { test } from "node:test";

import { at, fitting, gaussian, pictureOf, RATE, showPicture, soundOf, standard } from "../../mmdemo/ui/generate/noise.js";
import { openPage } from "./page.js";

const moments = (values) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length)];
};

// A fair stream of numbers in [0, 1) that is the same in every run (mulberry32).
function fair(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

test("noise is Gaussian, of any length", (context) => {
  const { random } = Math;
  context.after(() => { Math.random = random; });
  Math.random = fair(7);
  const values = gaussian(40001);
  assert.equal(values.length, 40001);
  const [mean, spread] = moments(values);
  assert.ok(Math.abs(mean) < 0.02 && Math.abs(spread - 1) < 0.02, `${mean} ${spread}`); // four standard errors
  for (const [bound, share] of [[1, 0.6827], [2, 0.9545], [3, 0.9973]]) {
    const inside = values.filter((v) => Math.abs(v) < bound).length / values.length;
    assert.ok(Math.abs(inside - share) < 0.01, `${bound}: ${inside}`);
  }
  assert.equal(gaussian(0).length, 0);
  assert.ok(gaussian(999).every(Number.isFinite)); // no logarithm of nothing
});

test("what is noised has zero mean and unit variance, and comes back", () => {
  const raw = Float32Array.from([0.1, 0.4, 0.9, 0.2]), made = standard("image", raw);
  const [mean, spread] = moments(made.values);
  assert.ok(Math.abs(mean) < 1e-6 && Math.abs(spread - 1) < 1e-6);
  made.values.forEach((v, i) => assert.ok(Math.abs(made.mean + made.spread * v - raw[i]) < 1e-6));
  assert.equal(made.noise.length, raw.length);
  const silence = standard("audio", new Float32Array(10));
  assert.ok(silence.values.every((v) => v === 0) && silence.spread === 1);
});

test("a table is read where it is nearest", () => {
  assert.deepEqual([0, 0.24, 0.26, 0.5, 1].map((t) => at(["a", "b", "c"], t)), ["a", "a", "b", "b", "c"]);
});

test("a picture is cut to its middle, on white, and shown again", async () => {
  const pixels = Array.from({ length: 64 * 64 }, (_, i) => [i % 256, 20, 200, 255]).flat();
  openPage({ "my.png": { width: 300, height: 200, pixels } });
  const made = await pictureOf("my.png");
  assert.equal(made.values.length, 64 * 64 * 3);
  const canvas = document.createElement("canvas");
  showPicture(canvas, made.values.map((v) => made.mean + made.spread * v));
  const [[{ data }]] = canvas.getContext().of("putImageData");
  [0, 1, 2, 3, 4 * 77, 4 * 4095 + 2].forEach((i) => assert.ok(Math.abs(data[i] - pixels[i]) <= 1, `${i}`));
  showPicture(canvas, new Float32Array(64 * 64 * 3).fill(7)); // noise goes beyond white
  assert.equal(canvas.getContext().of("putImageData").at(-1)[0].data[0], 255);
});

test("a picture's square is taken from the middle of its longer side", async () => {
  openPage({ wide: { width: 300, height: 200, pixels: new Array(64 * 64 * 4).fill(9) }, tall: { width: 10, height: 30, pixels: new Array(64 * 64 * 4).fill(9) } });
  const drawn = [];
  const Plain = globalThis.OffscreenCanvas;
  globalThis.OffscreenCanvas = class extends Plain { getContext() { drawn.push(super.getContext()); return super.getContext(); } };
  await pictureOf("wide");
  await pictureOf("tall");
  assert.deepEqual(drawn.map((context) => context.of("drawImage")[0].slice(1)), [[50, 0, 200, 200, 0, 0, 64, 64], [0, 10, 10, 10, 0, 0, 64, 64]]);
});

test("a sound is its first three seconds", async () => {
  const asked = [];
  globalThis.OfflineAudioContext = class {
    constructor(...given) { asked.push(given); }
    async decodeAudioData() { return { getChannelData: () => Float32Array.from({ length: 5 * RATE }, (_, i) => (i % 2 ? 0.5 : -0.5)) }; }
  };
  const made = await soundOf({ arrayBuffer: async () => new ArrayBuffer(8) });
  assert.equal(made.values.length, 3 * RATE);
  assert.deepEqual([made.kind, asked[0][0], asked[0][2]], ["audio", 1, RATE]);
});

test("a text is cut between two characters", () => {
  assert.equal(fitting(5, "  hello world"), "hello");
  assert.equal(fitting(7, "三四五"), "三四"); // three bytes each
  assert.equal(fitting(6, "ab🦊c"), "ab🦊");
  assert.equal(fitting(5, "ab🦊c"), "ab");
  assert.equal(fitting(9, ""), "");
});
