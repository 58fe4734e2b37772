// The picture viewer: stage, mode buttons, level slider, number tiles, token panel, downloads.
const state = { value: null, codes: null, mode: "compare", level: 0, shown: null, picked: null, rivals: null };
const stage = makeStage(onCell);
const panel = el("div", { class: "mm-token", hidden: true });
const tiles = el("div", { class: "mm-tiles" });
const notes = el("ul", { class: "mm-notes", hidden: true });
const busy = el("span", { class: "mm-busy", role: "status" });
const slider = el("input", { type: "range", min: 1, max: 1, value: 1, step: 1, id: "mm-levels",
  "aria-label": say("levels") });
const readout = el("output", { for: "mm-levels" });
const chips = el("div", { class: "mm-chips", hidden: true });
const legend = el("div", { class: "mm-legend", hidden: true }, el("span", {}, "0"),
  el("i", { style: `background:linear-gradient(90deg,${HEAT.map((c) => `rgb(${c})`).join(",")})` }),
  el("span", {}, say("heat_max")));
const undo = el("button", { type: "button", class: "mm-link", hidden: true,
  onclick: () => trigger("undo", { levels: state.shown }) }, say("undo"));
const MODES = ["compare", "tokens", "difference", "rival"];
const modes = Object.fromEntries(MODES.map((mode) => [mode, el("button", {
  type: "button", role: "tab", "data-mode": mode, onclick: () => setMode(mode) }, say("mode_" + mode))]));
const saves = [
  el("button", { type: "button", class: "mm-button", "data-save": "png", onclick: savePng }, say("save_png")),
  el("button", { type: "button", class: "mm-button", "data-save": "mmt", onclick: saveTokens }, say("save_mmt"))];

element.querySelector(".mm-viewer").replaceChildren(
  el("div", { class: "mm-bar" }, el("div", { class: "mm-modes", role: "tablist" }, Object.values(modes)), busy),
  stage.node, legend, chips,
  el("label", { class: "mm-levels" }, el("span", {}, say("levels")), slider, readout),
  panel, tiles, notes, el("div", { class: "mm-actions" }, saves, undo));

slider.addEventListener("input", () => { state.wanted = Number(slider.value); draw(); announce(); });
document.addEventListener("mm-picking", () => {
  busy.textContent = say("encoding");
  stage.node.classList.add("mm-wait");
});
document.addEventListener("mm-picture-rivals", (event) => { state.rivals = event.detail; draw(); });
watch("value", update);
new ResizeObserver(() => { if (state.mode === "tokens") draw(); }).observe(stage.node);
update();

function update() {
  const value = props.value;
  if (!value || !value.original) return;
  stage.node.classList.remove("mm-wait");
  if (value.waiting) return showWaiting(value);
  const fresh = !state.value || state.value.id !== value.id;
  if (!state.value || state.value.codes.data !== value.codes.data) state.codes = unpackCodes(value.codes);
  state.value = value;
  if (fresh) {
    stage.shape(value.width, value.height);
    state.picked = null;
    state.level = Math.min(state.level, value.levels - 1);
    slider.max = value.levels;
    if (!state.wanted || state.wanted > value.levels) state.wanted = value.start;
    stage.arrive();
  }
  if (value.png && value.png.id !== state.png) {
    state.png = value.png.id;
    fetch(value.png.src).then((r) => r.blob()).then((blob) => saveBlob(blob, value.name + ".png"));
  }
  undo.hidden = !value.changed;
  notes.hidden = !value.notes.length;
  notes.replaceChildren(...value.notes.map((note) => el("li", {}, note)));
  Object.assign(element.querySelector(".mm-viewer").dataset, { ready: value.id, shown: "" });
  draw();
  announce();
}

// While the encoder works, the original stands alone.
function showWaiting(value) {
  state.value = null;
  stage.shape(value.width, value.height);
  stage.swipe(false);
  stage.canvas.hidden = true;
  stage.node.dataset.mode = "waiting";
  stage.node.classList.add("mm-wait");
  stage.show(value.original, value.original, say("original"), "");
  busy.textContent = say("encoding");
  panel.hidden = notes.hidden = undo.hidden = true;
  drawTiles({}, slider.max);
  const viewer = element.querySelector(".mm-viewer");
  viewer.dataset.shown = "";
  delete viewer.dataset.ready;
}

// The decoded level nearest to the wanted one; all levels arrive within moments of the first.
function nearest() {
  const ready = Object.keys(state.value.recon).map(Number);
  return ready.reduce((best, n) => (Math.abs(n - state.wanted) < Math.abs(best - state.wanted) ? n : best));
}

function setMode(mode) {
  state.mode = mode;
  draw();
}

function draw() {
  const { value, mode } = state;
  for (const [name, button] of Object.entries(modes)) button.setAttribute("aria-selected", name === mode);
  if (!value) return;
  const shown = (state.shown = nearest());
  slider.value = state.wanted;
  readout.textContent = say("of", { n: state.wanted, all: value.levels });
  busy.textContent = shown === state.wanted ? "" : say("decoding");
  const rival = state.rivals && state.rivals.id === value.id ? state.rivals.jpeg[shown] : null;
  modes.rival.disabled = !rival;
  const reconstruction = value.recon[shown];
  stage.swipe(mode === "compare" || (mode === "rival" && Boolean(rival)));
  stage.canvas.hidden = mode !== "tokens" && mode !== "difference";
  stage.node.dataset.mode = mode;
  if (mode === "rival" && rival) stage.show(rival.src, reconstruction, rival.label, ourLabel(value, shown));
  else stage.show(value.original, reconstruction, say(value.has_original ? "original" : "all_levels"), ourLabel(value, shown));
  legend.hidden = mode !== "difference";
  panel.hidden = chips.hidden = mode !== "tokens";
  if (mode === "difference")
    drawDifference(stage.canvas, value.original, reconstruction, value.width, value.height).catch(() => {});
  if (mode === "tokens") drawTokens();
  drawTiles(value.figures[shown], shown);
}

function ourLabel(value, shown) {
  const figures = value.figures[shown];
  return say("reconstruction") + (figures ? ` · ${number(figures.bytes)} B` : "");
}

function gridBox() {
  const box = stage.node.getBoundingClientRect();
  return { width: box.width, height: box.height, across: state.value.width / state.value.stride,
    down: state.value.height / state.value.stride };
}

function drawTokens() {
  const { value, codes, level } = state;
  chips.replaceChildren(...Array.from({ length: value.levels }, (_, l) => el("button", {
    type: "button", class: "mm-chip" + (l === level ? " mm-on" : ""), style: `--tone:var(--mm-level-${l % 8})`,
    onclick: () => setLevel(l) }, say("level_n", { n: l + 1 }))));
  drawGrid(stage.canvas, codes, value.grid, level, state.picked, gridBox());
  fillTokenPanel(panel, state, swap, setLevel);
}

function setLevel(level) {
  state.level = level;
  draw();
}

function swap(level, picked, code) {
  busy.textContent = say("decoding");
  trigger("swap", { level, row: picked.y, column: picked.x, code, levels: state.shown });
}

function onCell(kind, at, event) {
  if (kind === "leave" || state.mode !== "tokens" || !state.value) return void (stage.tip.hidden = true);
  const { value, codes, level } = state;
  const [rows, columns] = value.grid;
  const x = Math.min(columns - 1, Math.floor((at.x * value.width) / value.stride));
  const y = Math.min(rows - 1, Math.floor((at.y * value.height) / value.stride));
  if (kind === "pick") {
    state.picked = { x, y };
    return draw();
  }
  stage.tip.hidden = event.pointerType === "touch";
  stage.tip.textContent = say("tip", { row: y + 1, column: x + 1, level: level + 1,
    code: codes[(level * rows + y) * columns + x] });
  stage.tip.style.left = at.x * 100 + "%";
  stage.tip.style.top = at.y * 100 + "%";
  stage.tip.classList.toggle("mm-tip-left", at.x > 0.6);
}

function drawTiles(figures, shown) {
  const f = figures || {};
  const entries = [["bytes", number(f.bytes)], ["bpp", number(f.bpp, 3)], ["psnr", number(f.psnr, 1), "dB"],
    ["ms_ssim", number(f.ms_ssim, 3)], ["tokens", number(f.tokens)],
    ["perplexity", number(f.perplexity, 0), state.value && say("of_codes", { n: state.value.codebook })]];
  tiles.replaceChildren(...entries.map(([name, text, note]) => el("div", { class: "mm-tile", "data-figure": name },
    el("span", { class: "mm-tile-name" },
      name === "perplexity" ? say("perplexity_of", { level: shown }) : say(name)), el("span", { class: "mm-tile-value" }, text),
    note ? el("span", { class: "mm-tile-note" }, note) : null)));
}

// The rate plot stands in another component; it marks the level that the slider shows.
function announce() {
  if (!state.value) return;
  window.mmPictureLevel = { id: state.value.id, level: state.shown };
  document.dispatchEvent(new CustomEvent("mm-picture-level", { detail: window.mmPictureLevel }));
}

function savePng() {
  if (state.value) trigger("png", { levels: state.shown });
}

function saveTokens() {
  const packed = state.value && state.value.files[state.shown];
  if (!packed) return;
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  saveBlob(new Blob([bytes], { type: "application/octet-stream" }), state.value.name + ".mmt");
}
