// The picture viewer: stage, mode buttons, level slider, number tiles, token panel, downloads.
import { bytesOf, el, levelTone, number, saveBlob, translator, unpackCodes, readValue } from "../shared/base.js";
import { Sheets } from "../shared/code_sheet.js";
import { drawDifference, HEAT } from "./difference.js";
import { listenForFiles } from "./intake.js";
import { makeStage } from "./stage.js";
import { drawGrid } from "./token_grid.js";
import { makeTokenPanel } from "./token_panel.js";

const NOTHING = { ours: [], files: {}, baselines: {} };

export default function viewer({ element, props, server, trigger, watch }) {
  const state = { value: null, codes: null, mode: "compare", level: 0, shown: null, picked: null, known: null,
    pair: false, codec: "JPEG" };
  const say = translator(props);
  const host = element.querySelector(".mm-viewer");
  const stage = makeStage(say, onCell);
  const panel = el("div", { class: "mm-token", hidden: true });
  const tokenPanel = makeTokenPanel(say, panel, new Sheets((level) => server.code_sheet(level)), swap, setLevel);
  const tiles = el("div", { class: "mm-tiles" });
  const notes = el("ul", { class: "mm-notes", hidden: true });
  const busy = el("span", { class: "mm-busy", role: "status" });
  const slider = el("input", { type: "range", min: 1, max: 1, value: 1, step: 1, id: "mm-levels",
    "aria-label": say("levels") });
  const readout = el("output", { for: "mm-levels" });
  const codecs = el("div", { class: "mm-chips", hidden: true });
  const chips = el("div", { class: "mm-chips", hidden: true });
  const legend = el("div", { class: "mm-legend", hidden: true }, el("span", {}, "0"),
    el("i", { style: `background:linear-gradient(90deg,${HEAT.map((c) => `rgb(${c})`).join(",")})` }),
    el("span", {}, say("heat_max")));
  const undo = el("button", { type: "button", class: "mm-link", hidden: true,
    onclick: () => trigger("undo", { levels: state.shown }) }, say("undo"));
  const pairing = el("button", { type: "button", class: "mm-toggle", "aria-pressed": "false", title: say("pair_hint"),
    "aria-label": say("pair"), onclick: () => { state.pair = !state.pair; draw(); } }, el("span", {}, say("pair")));
  const grounds = Object.fromEntries(["white", "black", "checker"].map((name) => [name, el("button", { type: "button",
    "data-ground": name, onclick: () => changeGround(name) }, say("on_" + name))]));
  const ground = el("div", { class: "mm-ground", hidden: true }, el("span", {}, say("background")),
    el("div", { class: "mm-modes mm-small" }, Object.values(grounds)));
  const MODES = ["compare", "tokens", "difference", "baseline"];
  const modes = Object.fromEntries(MODES.map((mode) => [mode, el("button", {
    type: "button", role: "tab", "data-mode": mode, onclick: () => setMode(mode) }, say("mode_" + mode))]));
  const saves = [
    el("button", { type: "button", class: "mm-button", "data-save": "png", onclick: savePng }, say("save_png")),
    el("button", { type: "button", class: "mm-button", "data-save": "mmt", onclick: saveTokens }, say("save_mmt"))];

  host.replaceChildren(
    el("div", { class: "mm-bar" }, el("div", { class: "mm-modes", role: "tablist" }, Object.values(modes)), busy, pairing),
    stage.node, legend, codecs, chips,
    el("label", { class: "mm-levels" }, el("span", {}, say("levels")), slider, readout),
    panel, tiles, notes, ground, el("div", { class: "mm-actions" }, saves, undo));

  slider.addEventListener("input", () => {
    state.wanted = Number(slider.value);
    draw();
    announce();
    wantNext();
  });
  document.addEventListener("mm-picking", () => {
    busy.textContent = say("encoding");
    stage.node.classList.add("mm-wait");
  });
  document.addEventListener("mm-picture-known", (event) => { state.known = event.detail; draw(); finishSave(); });
  watch("value", update);
  new ResizeObserver(() => { if (state.mode === "tokens") draw(); }).observe(stage.node);
  listenForFiles(say, host, stage.node);
  update();

  function update() {
    const value = readValue(props);
    if (!value) return;
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
    notes.replaceChildren(...value.notes.map((note) => el("li", {}, note[window.mmLang] || note.en)));
    ground.hidden = !value.background;
    for (const [name, button] of Object.entries(grounds)) button.setAttribute("aria-selected", name === value.background);
    Object.assign(host.dataset, { ready: value.id, shown: "" });
    draw();
    announce();
  }

  // While the encoder works, the original stands alone.
  function showWaiting(value) {
    state.value = null;
    stage.shape(value.width, value.height);
    stage.swipe(false);
    stage.pair(false);
    stage.canvas.hidden = true;
    stage.node.dataset.mode = "waiting";
    stage.node.classList.add("mm-wait");
    stage.show(value.original, value.original, say("original"), "");
    busy.textContent = say("encoding");
    panel.hidden = notes.hidden = undo.hidden = ground.hidden = true;
    drawTiles({}, slider.max);
    host.dataset.shown = "";
    delete host.dataset.ready;
  }

  // Asks for a level that is not there yet, to be decoded before the others.
  function wantNext() {
    const { value, wanted } = state;
    if (value && !(value.recon[wanted] && known().files[wanted])) trigger("want", { levels: wanted });
  }

  // Pictures of the slower codecs are made only when somebody wants to compare, once JPEG is there.
  function askForOthers(baselines) {
    if (!known().done || baselines.length !== 1 || state.asked === state.value.version) return;
    state.asked = state.value.version;
    trigger("others", {});
  }

  // Files and baselines of exactly these codes, as far as they have been made.
  function known() {
    const { known: all, value } = state;
    return all && value && all.id === value.id && all.version === value.version ? all : NOTHING;
  }

  // The figures of the shown levels; bytes come later than the rest, from the file.
  function figuresNow() {
    const figures = state.value.figures[state.shown] || {};
    const file = known().ours.find((point) => point.level === state.shown);
    return file ? { ...figures, bytes: file.bytes, bpp: file.bpp } : figures;
  }

  function changeGround(name) {
    if (!state.value || state.value.background === name) return;
    trigger("background", { background: name, levels: state.shown });
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
    const baselines = Object.keys(known().baselines);
    const codec = baselines.includes(state.codec) ? state.codec : baselines[0];
    const baseline = codec ? known().baselines[codec][shown] : null;
    modes.baseline.disabled = !baselines.length;
    const reconstruction = value.recon[shown];
    const comparing = mode === "compare" || mode === "baseline";
    pairing.hidden = !comparing;
    pairing.setAttribute("aria-pressed", state.pair);
    stage.swipe(comparing && !state.pair);
    stage.pair(comparing && state.pair);
    stage.canvas.hidden = mode !== "tokens" && mode !== "difference";
    stage.node.dataset.mode = mode;
    if (mode === "baseline") askForOthers(baselines);
    codecs.hidden = mode !== "baseline" || baselines.length < 2;
    codecs.replaceChildren(...baselines.map((name) => el("button", { type: "button", "data-codec": name,
      class: "mm-chip" + (name === codec ? " mm-on" : ""), style: "--tone:var(--mm-accent)",
      onclick: () => { state.codec = name; draw(); } }, name)));
    if (mode === "baseline" && baseline) stage.show(baseline.src, reconstruction, baselineLabel(baseline), ourLabel());
    else stage.show(value.original, reconstruction, say(value.has_original ? "original" : "all_levels"), ourLabel());
    legend.hidden = mode !== "difference";
    panel.hidden = chips.hidden = mode !== "tokens";
    if (mode === "difference")
      drawDifference(stage.canvas, value.original, reconstruction, value.width, value.height).catch(() => {});
    if (mode === "tokens") drawTokens();
    drawTiles(figuresNow(), shown);
  }

  function ourLabel() {
    const { bytes, psnr } = figuresNow();
    const parts = [say("reconstruction"), bytes ? `${number(bytes)} B` : "", psnr ? `${number(psnr, 1)} dB` : ""];
    return parts.filter(Boolean).join(" · ");
  }

  // Every codec has a smallest file; where ours is far below it, the label says so.
  function baselineLabel(baseline) {
    const ours = figuresNow().bytes || baseline.bytes;
    return say(baseline.bytes > 1.1 * ours ? "baseline_larger" : "baseline", { setting: baseline.setting,
      bytes: number(baseline.bytes), times: number(baseline.bytes / ours, 1), psnr: number(baseline.psnr, 1) });
  }

  function gridBox() {
    const box = stage.node.getBoundingClientRect();
    return { width: box.width, height: box.height, across: state.value.width / state.value.stride,
      down: state.value.height / state.value.stride };
  }

  function drawTokens() {
    const { value, codes, level } = state;
    chips.replaceChildren(...Array.from({ length: value.levels }, (_, l) => el("button", {
      type: "button", class: "mm-chip" + (l === level ? " mm-on" : ""), style: levelTone(l),
      onclick: () => setLevel(l) }, say("level_n", { n: l + 1 }))));
    drawGrid(stage.canvas, codes, value.grid, level, state.picked, gridBox());
    tokenPanel.fill(state);
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
    const later = f.tokens && f.bytes === null ? "…" : null; // the file is being made
    const entries = [["bytes", later || number(f.bytes)], ["bpp", later || number(f.bpp, 3)], ["psnr", number(f.psnr, 1), "dB"],
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

  // The file may still be in the making: then it is saved as soon as it is there.
  function saveTokens() {
    if (!state.value) return;
    state.saving = { version: state.value.version, levels: state.shown };
    finishSave();
  }

  function finishSave() {
    const { saving, value } = state;
    if (!saving || !value) return;
    if (saving.version !== value.version) return void (state.saving = null);
    const packed = known().files[saving.levels];
    if (!packed) return;
    state.saving = null;
    saveBlob(new Blob([bytesOf(packed)], { type: "application/octet-stream" }), value.name + ".mmt");
  }
}
