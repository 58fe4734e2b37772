// The place of the last change, enlarged, before and after.
import { clamp, el } from "../shared/base.js";

const SIDE = 168, LEAST = 64; // pixels on the screen; pixels of the picture that are shown at least

export function makeChangeView(say) {
  const pair = ["before", "after"].map((name) => {
    const canvas = el("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": say(name) });
    return { canvas, node: el("figure", {}, canvas, el("figcaption", { class: "mm-hint" }, say(name))) };
  });
  const node = el("div", { class: "mm-zooms", hidden: true }, pair.map((one) => one.node));

  return {
    node,
    // `sources`: before and after; `area`: {x, y, width, height} of what was painted, in pixels of the picture.
    async show(sources, area, width, height) {
      const side = Math.min(Math.max(LEAST, 1.6 * Math.max(area.width, area.height)), Math.max(width, height));
      const x = clamp(area.x + area.width / 2 - side / 2, Math.min(0, (width - side) / 2), Math.max(width - side, (width - side) / 2));
      const y = clamp(area.y + area.height / 2 - side / 2, Math.min(0, (height - side) / 2), Math.max(height - side, (height - side) / 2));
      const images = sources.map((source) => Object.assign(new Image(), { src: source }));
      await Promise.all(images.map((image) => image.decode()));
      images.forEach((image, i) => paint(pair[i].canvas, image, x, y, side, area));
      node.hidden = false;
    },
    hide() { node.hidden = true; },
  };
}

function paint(canvas, image, x, y, side, area) {
  const context = canvas.getContext("2d"), scale = canvas.width / side;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = scale < 2;
  context.drawImage(image, -x * scale, -y * scale, image.naturalWidth * scale, image.naturalHeight * scale);
  for (const [style, width] of [["#fff", 3], ["#111", 1.5]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect((area.x - x) * scale, (area.y - y) * scale, area.width * scale, area.height * scale);
  }
}
