// Attention maps as numbers: which token is where, and what looks at what. No page in here.
import { bytesOf } from "../../shared/base.js";

const FULL = 65535;

// base64 of little-endian uint16, (heads, N, N) row by row -> {heads, size, values}
export function unpackMaps(base64, heads) {
  const values = new Uint16Array(bytesOf(base64).buffer);
  return { heads, size: Math.round(Math.sqrt(values.length / heads)), values };
}

// Runs of tokens with the place of their first one.
export function placed(tokens) {
  let start = 0;
  return tokens.map((run) => {
    const here = { ...run, start };
    start += run.count;
    return here;
  });
}

// What a token looks at ("from"), or what looks at it ("to"): N shares. `head` -1: the mean of all heads.
export function looks({ heads, size, values }, token, direction, head = -1) {
  const chosen = head < 0 ? [...Array(heads).keys()] : [head];
  const at = (h, i) => (direction === "from" ? h * size * size + token * size + i : h * size * size + i * size + token);
  return Array.from({ length: size }, (_, i) => chosen.reduce((sum, h) => sum + values[at(h, i)], 0) / chosen.length / FULL);
}

// Shares as strengths 0..1: the largest is 1, and small ones can still be told apart.
export function strengths(shares) {
  const most = Math.max(...shares, 1e-9);
  return shares.map((share) => Math.sqrt(Math.max(0, share) / most));
}

// A text cut into the bytes of each token: `count` strings; characters that are cut stand where they begin.
export function letters(text, bytes, count) {
  const encoder = new TextEncoder(), cells = Array(count).fill("");
  let at = 0;
  for (const character of text) {
    const cell = Math.floor(at / bytes);
    if (cell < count) cells[cell] += character;
    at += encoder.encode(character).length;
  }
  return cells;
}
