// Drawing the codes of one level over the picture.
import { codeHue } from "../shared/base.js";

export function drawGrid(canvas, codes, grid, level, picked, box) {
  const [rows, columns] = grid;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(box.width * scale);
  canvas.height = Math.round(box.height * scale);
  const context = canvas.getContext("2d");
  const [w, h] = [canvas.width / box.across, canvas.height / box.down]; // one token, in canvas pixels
  const offset = level * rows * columns;
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      context.fillStyle = `hsl(${codeHue(codes[offset + y * columns + x])} 62% 56% / .46)`;
      context.fillRect(x * w, y * h, w, h);
    }
  if (Math.min(w, h) >= 6 * scale) drawLines(context, rows, columns, w, h);
  if (picked) {
    for (const [style, width] of [["#fff", 4], ["#111", 2]]) {
      context.strokeStyle = style;
      context.lineWidth = width * scale;
      context.strokeRect(picked.x * w, picked.y * h, w, h);
    }
  }
}

function drawLines(context, rows, columns, w, h) {
  context.strokeStyle = "rgb(255 255 255 / .35)";
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
