// The panel of the token that is picked: its codes, all codes of a level to choose from, its surroundings enlarged.
import { el, levelTone } from "../shared/base.js";
import { patch, sheetBoard } from "../shared/code_sheet.js";

const ZOOM_TOKENS = 7;

// `sheets`: of the levels. Fills `panel` for the picked token of `state`, and again as sheets arrive.
export function makeTokenPanel(say, panel, sheets, onSwap, onLevel) {
  const label = el("span", { class: "mm-hint" });
  let current = 0, now = null;
  const swap = (code) => onSwap(now.level, now.picked, code);
  const point = (code) => {
    board.mark({ hovered: code === current ? null : code });
    label.textContent = code === null || code === current ? say("code_now", { code: current })
      : say("code_swap", { code, current });
  };
  const board = sheetBoard({ label: say("swap_hint"), name: (code) => say("code_swap", { code, current }),
    onHover: point, onPick: swap, onMove: (code) => board.mark({ selected: code }) });

  const want = (level) => sheets.get(level).then(() => now && fill(now)).catch(() => {});

  function fill(state) {
    now = state.mode === "tokens" && state.value ? state : null;
    if (!now) return;
    const { value, codes, picked, level } = state, [rows, columns] = value.grid;
    const levels = Array.from({ length: value.levels }, (_, l) => l);
    if (!sheets.now(level)) want(level);
    if (!picked) return panel.replaceChildren(el("p", { class: "mm-hint" }, say("token_hint")));
    levels.filter((l) => !sheets.now(l)).forEach(want);
    const codeAt = (l) => codes[(l * rows + picked.y) * columns + picked.x];
    const stack = levels.map((l) => el("button", {
      type: "button", class: "mm-code" + (l === level ? " mm-on" : ""), style: levelTone(l), onclick: () => onLevel(l) },
      sheets.now(l) ? patch(sheets.now(l), codeAt(l), 28) : el("span", { class: "mm-patch mm-blank" }),
      el("span", {}, say("level_n", { n: l + 1 })), el("b", {}, String(codeAt(l)))));
    current = codeAt(level);
    const beside = zooms(state);
    panel.replaceChildren(
      el("p", { class: "mm-hint" }, say("token_at", { row: picked.y + 1, column: picked.x + 1 })),
      el("div", { class: "mm-stack" }, stack),
      sheets.now(level) ? el("div", { class: "mm-swap" }, board.node,
        el("div", {}, el("p", { class: "mm-hint" }, say("swap_hint")), label, beside)) : beside);
    board.show(sheets.now(level));
    board.mark({ selected: current });
    point(current);
  }

  // The surroundings of the picked token, enlarged: what a swap changes, and how far it reaches.
  function zooms({ value, picked, shown }) {
    const pairs = [[value.original, say("zoom_original")], [value.recon[shown], say("zoom_now")]];
    return el("div", { class: "mm-zooms" }, pairs.map(([source, name]) => {
      const canvas = el("canvas", { width: 168, height: 168 });
      const image = new Image();
      image.src = source;
      image.decode().then(() => drawZoom(canvas, image, value.stride, picked)).catch(() => {});
      return el("figure", {}, canvas, el("figcaption", { class: "mm-hint" }, name));
    }));
  }

  return { fill };
}

function drawZoom(canvas, image, stride, picked) {
  const span = ZOOM_TOKENS * stride, scale = canvas.width / span;
  const [x, y] = [(picked.x + 0.5) * stride - span / 2, (picked.y + 0.5) * stride - span / 2];
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(image, -x * scale, -y * scale, image.naturalWidth * scale, image.naturalHeight * scale);
  const middle = ((ZOOM_TOKENS - 1) / 2) * stride * scale;
  for (const [style, width] of [["#fff", 3], ["#111", 1.5]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(middle, middle, stride * scale, stride * scale);
  }
}
