// The text of an edit, as the page writes and reads it; tests/unit/test_generate_editing.py has the same in Python.
import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, parsed, textCells, toHex, written } from "../../mmdemo/ui/generate/mask.js";

const mask = (bits) => [...bits].map((bit) => bit === "1");

test("a mask comes back from its hex, first position first", () => {
  for (const bits of ["0001", "100000000000000", "0000000011111111", "10101"])
    assert.deepEqual(fromHex(toHex(mask(bits)), bits.length), mask(bits));
  assert.equal(toHex(mask("0000000011111111")), "00ff");
});

test("the whole is written without digits, nothing not at all", () => {
  assert.equal(written({ image: mask("1111"), audio: mask("0000"), text: mask("0100") }), "image:,text:4");
  assert.deepEqual(parsed("image:,text:4"), { image: "", text: "4" });
  assert.deepEqual(parsed(""), {});
});

test("characters share positions, and the last one has the rest", () => {
  const cells = textCells("a七b", 4, 16); // 1 + 3 + 1 bytes, four a position
  assert.deepEqual(cells.map((cell) => cell.at), [[0], [0], [1, 2, 3]]);
  assert.deepEqual(textCells("", 4, 16), []);
});
