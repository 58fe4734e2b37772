// What a brush, a rectangle or a span covers, and the keys of the editor.
import assert from "node:assert/strict";
import { test } from "node:test";

import { boxOf, dab, historyKey, levelsOf, placesOf, rectangle, runsOf, stepped, stroke } from "../../mmdemo/ui/shared/selection.js";

const GRID = [4, 6];

test("a brush covers its own place and those around it, none outside the grid", () => {
  assert.deepEqual(dab(GRID, { x: 2, y: 1 }, 1), [8]);
  assert.deepEqual(dab(GRID, { x: 0, y: 0 }, 3), [0, 1, 6, 7]);
  assert.equal(dab([20, 20], { x: 10, y: 10 }, 3).length, 9);
  assert.ok(dab([20, 20], { x: 10, y: 10 }, 7).length < 49); // round
});

test("a fast stroke has no gaps", () => {
  const places = stroke(GRID, { x: 0, y: 0 }, { x: 5, y: 3 }, 1);
  assert.equal(places.length, 6);
  assert.ok(places.includes(0) && places.includes(23));
  assert.deepEqual(stroke(GRID, { x: 3, y: 2 }, { x: 3, y: 2 }, 1), [15]);
});

test("a rectangle goes from corner to corner, in any direction, as far as the grid", () => {
  assert.deepEqual(rectangle(GRID, { x: 1, y: 1 }, { x: 2, y: 2 }), [7, 8, 13, 14]);
  assert.deepEqual(rectangle(GRID, { x: 2, y: 2 }, { x: 1, y: 1 }), [7, 8, 13, 14]);
  assert.deepEqual(rectangle([1, 9], { x: 7, y: 0 }, { x: 30, y: 0 }), [7, 8]);
});

test("places travel as runs and come back", () => {
  assert.deepEqual(runsOf([5, 3, 4, 9, 9]), [[3, 3], [9, 1]]);
  assert.deepEqual(placesOf(runsOf([5, 3, 4, 9])), [3, 4, 5, 9]);
  assert.deepEqual(runsOf([]), []);
});

test("the rectangle around places", () => {
  assert.deepEqual(boxOf(GRID, [7, 14]), { x: 1, y: 1, width: 2, height: 2 });
});

test("arrow keys stay on the grid", () => {
  assert.deepEqual(stepped(GRID, { x: 5, y: 0 }, "ArrowRight"), { x: 5, y: 0 });
  assert.deepEqual(stepped(GRID, { x: 5, y: 0 }, "ArrowDown"), { x: 5, y: 1 });
  assert.deepEqual(stepped(GRID, { x: 3, y: 2 }, "Home"), { x: 0, y: 2 });
  assert.equal(stepped(GRID, { x: 0, y: 0 }, "a"), null);
});

test("levels of an edit", () => {
  assert.deepEqual(levelsOf("one", 1, 4), [1]);
  assert.deepEqual(levelsOf("on", 1, 4), [1, 2, 3]);
  assert.deepEqual(levelsOf("all", 1, 4), [0, 1, 2, 3]);
});

test("undo and redo by keyboard", () => {
  const key = (key, more = {}) => historyKey({ key, ctrlKey: true, ...more });
  assert.equal(key("z"), "undo");
  assert.equal(key("Z", { shiftKey: true }), "redo");
  assert.equal(key("y"), "redo");
  assert.equal(historyKey({ key: "z", metaKey: true }), "undo");
  assert.equal(historyKey({ key: "z" }), null);
  assert.equal(key("z", { altKey: true }), null);
});
