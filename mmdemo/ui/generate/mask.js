// The text of an edit: one part a modality, joined by ",". "image:00ff" is a bit mask over the positions of its latent,
// in hex, first position first; true is made anew. "image:" is the whole. (In Python: mask.py.)

export function toHex(mask) {
  if (mask.every(Boolean)) return "";
  let hex = "";
  for (let i = 0; i < mask.length; i += 4)
    hex += [0, 1, 2, 3].reduce((sum, j) => sum * 2 + (mask[i + j] ? 1 : 0), 0).toString(16);
  return hex;
}

export const fromHex = (hex, size) =>
  Array.from({ length: size }, (_, i) => !hex || ((parseInt(hex[Math.floor(i / 4)] || "0", 16) >> (3 - (i % 4))) & 1) === 1);

// {modality: [bool a position]} -> text; masks without a mark are left out.
export const written = (masks) =>
  Object.entries(masks).filter(([, mask]) => mask.some(Boolean)).map(([name, mask]) => `${name}:${toHex(mask)}`).join(",");

// text -> {modality: hex}
export const parsed = (text) => Object.fromEntries(text.split(",").filter(Boolean).map((part) => part.split(":")));

// Cells to mark of a text: one a character, {at: positions, says}. `positions` of `bytes` bytes in all.
export function textCells(text, positions, bytes) {
  const unit = bytes / positions, encoder = new TextEncoder();
  let byte = 0;
  const cells = Array.from(text).map((says) => {
    const first = byte, size = encoder.encode(says).length;
    byte += size;
    return { at: [...new Set(Array.from({ length: size }, (_, i) => Math.floor((first + i) / unit)))], says };
  });
  // What follows the text belongs to its last character: a new ending may be longer.
  for (let at = Math.ceil(byte / unit); at < positions; at++) cells.at(-1)?.at.push(at);
  return cells;
}
