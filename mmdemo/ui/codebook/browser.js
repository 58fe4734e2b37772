// The codebook browser: all codes, details of the selected one, PCA map, levels.
import { clamp, el, levelTone, number, translator, readValue, visible } from "../shared/base.js";
import { patch, sheetBoard, Sheets } from "../shared/code_sheet.js";
import { makeMap } from "./code_map.js";
import { levelBars } from "./level_bars.js";

export default function browser({ element, props, server, trigger, watch }) {
  const say = translator(props);
  const host = element.querySelector(".mm-codebook");
  const view = { value: null, sheet: null, selected: 0, hovered: null, asked: null };
  const map = makeMap(say, hover, select);
  const sheets = new Sheets((key) => server.code_sheet(JSON.parse(key)));
  const sheetOf = (model, level) => sheets.get(JSON.stringify({ model, level }));
  const board = sheetBoard({ label: say("chart_title"), name: (code) => say("code_n", { n: code }),
    onHover: hover, onPick: pick, onMove: pick });
  const texts = el("div", { class: "mm-cells mm-texts", role: "listbox", tabindex: "0", "aria-label": say("chart_title") });
  const detail = el("div", { class: "mm-detail" });
  const models = el("div", { class: "mm-modes", role: "tablist" });
  const chips = el("div", { class: "mm-chips" });
  const busy = el("span", { class: "mm-busy", role: "status" }, say("loading"));
  const hint = el("p", { class: "mm-hint" });
  const source = el("p", { class: "mm-hint" });
  const bars = el("div", {});
  const dim = el("input", { type: "checkbox", checked: true, onchange: showUse });
  const player = el("audio", {});

  host.replaceChildren(
    el("div", { class: "mm-bar" }, models, busy), chips,
    el("div", { class: "mm-cols" },
      el("section", { class: "mm-card" }, el("h3", {}, say("chart_title")), hint, board.node, texts,
        el("label", { class: "mm-check" }, dim, el("span", {}, say("dim"))), source),
      el("div", { class: "mm-rows" },
        el("section", { class: "mm-card" }, detail),
        el("section", { class: "mm-card" }, el("h3", {}, say("map_title")), map.node,
          el("p", { class: "mm-hint" }, say("map_hint"))),
        el("section", { class: "mm-card" }, el("h3", {}, say("levels_title")), bars,
          el("p", { class: "mm-hint" }, say("levels_hint"))))));

  texts.addEventListener("click", (event) => withCode(event, pick));
  texts.addEventListener("pointerover", (event) => withCode(event, hover));
  texts.addEventListener("pointerleave", () => hover(null));
  texts.addEventListener("keydown", moveByKey);
  watch("value", update);
  drawModels();
  update();

  const isSound = () => view.value.modality === "audio";

  function withCode(event, act) {
    const cell = event.target.closest("[data-code]");
    if (cell) act(Number(cell.dataset.code));
  }

  function moveByKey(event) {
    const columns = getComputedStyle(texts).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (!step || !view.value) return;
    event.preventDefault();
    select(clamp(view.selected + step, 0, view.value.count - 1));
  }

  function choose(model, level) {
    view.asked = { model, level };
    busy.textContent = say("loading");
    drawModels();
    drawLevels();
    trigger("choose", view.asked);
  }

  async function update() {
    const value = readValue(props);
    if (!value) return;
    const sheet = await sheetOf(value.model, value.level).catch(() => null);
    if (readValue(props)?.id !== value.id) return; // another level was chosen while this sheet was on its way
    busy.textContent = "";
    if (!sheet) return;
    const other = !view.value || view.value.id !== value.id;
    Object.assign(view, { value, sheet, asked: null });
    if (other) {
      // Start on the code that the input uses most: there is something to see at once.
      view.selected = value.uses.length ? value.uses.indexOf(Math.max(...value.uses)) : 0;
      view.hovered = null;
    }
    board.node.hidden = Boolean(sheet.texts);
    texts.hidden = !sheet.texts;
    if (sheet.texts) drawTexts();
    else board.show(sheet, value.uses);
    drawModels();
    drawLevels();
    showUse();
    hint.textContent = say("chart_hint_" + value.modality);
    source.textContent = value.source ? say("source", { name: value.source }) : "";
    bars.replaceChildren(levelBars(say, value, (level) => choose(value.model, level)));
    map.show(value);
    select(view.selected);
    host.dataset.ready = value.id;
  }

  function drawModels() {
    const current = view.asked ? view.asked.model : view.value?.model;
    models.replaceChildren(...props.models.map((model) => el("button", { type: "button", role: "tab",
      "data-model": model, "aria-selected": String(model === current), onclick: () => choose(model, 0) }, say(model))));
  }

  function drawLevels() {
    const value = view.value;
    if (!value) return;
    const current = view.asked ? view.asked.level : value.level;
    const same = !view.asked || view.asked.model === value.model;
    chips.replaceChildren(...Array.from({ length: same ? value.levels : 0 }, (_, level) => el("button", {
      type: "button", class: "mm-chip" + (level === current ? " mm-on" : ""), "data-level": level,
      style: levelTone(level), onclick: () => choose(value.model, level) }, say("level_n", { n: level + 1 }))));
  }

  // A code as a picture of its own, or its text.
  const face = (code) =>
    view.sheet.texts ? el("span", { class: "mm-text-face" }, visible(view.sheet.texts[code])) : patch(view.sheet, code);

  function drawTexts() {
    texts.replaceChildren(...view.sheet.texts.map((_, code) =>
      el("div", { class: "mm-cell", role: "option", id: `mm-code-${code}`, "data-code": code,
        title: say("code_n", { n: code }) }, face(code))));
  }

  // Codes that the input does not use are dimmed.
  function showUse() {
    const { uses } = view.value;
    board.dim(dim.checked && uses.length > 0);
    texts.classList.toggle("mm-dimming", dim.checked && uses.length > 0);
    for (const cell of texts.children)
      cell.classList.toggle("mm-unused", uses.length > 0 && !uses[Number(cell.dataset.code)]);
  }

  function hover(code) {
    if (!view.value || code === view.hovered) return;
    texts.querySelectorAll(".mm-hover").forEach((cell) => cell.classList.remove("mm-hover"));
    view.hovered = code;
    if (code !== null && view.sheet.texts) texts.children[code].classList.add("mm-hover");
    board.mark({ hovered: code });
    map.mark(view.selected, code);
    drawDetail(code === null ? view.selected : code);
  }

  function select(code) {
    texts.querySelectorAll("[aria-selected]").forEach((cell) => cell.removeAttribute("aria-selected"));
    view.selected = code;
    if (view.sheet.texts) {
      texts.children[code].setAttribute("aria-selected", "true");
      texts.setAttribute("aria-activedescendant", `mm-code-${code}`);
    }
    board.mark({ selected: code, hovered: view.hovered });
    map.mark(code, view.hovered);
    drawDetail(code);
  }

  // A code chosen by hand is heard too.
  function pick(code) {
    select(code);
    if (isSound()) play(code);
  }

  function drawDetail(code) {
    const value = view.value;
    const uses = value.uses[code] || 0;
    const all = value.uses.reduce((a, b) => a + b, 0);
    const use = !all ? "" : uses ? say("uses", { n: number(uses), share: number((100 * uses) / all, 1) }) : say("unused");
    const facts = [say("norm", { norm: value.norms[code].toFixed(2), dim: value.dim }), use].filter(Boolean);
    const listen = el("button", { type: "button", class: "mm-button", onclick: () => play(code) }, say("listen"));
    detail.replaceChildren(
      el("div", { class: "mm-code-head" }, el("div", { class: "mm-big", "data-kind": value.modality }, face(code)),
        el("div", {}, el("h3", {}, say("code_n", { n: code })), facts.map((text) => el("p", { class: "mm-hint" }, text)),
          isSound() ? listen : null)),
      el("p", { class: "mm-hint" }, say("nearest")),
      el("div", { class: "mm-near" }, value.nearest[code].map((other, i) => el("button", { type: "button",
        title: `‖Δ‖ = ${value.distances[code][i]}`, onclick: () => { view.hovered = null; select(other); } },
        el("div", { class: "mm-near-face", "data-kind": value.modality }, face(other)), el("span", {}, String(other))))));
  }

  async function play(code) {
    player.src = await server.sound({ level: view.value.level, code });
    player.play().catch(() => {});
  }
}
