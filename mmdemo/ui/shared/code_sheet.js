// Sheets of codes: every code of a level decoded on its own, as one picture that is fetched once and drawn from.
import { bytesOf, clamp, css, el } from "./base.js";

// {data: base64 PNG, columns, count} -> {image, columns, rows, count, width, height}, sizes of a patch in pixels.
// A sheet of texts, {texts}, stays as it is.
export async function openSheet(sheet) {
  if (sheet.texts) return sheet;
  const image = await createImageBitmap(new Blob([bytesOf(sheet.data)], { type: "image/png" }));
  const { columns, count } = sheet, rows = Math.ceil(count / columns);
  return { image, columns, rows, count, width: image.width / columns, height: image.height / rows };
}

// Sheets by a key, each asked for once; one after the other, so that what is looked at first comes first.
export class Sheets {
  constructor(ask) {
    this.ask = ask; // key -> promise of what the server sends
    this.kept = new Map();
    this.queue = Promise.resolve();
  }

  // The sheet if it is here.
  now(key) {
    return this.kept.get(key)?.done || null;
  }

  get(key) {
    if (!this.kept.has(key)) {
      const entry = { done: null };
      entry.promise = this.queue.then(() => this.ask(key)).then(openSheet).then((sheet) => (entry.done = sheet));
      this.queue = entry.promise.catch(() => this.kept.delete(key)); // asked for again the next time
      this.kept.set(key, entry);
    }
    return this.kept.get(key).promise;
  }
}

// The code at a place in the sheet, both 0..1.
export function codeAt(sheet, x, y) {
  const column = clamp(Math.floor(x * sheet.columns), 0, sheet.columns - 1);
  const row = clamp(Math.floor(y * sheet.rows), 0, sheet.rows - 1);
  return Math.min(sheet.count - 1, row * sheet.columns + column);
}

// Where an arrow key leads from a code; null for another key.
export function moved(sheet, code, key) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -sheet.columns, ArrowDown: sheet.columns,
    Home: -sheet.count, End: sheet.count }[key];
  return step === undefined ? null : clamp(code + step, 0, sheet.count - 1);
}

function cut(context, sheet, code, x, y, width, height) {
  const column = code % sheet.columns, row = Math.floor(code / sheet.columns);
  context.drawImage(sheet.image, column * sheet.width, row * sheet.height, sheet.width, sheet.height, x, y, width, height);
}

// One code as a small picture of its own.
export function patch(sheet, code, side = 0, attributes = {}) {
  const canvas = el("canvas", { class: "mm-patch", width: sheet.width, height: sheet.height, ...attributes });
  if (side) canvas.style.cssText = `width:${side}px;height:${side}px`;
  cut(canvas.getContext("2d"), sheet, code, 0, 0, sheet.width, sheet.height);
  return canvas;
}

const GAP = 2; // pixels of the screen between two patches

// A sheet to point at, each patch a square: {node, show(sheet, uses), mark({selected, hovered}), dim(on)}.
// `onHover(code or null)`, `onPick(code)`, `onMove(code)` by an arrow key; `name(code)`: what a screen reader says.
export function sheetBoard({ label, name, onHover, onPick, onMove = onPick }) {
  const option = el("span", { role: "option", id: `mm-option-${Math.random().toString(36).slice(2)}`,
    "aria-selected": "true", class: "mm-spoken" });
  const canvas = el("canvas", { "aria-hidden": "true" });
  const node = el("div", { class: "mm-board", role: "listbox", tabindex: "0", "aria-label": label,
    "aria-activedescendant": option.id }, canvas, option);
  let sheet = null, uses = [], dimmed = false;
  let painted = null; // all patches, without marks
  let marks = { selected: 0, hovered: null };

  // Sizes in device pixels: of a patch, and from one patch to the next.
  function sizes() {
    const scale = window.devicePixelRatio || 1, pitch = ((canvas.clientWidth + GAP) / sheet.columns) * scale;
    return { scale, pitch, side: pitch - GAP * scale };
  }

  function paint() {
    painted = null;
    if (!sheet || !canvas.clientWidth) return;
    const { scale, pitch, side } = sizes();
    painted = new OffscreenCanvas(Math.round(canvas.clientWidth * scale), Math.round(sheet.rows * pitch - GAP * scale));
    const context = painted.getContext("2d");
    context.imageSmoothingEnabled = side < sheet.width;
    for (let code = 0; code < sheet.count; code++) {
      context.globalAlpha = dimmed && uses.length && !uses[code] ? 0.22 : 1;
      cut(context, sheet, code, (code % sheet.columns) * pitch, Math.floor(code / sheet.columns) * pitch, side, side);
    }
    canvas.width = painted.width;
    canvas.height = painted.height;
    canvas.style.height = painted.height / scale + "px";
    draw();
  }

  function draw() {
    if (!painted) return;
    const { scale, pitch, side } = sizes(), context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(painted, 0, 0);
    for (const [code, colour, line] of [[marks.hovered, "--mm-ink", 2], [marks.selected, "--mm-accent", 3]]) {
      if (code === null || code >= sheet.count) continue;
      const [x, y] = [(code % sheet.columns) * pitch, Math.floor(code / sheet.columns) * pitch];
      cut(context, sheet, code, x, y, side, side);
      for (const [tone, width] of [["--mm-surface", line + 2], [colour, line]]) {
        context.strokeStyle = css(node, tone);
        context.lineWidth = width * scale;
        context.strokeRect(x, y, side, side);
      }
    }
  }

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return codeAt(sheet, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  node.addEventListener("pointermove", (event) => sheet && onHover(at(event)));
  node.addEventListener("pointerleave", () => sheet && onHover(null));
  node.addEventListener("click", (event) => sheet && onPick(at(event)));
  node.addEventListener("keydown", (event) => {
    if (!sheet) return;
    const next = moved(sheet, marks.selected, event.key);
    if (next === null && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (next === null) onPick(marks.selected);
    else onMove(next);
  });
  new ResizeObserver(paint).observe(node);

  return {
    node,
    show(value, counts = []) {
      sheet = value;
      uses = counts;
      node.dataset.count = sheet ? sheet.count : 0;
      node.style.setProperty("--columns", sheet ? sheet.columns : 1);
      paint();
    },
    mark(value) {
      const before = marks;
      marks = { ...marks, ...value };
      option.textContent = name(marks.selected);
      if (before.selected !== marks.selected || before.hovered !== marks.hovered) draw();
    },
    dim(on) {
      if (on === dimmed) return;
      dimmed = on;
      paint();
    },
  };
}
