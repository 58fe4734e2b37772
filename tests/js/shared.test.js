// What every component may use: words, numbers, forms of data, sheets of codes, sounds and their spectra.
import assert from "node:assert/strict";
import { test } from "node:test";

import { axisStep, melDifference } from "../../mmdemo/ui/audio/draw.js";
import { niceTicks } from "../../mmdemo/ui/image/rate_plot.js";
import { base64Of, bytesOf, number, readValue, soon, translator, unpackCodes, visible } from "../../mmdemo/ui/shared/base.js";
import { codeColours } from "../../mmdemo/ui/shared/code_colours.js";
import { codeAt, columnsFor, gridOf, inOrder, moved, Sheets, sizeOf } from "../../mmdemo/ui/shared/code_sheet.js";
import { pcmOf, samplesOfPcm, wavOf } from "../../mmdemo/ui/shared/sound.js";
import { ramp } from "../../mmdemo/ui/shared/sound_draw.js";
import { BINS, fft, FFT_SIZE, spectrogram } from "../../mmdemo/ui/shared/spectrum.js";

test("words are in the page's language, with English and the key itself behind them", () => {
  const text = { en: { hello: "hello {name}" }, zh: { hello: "你好 {name}" } };
  globalThis.mmLang = "zh";
  assert.equal(translator({ text })("hello", { name: "七" }), "你好 七");
  globalThis.mmLang = "fr";
  assert.equal(translator({ text })("hello", { other: 1 }), "hello {name}");
  assert.equal(translator({})("hello"), "hello");
});

test("a value that is none is nothing", () => {
  for (const value of [null, undefined, "", "{broken"]) assert.equal(readValue({ value }), null);
  assert.deepEqual(readValue({ value: '{"a": 1}' }), { a: 1 });
});

test("numbers that are none are a dash", () => {
  assert.deepEqual([null, undefined, NaN, Infinity].map((v) => number(v)), ["–", "–", "–", "–"]);
  assert.equal(number(12345.678, 1), "12,345.7");
});

test("bytes and codes come back", () => {
  const bytes = Uint8Array.from({ length: 20000 }, (_, i) => i % 256);
  assert.deepEqual(bytesOf(base64Of(bytes)), bytes);
  assert.deepEqual([...unpackCodes({ wide: true, data: base64Of(new Uint8Array(new Uint16Array([1, 1023]).buffer)) })], [1, 1023]);
  assert.deepEqual([...unpackCodes({ wide: false, data: base64Of(new Uint8Array([7, 255])) })], [7, 255]);
});

test("colours of codes come later than the codes", async () => {
  let told = false;
  const colours = codeColours(async () => [base64Of(new Uint8Array([1, 2, 3, 250, 251, 252]))], () => { told = true; });
  assert.equal(colours.now(0), null);
  assert.equal(colours.css(0, 1), "transparent");
  await new Promise((go) => setTimeout(go));
  assert.ok(told);
  assert.equal(colours.css(0, 1), "rgb(250 251 252)");
  assert.equal(colours.now(1), null);
});

test("blanks and control characters are seen", () => {
  assert.equal(visible("a b\n\x7f\0七"), "a·b↵▯∅七");
});

test("a place in a grid is a code, and arrow keys stay inside, in any order", () => {
  const grid = gridOf(inOrder(10), 4);
  assert.equal(codeAt(grid, 0, 0), 0);
  assert.equal(codeAt(grid, 0.6, 0.5), 6);
  assert.equal(codeAt(grid, 0.3, 0.99), 9);
  assert.equal(codeAt(grid, 0.99, 0.99), null); // the last row is not full
  assert.deepEqual(["ArrowLeft", "ArrowDown", "End", "x"].map((key) => moved(grid, 0, key)), [0, 4, 9, null]);
  const some = gridOf([7, 3, 5], 2);
  assert.deepEqual([codeAt(some, 0, 0), codeAt(some, 0.2, 0.9)], [7, 5]);
  assert.deepEqual(["ArrowRight", "ArrowDown", "End"].map((key) => moved(some, 7, key)), [3, 5, 5]);
  assert.equal(moved(some, 99, "ArrowRight"), 3); // one that the search has left out
  assert.deepEqual([columnsFor(350, 26, 2, 32), columnsFor(2000, 26, 2, 32), columnsFor(10, 26, 2, 32)], [12, 32, 1]);
});

test("what is used more is drawn larger", () => {
  assert.ok(sizeOf(0, 10) < sizeOf(1, 10) && sizeOf(1, 10) < sizeOf(10, 10));
  assert.equal(sizeOf(10, 10), 1);
});

test("a sheet is asked for once, and again after it failed", async () => {
  let asked = 0;
  const sheets = new Sheets(async () => {
    asked += 1;
    if (asked === 1) throw new Error("busy");
    return { texts: ["a"] };
  });
  await assert.rejects(sheets.get("k"));
  const [one, two] = await Promise.all([sheets.get("k"), sheets.get("k")]);
  assert.equal(one, two);
  assert.equal(asked, 2);
  assert.deepEqual(sheets.now("k").texts, ["a"]);
  assert.equal(sheets.now("other"), null);
});

test("what is looked at comes before what may be looked at later, one at a time", async () => {
  const asked = [], go = [];
  const sheets = new Sheets((key) => { asked.push(key); return new Promise((come) => go.push(() => come({ texts: [key] }))); });
  const answer = async () => { go.shift()(); await new Promise((soon) => setTimeout(soon)); };
  for (const key of ["a", "b", "c", "d"]) sheets.get(key, true);
  sheets.get("e");
  assert.deepEqual(asked, ["a"]);
  await answer();
  assert.deepEqual(asked, ["a", "e"]);
  sheets.get("d"); // now somebody looks at it
  sheets.get("c", true);
  await answer();
  await answer();
  await answer();
  assert.deepEqual(asked, ["a", "e", "d", "b", "c"]);
  await answer();
  assert.deepEqual((await sheets.get("c")).texts, ["c"]);
  assert.equal(asked.length, 5);
});

test("16-bit sounds come back, too loud ones are cut", () => {
  const samples = Float32Array.from([0, 0.5, -1, 1, 3]);
  const back = samplesOfPcm(base64Of(new Uint8Array(pcmOf(samples).buffer)));
  [0, 0.5, -1, 1, 1].forEach((value, i) => assert.ok(Math.abs(back[i] - value) < 1 / 32767));
  const view = new DataView(wavOf(samples, 16000));
  assert.equal(view.byteLength, 44 + 10);
  assert.equal(view.getUint32(24, true), 16000);
  assert.equal(view.getInt16(44 + 6, true), 32767);
});

test("the FFT is the sum it stands for", () => {
  const n = 16, re = new Float32Array(n), im = new Float32Array(n);
  const input = Array.from({ length: n }, (_, i) => Math.sin(i * i + 1));
  re.set(input);
  fft(re, im);
  for (let k = 0; k < n; k++) {
    let [x, y] = [0, 0];
    input.forEach((value, i) => {
      x += value * Math.cos((2 * Math.PI * i * k) / n);
      y -= value * Math.sin((2 * Math.PI * i * k) / n);
    });
    assert.ok(Math.abs(re[k] - x) < 1e-4 && Math.abs(im[k] - y) < 1e-4);
  }
});

test("a tone is one line of the spectrogram, silence none", () => {
  const bin = 20, tone = Float32Array.from({ length: 4000 }, (_, i) => 0.01 * Math.sin((2 * Math.PI * bin * i) / FFT_SIZE));
  const { levels } = spectrogram(tone, 10);
  const column = Array.from({ length: BINS }, (_, k) => levels[k * 10 + 5]);
  assert.equal(column.indexOf(Math.max(...column)), bin);
  assert.equal(column[60], 0);
  assert.ok(spectrogram(new Float32Array(4000), 10).levels.every((level) => level === 0));
});

test("colours, ticks and differences", () => {
  const table = ramp([[0, [0, 0, 0]], [0.5, [100, 0, 0]], [1, [100, 200, 0]]]);
  assert.deepEqual(table[0], [0, 0, 0, 255]);
  assert.deepEqual(table[255], [100, 200, 0, 255]);
  assert.deepEqual(niceTicks(21, 39, 4), [25, 30, 35]);
  assert.equal(axisStep(10, 700), 1);
  assert.deepEqual([...melDifference(new Uint8Array([100, 0]), new Uint8Array([100, 255]))], [128, 255]);
});

test("what is called often acts once in a while, with what is so by then", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  const seen = [], act = soon(() => seen.push(now), 100);
  for (now = 1; now < 5; now++) act();
  context.mock.timers.tick(99);
  assert.deepEqual(seen, []);
  context.mock.timers.tick(1);
  assert.deepEqual(seen, [5]);
  act();
  context.mock.timers.tick(100);
  assert.deepEqual(seen, [5, 5]);
});
