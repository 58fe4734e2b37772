// Colours of codes: made on the server from the codewords, so that like codes look alike.
import { bytesOf } from "./base.js";

// `ask(level)`: promise of base64 rgb of all levels, from 0 on. `ready()` is called when they are there.
export function codeColours(ask, ready) {
  let levels = null;
  ask(0).then((found) => { levels = found.map(bytesOf); }).then(ready).catch(() => {});
  return {
    now: (level) => levels?.[level] || null,
    css: (level, code) => (levels?.[level] ? `rgb(${levels[level].slice(3 * code, 3 * code + 3).join(" ")})` : "transparent"),
  };
}

// One pixel a code: codes of a level on a grid -> a canvas, to be drawn large without smoothing.
export function colourGrid(codes, offset, rows, columns, colours, alpha = 255) {
  const canvas = new OffscreenCanvas(columns, rows), context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    const code = codes[offset + i];
    image.data.set([colours[3 * code], colours[3 * code + 1], colours[3 * code + 2], alpha], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
