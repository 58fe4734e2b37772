// The PCA map of a codebook.
import { css, el } from "../shared/base.js";

export function makeMap(say, onHover, onPick) {
  const canvas = el("canvas", { class: "mm-map", role: "img", "aria-label": say("map_title") });
  let data = null;
  let marks = { selected: 0, hovered: null };

  const place = (code) => {
    const [w, h, margin] = [canvas.width, canvas.height, 14 * (window.devicePixelRatio || 1)];
    const [x, y] = data.map[code];
    return [w / 2 + x * (w / 2 - margin), h / 2 - y * (h / 2 - margin)];
  };

  function draw() {
    const box = canvas.getBoundingClientRect();
    if (!data || !box.width) return;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(box.width * scale);
    canvas.height = Math.round(box.height * scale);
    const context = canvas.getContext("2d");
    const most = Math.max(1, ...data.uses);
    const [tone, quiet, ink] = [`--mm-level-${data.level % 8}`, "--mm-line", "--mm-ink"].map((name) => css(canvas, name));
    for (let pass = 0; pass < 2; pass++)
      for (let code = 0; code < data.count; code++) {
        const uses = data.uses[code] || 0;
        if ((uses > 0) !== (pass === 1)) continue; // used codes lie above unused ones
        const [x, y] = place(code);
        context.beginPath();
        context.arc(x, y, scale * (uses ? 2.5 + 7 * Math.sqrt(uses / most) : 2), 0, 2 * Math.PI);
        context.fillStyle = uses ? tone : quiet;
        context.globalAlpha = uses ? 0.62 : 1;
        context.fill();
      }
    context.globalAlpha = 1;
    for (const code of data.nearest[marks.selected].slice(0, 4)) line(context, marks.selected, code, tone, scale);
    ring(context, marks.selected, ink, scale * 2);
    if (marks.hovered !== null) ring(context, marks.hovered, ink, scale);
  }

  function line(context, from, to, tone, scale) {
    context.strokeStyle = tone;
    context.lineWidth = scale;
    context.beginPath();
    context.moveTo(...place(from));
    context.lineTo(...place(to));
    context.stroke();
  }

  function ring(context, code, ink, width) {
    context.strokeStyle = ink;
    context.lineWidth = width;
    context.beginPath();
    context.arc(...place(code), 8 * (window.devicePixelRatio || 1), 0, 2 * Math.PI);
    context.stroke();
  }

  function nearestTo(event) {
    const box = canvas.getBoundingClientRect();
    const [px, py] = [((event.clientX - box.left) / box.width) * canvas.width,
      ((event.clientY - box.top) / box.height) * canvas.height];
    let [best, least] = [0, Infinity];
    for (let code = 0; code < data.count; code++) {
      const [x, y] = place(code);
      const distance = (x - px) ** 2 + (y - py) ** 2;
      if (distance < least) [best, least] = [code, distance];
    }
    return best;
  }

  canvas.addEventListener("pointermove", (event) => data && onHover(nearestTo(event)));
  canvas.addEventListener("pointerleave", () => onHover(null));
  canvas.addEventListener("click", (event) => data && onPick(nearestTo(event)));
  new ResizeObserver(draw).observe(canvas);

  return {
    node: canvas,
    show(value) {
      data = value;
      marks = { selected: Math.min(marks.selected, value.count - 1), hovered: null }; // codebooks differ in size
      draw();
    },
    mark(selected, hovered) { marks = { selected, hovered }; draw(); },
  };
}
