// Sheets of codes: every code of a level decoded on its own, as one picture that is fetched once and drawn from.
import { bytesOf, clamp, css, el, visible } from "./base.js";

// {data: base64 WebP, columns, count} -> {image, address, columns, rows, count, width, height}, sizes of a patch in pixels.
// A sheet of texts is {texts, count}.
export async function openSheet(sheet) {
  if (sheet.texts) return { texts: sheet.texts, count: sheet.texts.length };
  const file = new Blob([bytesOf(sheet.data)], { type: "image/webp" }), image = await createImageBitmap(file);
  const { columns, count } = sheet, rows = Math.ceil(count / columns);
  return { image, address: URL.createObjectURL(file), columns, rows, count, width: image.width / columns, height: image.height / rows };
}

// Sheets by a key, each asked for once; one after the other, what is looked at before what may be looked at later.
export class Sheets {
  // `ask`: key -> promise of what the server sends; `open`: that -> promise of what is kept.
  constructor(ask, open = openSheet) {
    this.ask = ask;
    this.open = open;
    this.kept = new Map();
    this.waiting = []; // entries, the next one in front
    this.busy = false;
  }

  // The sheet if it is here.
  now(key) {
    return this.kept.get(key)?.done || null;
  }

  // `later`: it may be looked at, but is not yet.
  get(key, later = false) {
    const known = this.kept.get(key), entry = known || { key, done: null };
    if (!known) {
      entry.promise = new Promise((come, fail) => Object.assign(entry, { come, fail }));
      entry.promise.catch(() => {}); // nobody need wait for it
      this.kept.set(key, entry);
    }
    const at = this.waiting.indexOf(entry);
    if (!known && later) this.waiting.push(entry);
    else if (!later && (!known || at > 0)) this.waiting.unshift(...(at > 0 ? this.waiting.splice(at, 1) : [entry]));
    this.next();
    return entry.promise;
  }

  async next() {
    if (this.busy || !this.waiting.length) return;
    this.busy = true;
    const entry = this.waiting.shift();
    try {
      entry.come((entry.done = await this.open(await this.ask(entry.key))));
    } catch (error) {
      this.kept.delete(entry.key); // asked for again the next time
      entry.fail(error);
    }
    this.busy = false;
    this.next();
  }
}

// Codes row by row in a given order, which may leave some out: {order, at, count, columns, rows}; `at`: code -> place.
export function gridOf(order, columns) {
  return { order, at: new Map(order.map((code, place) => [code, place])), count: order.length, columns,
    rows: Math.ceil(order.length / columns) };
}

export const inOrder = (count) => Array.from({ length: count }, (_, code) => code);

// As many columns as there may be, each at least so wide.
export const columnsFor = (width, least, gap, most) => clamp(Math.floor((width + gap) / (least + gap)), 1, most);

// The code at a place in the grid, both 0..1; null in a last row that is not full.
export function codeAt(grid, x, y) {
  const column = clamp(Math.floor(x * grid.columns), 0, grid.columns - 1);
  const row = clamp(Math.floor(y * grid.rows), 0, grid.rows - 1);
  return grid.order[row * grid.columns + column] ?? null;
}

// Where an arrow key leads from a code; null for another key.
export function moved(grid, code, key) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -grid.columns, ArrowDown: grid.columns,
    Home: -grid.count, End: grid.count }[key];
  return step === undefined ? null : grid.order[clamp((grid.at.get(code) ?? 0) + step, 0, grid.count - 1)];
}

// Draws one code of a sheet of pictures.
export function cut(context, sheet, code, x, y, width, height) {
  const column = code % sheet.columns, row = Math.floor(code / sheet.columns);
  context.drawImage(sheet.image, column * sheet.width, row * sheet.height, sheet.width, sheet.height, x, y, width, height);
}

// One code as a small picture of its own, or its text. A window on the sheet: browsers take long over many new canvases.
export function patch(sheet, code, side = 0, attributes = {}) {
  if (sheet.texts) return el("span", { class: "mm-text-face", ...attributes }, visible(sheet.texts[code]));
  const { columns, rows } = sheet, share = (at, of) => (of > 1 ? (100 * at) / (of - 1) : 0);
  const style = `background-image:url("${sheet.address}");background-size:${100 * columns}% ${100 * rows}%;`
    + `background-position:${share(code % columns, columns)}% ${share(Math.floor(code / columns), rows)}%`;
  return el("span", { class: "mm-patch", style: side ? `${style};width:${side}px;height:${side}px` : style, ...attributes });
}

const GAP = 2; // pixels of the screen between two patches
const TEXT = { least: 56, height: 26 };
const SMALL = 0.4; // side of a code that is not used, where size tells use

// How large a code is drawn that is used so often, where the most used is used `most` times.
export const sizeOf = (uses, most) => (uses ? SMALL + (1 - SMALL) * (0.3 + 0.7 * (Math.log1p(uses) / Math.log1p(most))) : SMALL);

// A sheet to point at: {node, show(sheet, {order, uses, dead, rare}), mark({selected, hovered}), bySize(on)}.
// `onHover(code or null)`, `onPick(code)`, `onMove(code)` by an arrow key; `name(code)`: what a screen reader says;
// `least`: pixels that a patch is wide at least, which may mean other columns than the sheet's own.
export function sheetBoard({ label, name, onHover, onPick, onMove = onPick, least = 0 }) {
  const option = el("span", { role: "option", id: `mm-option-${Math.random().toString(36).slice(2)}`,
    "aria-selected": "true", class: "mm-spoken" });
  const canvas = el("canvas", { "aria-hidden": "true" });
  const rings = { hovered: el("i", { class: "mm-ring", hidden: true }), selected: el("i", { class: "mm-ring mm-chosen", hidden: true }) };
  const node = el("div", { class: "mm-board", role: "listbox", tabindex: "0", "aria-label": label,
    "aria-activedescendant": option.id }, canvas, rings.hovered, rings.selected, option);
  let sheet = null, grid = null, given = {}, sized = false;
  let marks = { selected: 0, hovered: null };
  let size = null; // in pixels of the page: of a patch, and from one to the next

  function measured() {
    const pitch = (canvas.clientWidth + GAP) / grid.columns, side = pitch - GAP;
    return sheet.texts ? { pitch, side, down: TEXT.height + GAP, height: TEXT.height } : { pitch, side, down: pitch, height: side };
  }

  function paint() {
    if (!sheet || !canvas.clientWidth) return;
    const order = given.order || inOrder(sheet.count), wide = sheet.texts ? TEXT.least : least;
    grid = gridOf(order, wide ? columnsFor(canvas.clientWidth, wide, GAP, sheet.columns || 64) : sheet.columns);
    const scale = window.devicePixelRatio || 1, { down } = (size = measured());
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.max(1, Math.round((grid.rows * down - GAP) * scale));
    canvas.style.height = canvas.height / scale + "px";
    node.dataset.count = grid.count;
    node.dataset.columns = grid.columns;
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const colours = Object.fromEntries(["sunken", "ink", "muted", "accent-soft", "surface", "line"].map((c) => [c, css(node, `--mm-${c}`)]));
    const most = Math.max(1, ...(given.uses || []));
    order.forEach((code, place) => drawCode(context, code, place, colours, most));
    ring();
  }

  function drawCode(context, code, place, colours, most) {
    const { pitch, side, down, height } = size;
    const x = (place % grid.columns) * pitch, y = Math.floor(place / grid.columns) * down;
    const uses = given.uses?.[code] || 0, share = sized && given.uses ? sizeOf(uses, most) : 1;
    if (sheet.texts) drawText(context, sheet.texts[code], x, y, side, height, colours, sized && given.uses ? uses / most : null);
    else {
      context.imageSmoothingEnabled = side * share < sheet.width;
      cut(context, sheet, code, x + (side * (1 - share)) / 2, y + (height * (1 - share)) / 2, side * share, height * share);
    }
    if (given.rare?.has(code)) corner(context, x + side, y, colours);
    if (given.dead?.has(code)) cross(context, x, y, side, height, colours);
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    return codeAt(grid, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  function ring() {
    for (const [mark, code] of Object.entries(marks)) {
      if (!(mark in rings)) continue;
      const place = code === null || !grid ? undefined : grid.at.get(code);
      rings[mark].hidden = place === undefined;
      if (place === undefined) continue;
      const { pitch, side, down, height } = size;
      rings[mark].style.cssText = `left:${(place % grid.columns) * pitch}px;top:${Math.floor(place / grid.columns) * down}px;width:${side}px;height:${height}px`;
    }
  }

  node.addEventListener("pointermove", (event) => grid && event.pointerType !== "touch" && onHover(at(event)));
  node.addEventListener("pointerleave", () => grid && onHover(null));
  node.addEventListener("click", (event) => {
    const code = grid ? at(event) : null;
    if (code !== null) onPick(code);
  });
  node.addEventListener("keydown", (event) => {
    if (!grid) return;
    const next = moved(grid, marks.selected, event.key);
    if (next === null && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (next === null) onPick(marks.selected);
    else if (next !== undefined) onMove(next);
    rings.selected.scrollIntoView?.({ block: "nearest" });
  });
  new ResizeObserver(paint).observe(node);

  return {
    node,
    show(value, options = {}) {
      sheet = value;
      given = options;
      if (!sheet) node.dataset.count = 0;
      paint();
    },
    mark(value) {
      marks = { ...marks, ...value };
      const spoken = name(marks.selected);
      if (option.textContent !== spoken) option.textContent = spoken;
      ring();
    },
    bySize(on) {
      if (on === sized) return;
      sized = on;
      paint();
    },
    repaint: paint,
  };
}

function drawText(context, text, x, y, width, height, colours, share) {
  context.fillStyle = colours.sunken;
  context.fillRect(x, y, width, height);
  if (share) {
    context.fillStyle = colours["accent-soft"];
    context.fillRect(x, y, width * (0.12 + 0.88 * Math.sqrt(share)), height);
  }
  context.font = "12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = share === 0 ? colours.muted : colours.ink;
  context.fillText(visible(text), x + width / 2, y + height / 2 + 1, width - 4);
}

// Rarely used in training: a corner is cut off. Never used: crossed out.
function corner(context, x, y, colours) {
  context.fillStyle = colours.surface;
  context.beginPath();
  context.moveTo(x - 10, y);
  context.lineTo(x, y);
  context.lineTo(x, y + 10);
  context.fill();
}

function cross(context, x, y, width, height, colours) {
  for (const [colour, line] of [[colours.surface, 4], [colours.ink, 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + width, y + height);
    context.moveTo(x + width, y);
    context.lineTo(x, y + height);
    context.stroke();
  }
}
