// What stands at a point of the sound lab, in words.
import { clamp, number } from "../shared/base.js";
import { RATE } from "./engine.js";

const TOP = 2595 * Math.log10(1 + RATE / 2 / 700); // the highest frequency, in mel

export const tokenTip = (say, data, frame, level) => say(level < data.num_levels ? "token_tip" : "token_tip_off",
  { frame: frame + 1, time: (frame * data.hop / RATE).toFixed(2), level: level + 1, code: data.codes[level * data.frames + frame] });

// `point`: {row, time in seconds, down: 0 at the top of the row, 1 at its end}. `mels`: rows of spectrograms, `against`
// the reconstruction's.
export function explain(say, { row, time, down }, { data, mels, against }) {
  if (row === "tokens") {
    const frame = Math.min(data.frames - 1, Math.floor(time * RATE / data.hop));
    return tokenTip(say, data, frame, clamp(Math.floor(down * data.levels), 0, data.levels - 1));
  }
  if (!row?.startsWith("mel")) return `${time.toFixed(2)} s`;
  const hertz = 700 * (10 ** (clamp(1 - down, 0, 1) * TOP / 2595) - 1);
  const bin = clamp(Math.floor((1 - down) * data.bins), 0, data.bins - 1);
  const column = clamp(Math.floor(time * RATE / data.mel_hop), 0, data.columns - 1);
  const index = bin * data.columns + column, db = (v) => (v / 255 - 1) * 80;
  const value = row in mels ? db(mels[row][bin * (mels[row].length / data.bins) + column] ?? 0) : db(data.mel[index]) - db(against[index]);
  return `${time.toFixed(2)} s · ${number(hertz)} Hz · ${value > 0 ? "+" : ""}${value.toFixed(0)} dB`;
}
