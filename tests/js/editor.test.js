// The token editor: steps go one at a time, and what takes long is worked out when no other follows.
import assert from "node:assert/strict";
import { test } from "node:test";

import { makeEditor } from "../../mmdemo/ui/shared/editor.js";
import { openPage } from "./page.js";

// An editor of 2 x 3 places and four levels, open, with what it asks for noted in `seen`.
function editing(context) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const board = { node: openPage(), show() {}, mark() {} }, seen = [];
  const editor = makeEditor((key) => key, { area: "rectangle", board, swatch: () => openPage(), where: String, others: () => [],
    send: (what) => seen.push(what.do), draw() {}, warm: ({ shown }) => seen.push(`warm ${shown}`), raise: (n) => seen.push(`raise ${n}`),
    settle: () => seen.push("settle") });
  const value = { undo: 1, redo: 1, count: 1, runs: [] };
  editor.fill({ grid: [2, 3], levels: 4, codes: new Uint8Array(24), value, wanted: 2 });
  editor.open(true);
  seen.length = 0;
  return { editor, seen, later: (ms) => context.mock.timers.tick(ms) };
}

const stroke = (editor) => { editor.begin({ x: 0, y: 0 }); editor.end(); };

test("a second step waits for the first, and the rest for both", (context) => {
  const { editor, seen, later } = editing(context);
  stroke(editor);
  stroke(editor);
  assert.deepEqual(seen, ["paint"]);
  editor.arrived();
  assert.deepEqual(seen, ["paint", "paint"]);
  later(5000);
  editor.arrived();
  later(500);
  assert.deepEqual(seen, ["paint", "paint"]);
  later(200);
  assert.deepEqual(seen, ["paint", "paint", "settle"]);
  later(60000);
  assert.equal(seen.length, 3);
});

test("a step that follows soon puts the rest off, another input drops it", (context) => {
  const { editor, seen, later } = editing(context);
  stroke(editor);
  editor.arrived();
  later(300);
  stroke(editor);
  later(5000);
  assert.ok(!seen.includes("settle")); // its answer has not come
  editor.arrived();
  editor.fresh();
  later(5000);
  assert.ok(!seen.includes("settle"));
});

test("what is refused leaves the editor ready for the next step", (context) => {
  const { editor, seen, later } = editing(context);
  stroke(editor);
  stroke(editor);
  later(20000); // no answer
  assert.deepEqual(seen, ["paint", "settle"]);
  stroke(editor);
  assert.equal(seen.at(-1), "paint");
});

test("levels that the slider only passes are not made ready", (context) => {
  const { editor, seen, later } = editing(context);
  for (const n of [3, 4, 3, 1]) { editor.look(n); later(50); }
  assert.deepEqual(seen, []);
  later(300);
  assert.deepEqual(seen, ["warm 1"]);
});

test("what could not be seen raises the levels that are looked at", (context) => {
  const { editor, seen } = editing(context);
  editor.level(3);
  stroke(editor);
  assert.deepEqual(seen, ["raise 4", "paint"]);
});

test("a place that a transformer can make anew has a link until another input comes", (context) => {
  const { editor } = editing(context);
  const link = () => editor.node.all((node) => String(node.attributes.class).includes("mm-remake"))[0];
  const value = (more) => ({ undo: 1, redo: 0, count: 1, runs: [[0, 1]], ...more });
  editor.fill({ grid: [1, 4], levels: 2, codes: new Uint8Array(8), value: value({ remake: "?tab=generate" }), wanted: 1 });
  assert.deepEqual([link().hidden, link().href], [false, "?tab=generate"]);
  editor.fill({ value: value({}) }); // what is measured later says nothing of it
  assert.equal(link().hidden, false);
  editor.fill({ value: value({ remake: "" }) });
  assert.equal(link().hidden, true);
  editor.fill({ value: value({ remake: "?tab=generate" }) });
  editor.fresh();
  assert.equal(link().hidden, true);
});
