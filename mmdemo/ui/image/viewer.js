// The picture viewer: stage, mode buttons, level slider, number tiles, token panel, downloads.
import { bytesOf, clamp, el, number, saveBlob, tellExample, translator, unpackCodes, readValue } from "../shared/base.js";
import { codeColours } from "../shared/code_colours.js";
import { makeBoard } from "../shared/code_board.js";
import { Sheets } from "../shared/code_sheet.js";
import { makeEditor, placeOf } from "../shared/editor.js";
import { boxOf } from "../shared/selection.js";
import { makeChangeView } from "./change_view.js";
import { carriedBy, intoPng } from "../shared/carried.js";
import { makeCard } from "../shared/card.js";
import { calm } from "../shared/motion.js";
import { makeLevels } from "../shared/levels.js";
import { linkTo, tellPlace, tellVisit } from "../shared/place.js";
import { drawDifference, HEAT } from "./difference.js";
import { listenForFiles } from "./intake.js";
import { isNeeded, makeLoupe } from "./loupe.js";
import { openPicture } from "./opening.js";
import { makeStage } from "./stage.js";
import { drawGrid } from "./token_grid.js";

const NOTHING = { ours: [], files: {}, baselines: {} };

export default function viewer({ element, props, server, trigger, watch }) {
  const state = { value: null, codes: null, mode: "compare", shown: null, known: null, pair: false, codec: "JPEG",
    coloured: false, cursor: null, before: null, area: null };
  const say = translator(props), shipped = props.others || []; // a skipped output loses further props
  const host = element.querySelector(".mm-viewer");
  const stage = makeStage(say, onCell);
  const sheets = new Sheets((level) => server.code_sheet(level));
  const colours = codeColours((first) => server.code_colours(first), () => drawTokens());
  const { board, swatch } = makeBoard(say, sheets, colours, (code) => editor.chosen(code));
  const editor = makeEditor(say, { area: "rectangle", board, swatch, where: whereIs, others,
    send: (what) => trigger("edit", what), warm: (what) => trigger("warm", what), draw: () => { drawTokens(); tell(); },
    raise: (levels) => { state.wanted = levels; draw(); announce(); }, link: addressOf, settle: () => trigger("settle", {}) });
  const changeView = makeChangeView(say);
  const loupe = makeLoupe(say, (at) => { editor.begin(at); editor.end(); });
  const coloured = el("button", { type: "button", class: "mm-button", "aria-pressed": "false",
    onclick: () => { state.coloured = !state.coloured; draw(); } }, say("colours"));
  const peek = el("button", { type: "button", class: "mm-button mm-peek", disabled: true }, say("peek"));
  const panel = el("div", { class: "mm-token", hidden: true },
    loupe.node,
    el("div", { class: "mm-row mm-looks" }, coloured, peek), editor.node, changeView.node);
  const tiles = el("div", { class: "mm-tiles" });
  const notes = el("ul", { class: "mm-notes", hidden: true });
  const spoken = el("span", { class: "mm-spoken", role: "status" });
  const busy = el("span", { class: "mm-busy", role: "status" });
  const levels = makeLevels(say, moveTo, { id: "mm-levels" });
  const codecs = el("div", { class: "mm-chips", hidden: true });
  const legend = el("div", { class: "mm-legend", hidden: true }, el("span", {}, "0"),
    el("i", { style: `background:linear-gradient(90deg,${HEAT.map((c) => `rgb(${c})`).join(",")})` }),
    el("span", {}, say("heat_max")));
  const pairing = el("button", { type: "button", class: "mm-toggle", "aria-pressed": "false", title: say("pair_hint"),
    "aria-label": say("pair"), onclick: () => { state.pair = !state.pair; draw(); } }, el("span", {}, say("pair")));
  const grounds = Object.fromEntries(["white", "black", "checker"].map((name) => [name, el("button", { type: "button",
    role: "tab", "data-ground": name, onclick: () => changeGround(name) }, say("on_" + name))]));
  const ground = el("div", { class: "mm-ground", hidden: true }, el("span", {}, say("background")),
    el("div", { class: "mm-modes mm-small", role: "tablist", "aria-label": say("background") }, Object.values(grounds)));
  const MODES = ["compare", "tokens", "difference", "baseline"];
  const modes = Object.fromEntries(MODES.map((mode) => [mode, el("button", {
    type: "button", role: "tab", "data-mode": mode, onclick: () => setMode(mode) }, say("mode_" + mode))]));
  const saves = [
    el("button", { type: "button", class: "mm-button", "data-save": "png", onclick: savePng }, say("save_png")),
    el("button", { type: "button", class: "mm-button", "data-save": "mmt", onclick: saveTokens }, say("save_mmt")),
    el("button", { type: "button", class: "mm-button", "data-save": "card", onclick: saveCard }, say("card"))];

  host.replaceChildren(
    el("div", { class: "mm-bar" }, el("div", { class: "mm-modes", role: "tablist" }, Object.values(modes)), busy, pairing),
    stage.node, legend, codecs,
    levels.node,
    panel, tiles, spoken, notes, ground, el("div", { class: "mm-actions" }, saves));

  document.addEventListener("mm-picking", () => {
    busy.textContent = say("encoding");
    stage.node.classList.add("mm-wait");
  });
  document.addEventListener("mm-picture-known", (event) => { state.known = event.detail; draw(); finishSave(); });
  watch("value", update);
  new ResizeObserver(drawTokens).observe(stage.node);
  stage.right.addEventListener("load", () => { if (state.touched) drawTokens(); }); // enlarged, it is drawn from
  document.addEventListener("keydown", (event) => { if (host.offsetParent) editor.historyKey(event); });
  for (const [name, on] of [["pointerdown", true], ["pointerup", false], ["pointerleave", false], ["blur", false]])
    peek.addEventListener(name, () => showBefore(on));
  peek.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") showBefore(true); });
  peek.addEventListener("keyup", () => showBefore(false));
  listenForFiles(say, host, stage.node);
  update();

  function moveTo(n) {
    state.wanted = n;
    editor.look(n);
    draw();
    announce();
    wantNext();
  }

  function update() {
    const value = readValue(props);
    if (!value) return;
    stage.node.classList.remove("mm-wait");
    if (value.waiting) return showWaiting(value);
    const older = state.value && state.value.id === value.id && Number(value.version) < Number(state.value.version);
    if (older) return; // figures of what has been edited since
    if (value.edited) return state.value?.version === value.version ? undefined : takeEdit(value);
    const fresh = !state.value || state.value.id !== value.id;
    if (!state.value || state.value.codes.data !== value.codes.data) state.codes = unpackCodes(value.codes);
    state.value = value;
    if (fresh) {
      stage.shape(value.width, value.height);
      editor.fresh();
      tellExample("mm-image-examples", value.example);
      Object.assign(state, { cursor: null, before: null, area: null, touched: null });
      loupe.hide();
      peek.disabled = true;
      changeView.hide();
      tellVisit("image", { place: value.place, title: value.name.replaceAll("_", " "), picture: value.original });
      if (!state.wanted || state.wanted > value.levels) state.wanted = value.opening ? value.usual : value.start;
      if (value.opening && !calm()) open();
      else stage.arrive();
    }
    if (value.png && value.png.id !== state.png) {
      state.png = value.png.id;
      fetch(value.png.src).then((r) => r.arrayBuffer()).then((png) =>
        saveBlob(new Blob([intoPng(new Uint8Array(png), carried())], { type: "image/png" }), value.name + ".png"));
    }
    notes.hidden = !value.notes.length;
    notes.replaceChildren(...value.notes.map((note) => el("li", {}, note[window.mmLang] || note.en)));
    ground.hidden = !value.background;
    for (const [name, button] of Object.entries(grounds)) button.setAttribute("aria-selected", name === value.background);
    Object.assign(host.dataset, { ready: value.id, shown: "", edits: value.edit.count });
    fillEditor();
    if (value.look && value.look.id !== state.look) look(value.look);
    draw();
    announce();
  }

  function fillEditor() {
    const { value } = state;
    editor.fill({ grid: value.grid, levels: value.levels, codes: state.codes, value: value.edit, wanted: state.wanted,
      size_of: () => value.codebook });
  }

  // A step of the editor has been decoded: the picture at once, its figures later.
  function takeEdit(value) {
    if (!state.value || state.value.id !== value.id) return;
    const before = state.value.recon[value.start] || shownSource();
    const places = editor.state.covered.size ? [...editor.state.covered] : changedPlaces(state.codes, unpackCodes(value.codes));
    Object.assign(state.value, { version: value.version, codes: value.codes, recon: value.recon, figures: {}, edit: value.edit });
    state.codes = unpackCodes(value.codes);
    host.dataset.edits = value.edit.count;
    host.dataset.version = value.version;
    fillEditor();
    editor.arrived();
    if (places.length) {
      const { stride, width, height, grid } = state.value, box = boxOf(grid, places);
      state.before = before;
      state.area = { x: box.x * stride, y: box.y * stride, width: box.width * stride, height: box.height * stride };
      peek.disabled = false;
      changeView.show([before, value.recon[value.start]], state.area, width, height).catch(() => {});
    }
    draw();
    announce();
  }

  // The places where codes differ at any level.
  function changedPlaces(before, after) {
    const size = state.value.grid[0] * state.value.grid[1], found = new Set();
    for (let i = 0; i < after.length; i++) if (before[i] !== after[i]) found.add(i % size);
    return [...found];
  }

  const shownSource = () => state.value.recon[state.shown];

  function showBefore(on) {
    if (!state.before || !state.value) return;
    stage.node.classList.toggle("mm-peeking", on);
    stage.right.src = on ? state.before : shownSource();
  }

  // The first picture of a visit builds itself up; whoever touches anything sees it as it is looked at otherwise.
  function open() {
    const { usual } = state.value;
    state.opening = true;
    stage.cut(0);
    openPicture({ say, stage, value: state.value,
      has: (n) => n in state.value.recon,
      show: (n) => { state.wanted = n; draw(); announce(); },
      rest: (event) => {
        state.opening = false;
        if (event?.type !== "input" || event.target !== levels.input) state.wanted = usual;
        stage.arrive();
        if (state.value) { draw(); announce(); wantNext(); }
      } });
  }

  // As a link says.
  function look({ id, levels, mode, level, at }) {
    state.look = id;
    state.wanted = clamp(levels, 1, state.value.levels);
    if (MODES.includes(mode)) state.mode = mode;
    if (Number(level)) editor.level(clamp(Number(level) - 1, 0, state.value.levels - 1));
    const [rows, columns] = state.value.grid, [row, column] = /^\d+,\d+$/.test(at) ? at.split(",").map(Number) : [];
    if (row >= 1 && row <= rows && column >= 1 && column <= columns) editor.pickAt((row - 1) * columns + column - 1);
  }

  function tell() {
    const { mode, wanted, value } = state, { level, picked, tool } = editor.state, tokens = mode === "tokens";
    if (state.opening || !value) return;
    const at = tokens && tool === "pick" && picked !== null ? placeOf(value.grid, picked) : null;
    tellPlace("image", { levels: wanted, mode: mode === "compare" ? "" : mode, level: tokens && level ? level + 1 : "",
      at: at ? `${at.y + 1},${at.x + 1}` : "", edit: value.edit.link || "" });
  }

  // What a saved picture carries: where it was made (the page's own address follows a moment later), and its tokens.
  function carried() {
    return carriedBy("image", addressOf(state.value.edit.link), known().files[state.shown]);
  }

  // While the encoder works, the original stands alone.
  function showWaiting(value) {
    if (value.taken) trigger("taken", {});
    state.value = null;
    stage.shape(value.width, value.height);
    stage.swipe(false);
    stage.pair(false);
    stage.canvas.hidden = true;
    stage.node.dataset.mode = "waiting";
    stage.node.classList.add("mm-wait");
    stage.show(value.original, value.original, say("original"), "");
    const counted = Math.max(0, ...Object.keys(value.figures || {}).map(Number));
    busy.textContent = say(counted ? "decoding" : "encoding");
    panel.hidden = notes.hidden = ground.hidden = true;
    const shown = Math.min(state.wanted || counted, counted);
    drawTiles(value.figures?.[shown] || {}, shown);
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
    levels.show(state.wanted, value.levels);
    busy.textContent = shown === state.wanted ? "" : say("decoding");
    const baselines = Object.keys(known().baselines);
    const codec = baselines.includes(state.codec) ? state.codec : baselines[0];
    const baseline = codec ? known().baselines[codec][shown] : null;
    modes.baseline.disabled = !baselines.length;
    modes.baseline.title = baselines.length ? "" : say(value.has_original ? "baseline_later" : "baseline_none");
    const reconstruction = value.recon[shown];
    const comparing = mode === "compare" || mode === "baseline";
    pairing.hidden = !comparing;
    pairing.setAttribute("aria-pressed", state.pair);
    stage.swipe(comparing && !state.pair);
    stage.pair(comparing && state.pair);
    stage.canvas.hidden = mode !== "tokens" && mode !== "difference" && !marksChange();
    stage.node.dataset.mode = mode;
    if (mode === "baseline") askForOthers(baselines);
    codecs.hidden = mode !== "baseline" || baselines.length < 2;
    codecs.replaceChildren(...baselines.map((name) => el("button", { type: "button", "data-codec": name,
      class: "mm-chip" + (name === codec ? " mm-on" : ""), style: "--tone:var(--mm-accent)",
      onclick: () => { state.codec = name; draw(); } }, name)));
    if (mode === "baseline" && baseline) stage.show(baseline.src, reconstruction, baselineLabel(baseline), ourLabel());
    else stage.show(value.original, reconstruction, say(value.has_original ? "original" : "all_levels"), ourLabel());
    legend.hidden = mode !== "difference";
    panel.hidden = mode !== "tokens";
    stage.editing(mode === "tokens", say("mode_tokens"));
    editor.open(mode === "tokens");
    if (mode === "difference")
      drawDifference(stage.canvas, value.original, reconstruction, value.width, value.height).catch(() => {});
    drawTokens();
    drawTiles(figuresNow(), shown);
    tell();
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

  // Where codes were changed by hand is marked where it is compared with the original, too.
  function marksChange() {
    return state.mode === "compare" && !state.pair && editor.changed.length > 0;
  }

  function drawTokens() {
    const { value, codes, mode } = state;
    if (!value || (mode !== "tokens" && !marksChange())) return;
    const { level, covered, picked, tool } = editor.state;
    coloured.setAttribute("aria-pressed", state.coloured);
    const changed = { covered: new Set(), changed: editor.changed, picked: null, cursor: null };
    drawGrid(stage.canvas, { codes, grid: value.grid, level, colours: mode === "tokens" && state.coloured ? colours.now(level) : null,
      box: gridBox(), lines: mode === "tokens",
      marks: mode === "tokens" ? { ...changed, covered, picked: tool === "pick" ? picked : null, cursor: state.cursor } : changed });
    if (mode === "tokens" && state.touched && stage.right.complete)
      loupe.show(stage.right, value, state.touched, { changed: editor.changed, covered, picked: tool === "pick" ? picked : null });
  }

  function whereIs(place) {
    const { x, y } = placeOf(state.value.grid, place);
    return say("token_at", { row: y + 1, column: x + 1 });
  }

  // What can be painted with: this visit's other pictures, then the examples.
  function others() {
    const earlier = (state.value?.earlier || []).map(({ name, src }, i) => ({ key: { earlier: i }, name: say("earlier", { name }), src }));
    return [...earlier, ...shipped.map(({ name, src }, i) => ({ key: { example: i }, name, src }))];
  }

  function addressOf(code) {
    return linkTo("image", { ...state.value.place, levels: state.shown, edit: code });
  }

  function onCell(kind, at, event) {
    if (state.mode !== "tokens" || !state.value) return void (stage.tip.hidden = true);
    if (kind === "leave") return void (stage.tip.hidden ||= event.pointerType !== "touch");
    if (kind === "up") return editor.end();
    if (kind === "cancel") return editor.cancel();
    const { value, codes } = state, { level } = editor.state;
    const [rows, columns] = value.grid;
    if (kind === "key") return onKey(event);
    const x = Math.min(columns - 1, Math.floor((at.x * value.width) / value.stride));
    const y = Math.min(rows - 1, Math.floor((at.y * value.height) / value.stride));
    state.cursor = null;
    if (kind === "down") {
      event.preventDefault();
      stage.node.focus({ preventScroll: true });
      if (isNeeded(gridBox().width / gridBox().across, event.pointerType === "touch")) state.touched = { x, y };
      editor.begin({ x, y });
      if (event.pointerType !== "touch") return;
    } else if (editor.stroking) return editor.move({ x, y });
    stage.tip.hidden = editor.state.tool !== "pick"; // a finger, which cannot hover, sees it where it taps
    stage.tip.textContent = say("tip", { row: y + 1, column: x + 1, level: level + 1,
      code: codes[(level * rows + y) * columns + x] });
    stage.tip.style.left = at.x * 100 + "%";
    stage.tip.style.top = at.y * 100 + "%";
    stage.tip.classList.toggle("mm-tip-left", at.x > 0.6);
  }

  function onKey(event) {
    const { grid } = state.value, { level } = editor.state;
    const start = state.cursor ?? Math.floor(grid[0] / 2) * grid[1] + Math.floor(grid[1] / 2);
    const to = editor.key(event, placeOf(grid, start));
    if (!to) return;
    state.cursor = to.y * grid[1] + to.x;
    spoken.textContent = say("tip", { row: to.y + 1, column: to.x + 1, level: level + 1,
      code: state.codes[level * grid[0] * grid[1] + state.cursor] });
    drawTokens();
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

  function saveCard() {
    if (!state.value) return;
    const { value, shown } = state, f = figuresNow();
    const line = [`${say("levels")} ${say("of", { n: shown, all: value.levels })}`, f.bytes ? `${number(f.bytes)} B` : "",
      f.psnr ? `${number(f.psnr, 1)} dB` : ""].filter(Boolean).join(" · ");
    makeCard({ pictures: [[value.original, say(value.has_original ? "original" : "all_levels")],
      [value.recon[shown], say("reconstruction")]], line, settings: carried() })
      .then((png) => saveBlob(new Blob([png], { type: "image/png" }), `${value.name}-card.png`));
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
