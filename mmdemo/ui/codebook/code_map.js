// The map of a codebook: every code where its codeword lies, as what it stands for. Zoom, pan, walk by arrow keys, and
// for sounds play by dragging.
import { css, el, fitted, visible } from "../shared/base.js";
import { cut, patch } from "../shared/code_sheet.js";
import { kindOf } from "./kinds.js";
import { nearestPlace, onMap, panned, seen, towards, WHOLE, zoomed } from "./viewport.js";

const MARGIN = 16; // pixels around the map
const LEGIBLE = 3; // zoom from which on all texts are written

// `onHover(code or null)`, `onPick(code)`, `onDrag(code)` and `onLift()` where dragging plays; `name(code)` is spoken.
export function makeMap({ say, name, onHover, onPick, onDrag, onLift }) {
  const option = el("span", { role: "option", id: "mm-map-option", "aria-selected": "true", class: "mm-spoken" });
  const canvas = el("canvas", { class: "mm-map", "aria-hidden": "true" });
  // What is pointed at lies above the map, which is drawn anew when something else is chosen, not with every move.
  const pointed = el("div", { class: "mm-map-pointed", "aria-hidden": "true", hidden: true });
  const board = el("div", { class: "mm-map-board", role: "listbox", tabindex: "0", "aria-label": say("map_title"),
    "aria-activedescendant": option.id }, canvas, pointed, option);
  const kinds = el("div", { class: "mm-modes mm-small", role: "group", "aria-label": say("map_kind") });
  const tools = el("div", { class: "mm-modes mm-small", role: "group", "aria-label": say("map_tool"), hidden: true });
  const zooms = [["−", 1 / 1.5, "zoom_out"], ["+", 1.5, "zoom_in"]].map(([sign, factor, word]) =>
    el("button", { type: "button", class: "mm-button mm-square", "aria-label": say(word), onclick: () => look(zoomed(view, factor)) }, sign));
  const whole = el("button", { type: "button", class: "mm-button mm-square", "aria-label": say("zoom_all"), title: say("zoom_all"),
    onclick: () => look(WHOLE) }, "⤢");
  const node = el("div", {}, el("div", { class: "mm-tools" }, kinds, tools, el("span", { class: "mm-grow" }), zooms, whole), board);
  let level = null, sheet = null, uses = [], kind = "umap", tool = "play", view = WHOLE;
  let marks = { selected: 0, hovered: null }, asked = 0;
  let frameOf = null; // code -> [x, y, side] of its place as the map is drawn, in pixels of the page
  const held = new Map(); // pointers on the map

  const places = () => (kind === "umap" && level.umap) || level.map;

  function look(next) {
    view = next;
    touch();
    draw();
  }

  function drawSoon() {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; drawNow(); });
  }
  const draw = drawSoon;

  function drawNow() {
    if (!level || !sheet || !canvas.clientWidth) return;
    const [context, width, height] = fitted(canvas), scale = window.devicePixelRatio || 1;
    const frame = Math.min(width, height) / 2 - MARGIN * scale;
    const at = (code) => {
      const [u, v] = seen(view, places()[code]);
      return [width / 2 + u * (width / 2 - MARGIN * scale), height / 2 - v * (height / 2 - MARGIN * scale)];
    };
    const tone = css(canvas, `--mm-level-${level.level % 8}`), ink = css(canvas, "--mm-ink"), ground = css(canvas, "--mm-surface");
    const muted = css(canvas, "--mm-muted");
    context.clearRect(0, 0, width, height);
    const most = Math.max(1, ...uses), any = uses.some(Boolean);
    const side = Math.min(44 * scale, (frame / Math.sqrt(level.count)) * 1.3 * Math.sqrt(view.zoom));
    const inside = ([x, y]) => x > -side && y > -side && x < width + side && y < height + side;
    context.imageSmoothingEnabled = false;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `${Math.max(9 * scale, side * 0.55)}px ui-monospace, Menlo, Consolas, monospace`;
    if (any) { // the codes of the input glow
      for (let code = 0; code < level.count; code++) {
        const place = at(code);
        if (!uses[code] || !inside(place)) continue;
        const reach = side * (0.75 + 0.9 * Math.sqrt(uses[code] / most));
        context.globalAlpha = 0.3;
        context.fillStyle = tone;
        circle(context, place, reach);
        context.fill();
      }
      context.globalAlpha = 1;
    }
    const near = level.nearest[marks.selected].slice(0, 6);
    context.strokeStyle = tone;
    context.lineWidth = 1.5 * scale;
    for (const other of near) {
      context.beginPath();
      context.moveTo(...at(marks.selected));
      context.lineTo(...at(other));
      context.stroke();
    }
    const { selected } = marks, large = Math.max(side * 1.5, 22 * scale), [left, top] = at(selected);
    for (let code = 0; code < level.count; code++) if (code !== selected) point(code, any && !uses[code] ? side * 0.65 : side);
    near.forEach((code) => point(code, side));
    point(selected, large);
    for (const [colour, line] of [[ground, 5], [css(canvas, "--mm-accent"), 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = line * scale;
      context.strokeRect(left - large / 2, top - large / 2, large, large);
    }
    frameOf = (code) => at(code).map((n) => n / scale).concat(large / scale);
    drawPointed();

    function point(code, size) {
      const place = at(code);
      if (!inside(place)) return;
      if (sheet.texts && view.zoom < LEGIBLE && code !== selected && !near.includes(code) && !uses[code]) {
        context.fillStyle = muted; // words would hide each other
        circle(context, place, 1.6 * scale);
        context.fill();
      } else if (sheet.texts) {
        context.fillStyle = any && !uses[code] ? muted : ink;
        if (code === selected) {
          context.fillStyle = ground;
          context.fillRect(place[0] - size / 2, place[1] - size / 2, size, size);
          context.fillStyle = ink;
          return context.fillText(visible(sheet.texts[code]), ...place, size * 0.94);
        }
        context.fillText(visible(sheet.texts[code]), ...place);
      } else cut(context, sheet, code, place[0] - size / 2, place[1] - size / 2, size, size);
    }
  }

  function drawPointed() {
    const { hovered, selected } = marks;
    pointed.hidden = hovered === null || hovered === selected || !frameOf;
    if (pointed.hidden) return;
    const [x, y, side] = frameOf(hovered);
    pointed.style.cssText = `transform:translate(${x - side / 2}px,${y - side / 2}px);min-width:${side}px;height:${side}px`;
    pointed.replaceChildren(patch(sheet, hovered));
  }

  // Where an event is, in the square of `viewport.js`.
  function spot(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left - box.width / 2) / (box.width / 2 - MARGIN), (box.top + box.height / 2 - event.clientY) / (box.height / 2 - MARGIN)];
  }
  const codeAt = (event) => nearestPlace(places(), onMap(view, spot(event)));
  const plays = () => level && kindOf(level.modality).heard && tool === "play";

  board.addEventListener("pointerdown", (event) => {
    if (!level || event.button) return;
    board.setPointerCapture(event.pointerId);
    held.set(event.pointerId, { spot: spot(event), from: [event.clientX, event.clientY], moved: false });
    if (plays() && held.size === 1) onDrag(codeAt(event));
  });
  board.addEventListener("pointermove", (event) => {
    if (!level) return;
    const pointer = held.get(event.pointerId);
    if (!pointer) {
      if (event.pointerType !== "touch") onHover(codeAt(event));
      return;
    }
    const now = spot(event), before = pointer.spot;
    pointer.moved ||= Math.hypot(event.clientX - pointer.from[0], event.clientY - pointer.from[1]) > 4;
    if (held.size === 2) {
      const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, p]) => p.spot);
      const spread = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
      look(panned(zoomed(view, spread(now) / Math.max(1e-3, spread(before)), other), [(now[0] - before[0]) / 2, (now[1] - before[1]) / 2]));
    } else if (plays()) onDrag(codeAt(event));
    else if (pointer.moved) look(panned(view, [now[0] - before[0], now[1] - before[1]]));
    pointer.spot = now;
  });
  for (const end of ["pointerup", "pointercancel"])
    board.addEventListener(end, (event) => {
      const pointer = held.get(event.pointerId);
      held.delete(event.pointerId);
      if (!pointer || !level) return;
      if (plays()) onLift();
      else if (end === "pointerup" && !pointer.moved) onPick(codeAt(event));
    });
  board.addEventListener("pointerleave", () => level && !held.size && onHover(null));
  board.addEventListener("wheel", (event) => {
    if (!level) return;
    const next = zoomed(view, Math.exp(-event.deltaY / 400), spot(event));
    if (next.zoom === view.zoom) return; // the page scrolls on
    event.preventDefault();
    look(next);
  }, { passive: false });
  board.addEventListener("keydown", (event) => {
    if (!level) return;
    if (event.key === "+" || event.key === "=") look(zoomed(view, 1.5));
    else if (event.key === "-") look(zoomed(view, 1 / 1.5));
    else if (event.key === "0") look(WHOLE);
    else if (event.key === "Enter" || event.key === " ") onPick(marks.selected);
    else if (event.key.startsWith("Arrow")) onPick(towards(places(), marks.selected, event.key));
    else return;
    event.preventDefault();
  });
  new ResizeObserver(drawNow).observe(canvas);

  const choices = (row, options, current, choose) => row.replaceChildren(...options.map((option) => el("button", {
    type: "button", "aria-pressed": String(option === current),
    "data-map": option, onclick: () => choose(option) }, say("map_" + option))));

  function drawTools() {
    choices(kinds, level.umap ? ["umap", "pca"] : ["pca"], level.umap ? kind : "pca", (next) => { kind = next; drawTools(); look(WHOLE); });
    tools.hidden = !kindOf(level.modality).heard;
    choices(tools, ["play", "move"], tool, (next) => { tool = next; drawTools(); });
    touch();
  }

  // A finger scrolls the page on, unless it plays or moves the map.
  function touch() {
    board.style.touchAction = plays() || view.zoom > 1 ? "none" : "pan-y";
  }

  return {
    node,
    show(value, opened) {
      if (level?.id !== value.id) view = WHOLE;
      [level, sheet] = [value, opened];
      marks = { selected: Math.min(marks.selected, value.count - 1), hovered: null };
      drawTools();
      draw();
    },
    use(counts) {
      uses = counts;
      draw();
    },
    mark(selected, hovered) {
      const same = marks.selected === selected;
      marks = { selected, hovered };
      option.textContent = name(selected);
      if (same) drawPointed();
      else draw();
    },
    kind: () => (level?.umap ? kind : "pca"),
    redraw: draw,
  };
}

function circle(context, [x, y], radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
}
