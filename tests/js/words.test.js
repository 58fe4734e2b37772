// The words of a recording on its axis of time.
import assert from "node:assert/strict";
import { test } from "node:test";

import { FRAME } from "../../mmdemo/ui/generate/player/run.js";
import { wordAt, wordsOf } from "../../mmdemo/ui/generate/player/words.js";

test("frames are words with the frames of their letters; a capital is the second of two equal letters", () => {
  const words = wordsOf("  hhelLLoo,,you  ");
  assert.deepEqual(words.map(({ word, start, end }) => [word, start, end]), [["hello", 2, 10], ["you", 12, 15]]);
  assert.deepEqual(words[0].letters, [["h", 2], ["e", 1], ["l", 1], ["l", 2], ["o", 2]]);
  assert.deepEqual(words[0].letters.reduce((sum, [, count]) => sum + count, 0), words[0].end - words[0].start);
  assert.deepEqual(wordsOf(""), []);
  assert.deepEqual(wordsOf(" .,?! "), []);
});

test("the same letter after a pause begins a word of its own", () => {
  assert.deepEqual(wordsOf("aa aa").map(({ word }) => word), ["a", "a"]);
});

test("what is heard at a moment", () => {
  const words = wordsOf("  aa bb");
  const at = (frame) => wordAt(words, (frame * FRAME) / 16000, 16000);
  assert.deepEqual([0, 2, 3, 4, 5, 6, 7].map(at), [-1, 0, 0, -1, 1, 1, -1]);
});
