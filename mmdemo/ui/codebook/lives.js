// The input, and where a code lives in it: its places glow, the rest steps back. A place is chosen by click or arrow key.
import { clamp, css, el, fitted, rgbOf, visible } from "../shared/base.js";
import { samplesOfPcm } from "../shared/sound.js";
import { mix, ramp, spectrogramImage } from "../shared/sound_draw.js";
import { spectrogram } from "../shared/spectrum.js";

const TALL = 150; // of a spectrogram
const COLUMNS = 1200; // of a spectrogram
export const CONTINUED = "▹"; // a position in which no character begins

// Where an arrow key leads from position `at` in a grid [rows, columns] or [length]; null for another key.
export function step(grid, at, key) {
  const across = grid.length === 2 ? grid[1] : grid[0], down = grid.length === 2 ? grid[1] : 0;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -down, ArrowDown: down }[key];
  if (by === undefined) return null;
  if (by === -1 && at % across === 0) return at;
  if (by === 1 && at % across === across - 1) return at;
  const next = at + by;
  return next >= 0 && next < grid.reduce((a, b) => a * b, 1) ? next : at;
}

// Position number -> its place along each axis.
export const placeOf = (grid, at) => (grid.length === 2 ? [Math.floor(at / grid[1]), at % grid[1]] : [at]);

// Of the positions in a grid [rows, columns] or [length], the one nearest to its middle; null where there is none.
export function midmost(grid, positions) {
  const middle = grid.map((n) => (n - 1) / 2);
  const far = (at) => placeOf(grid, at).reduce((sum, p, axis) => sum + (p - middle[axis]) ** 2, 0);
  return positions.reduce((best, at) => (best === null || far(at) < far(best) ? at : best), null);
}

// `onPick(position)`; `name(position)` is spoken.
export function makeLives({ say, name, onPick }) {
  const option = el("span", { role: "option", id: "mm-lives-option", "aria-selected": "true", class: "mm-spoken" }, "–");
  const canvas = el("canvas", { "aria-hidden": "true" });
  const words = el("div", { class: "mm-lives-text", "aria-hidden": "true", hidden: true });
  const node = el("div", { class: "mm-lives", role: "listbox", tabindex: "0", "aria-label": say("lives_title"),
    "aria-activedescendant": option.id }, canvas, words, option);
  let input = null, image = null, samples = null, codes = null, level = 0;
  let code = 0, picked = null, asked = 0;

  const positions = () => input.grid.reduce((a, b) => a * b, 1);
  const has = (position) => codes[level * positions() + position] === code;

  async function show(value, unpacked) {
    input = value;
    codes = unpacked;
    picked = null;
    image = null;
    samples = null;
    node.dataset.kind = value.modality;
    canvas.hidden = value.modality === "text";
    words.hidden = value.modality !== "text";
    if (value.spans) drawWords();
    if (value.pcm) samples = samplesOfPcm(value.pcm);
    if (value.picture) {
      const loaded = new Image();
      loaded.src = value.picture;
      await loaded.decode().catch(() => {});
      if (input !== value) return;
      image = loaded;
    }
    draw();
  }

  function drawWords() {
    words.replaceChildren(...input.spans.flatMap((text, position) => {
      const span = el("span", { "data-at": position }, visible(text) || CONTINUED);
      return text.includes("\n") ? [span, el("br")] : [span];
    }));
  }

  function draw() {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; drawNow(); });
  }

  function drawNow() {
    if (!input) return;
    node.dataset.places = countHere();
    if (input.spans) return markWords();
    if (!canvas.clientWidth) return;
    canvas.style.height = `${input.picture ? Math.min(460, (canvas.clientWidth * input.size[1]) / input.size[0]) : TALL}px`;
    if (input.picture) drawPicture();
    else drawSound();
  }

  const countHere = () => {
    let count = 0;
    if (level < input.levels) for (let i = 0; i < positions(); i++) count += has(i);
    return count;
  };

  // The picture lies in the middle, [x, y, width, height] of it.
  function frame(width, height) {
    const [w, h] = input.size, scale = Math.min(width / w, height / h);
    return [(width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale];
  }

  function drawPicture() {
    const [context, width, height] = fitted(canvas), [x0, y0, w, h] = frame(width, height);
    context.clearRect(0, 0, width, height);
    if (!image) return;
    context.globalAlpha = 1;
    context.drawImage(image, x0, y0, w, h);
    const [rows, columns] = input.grid, side = (input.stride * w) / input.size[0], scale = window.devicePixelRatio || 1;
    if (!countHere() && picked === null) return;
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

  let spectrum = null; // of `samples`, in the colours of the theme
  function drawSound() {
    const [context, width, height] = fitted(canvas), scale = window.devicePixelRatio || 1;
    const colour = (token) => [...rgbOf(css(canvas, token))].slice(0, 3);
    const key = css(canvas, "--mm-surface");
    if (spectrum?.samples !== samples || spectrum.key !== key) {
      const columns = Math.min(COLUMNS, Math.ceil(samples.length / 80)), { levels, bins } = spectrogram(samples, columns);
      const [ground, accent, ink] = ["--mm-surface", "--mm-accent", "--mm-ink"].map(colour);
      const table = ramp([[0, ground], [0.55, mix(ground, accent, 0.85)], [0.8, mix(accent, ink, 0.35)], [1, ink]]);
      spectrum = { samples, key, image: spectrogramImage(levels, bins, columns, table) };
    }
    const strip = 14 * scale, tall = height - strip;
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = true;
    context.drawImage(spectrum.image, 0, 0, width, tall);
    const frames = positions(), wide = width / (samples.length / input.stride);
    const tone = css(canvas, `--mm-level-${level % 8}`);
    if (countHere()) {
      context.globalAlpha = 0.62;
      context.fillStyle = key;
      context.fillRect(0, 0, width, tall);
      context.globalAlpha = 1;
    }
    for (let i = 0; i < frames; i++) {
      if (!has(i)) continue;
      const from = (i * spectrum.image.width * input.stride) / samples.length, span = (spectrum.image.width * input.stride) / samples.length;
      const shown = Math.max(wide, 3 * scale);
      context.drawImage(spectrum.image, from, 0, span, spectrum.image.height, i * wide, 0, shown, tall);
      context.fillStyle = tone;
      context.fillRect(i * wide, tall + 3 * scale, Math.max(wide, 4 * scale), strip - 4 * scale);
    }
    if (picked !== null) {
      context.strokeStyle = css(canvas, "--mm-accent");
      context.lineWidth = 2.5 * scale;
      context.strokeRect(picked * wide - 2 * scale, scale, Math.max(wide, 3 * scale) + 4 * scale, height - 2 * scale);
    }
  }

  function markWords() {
    for (const span of words.children) {
      const at = Number(span.dataset.at);
      if (span.tagName !== "SPAN") continue;
      span.className = (level < input.levels && has(at) ? "mm-lit" : "") + (at === picked ? " mm-on" : "");
    }
    words.style.setProperty("--tone", `var(--mm-level-${level % 8})`);
    const lit = words.querySelector(picked === null ? ".mm-lit" : ".mm-on");
    if (lit) node.scrollTop = clamp(lit.offsetTop - node.clientHeight / 2, 0, node.scrollHeight);
  }

  function positionAt(event) {
    if (input.spans) {
      const span = event.target.closest?.("[data-at]");
      return span ? Number(span.dataset.at) : null;
    }
    const bounds = canvas.getBoundingClientRect();
    const [px, py] = [(event.clientX - bounds.left) / bounds.width, (event.clientY - bounds.top) / bounds.height];
    if (input.pcm) return clamp(Math.floor((px * samples.length) / input.stride), 0, positions() - 1);
    const [x0, y0, w, h] = frame(bounds.width, bounds.height);
    const [u, v] = [(px * bounds.width - x0) / w, (py * bounds.height - y0) / h];
    if (u < 0 || v < 0 || u >= 1 || v >= 1) return null;
    const column = Math.floor((u * input.size[0]) / input.stride), row = Math.floor((v * input.size[1]) / input.stride);
    return row * input.grid[1] + column;
  }

  node.addEventListener("click", (event) => {
    const position = input ? positionAt(event) : null;
    if (position !== null) onPick(position);
  });
  node.addEventListener("keydown", (event) => {
    if (!input) return;
    const first = Array.from({ length: positions() }, (_, i) => i).find(has) ?? 0;
    const next = picked === null && event.key.startsWith("Arrow") ? first : step(input.grid, picked ?? first, event.key);
    if (next === null && event.key !== "Enter") return;
    event.preventDefault();
    onPick(next ?? picked ?? first);
  });
  new ResizeObserver(drawNow).observe(node);

  return {
    node,
    show,
    // Which code of which level glows.
    light(newLevel, newCode) {
      [level, code] = [newLevel, newCode];
      draw();
    },
    pick(position) {
      picked = position;
      option.textContent = position === null ? "–" : name(position);
      draw();
    },
    // Where the code lives that glows: its place nearest to the middle, null where it has none.
    middle: () => (input && level < input.levels
      ? midmost(input.grid, Array.from({ length: positions() }, (_, i) => i).filter(has)) : null),
    // The sound about a position.
    sound: (position, reach = 3) =>
      samples?.subarray(Math.max(0, (position - reach) * input.stride), (position + reach + 1) * input.stride),
    redraw: draw,
  };
}
