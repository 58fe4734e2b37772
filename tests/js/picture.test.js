// What is drawn over a picture: its difference from another one, and the grid of its tokens.
import assert from "node:assert/strict";
import { test } from "node:test";

import { drawDifference, HEAT, heatColour } from "../../mmdemo/ui/image/difference.js";
import { isNeeded, makeLoupe, windowOf } from "../../mmdemo/ui/image/loupe.js";
import { drawGrid } from "../../mmdemo/ui/image/token_grid.js";
import { openPage } from "./page.js";

const solid = (rgb, n = 2) => ({ width: n, height: 1, pixels: Array.from({ length: n }, () => [...rgb, 255]).flat() });

test("heat goes from its darkest to its brightest colour, evenly, and stays there", () => {
  assert.deepEqual(heatColour(0), HEAT[0]);
  assert.deepEqual(heatColour(0.15), HEAT.at(-1));
  assert.deepEqual(heatColour(9), HEAT.at(-1));
  assert.deepEqual(heatColour(-1), HEAT[0]);
  assert.deepEqual(heatColour(0.03).map(Math.round), HEAT[1]); // a fifth of the way
  const light = Array.from({ length: 16 }, (_, i) => heatColour(i / 100).reduce((a, b) => a + b));
  assert.ok(light.every((sum, i) => i === 0 || sum > light[i - 1]));
});

test("pictures that are alike are dark, and a difference has the colour of its mean over the channels", async () => {
  openPage({ a: { ...solid([100, 100, 100]), pixels: [100, 100, 100, 255, 100, 100, 100, 255] },
    b: { ...solid([0, 0, 0]), pixels: [100, 100, 100, 255, 100, 77, 100, 255] } });
  const canvas = document.createElement("canvas");
  await drawDifference(canvas, "a", "b", 2, 1);
  const [[{ data }]] = canvas.getContext().of("putImageData");
  assert.deepEqual([...data.slice(0, 4)], [...HEAT[0], 255]);
  const expected = heatColour(23 / 765);
  [...data.slice(4, 7)].forEach((value, c) => assert.ok(Math.abs(value - expected[c]) < 2, `${value} ${expected[c]}`)); // of 256 steps
  assert.deepEqual([canvas.width, canvas.height], [2, 1]);
});

const CODES = Uint8Array.from([0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0]); // two levels of 2 x 3
const grid = (marks = {}, more = {}) => {
  openPage();
  globalThis.devicePixelRatio = 2;
  const canvas = document.createElement("canvas");
  drawGrid(canvas, { codes: CODES, grid: [2, 3], level: 0, colours: null, box: { width: 30, height: 20, across: 3, down: 2 }, ...more,
    marks: { covered: new Set(), changed: [], picked: null, cursor: null, ...marks } });
  return canvas;
};

test("a token that is picked, pointed at or covered is marked in its place, at the screen's own resolution", () => {
  assert.deepEqual([grid().width, grid().height], [60, 40]);
  assert.deepEqual(grid({ picked: 4 }).getContext().of("strokeRect"), [[20, 20, 20, 20], [20, 20, 20, 20]]); // dark on light
  assert.deepEqual(grid({ cursor: 2 }).getContext().of("strokeRect")[0], [40, 0, 20, 20]);
  assert.deepEqual(grid({ covered: new Set([0, 5]) }).getContext().of("fillRect"), [[0, 0, 20, 20], [40, 20, 20, 20]]);
  assert.deepEqual(grid().getContext().of("fillRect"), []);
});

test("the grid's own lines can be left out", () => {
  assert.equal(grid().getContext().of("lineTo").length, 3); // one across, two down
  assert.equal(grid({}, { lines: false }).getContext().of("lineTo").length, 0);
});

test("the outline of places goes around them and not between them", () => {
  const lines = (changed) => grid({ changed }, { box: { width: 3, height: 2, across: 3, down: 2 } }) // too small for lines of the grid
    .getContext().of("lineTo").length;
  assert.equal(lines([0]), 4);
  assert.equal(lines([0, 1]), 6);
  assert.equal(lines([0, 1, 2, 3, 4, 5]), 10);
  assert.equal(lines([0, 5]), 8);
  assert.equal(lines([2, 3]), 8); // neighbours in number, not in place
});

test("tokens too small for a finger are enlarged around the one that was touched, as far as the grid goes", () => {
  assert.deepEqual(windowOf([48, 64], { x: 30, y: 20 }), { x: 27, y: 17, columns: 7, rows: 7 });
  assert.deepEqual(windowOf([48, 64], { x: 0, y: 47 }), { x: 0, y: 41, columns: 7, rows: 7 });
  assert.deepEqual(windowOf([3, 64], { x: 63, y: 2 }), { x: 57, y: 0, columns: 7, rows: 3 });
  assert.deepEqual([isNeeded(6.4, true), isNeeded(30, true), isNeeded(6.4, false)], [true, false, false]);
});

test("a touch on an enlarged token is a touch on that token", () => {
  openPage();
  const touched = [], loupe = makeLoupe((key) => key, (at) => touched.push(at)), [canvas] = loupe.node.children;
  canvas.getBoundingClientRect = () => ({ left: 10, top: 20, width: 7 * 34, height: 7 * 34 });
  const touch = (x, y) => canvas.dispatchEvent(Object.assign(new Event("pointerdown"), { clientX: x, clientY: y }));
  touch(12, 22); // nothing is shown yet
  loupe.show({ naturalWidth: 512 }, { grid: [48, 64], stride: 8, width: 512 }, { x: 30, y: 20 }, { changed: [], covered: new Set(), picked: null });
  touch(12, 22);
  touch(10 + 6.5 * 34, 20 + 3.5 * 34);
  assert.deepEqual(touched, [{ x: 27, y: 17 }, { x: 33, y: 20 }]);
  const [[, ...from]] = canvas.getContext().of("drawImage");
  assert.deepEqual(from.slice(0, 4), [27 * 8, 17 * 8, 56, 56]);
});

test("colours are those of the level that is looked at", () => {
  const colours = Uint8Array.from({ length: 18 }, (_, i) => 10 * Math.floor(i / 3));
  const pixels = (level) => grid({}, { colours, level }).getContext().of("drawImage")[0][0].getContext().of("putImageData")[0][0].data;
  assert.deepEqual([...pixels(0)].filter((_, i) => i % 4 === 0), [0, 10, 20, 30, 40, 50]);
  assert.deepEqual([...pixels(1)].filter((_, i) => i % 4 === 0), [50, 40, 30, 20, 10, 0]);
  assert.deepEqual(grid().getContext().of("drawImage"), []);
});
