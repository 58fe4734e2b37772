// Tokens too small for a finger, enlarged: those around the place that was touched, each large enough to be met.
import { clamp, el } from "../shared/base.js";

const SIDE = 34, ACROSS = 7; // pixels of the screen that a token takes; tokens to each side
const FINGER = 24; // pixels that a finger meets

// The tokens that are shown, {x, y, columns, rows}: as many as fit, around a place as far as the grid goes.
export function windowOf([rows, columns], { x, y }, across = ACROSS) {
  const wide = Math.min(across, columns), tall = Math.min(across, rows);
  return { x: clamp(x - Math.floor(wide / 2), 0, columns - wide), y: clamp(y - Math.floor(tall / 2), 0, rows - tall), columns: wide, rows: tall };
}

// Whether tokens that are so many pixels wide need it, where a finger points.
export const isNeeded = (pixels, coarse) => coarse && pixels < FINGER;

// `onTouch({x, y})`: a token was touched here.
export function makeLoupe(say, onTouch) {
  const canvas = el("canvas", { role: "img", "aria-label": say("enlarged") });
  const node = el("div", { class: "mm-loupe", hidden: true }, canvas);
  let shown = null;

  canvas.addEventListener("pointerdown", (event) => {
    if (!shown) return;
    const box = canvas.getBoundingClientRect(), part = (at, from, size, count) => clamp(Math.floor(((at - from) / size) * count), 0, count - 1);
    onTouch({ x: shown.x + part(event.clientX, box.left, box.width, shown.columns), y: shown.y + part(event.clientY, box.top, box.height, shown.rows) });
  });

  return {
    node,
    hide() { node.hidden = true; },
    // `image`: the picture on the page; `stride`: its pixels a token; `marks`: {changed, covered: places, picked}.
    show(image, { grid, stride, width }, at, { changed, covered, picked }) {
      shown = windowOf(grid, at);
      const scale = window.devicePixelRatio || 1, side = Math.round(SIDE * scale), context = canvas.getContext("2d");
      Object.assign(canvas, { width: shown.columns * side, height: shown.rows * side });
      canvas.style.cssText = `width:${shown.columns * SIDE}px;height:${shown.rows * SIDE}px`;
      const part = stride * (image.naturalWidth / width); // of the picture as it was sent
      context.imageSmoothingEnabled = false;
      context.drawImage(image, shown.x * part, shown.y * part, shown.columns * part, shown.rows * part, 0, 0, canvas.width, canvas.height);
      const marked = [[covered, "#fff"], [new Set(changed), "#ffe08a"], [new Set([picked]), "#fff"]];
      for (let row = 0; row < shown.rows; row++)
        for (let column = 0; column < shown.columns; column++) {
          const place = (shown.y + row) * grid[1] + shown.x + column, [x, y] = [column * side, row * side];
          context.lineWidth = 1;
          context.strokeStyle = "rgb(255 255 255 / .35)";
          context.strokeRect(x, y, side, side);
          for (const [places, colour] of marked) {
            if (!places.has(place)) continue;
            for (const [style, line] of [["#111", 5], [colour, 2.5]]) {
              context.strokeStyle = style;
              context.lineWidth = line * scale;
              context.strokeRect(x + 2 * scale, y + 2 * scale, side - 4 * scale, side - 4 * scale);
            }
          }
        }
      node.hidden = false;
    },
  };
}
