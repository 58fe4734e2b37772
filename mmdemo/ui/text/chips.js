// Token chips: each position of a text; hover shows its codes, a click or Enter picks it.
import { bytesOf, el, number, readValue, saveBlob, tellExample, translator } from "../shared/base.js";
import { makeBoard } from "../shared/code_board.js";
import { codeColours } from "../shared/code_colours.js";
import { Sheets } from "../shared/code_sheet.js";
import { makeEditor } from "../shared/editor.js";
import { calm } from "../shared/motion.js";
import { tellLevels } from "../shared/levels.js";
import { linkTo, tellPlace } from "../shared/place.js";
import { carriedBy } from "../shared/carried.js";
import { makeCard } from "../shared/card.js";
import { paintChips, paintText } from "./card.js";
import { openText } from "./opening.js";

const PAGE = 360; // chips in the page at a time
// Bits of a chip's flags.
const JOINS_LEFT = 1, JOINS_RIGHT = 2, BREAKS = 4, WRONG = 8, EDITED = 16;

export default function chips({ element, props, server, trigger, watch }) {
  const say = translator(props);
  const box = element.querySelector(".chips-box");
  const pager = element.querySelector(".chips-pager");
  const tip = element.querySelector(".chips-tip");
  const change = element.querySelector(".chips-change");
  const shipped = props.others?.[window.mmLang] || props.others?.en || []; // a skipped output loses further props
  let data = null, page = 0, picked = -1, raised = false;
  const colours = codeColours((first) => server.code_colours(first), () => draw());
  const { board, swatch } = makeBoard(say, new Sheets((level) => server.code_sheet(level)), colours, (code) => editor.chosen(code));
  const editor = makeEditor(say, { area: "span", tool: "pick", detail: false, board, swatch, others, link: addressOf,
    where: (place) => `${data.labels.position} ${place + 1}`,
    send: (what) => { trigger("edit", { ...what, raised, ...(what.position === undefined && picked >= 0 && editor.state.tool === "pick" ? { position: picked } : {}) }); raised = false; },
    warm: (what) => trigger("warm", what), raise: () => { raised = true; }, draw: marks, settle: () => trigger("settle", {}) });
  element.querySelector(".chips-editor").append(editor.node);

  const node = (index) => box.querySelector(`[data-index="${index}"]`);
  const hue = (level, code) => `--c:${colours.css(level, code)}`;

  function makeChip(index) {
    const [label, , flags] = data.chips[index];
    const classes = { "joins-left": flags & JOINS_LEFT, "joins-right": flags & JOINS_RIGHT, wrong: flags & WRONG,
      edited: flags & EDITED, picked: index === picked };
    const names = Object.keys(classes).filter((name) => classes[name]);
    const bars = data.codes.map((row, level) =>
      el("b", { style: hue(level, row[index]), class: level >= data.num_levels ? "off" : null }));
    return el("span", { class: ["chip", ...names].join(" "), "data-index": index, role: "button",
      tabindex: index === page * PAGE ? 0 : -1, "aria-label": describe(index).join(", "), style: hue(0, data.codes[0][index]) },
      el("bdi", {}, label), el("i", {}, bars));
  }

  function draw() {
    tip.hidden = true;
    box.replaceChildren();
    pager.hidden = true;
    if (!data) return;
    const pages = Math.max(1, Math.ceil(data.chips.length / PAGE));
    page = Math.min(page, pages - 1);
    box.dir = data.dir;
    const first = page * PAGE, end = Math.min(data.chips.length, first + PAGE);
    for (let i = first; i < end; i++) {
      box.append(makeChip(i));
      if (data.chips[i][2] & BREAKS) box.append(el("br"));
    }
    pager.hidden = pages < 2;
    const [before, after] = pager.querySelectorAll("button");
    before.disabled = page === 0;
    after.disabled = page === pages - 1;
    before.setAttribute("aria-label", data.labels.earlier);
    after.setAttribute("aria-label", data.labels.later);
    pager.querySelector("span").textContent = `${first + 1}–${end} ${data.labels.shown} ${data.chips.length}`;
  }

  // What a position says, line by line; the last lines are its codes, a level each.
  function describe(index) {
    const [, raw, flags, was] = data.chips[index], { labels } = data;
    const lines = [`${labels.position} ${index + 1}`, `${labels.bytes} ${raw}`];
    if (flags & WRONG && was !== undefined) lines.push(`${labels.was} ${was}`);
    if (flags & EDITED) lines.push(labels.edited);
    return [...lines, ...data.codes.map((row, level) => {
      const table = data.says[level] || {};
      const path = data.codes.slice(0, level + 1).map((codes) => codes[index]).join(".");
      const says = table[path] || table[row[index]];
      return `${labels.level} ${level + 1}: ${row[index]}${says ? `  “${says}”` : ""}`
        + (level >= data.num_levels ? ` ${labels.unused}` : "");
    })];
  }

  function showTip(chip) {
    const index = Number(chip.dataset.index), lines = describe(index);
    tip.replaceChildren(...lines.map((line, i) => {
      const level = i - (lines.length - data.codes.length);
      const dot = level >= 0 ? el("b", { style: hue(level, data.codes[level][index]) }) : null;
      return el("div", { class: level >= data.num_levels ? "off" : null }, dot, el("bdi", {}, line));
    }));
    tip.hidden = false;
    const frame = element.getBoundingClientRect(), at = chip.getBoundingClientRect();
    tip.style.left = Math.min(Math.max(0, at.left - frame.left), Math.max(0, frame.width - tip.offsetWidth)) + "px";
    tip.style.top = at.bottom - frame.top + 6 + "px";
  }

  function pick(index) {
    if (index < 0 || index >= data.chips.length) return;
    picked = index;
    const wanted = Math.floor(index / PAGE);
    if (wanted !== page) {
      page = wanted;
      draw();
    }
    box.querySelectorAll(".picked").forEach((chip) => chip.classList.remove("picked"));
    node(index)?.classList.add("picked");
    trigger("pick", { position: index });
    tell();
  }

  // What is looked at, for the address: positions are counted from 1 there, as people do.
  const tell = () => tellPlace("text", { at: picked < 0 ? "" : picked + 1, edit: data?.edit.link || "" });

  // ------------------------------------------------------------------ the token editor

  function fillEditor() {
    element.dataset.edits = data.edit.count;
    editor.fill({ grid: [1, data.chips.length], levels: data.codes.length, codes: data.codes.flat(), value: data.edit,
      wanted: data.num_levels, size_of: () => data.size });
    editor.open(true);
  }

  // What is covered by a stroke that has not ended.
  function marks() {
    box.classList.toggle("chips-painting", editor.state.tool !== "pick");
    for (const chip of box.querySelectorAll(".chip"))
      chip.classList.toggle("covered", editor.state.covered.has(Number(chip.dataset.index)));
  }

  function others() {
    const earlier = (data?.earlier || []).map(({ name }, i) => ({ key: { earlier: i }, name: say("earlier", { name }) }));
    return [...earlier, ...shipped.map(({ name }, i) => ({ key: { example: i }, name }))];
  }

  function addressOf(code) {
    return linkTo("text", { ...data.place, levels: data.num_levels, edit: code });
  }

  // `tokens`: its .mmt file, which the card carries.
  function saveCard(tokens) {
    if (!data) return;
    const rtl = data.dir === "rtl", text = document.querySelector("#mm-text-input textarea")?.value || "";
    const shown = data.chips.map(([label, , flags], i) => ({ text: label, colour: colours.css(0, data.codes[0][i]), wrong: flags & WRONG }));
    const pictures = [...(text ? [[paintText(text, rtl, element), say("original")]] : []), [paintChips(shown, rtl, element), say("reconstruction")]];
    const line = [`${say("levels")} ${say("of", { n: data.num_levels, all: data.codes.length })}`, `${number(bytesOf(tokens).length)} B`,
      document.querySelector("#mm-text-output .compare-name b")?.textContent].filter(Boolean).join(" · ");
    makeCard({ pictures, line, stacked: pictures.length > 1, settings: carriedBy("text", addressOf(data.edit.link), tokens) })
      .then((png) => saveBlob(new Blob([png], { type: "image/png" }), "text-card.png"));
  }
  document.addEventListener("mm-card", ({ detail: { tab, files } }) => { if (tab === "text") saveCard(files[0][2]); });

  // What stood at the place of the last change, and what stands there now.
  function showChange(before, after) {
    const places = before.map((chip, i) => (chip[1] !== after[i]?.[1] ? i : -1)).filter((i) => i >= 0);
    change.hidden = !places.length;
    if (!places.length) return;
    const [first, last] = [Math.max(0, places[0] - 1), Math.min(after.length, places.at(-1) + 2, places[0] + 24)];
    const text = (all) => all.slice(first, last).map(([label]) => label).join("");
    change.replaceChildren(...[["before", before], ["after", after]].map(([name, all]) =>
      el("p", {}, el("span", { class: "mm-hint" }, say(name) + " "), el("bdi", {}, text(all)))));
  }

  const placeAt = (event) => {
    const chip = document.elementFromPoint(event.clientX, event.clientY)?.closest?.(".chip");
    return chip && box.contains(chip) ? { x: Number(chip.dataset.index), y: 0 } : null;
  };
  box.addEventListener("pointerdown", (event) => {
    if (!data || event.button || editor.state.tool === "pick" || !placeAt(event)) return;
    event.preventDefault();
    box.setPointerCapture(event.pointerId);
    tip.hidden = true;
    editor.begin(placeAt(event));
  });
  box.addEventListener("pointermove", (event) => { if (editor.stroking && placeAt(event)) editor.move(placeAt(event)); });
  box.addEventListener("pointerup", () => editor.end());
  box.addEventListener("pointercancel", () => editor.cancel());
  document.addEventListener("keydown", (event) => { if (element.offsetParent) editor.historyKey(event); });
  document.addEventListener("mm-text-unpick", () => {
    picked = -1;
    box.querySelectorAll(".picked").forEach((chip) => chip.classList.remove("picked"));
    tell();
  });
  document.addEventListener("mm-text-swap", ({ detail: { position, level, code } }) => editor.put(position, level, code));

  const chipOf = (event) => event.target.closest(".chip");
  box.addEventListener("pointerover", (event) => {
    if (chipOf(event) && event.pointerType !== "touch" && !editor.stroking) showTip(chipOf(event));
  });
  box.addEventListener("pointerleave", () => { tip.hidden = true; });
  box.addEventListener("focusin", (event) => {
    if (chipOf(event)?.matches(":focus-visible")) showTip(chipOf(event));
  });
  box.addEventListener("focusout", () => { tip.hidden = true; });
  box.addEventListener("click", (event) => {
    const chip = chipOf(event);
    if (!chip || editor.state.tool !== "pick") return;
    tip.hidden = true;
    pick(Number(chip.dataset.index));
  });
  box.addEventListener("keydown", (event) => {
    const chip = chipOf(event);
    if (!chip) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] * (box.dir === "rtl" ? -1 : 1);
    if (step) {
      const next = node(Number(chip.dataset.index) + step);
      if (next) {
        chip.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      }
      event.preventDefault();
    } else if (event.key === "Enter" || event.key === " ") {
      const index = Number(chip.dataset.index);
      if (editor.state.tool === "pick") pick(index);
      else editor.key(event, { x: index, y: 0 });
      event.preventDefault();
    }
  });
  pager.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    page += button.classList.contains("chips-next") ? 1 : -1;
    draw();
  });
  watch("value", () => {
    const before = data ? data.chips.length : -1, value = readValue(props), last = data;
    if (value && last && value.id === last.id && value.version < last.version) return; // of before the last edit
    const edited = value && last && value.id === last.id && value.version !== last.version;
    data = value;
    if (data) {
      if (!last || data.id !== last.id) {
        editor.fresh();
        change.hidden = true;
        tellExample("mm-text-examples", data.example);
      }
      fillEditor();
      if (edited) {
        editor.arrived();
        showChange(last.chips, data.chips);
      }
    }
    const fresh = data && data.id !== last?.id;
    if (fresh || !data || data.chips.length !== before) {
      page = 0;
      picked = -1;
    }
    draw();
    if (fresh && /^\d+$/.test(data.look.at)) pick(Number(data.look.at) - 1);
    tell();
    if (data) tellLevels("text", data.codes.length);
    if (data?.opening?.length && !calm()) openText(data.opening);
  });
  data = readValue(props);
  if (data) fillEditor();
  draw();
  trigger("ready", {});
}
