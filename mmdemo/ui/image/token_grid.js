// Drawing over the picture: the colours of a level's codes, the lines of the grid, what is covered, picked and changed.
import { colourGrid } from "../shared/code_colours.js";

// `box`: {width, height} on the screen, {across, down} in tokens, which may end within one. `marks`: {covered, changed:
// places, picked, cursor: a place or null}. `colours`: of the level's codes, or null for none. `lines`: of the grid.
export function drawGrid(canvas, { codes, grid: [rows, columns], level, colours, box, marks, lines = true }) {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(box.width * scale);
  canvas.height = Math.round(box.height * scale);
  const context = canvas.getContext("2d");
  const [w, h] = [canvas.width / box.across, canvas.height / box.down]; // one token, in canvas pixels
  const cell = (place) => [(place % columns) * w, Math.floor(place / columns) * h, w, h];
  if (colours) {
    context.imageSmoothingEnabled = false;
    context.globalAlpha = 0.82;
    context.drawImage(colourGrid(codes, level * rows * columns, rows, columns, colours), 0, 0, columns * w, rows * h);
    context.globalAlpha = 1;
  }
  if (lines && Math.min(w, h) >= 6 * scale) drawLines(context, rows, columns, w, h);
  outline(context, marks.changed, columns, w, h, [["rgb(0 0 0 / .55)", 3], ["#ffe08a", 1.5]], scale, [4, 3]);
  context.fillStyle = "rgb(255 255 255 / .28)";
  for (const place of marks.covered) context.fillRect(...cell(place));
  outline(context, marks.covered, columns, w, h, [["#111", 4], ["#fff", 2]], scale);
  for (const [place, dash] of [[marks.cursor, [3, 3]], [marks.picked, []]]) {
    if (place === null) continue;
    for (const [style, width] of [["#fff", 4], ["#111", 2]]) {
      context.strokeStyle = style;
      context.lineWidth = width * scale;
      context.setLineDash(dash.map((n) => n * scale));
      context.strokeRect(...cell(place));
    }
    context.setLineDash([]);
  }
}

// The edges between places that are in the set and those that are not.
function outline(context, places, columns, w, h, styles, scale, dash = []) {
  const set = places instanceof Set ? places : new Set(places);
  if (!set.size) return;
  context.beginPath();
  for (const place of set) {
    const x = place % columns, [left, top] = [x * w, Math.floor(place / columns) * h];
    const edge = (missing, ...line) => {
      if (!missing) return;
      context.moveTo(line[0], line[1]);
      context.lineTo(line[2], line[3]);
    };
    edge(x === 0 || !set.has(place - 1), left, top, left, top + h);
    edge(x === columns - 1 || !set.has(place + 1), left + w, top, left + w, top + h);
    edge(!set.has(place - columns), left, top, left + w, top);
    edge(!set.has(place + columns), left, top + h, left + w, top + h);
  }
  for (const [style, width] of styles) {
    context.strokeStyle = style;
    context.lineWidth = width * scale;
    context.setLineDash(style.startsWith("#ff") && dash.length ? dash.map((n) => n * scale) : []);
    context.stroke();
  }
  context.setLineDash([]);
}

function drawLines(context, rows, columns, w, h) {
  context.strokeStyle = "rgb(255 255 255 / .22)";
  context.lineWidth = 1;
  context.beginPath();
  for (let y = 1; y < rows; y++) {
    context.moveTo(0, Math.round(y * h) + 0.5);
    context.lineTo(columns * w, Math.round(y * h) + 0.5);
  }
  for (let x = 1; x < columns; x++) {
    context.moveTo(Math.round(x * w) + 0.5, 0);
    context.lineTo(Math.round(x * w) + 0.5, rows * h);
  }
  context.stroke();
}
