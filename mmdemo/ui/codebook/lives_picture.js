// A picture among the faces of `lives.js`: where a code lives it stays bright, the rest is dimmed.
import { css, fitted } from "../shared/base.js";

const TALLEST = 460; // pixels

export function pictureFace(input, { canvas }) {
  let image = null;
  const loaded = new Image();
  loaded.src = input.picture;
  const ready = loaded.decode().catch(() => {}).then(() => { image = loaded; });

  // The picture lies in the middle, [x, y, width, height] of it.
  function frame(width, height) {
    const [w, h] = input.size, scale = Math.min(width / w, height / h);
    return [(width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale];
  }

  function draw({ has, lit: any, picked, level }) {
    if (!canvas.clientWidth) return;
    canvas.style.height = `${Math.min(TALLEST, (canvas.clientWidth * input.size[1]) / input.size[0])}px`;
    const [context, width, height] = fitted(canvas), [x0, y0, w, h] = frame(width, height);
    context.clearRect(0, 0, width, height);
    if (!image) return;
    context.globalAlpha = 1;
    context.drawImage(image, x0, y0, w, h);
    const [rows, columns] = input.grid, side = (input.stride * w) / input.size[0], scale = window.devicePixelRatio || 1;
    if (!any && picked === null) return;
    context.fillStyle = css(canvas, "--mm-ground");
    context.globalAlpha = 0.72;
    context.fillRect(x0, y0, w, h);
    context.globalAlpha = 1;
    context.save();
    context.beginPath();
    context.rect(x0, y0, w, h);
    context.clip();
    const lit = [];
    for (let i = 0; i < rows * columns; i++) if (has(i)) lit.push([x0 + (i % columns) * side, y0 + Math.floor(i / columns) * side]);
    context.fillStyle = css(canvas, `--mm-level-${level % 8}`);
    for (const [x, y] of lit) context.fillRect(x - 2 * scale, y - 2 * scale, side + 4 * scale, side + 4 * scale);
    const part = input.stride * (image.naturalWidth / input.size[0]);
    for (const [x, y] of lit) {
      const [u, v] = [Math.round((x - x0) / side), Math.round((y - y0) / side)];
      context.drawImage(image, u * part, v * part, part, part, x, y, side, side);
    }
    if (picked !== null) box(context, x0 + (picked % columns) * side, y0 + Math.floor(picked / columns) * side, side, scale);
    context.restore();
  }

  function box(context, x, y, side, scale) {
    for (const [colour, line] of [[css(canvas, "--mm-surface"), 6], [css(canvas, "--mm-accent"), 3]]) {
      context.strokeStyle = colour;
      context.lineWidth = line * scale;
      context.strokeRect(x - 2 * scale, y - 2 * scale, side + 4 * scale, side + 4 * scale);
    }
  }

  function positionAt(event) {
    const bounds = canvas.getBoundingClientRect(), [x0, y0, w, h] = frame(bounds.width, bounds.height);
    const [u, v] = [(event.clientX - bounds.left - x0) / w, (event.clientY - bounds.top - y0) / h];
    if (u < 0 || v < 0 || u >= 1 || v >= 1) return null;
    const column = Math.floor((u * input.size[0]) / input.stride), row = Math.floor((v * input.size[1]) / input.stride);
    return row * input.grid[1] + column;
  }

  return { element: canvas, ready, draw, positionAt };
}
