// Token chips: each position of a text; hover shows its codes, a click or Enter picks it.
import { codeHue, el, readValue } from "../shared/base.js";

const PAGE = 360; // chips in the page at a time
// Bits of a chip's flags.
const JOINS_LEFT = 1, JOINS_RIGHT = 2, BREAKS = 4, WRONG = 8, EDITED = 16;

export default function chips({ element, props, trigger, watch }) {
  const box = element.querySelector(".chips-box");
  const pager = element.querySelector(".chips-pager");
  const tip = element.querySelector(".chips-tip");
  let data = null, page = 0, picked = -1;

  const node = (index) => box.querySelector(`[data-index="${index}"]`);
  const hue = (code) => `--h:${codeHue(code)}`;

  function makeChip(index) {
    const [label, , flags] = data.chips[index];
    const classes = { "joins-left": flags & JOINS_LEFT, "joins-right": flags & JOINS_RIGHT, wrong: flags & WRONG,
      edited: flags & EDITED, picked: index === picked };
    const names = Object.keys(classes).filter((name) => classes[name]);
    const bars = data.codes.map((row, level) =>
      el("b", { style: hue(row[index]), class: level >= data.num_levels ? "off" : null }));
    return el("span", { class: ["chip", ...names].join(" "), "data-index": index, role: "button",
      tabindex: index === page * PAGE ? 0 : -1, "aria-label": describe(index).join(", "), style: hue(data.codes[0][index]) },
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
      const dot = level >= 0 ? el("b", { style: hue(data.codes[level][index]) }) : null;
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
  }

  const chipOf = (event) => event.target.closest(".chip");
  box.addEventListener("pointerover", (event) => {
    if (chipOf(event) && event.pointerType !== "touch") showTip(chipOf(event));
  });
  box.addEventListener("pointerleave", () => { tip.hidden = true; });
  box.addEventListener("focusin", (event) => {
    if (chipOf(event)?.matches(":focus-visible")) showTip(chipOf(event));
  });
  box.addEventListener("focusout", () => { tip.hidden = true; });
  box.addEventListener("click", (event) => {
    const chip = chipOf(event);
    if (!chip) return;
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
      pick(Number(chip.dataset.index));
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
    const before = data ? data.chips.length : -1;
    data = readValue(props);
    if (!data || data.chips.length !== before) {
      page = 0;
      picked = -1;
    }
    draw();
  });
  data = readValue(props);
  draw();
  trigger("ready", {});
}
