// The codebook browser: all codes of a level, one of them in detail, their map, their use, and where they live.
import { el, levelTone, number, readValue, soon, translator, unpackCodes, visible } from "../shared/base.js";
import { calm } from "../shared/motion.js";
import { openSheet, sheetBoard, Sheets } from "../shared/code_sheet.js";
import { OneSound } from "../shared/sound.js";
import { addressOf, asked, numberOf } from "./address.js";
import { makeMap } from "./code_map.js";
import { makeDetail } from "./detail.js";
import { Grains } from "./grains.js";
import { makeHere } from "./here.js";
import { kindOf, RATE } from "./kinds.js";
import { placeOf } from "./lives.js";
import { openCodes } from "./opening.js";
import { found } from "./search.js";
import { countsOf, makeUse } from "./use.js";

// Milliseconds on one code before a place of it is shown: who runs along the codes with arrow keys asks for none.
const PATIENCE = 150;
const TELL = 300; // milliseconds from a change to the address
// Pixels of a code in the sheet of codes, at least: a finger needs more than a mouse.
const LEAST = matchMedia("(pointer: coarse), (max-width: 720px)").matches ? 26 : 16;

export default function browser({ element, props, server, trigger, watch }) {
  const say = translator(props);
  const host = element.querySelector(".mm-codebook");
  const start = asked(location.search, props.models);
  const view = { model: start.model, level: start.level, code: start.code, hovered: null, order: "tone", query: "",
    data: null, sheet: null, input: null, codes: null, wanted: undefined, counts: [], like: null,
    place: null, own: false, choices: [], after: start.at, serial: 0 }; // `own`: the visitor chose the place; `after`: as a link does
  const key = (model, level) => JSON.stringify({ model, level });
  const levels = new Sheets((name) => server.level(JSON.parse(name)), async (data) => data);
  const sheets = new Sheets((name) => server.sheet(JSON.parse(name)), openSheet);
  const grains = new Grains((codes) => server.sounds({ model: view.model, level: view.level, codes }), (code) => view.data?.nearest[code] || []);
  const player = new OneSound(), kind = () => kindOf(view.model);
  const spoken = (code) => {
    const text = view.sheet?.texts ? ` ${visible(view.sheet.texts[code] ?? "")}` : "", uses = view.counts[code];
    return say("code_n", { n: code }) + text + (uses ? `, ${say(uses === 1 ? "once" : "times", { n: number(uses) })}` : "");
  };

  // ---------------------------------------------------------------- parts of the page
  const board = sheetBoard({ label: say("chart_title"), name: spoken, onHover: hover, onPick: pick, onMove: pick, least: LEAST });
  const map = makeMap({ say, name: spoken, onHover: hover, onPick: pick, onDrag: sweep, onLift: () => grains.lift() });
  const detail = makeDetail({ say, view, player, onPick: pick, onListen: (code) => grains.once(code),
    examplesOf: (code) => server.examples({ model: view.model, level: view.level, code, lang: globalThis.mmLang }),
    onExample: (example) => { view.after = example.place; want(example.input); } });
  const here = makeHere({ say, view, onPlace: goTo, onPick: pick, onLevel: goLevel, onInput: want,
    codeOf: (level, position) => codeOf(level, position), sheetOf: (level) => sheets.now(key(view.model, level)) });
  const use = makeUse(say, goLevel), { lives } = here, mapHint = el("p", { class: "mm-hint" });
  const models = el("div", { class: "mm-modes", role: "tablist", "aria-label": say("model") });
  const chips = el("div", { class: "mm-chips", role: "group", "aria-label": say("levels_title") });
  const busy = el("span", { class: "mm-busy", role: "status" }, say("loading"));
  const lead = el("p", { class: "mm-hint mm-lead" });
  const orders = el("select", { class: "mm-select", "aria-label": say("order"), onchange: () => { view.order = orders.value; view.like = null; arrange(); } });
  const search = el("input", { class: "mm-search", type: "search", placeholder: say("search"), "aria-label": say("search"),
    oninput: () => { view.query = search.value; arrange(); } });
  const file = el("input", { type: "file", hidden: true, onchange: () => { like(file.files[0]); file.value = ""; } });
  const drop = el("button", { type: "button", class: "mm-button", onclick: () => file.click() });
  const sized = el("input", { type: "checkbox", onchange: () => board.bySize(sized.checked) });
  const hint = el("p", { class: "mm-hint" }), none = el("p", { class: "mm-hint", role: "status" }), marks = el("p", { class: "mm-hint mm-key" });
  const scroll = el("div", { class: "mm-code-sheet" }, board.node);
  const codesCard = el("section", { class: "mm-card mm-code-sheet-card" }, el("h3", {}, say("chart_title")),
    el("div", { class: "mm-tools" }, orders, search, drop, file), none, detail.mini, scroll,
    el("label", { class: "mm-check" }, sized, el("span", {}, say("by_size"))), marks, hint);
  host.replaceChildren(
    el("div", { class: "mm-bar" }, models, busy, lead), chips,
    el("div", { class: "mm-cols" },
      el("div", { class: "mm-rows" }, detail.node, here.node),
      el("div", { class: "mm-rows" }, codesCard, el("section", { class: "mm-card" }, el("h3", {}, say("map_title")), map.node, mapHint)),
      use.node));

  for (const type of ["dragover", "drop"])
    codesCard.addEventListener(type, (event) => {
      if (!kind().search || ![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      codesCard.classList.toggle("mm-over", type === "dragover");
      if (type === "drop") like(event.dataTransfer.files[0]);
    });
  codesCard.addEventListener("dragleave", () => codesCard.classList.remove("mm-over"));
  // What the visitor opened elsewhere since is shown when this tab is opened again.
  window.addEventListener("mm-tab", ({ detail: tab }) => {
    if (tab !== "codebook" || !element.isConnected || !view.input) return;
    want(undefined);
  });
  // Back or Forward leads to another input.
  window.addEventListener("mm-restore", ({ detail: { tab, search } }) => {
    if (tab !== "codebook" || !element.isConnected) return;
    const to = asked(search, props.models);
    open(to.model, to.level);
    Object.assign(view, { code: to.code, after: to.at });
    start.given = to.given;
    want(to.input);
  });
  new MutationObserver(() => { board.repaint(); map.redraw(); lives.redraw(); })
    .observe(document.body, { attributes: true, attributeFilter: ["class"] }); // light and dark
  watch("value", receive);
  drawModels();
  open(view.model, view.level);
  want(start.input);

  // ---------------------------------------------------------------- what is asked for

  // A level of a model; its codes are painted as soon as they are here.
  async function open(model, level) {
    const other = model !== view.model;
    Object.assign(view, { model, level, hovered: null, like: null, query: "" });
    if (other) Object.assign(view, { input: null, codes: null, code: null, place: null, own: false, choices: [], wanted: undefined });
    search.value = "";
    busy.textContent = say("loading");
    grains.clear();
    drawModels();
    drawLevels();
    const name = key(model, level);
    const [sheet, data] = await Promise.all([sheets.get(name), levels.get(name)]).catch(() => [null, null]);
    if (model !== view.model || level !== view.level) return; // another was chosen since
    busy.textContent = "";
    if (!sheet) return retry(model, level);
    Object.assign(view, { sheet, data });
    count();
    if (view.code === null || view.code >= data.count) view.code = first();
    host.dataset.model = model;
    drawLevels();
    map.show(data, sheet);
    if (view.input) showUse();
    else {
      arrange();
      drawUse();
      select(view.code);
    }
    sheetOfRest();
    lead.textContent = say(`lead_${data.modality}`, { count: number(data.count), stride: data.stride, more: data.levels - 1,
      ms: number((1000 * data.stride) / RATE) });
    host.dataset.ready = data.id;
    setTimeout(() => { if (model === view.model && level === view.level) others(); }, 600);
  }

  // What may be looked at next: the other levels, the next one first.
  function others() {
    const far = (other) => Math.abs(other - view.level - 0.25);
    const all = Array.from({ length: view.data.levels }, (_, other) => other).sort((a, b) => far(a) - far(b));
    for (const name of all.map((other) => key(view.model, other))) for (const part of [sheets, levels]) part.get(name, true).catch(() => {});
  }

  // A link may name a level that is not there; the server may have been busy.
  function retry(model, level) {
    if (level && !host.dataset.ready) return open(model, 0);
    busy.textContent = say("busy");
    setTimeout(() => model === view.model && level === view.level && open(model, level), 4000);
  }

  // An input by its name; undefined: the newest one of the visitor, or an example.
  function want(input) {
    view.wanted = input;
    view.serial++;
    trigger("choose", { model: view.model, level: view.level, input: input ?? null, serial: view.serial });
  }

  // The sheets of other levels, for the codes of a place.
  function sheetOfRest() {
    if (view.place === null || !view.data) return;
    for (let level = 0; level < view.data.levels; level++) {
      const name = key(view.model, level);
      if (!sheets.now(name)) sheets.get(name, true).then(() => view.place !== null && here.drawPlace()).catch(() => {});
    }
  }

  function receive() {
    const value = readValue(props);
    if (!value || value.model !== view.model || value.asked !== view.serial) return; // another was asked for since
    const same = view.input?.id === value.id;
    Object.assign(view, { input: value, codes: unpackCodes(value.codes) });
    if (!same) Object.assign(view, { place: null, own: false, choices: [] });
    lives.show(value, view.codes);
    count();
    here.drawInput();
    if (view.after) {
      const at = view.after;
      view.after = null;
      const place = numberOf(value.grid, at);
      if (place !== null) setTimeout(() => goTo(place));
    }
    if (!view.data) return; // `open` goes on from here when the level comes
    if (!same && !start.given) view.code = first();
    showUse();
  }

  // The codes of the level and the input are both here.
  function showUse() {
    opening &&= !start.given;
    start.given = false;
    arrange();
    drawUse();
    select(view.code);
    host.dataset.input = view.input.id;
    begin();
  }

  // The first time that the tab is seen, where no link names a code.
  let opening = !calm();
  function begin() {
    if (!opening || !host.offsetParent || !view.counts.length) return;
    opening = false;
    openCodes(view.counts, hover);
  }

  // How often each code of the level is used by the input, where both are known.
  function count() {
    const { input, data, level } = view, positions = input ? input.grid.reduce((a, b) => a * b, 1) : 0;
    const known = input && data && data.model === input.model && level < input.levels;
    view.counts = known ? countsOf(view.codes, level, positions, data.count) : [];
    map.use(view.counts);
  }

  const first = () => (view.counts.length ? view.counts.indexOf(Math.max(...view.counts)) : view.data.orders.reference?.[0] ?? 0);

  // ---------------------------------------------------------------- what is chosen

  const frame = { asked: 0 };
  function hover(code) {
    if (!view.data || code === view.hovered) return;
    view.hovered = code;
    board.mark({ hovered: code });
    if (!frame.asked)
      frame.asked = requestAnimationFrame(() => {
        frame.asked = 0;
        if (!view.data) return;
        const shown = view.hovered ?? view.code;
        map.mark(view.code, view.hovered);
        lives.light(view.level, shown);
        detail.draw(shown);
      });
  }

  function select(code) {
    if (!view.data) return;
    Object.assign(view, { code, hovered: null });
    board.mark({ selected: code, hovered: null });
    map.mark(code, null);
    lives.light(view.level, code);
    detail.draw(code);
    here.drawHint();
    if (view.own) here.drawPlace();
    else showPlace();
    detail.wantExamples();
    tellSoon();
  }

  // Who sweeps over the map passes many codes.
  const tellSoon = soon(() => {
    if (!view.data || view.code === null) return; // another level is on its way
    const query = addressOf(location.search, { ...view, ...whereOf() });
    window.dispatchEvent(new CustomEvent("mm-address", { detail: { tab: "codebook", query } }));
  }, TELL);

  // What a link needs to come back to the same input and place.
  function whereOf() {
    const { input, place, level, code } = view, source = input?.place ?? {};
    const at = Object.keys(source).length && view.own && level < input.levels && codeOf(level, place) === code ? placeOf(input.grid, place) : null;
    return { source, at };
  }

  // A code chosen by hand is heard too.
  function pick(code) {
    if (code === null || code === undefined) return;
    select(code);
    if (kind().heard) grains.once(code);
  }

  function sweep(code) {
    if (code !== view.code) select(code);
    grains.hold(code);
  }

  // A place of the input: its code on this level becomes the chosen one.
  function goTo(position) {
    view.own = true;
    const known = explainPlace(position);
    if (view.level >= view.input.levels) return;
    select(codeOf(view.level, position));
    hear(lives.sound(position));
    return known;
  }

  // Until the visitor chooses a place, one of the chosen code is shown.
  let looking = 0;
  function showPlace() {
    clearTimeout(looking);
    if (!view.input) return;
    const place = lives.middle();
    if (place === null) {
      Object.assign(view, { place, choices: [] });
      lives.pick(null);
      return here.drawPlace();
    }
    looking = setTimeout(() => { if (!view.own && view.input) explainPlace(place); }, PATIENCE);
  }

  async function explainPlace(position) {
    view.place = position;
    view.choices = null; // not known yet
    lives.pick(position);
    here.drawPlace();
    sheetOfRest();
    if (!view.input.exact) return;
    const { input } = view;
    const answer = await server.place({ model: view.model, input: input.id, place: placeOf(input.grid, position) }).catch(() => null);
    if (!answer?.levels || view.place !== position || view.input !== input) return;
    view.choices = answer.levels;
    here.drawPlace();
  }

  function hear(samples) {
    if (!samples) return;
    player.stop();
    player.toggle(samples, RATE, here.place);
  }

  const codeOf = (level, position) => view.codes[level * view.input.grid.reduce((a, b) => a * b, 1) + position];

  // ---------------------------------------------------------------- the sheet of codes

  function drawOrders() {
    const names = ["number", ...(view.counts.length ? ["here"] : []), ...Object.keys(view.data.orders)];
    const word = (name) => (name === "tone" ? `order_tone_${view.model}` : `order_${name}`);
    if (!names.includes(view.order)) view.order = "tone";
    orders.replaceChildren(...names.map((name) => el("option", { value: name, selected: name === view.order && !view.like }, say(word(name)))),
      ...(view.like ? [el("option", { value: "like", selected: true }, say("order_like"))] : []));
    const { search: byFile } = kind();
    drop.hidden = !byFile;
    if (byFile) [drop.textContent, file.accept] = [say(byFile.word), byFile.accept];
  }

  function order() {
    if (view.like) return view.like;
    const { data, counts } = view, all = Array.from({ length: data.count }, (_, code) => code);
    if (view.order === "here" && counts.length) return all.sort((a, b) => counts[b] - counts[a] || a - b);
    return data.orders[view.order] || all;
  }

  function arrange() {
    if (!view.data) return;
    drawOrders();
    const { data, sheet, counts } = view, hits = found(view.query, data.count, sheet.texts);
    const shown = hits ? order().filter((code) => hits.includes(code)) : order();
    const dead = new Set(data.dead), rare = new Set(data.rare);
    none.textContent = !hits ? "" : hits.length ? say("hits", { n: number(hits.length) }) : say("no_hits");
    board.show(sheet, { order: shown, uses: counts.length ? counts : null, dead, rare });
    board.mark({ selected: view.code, hovered: null });
    sized.closest("label").hidden = !counts.length;
    marks.replaceChildren(...[["rare", rare.size], ["dead", dead.size]].filter(([, n]) => n).map(([mark, n]) =>
      el("span", {}, el("i", { class: `mm-sign mm-${mark}` }), say(mark, { n: number(n) }))));
    const gain = data.gain > 1 ? " " + say("gain", { gain: number(data.gain, 1) }) : "";
    hint.textContent = say(`chart_hint_${data.modality}${data.level ? "_later" : ""}`) + gain;
  }

  // Codes by their distance to a picture or a sound of the visitor's own.
  async function like(given) {
    if (!given || !view.data) return;
    const { model, level } = view;
    none.textContent = say("loading");
    try {
      const data = await kindOf(model).search.read(given);
      const order = await server.near({ model, level, data });
      if (model !== view.model || level !== view.level) return;
      if (!Array.isArray(order)) throw new Error("refused");
      view.like = order;
      view.query = search.value = "";
      arrange();
      none.textContent = say("like_hint");
      scroll.scrollTop = 0;
      pick(order[0]);
    } catch {
      none.textContent = say("like_failed");
    }
  }

  // ---------------------------------------------------------------- the rest

  function drawModels() {
    models.replaceChildren(...props.models.map((model) => el("button", { type: "button", role: "tab",
      "data-model": model, "aria-selected": String(model === view.model), onclick: () => {
        if (model === view.model) return;
        open(model, 0);
        want(undefined);
      } }, say(model))));
  }

  function drawLevels() {
    const known = view.data?.model === view.model ? view.data.levels : 0;
    chips.replaceChildren(...Array.from({ length: known }, (_, level) => el("button", {
      type: "button", class: "mm-chip" + (level === view.level ? " mm-on" : ""), "data-level": level,
      "aria-pressed": String(level === view.level), style: levelTone(level), onclick: () => goLevel(level) },
    say("level_n", { n: level + 1 }))));
  }

  function goLevel(level) {
    if (level === view.level) return;
    const code = view.own && view.input && level < view.input.levels ? codeOf(level, view.place) : null;
    view.code = code;
    open(view.model, level);
    trigger("formulas", { model: view.model, level, input: view.input?.id ?? null });
  }

  function drawUse() {
    const { data } = view, share = number(100 * (data.variance[0] + data.variance[1]));
    use.draw(view);
    mapHint.textContent = say(data.umap ? "map_hint" : "map_hint_pca", { share }) + (kindOf(data.modality).heard ? ` ${say("map_hint_play")}` : "");
  }
}
