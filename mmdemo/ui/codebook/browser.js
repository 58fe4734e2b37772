// The codebook browser: chart of all codes, details of the selected one, PCA map, levels.
const host = element.querySelector(".mm-codebook");
const view = { value: null, selected: 0, hovered: null, asked: null };
const map = makeMap((code) => hover(code), (code) => select(code));
const chart = el("div", { class: "mm-cells", role: "listbox", tabindex: "0", "aria-label": say("chart_title") });
const detail = el("div", { class: "mm-detail" });
const models = el("div", { class: "mm-modes", role: "tablist" });
const chips = el("div", { class: "mm-chips" });
const busy = el("span", { class: "mm-busy", role: "status" });
const hint = el("p", { class: "mm-hint" });
const source = el("p", { class: "mm-hint" });
const bars = el("div", {});
const dim = el("input", { type: "checkbox", checked: true });
const player = el("audio", {});

host.replaceChildren(
  el("div", { class: "mm-bar" }, models, busy), chips,
  el("div", { class: "mm-cols" },
    el("section", { class: "mm-card" }, el("h3", {}, say("chart_title")), hint, chart,
      el("label", { class: "mm-check" }, dim, el("span", {}, say("dim"))), source),
    el("div", { class: "mm-rows" },
      el("section", { class: "mm-card" }, detail),
      el("section", { class: "mm-card" }, el("h3", {}, say("map_title")), map.node,
        el("p", { class: "mm-hint" }, say("map_hint"))),
      el("section", { class: "mm-card" }, el("h3", {}, say("levels_title")), bars,
        el("p", { class: "mm-hint" }, say("levels_hint"))))));

dim.addEventListener("change", () => chart.classList.toggle("mm-dimming", dim.checked));
chart.addEventListener("click", (event) => withCode(event, (code) => { select(code); if (isSound()) play(code); }));
chart.addEventListener("pointerover", (event) => withCode(event, hover));
chart.addEventListener("pointerleave", () => hover(null));
chart.addEventListener("keydown", moveByKey);
watch("value", update);
drawModels();
update();

function isSound() {
  return view.value.modality === "audio";
}

function withCode(event, act) {
  const cell = event.target.closest("[data-code]");
  if (cell) act(Number(cell.dataset.code));
}

function moveByKey(event) {
  const columns = view.value ? getComputedStyle(chart).gridTemplateColumns.split(" ").length : 1;
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

function update() {
  const value = props.value;
  if (!value || !value.id) return;
  const fresh = !view.value || view.value.id !== value.id;
  view.value = value;
  view.asked = null;
  busy.textContent = "";
  if (fresh) {
    // Start on the code that the input uses most: there is something to see at once.
    view.selected = value.uses.length ? value.uses.indexOf(Math.max(...value.uses)) : 0;
    view.hovered = null;
    drawChart();
  }
  drawModels();
  drawLevels();
  hint.textContent = say("chart_hint_" + value.modality);
  source.textContent = value.source ? say("source", { name: value.source }) : "";
  chart.classList.toggle("mm-dimming", dim.checked && value.uses.length > 0);
  for (const cell of chart.children)
    cell.classList.toggle("mm-unused", value.uses.length > 0 && !value.uses[Number(cell.dataset.code)]);
  bars.replaceChildren(levelBars(value, (level) => choose(value.model, level)));
  map.show(value);
  host.dataset.ready = value.id;
  select(view.selected);
}

function drawModels() {
  const current = view.asked ? view.asked.model : view.value && view.value.model;
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
    style: `--tone:var(--mm-level-${level % 8})`, onclick: () => choose(value.model, level) },
    say("level_n", { n: level + 1 }))));
}

// A code as a cell: a patch cut out of the chart, or its text.
function face(code) {
  const { chart: sheet, count } = view.value;
  if (sheet.texts) return el("span", { class: "mm-text-face" }, visible(sheet.texts[code]));
  const rows = Math.ceil(count / sheet.columns);
  const at = (index, all) => (all > 1 ? (100 * index) / (all - 1) : 0);
  return el("span", { class: "mm-face", style: `background-image:url(${sheet.src});`
    + `background-size:${100 * sheet.columns}% ${100 * rows}%;background-position:`
    + `${at(code % sheet.columns, sheet.columns)}% ${at(Math.floor(code / sheet.columns), rows)}%` });
}

// Spaces and control characters are shown by the signs that Unicode has for them.
function visible(text) {
  return [...text].map((c) => {
    const point = c.codePointAt(0);
    return point <= 32 ? String.fromCodePoint(0x2400 + point) : point === 127 ? "␡" : c;
  }).join("");
}

function drawChart() {
  const value = view.value;
  const asText = Boolean(value.chart.texts);
  chart.classList.toggle("mm-texts", asText);
  chart.style.setProperty("--columns", asText ? "auto-fill" : value.chart.columns);
  chart.replaceChildren(...Array.from({ length: value.count }, (_, code) =>
    el("div", { class: "mm-cell", role: "option", "data-code": code, title: say("code_n", { n: code }) }, face(code))));
}

function hover(code) {
  if (code === view.hovered) return;
  chart.querySelectorAll(".mm-hover").forEach((cell) => cell.classList.remove("mm-hover"));
  view.hovered = code;
  if (code !== null) chart.children[code].classList.add("mm-hover");
  map.mark(view.selected, code);
  drawDetail(code === null ? view.selected : code);
}

function select(code) {
  chart.querySelectorAll("[aria-selected]").forEach((cell) => cell.removeAttribute("aria-selected"));
  view.selected = code;
  chart.children[code].setAttribute("aria-selected", "true");
  map.mark(code, view.hovered);
  drawDetail(code);
}

function drawDetail(code) {
  const value = view.value;
  const uses = value.uses[code] || 0;
  const all = value.uses.reduce((a, b) => a + b, 0);
  const use = !all ? "" : uses ? say("uses", { n: number(uses), share: number((100 * uses) / all, 1) }) : say("unused");
  const facts = [say("norm", { norm: value.norms[code].toFixed(2), dim: value.dim }), use].filter(Boolean);
  detail.replaceChildren(
    el("div", { class: "mm-code-head" }, el("div", { class: "mm-big", "data-kind": value.modality }, face(code)),
      el("div", {}, el("h3", {}, say("code_n", { n: code })), ...facts.map((text) => el("p", { class: "mm-hint" }, text)),
        isSound() ? el("button", { type: "button", class: "mm-button", onclick: () => play(code) }, say("listen")) : "")),
    el("p", { class: "mm-hint" }, say("nearest")),
    el("div", { class: "mm-near" }, value.nearest[code].map((other, i) => el("button", { type: "button",
      title: `‖Δ‖ = ${value.distances[code][i]}`, onclick: () => { view.hovered = null; select(other); } },
      el("div", { class: "mm-near-face", "data-kind": value.modality }, face(other)), el("span", {}, String(other))))));
}

async function play(code) {
  const value = view.value;
  player.src = await server.sound({ level: value.level, code });
  player.play().catch(() => {});
}
