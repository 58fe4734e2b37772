// What a card of a text shows: the original as it is, and what the codes say, a chip a position.
import { css } from "../shared/base.js";

const WIDTH = 1120, HEIGHT = 195, EDGE = 6; // pixels of each of the two, as a card has room for
const SIZES = [34, 27, 21, 17]; // of letters: the largest that lets all of a text in, else the last with an ellipsis

// Pieces [text, width] -> [x, line] each, a line as wide as fits; where a piece is a line break, the next line begins.
export function flow(pieces, width) {
  let x = 0, line = 0;
  return pieces.map(([text, wide]) => {
    if (x && x + wide > width) [x, line] = [0, line + 1];
    const place = [x, line];
    x += wide;
    if (text === "\n") [x, line] = [0, line + 1];
    return place;
  });
}

// `pieces`: [{text, fill, ink, gap}] in reading order; `gap`: pixels to the next one.
function paint(pieces, rtl) {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d");
  context.textBaseline = "middle";
  for (const size of SIZES) {
    const tall = size * 1.55, lines = Math.floor((HEIGHT - 2 * EDGE) / tall), last = size === SIZES.at(-1);
    context.font = `${size}px ui-monospace, Menlo, Consolas, "Noto Sans CJK SC", monospace`;
    const wide = ({ text, gap }) => (text === "\n" ? 0 : context.measureText(text).width + gap);
    const places = flow(pieces.map((piece) => [piece.text, wide(piece)]), WIDTH - 2 * EDGE);
    if (!last && places.some(([, line]) => line >= lines)) continue;
    for (const [i, { text, fill, ink, gap }] of pieces.entries()) {
      const [far, line] = places[i], y = EDGE + line * tall, span = wide(pieces[i]);
      const x = rtl ? WIDTH - EDGE - far - span : EDGE + far;
      if (text === "\n" || line >= lines) continue;
      if (fill) {
        context.globalAlpha = 0.26;
        context.fillStyle = fill;
        context.beginPath();
        context.roundRect(x + 1, y + 2, span - 2, tall - 4, 6);
        context.fill();
        context.globalAlpha = 1;
      }
      context.fillStyle = ink;
      context.fillText(text, x + gap / 2, y + tall / 2);
    }
    return canvas;
  }
  return canvas;
}

// The original; breaks stay breaks, and words stay together.
export const paintText = (text, rtl, node) =>
  paint(text.split(/(\n|[^\S\n]+)/).filter(Boolean).map((part) => ({ text: part, ink: css(node, "--mm-ink"), gap: 0 })), rtl);

// `chips`: [{text, colour, wrong}]
export const paintChips = (chips, rtl, node) =>
  paint(chips.map(({ text, colour, wrong }) => ({ text, gap: 10, fill: colour, ink: css(node, wrong ? "--mm-bad" : "--mm-ink") })), rtl);
