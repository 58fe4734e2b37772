// The level control, which stands in every tab.
import assert from "node:assert/strict";
import { test } from "node:test";

import { makeLevels, tellLevels } from "../../mmdemo/ui/shared/levels.js";
import { openPage } from "./page.js";

const words = (key, { n, all } = {}) => (key === "of" ? `${n} of ${all}` : key);

test("what is shown goes as far as the input has levels, and is no move", () => {
  openPage();
  const moves = [], { input, show, node } = makeLevels(words, (n) => moves.push(n), { id: "mine" });
  const readout = node.children.at(-1);
  show(3, 12);
  assert.deepEqual([input.value, readout.textContent, input.getAttribute("aria-valuetext")], [3, "3 of 12", "3 of 12"]);
  show(9, 4); // the next input has fewer
  assert.deepEqual([input.value, readout.textContent], [4, "4 of 4"]);
  show(0);
  assert.deepEqual([input.value, readout.textContent], [1, "1 of 4"]);
  assert.equal(input.getAttribute("id"), "mine");
  assert.deepEqual(moves, []);
});

test("a hand on it is a move, a scene that plays with it is none", () => {
  openPage();
  const moves = [], { input, show } = makeLevels(words, (n) => moves.push(n));
  show(2, 8);
  input.value = "5";
  input.dispatchEvent(new Event("input"));
  assert.deepEqual(moves, [5]);
  input.dispatchEvent(new CustomEvent("mm-show", { detail: 7 }));
  assert.deepEqual([moves, input.value], [[5], 7]);
});

test("a tab tells how many levels its input has", () => {
  openPage();
  const told = [];
  document.addEventListener("mm-levels", ({ detail }) => told.push(detail));
  tellLevels("audio", 6);
  assert.deepEqual(told, [{ tab: "audio", all: 6 }]);
});
