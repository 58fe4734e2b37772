// What the sound lab says of a point under the pointer.
import assert from "node:assert/strict";
import test from "node:test";
import { explain } from "../../mmdemo/ui/audio/point.js";

const say = (key, values) => `${key} ${values.frame} ${values.time} ${values.level} ${values.code}`;
const data = { levels: 2, num_levels: 1, frames: 4, hop: 320, codes: [1, 2, 3, 4, 5, 6, 7, 8], bins: 2, columns: 2, mel_hop: 160, mel: [255, 0, 255, 255] };

test("a token is named by its frame, time, level and code, and whether it is on", () => {
  assert.equal(explain(say, { row: "tokens", time: 0.045, down: 0.1 }, { data }), "token_tip 3 0.04 1 3");
  assert.equal(explain(say, { row: "tokens", time: 9, down: 1 }, { data }), "token_tip_off 4 0.06 2 8");
});

test("a spectrogram tells frequency and level, its difference the change", () => {
  const mels = { mel_original: [255, 0, 255, 127.5] };
  assert.equal(explain(say, { row: "mel_original", time: 0.011, down: 0.2 }, { data, mels }), "0.01 s · 4,556 Hz · -40 dB");
  assert.match(explain(say, { row: "mel_original", time: 0, down: 1 }, { data, mels }), / 0 Hz · \+?0 dB$/);
  assert.match(explain(say, { row: "mel_difference", time: 0.011, down: 0.9 }, { data, mels, against: [255, 255, 255, 255] }), / -80 dB$/);
  assert.equal(explain(say, { row: "waveform", time: 1.234, down: 0 }, { data }), "1.23 s");
});
