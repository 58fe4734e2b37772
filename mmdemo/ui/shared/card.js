// A picture of a result to show to others, 1200 × 630 as pages that show links want it; it carries its settings.
import { css } from "./base.js";
import { intoPng } from "./carried.js";

const WIDTH = 1200, HEIGHT = 630, EDGE = 40, FOOT = 92;

// The largest rectangle of a shape within a box: [x, y, width, height].
export function fitInto(width, height, [x, y, w, h]) {
  const scale = Math.min(w / width, h / height);
  return [x + (w - width * scale) / 2, y + (h - height * scale) / 2, width * scale, height * scale];
}

async function drawable(source) {
  if (typeof source !== "string") return source;
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}

// `pictures`: [[data URI or canvas, its name], …] beside each other, or one above the other with `stacked`.
export async function makeCard({ pictures, line, settings, stacked = false }) {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d"), body = document.body;
  const [ground, ink, muted, accent] = ["ground", "ink", "muted", "accent"].map((name) => css(body, `--mm-${name}`));
  const font = (size, weight = 400) => { context.font = `${weight} ${size}px ${getComputedStyle(body).fontFamily}`; };
  context.fillStyle = ground;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const across = stacked ? 1 : pictures.length, down = stacked ? pictures.length : 1;
  const cell = [(WIDTH - EDGE * (across + 1)) / across, (HEIGHT - FOOT - EDGE * down) / down];
  for (const [i, [source, name]] of pictures.entries()) {
    const image = await drawable(source), [w, h] = [image.naturalWidth || image.width, image.naturalHeight || image.height];
    const column = stacked ? 0 : i, row = stacked ? i : 0;
    const box = [EDGE + column * (cell[0] + EDGE), EDGE + row * (cell[1] + EDGE), cell[0], cell[1] - 34];
    context.imageSmoothingEnabled = Math.max(w, h) > 160;
    const [x, y, width, height] = stacked ? box : fitInto(w, h, box);
    context.drawImage(image, x, y, width, height);
    context.fillStyle = muted;
    font(22);
    context.fillText(name, x, y + height + 27, width);
  }
  context.fillStyle = accent;
  font(34, 700);
  context.fillText("mmdemo", EDGE, HEIGHT - 34);
  const after = EDGE + context.measureText("mmdemo").width + 24;
  context.fillStyle = ink;
  font(26);
  context.fillText(line, after, HEIGHT - 35, WIDTH - after - EDGE);
  const blob = await new Promise((go) => canvas.toBlob(go, "image/png"));
  return intoPng(new Uint8Array(await blob.arrayBuffer()), settings);
}
