// The token editor, the same for pictures, sounds and texts: what to paint with, where, at which levels; steps back and
// forward. The tab around it says where the pointer is, draws what is covered, and sends the steps.
import { clamp, el, levelTone } from "./base.js";
import { boxOf, dab, historyKey, levelsOf, placesOf, rectangle, runsOf, stepped, stroke } from "./selection.js";

const SIZES = [1, 2, 3, 5, 9];
const PAINTS = ["code", "near", "random", "nothing", "other"];
const REST = 600; // milliseconds without a step, after which what takes long is worked out: it would hold up the next one
const LOOKED = 250; // milliseconds on a number of levels, after which it is made ready
const SIGNS = { pick: "◎", brush: "✎", rectangle: "▭", span: "↔" };

// `area`: the tool for many places at once, "rectangle" or "span"; `tool`: the one to begin with.
// `board`: {node, show(level), mark(code)} to choose a code from; it calls `editor.chosen(code)`.
// `swatch(level, code)`: a small node that stands for a code. `where(place)`: a place in words. `others()`: inputs to
// paint with, [{key, name, src}]. `detail`: whether the codes of a picked place are shown here. `send(step)`, `draw()`, `warm(what)`, `raise(levels)`; `link(code)`: its address;
// `settle()`: a step has been shown, and no other follows it.
export function makeEditor(say, { area, tool = "brush", detail = true, board, swatch, where, others, send, draw, warm, raise, link, settle }) {
  const ed = { tool, paint: "nothing", scope: "one", size: 3, level: 0, code: 0, other: 0,
    picked: null, covered: new Set(), grid: [1, 1], levels: 1, codes: null, value: { undo: 0, redo: 0, count: 0, runs: [] },
    wanted: 1, shown: false };
  let from = null, last = null, waiting = [], busy = null, resting = 0, looking = 0, anew = "";

  const group = (name, entries, choose) => {
    const buttons = Object.fromEntries(entries.map(([key, text, sign]) => [key, el("button", { type: "button", role: "radio",
      "data-choice": key, title: text, onclick: () => choose(key) }, sign ? el("span", { "aria-hidden": "true" }, sign + " ") : null, text)]));
    const node = el("div", { class: "mm-modes mm-small", role: "radiogroup", "aria-label": name }, Object.values(buttons));
    node.addEventListener("keydown", (event) => arrows(event, Object.values(buttons)));
    return { node, buttons, mark(now) {
      for (const [key, button] of Object.entries(buttons)) {
        button.setAttribute("aria-checked", key === now);
        button.tabIndex = key === now ? 0 : -1;
      }
    } };
  };
  const action = (name, sign, onclick, keys = "") => el("button", { type: "button", class: "mm-button mm-step", "data-step": name,
    title: say(name) + keys, "aria-label": say(name), onclick }, sign ? el("span", { "aria-hidden": "true" }, sign) : say(name));

  const tools = group(say("tools"), ["pick", "brush", area].map((name) => [name, say(name), SIGNS[name]]), (tool) => set({ tool }));
  const size = el("select", { class: "mm-select", "aria-label": say("size"), title: say("size"),
    onchange: () => set({ size: Number(size.value) }) }, SIZES.map((n) => el("option", { value: n, selected: n === ed.size }, String(n))));
  const paints = group(say("paint"), PAINTS.map((name) => [name, say("paint_" + name)]), (paint) => set({ paint }));
  const scope = group(say("scope"), ["one", "on", "all"].map((name) => [name, say("scope_" + name)]), (scope) => set({ scope }));
  const levels = el("div", { class: "mm-chips", role: "radiogroup", "aria-label": say("where") });
  levels.addEventListener("keydown", (event) => arrows(event, [...levels.children]));
  const undo = action("undo", "↶", () => step({ do: "undo" }), " (Ctrl+Z)");
  const redo = action("redo", "↷", () => step({ do: "redo" }), " (Ctrl+Shift+Z)");
  const reset = action("reset", "", () => step({ do: "reset" }));
  const linked = action("link", "", async () => {
    const address = link(ed.value.link);
    try {
      await navigator.clipboard.writeText(address);
      told = say(/[?&]input=/.test(address) ? "link_day" : "link_done");
    } catch {
      told = address; // no clipboard without https: it can be copied from here
    }
    note.textContent = told;
  });
  // Of the step that was last done, where a diffusion model makes inputs of this kind and size.
  const remake = el("a", { class: "mm-button mm-remake", target: "_blank", hidden: true }, say("remake"));
  const hint = el("p", { class: "mm-hint" });
  const now = el("div", { class: "mm-chips mm-now" });
  const codeField = el("input", { type: "number", class: "mm-number", min: 0, value: 0, "aria-label": say("code"),
    onchange: () => chosen(clamp(Math.round(Number(codeField.value) || 0), 0, Number(codeField.max))) });
  const current = el("span", { class: "mm-current" });
  const chooser = el("details", { class: "mm-choose" }, el("summary", {}, say("choose_code")), board.node);
  const codeRow = el("div", { class: "mm-row" }, current, codeField, chooser);
  const otherRow = el("div", { class: "mm-row mm-others", role: "radiogroup", "aria-label": say("other") });
  otherRow.addEventListener("keydown", (event) => arrows(event, [...otherRow.children]));
  const note = el("span", { class: "mm-hint mm-said", role: "status" });
  let told = ""; // what the last step did or where its link is, said until the next one
  const node = el("div", { class: "mm-editor", hidden: true },
    el("div", { class: "mm-row" }, tools.node, el("label", { class: "mm-size" }, say("size"), size),
      el("span", { class: "mm-steps" }, undo, redo, reset)),
    el("div", { class: "mm-row" }, el("span", { class: "mm-hint" }, say("where")), levels),
    el("div", { class: "mm-row mm-paint" }, el("span", { class: "mm-hint" }, say("paint")), paints.node, scope.node),
    codeRow, otherRow, hint, now, el("div", { class: "mm-row" }, note, linked, remake));
  chooser.addEventListener("toggle", () => { if (chooser.open) board.show(ed.level); });

  function arrows(event, buttons) {
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = buttons.indexOf(event.target.closest("button"));
    if (!way || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + way + buttons.length) % buttons.length];
    next.click();
    next.focus();
  }

  function set(change) {
    Object.assign(ed, change);
    if (change.paint || change.other !== undefined) ready();
    if (change.level !== undefined || change.paint) ed.level = clamp(ed.level, 0, ed.levels - 1);
    show();
    draw();
  }

  // The server may prepare what the first stroke takes.
  function ready() {
    if (ed.shown) warm({ shown: ed.wanted, paint: ed.paint, ...(ed.paint === "other" ? { other: key() } : {}) });
  }

  const key = () => others()[ed.other]?.key;
  const codeAt = (level, place) => ed.codes[level * ed.grid[0] * ed.grid[1] + place];
  const single = () => ed.tool === "pick" || ed.paint === "code";

  function show() {
    tools.mark(ed.tool);
    paints.mark(ed.paint);
    scope.mark(ed.scope);
    size.parentElement.hidden = ed.tool !== "brush";
    const picking = ed.tool === "pick";
    paints.node.parentElement.hidden = picking;
    scope.node.hidden = picking || ed.paint === "code";
    levels.parentElement.hidden = picking && !detail;
    codeRow.hidden = picking ? !detail || ed.picked === null : ed.paint !== "code";
    otherRow.hidden = picking || ed.paint !== "other";
    undo.disabled = !ed.value.undo;
    redo.disabled = !ed.value.redo;
    reset.disabled = !ed.value.count;
    linked.hidden = !ed.value.link || !link;
    levels.replaceChildren(...Array.from({ length: ed.levels }, (_, l) => el("button", { type: "button", role: "radio",
      class: "mm-chip" + (l === ed.level ? " mm-on" : "") + (l >= ed.wanted ? " mm-above" : ""), style: levelTone(l),
      "aria-checked": String(l === ed.level), "aria-label": say("level_n", { n: l + 1 }), tabindex: l === ed.level ? 0 : -1,
      onclick: () => set({ level: l }) }, String(l + 1))));
    hint.textContent = picking ? say("hint_pick") : [say("hint_" + ed.tool), hintOf(ed.paint)].join(" ");
    showCode();
    showOthers();
    showPicked();
    if (chooser.open && !codeRow.hidden) board.show(ed.level);
    if (busy) return;
    const count = ed.value.count ? say("changed", { n: ed.value.count }) : say("unchanged");
    note.textContent = [told, count, ed.value.unlinked ? say(ed.value.unlinked) : ""].filter(Boolean).join(" ");
  }

  const hintOf = (paint) => say(paint === "nothing" && levelsOf(ed.scope, ed.level, ed.levels).includes(0)
    ? "paint_hint_nothing_1" : "paint_hint_" + paint);

  function showCode() {
    const code = ed.tool === "pick" && ed.picked !== null ? codeAt(ed.level, ed.picked) : ed.code;
    codeField.value = code;
    codeField.max = (ed.size_of ? ed.size_of(ed.level) : 256) - 1;
    current.replaceChildren(swatch(ed.level, code), say("code_n", { code }));
    board.mark(code);
  }

  function showOthers() {
    if (otherRow.hidden) return;
    otherRow.replaceChildren(...others().map(({ name, src }, i) => el("button", { type: "button", role: "radio", title: name,
      class: "mm-other" + (i === ed.other ? " mm-on" : ""), "aria-checked": String(i === ed.other), "aria-label": name,
      tabindex: i === ed.other ? 0 : -1, onclick: () => set({ other: i }) },
      src ? el("img", { src, alt: "", draggable: "false" }) : el("span", {}, name))));
  }

  // The codes of the picked place, level by level.
  function showPicked() {
    now.hidden = !detail || ed.tool !== "pick" || ed.picked === null || !ed.codes;
    if (now.hidden) return now.replaceChildren();
    now.replaceChildren(el("p", { class: "mm-hint" }, where(ed.picked)),
      ...Array.from({ length: ed.levels }, (_, l) => el("button", { type: "button", style: levelTone(l),
        class: "mm-code" + (l === ed.level ? " mm-on" : "") + (l >= ed.wanted ? " mm-above" : ""), onclick: () => set({ level: l }) },
        swatch(l, codeAt(l, ed.picked)), el("span", {}, say("level_n", { n: l + 1 })), el("b", {}, String(codeAt(l, ed.picked))))));
  }

  // A code was chosen: to paint with, or for the place that is picked.
  function chosen(code) {
    ed.code = code;
    if (ed.tool === "pick" && ed.picked !== null) paintPlaces([ed.picked], "code");
    else show();
  }

  function paintPlaces(places, paint = ed.paint) {
    if (!places.length) return;
    const wanted = paint === "code" ? [ed.level] : levelsOf(ed.scope, ed.level, ed.levels);
    let above = null;
    if (Math.min(...wanted) >= ed.wanted) {
      above = ed.level + 1; // it could not be seen
      ed.wanted = above;
      raise(above);
    }
    step({ do: "paint", runs: runsOf(places), levels: wanted, paint, code: ed.code,
      seed: Math.floor(Math.random() * 2 ** 31), ...(paint === "other" ? { other: key() } : {}) }, above);
  }

  // Steps go one at a time, so that each is seen and none is refused.
  function step(what, above = null) {
    clearTimeout(resting);
    waiting.push(what);
    told = "";
    note.textContent = above ? say("raised", { n: above }) : say("busy");
    if (!busy) next(above);
  }

  function next(above = null) {
    const what = waiting.shift();
    if (!what) return;
    busy = { timer: setTimeout(() => { busy = null; waiting = []; release(); settle(); }, 20000), above, what,
      codes: ed.codes };
    send({ ...what, shown: ed.wanted });
  }

  function release() {
    ed.covered.clear();
    show();
    draw();
  }

  return {
    node, chosen,
    get state() { return ed; },
    get changed() { return ed.value.runs ? placesOf(ed.value.runs) : []; },
    get needsSheet() { return single(); },
    open(on) {
      if (on && !ed.shown) { ed.shown = true; ready(); }
      ed.shown = on;
      node.hidden = !on;
      if (on) show();
    },
    // Codes, grid, levels and what has been done, as they are now; `wanted`: levels that are looked at.
    fill(values) {
      Object.assign(ed, values);
      anew = ed.value.remake ?? (ed.value.count ? anew : ""); // said with the step alone
      remake.hidden = !anew;
      if (anew) remake.href = anew;
      ed.level = clamp(ed.level, 0, ed.levels - 1);
      if (ed.picked !== null && ed.picked >= ed.grid[0] * ed.grid[1]) ed.picked = null;
      show();
    },
    level(level) { set({ level }); },
    // A place as a link names it.
    pickAt(place) { set({ tool: "pick", picked: place }); },
    // One code at one place, chosen elsewhere on the page.
    put(place, level, code) {
      Object.assign(ed, { level, code });
      ed.covered = new Set([place]);
      paintPlaces([place], "code");
    },
    look(levels) {
      if (levels === ed.wanted) return;
      ed.wanted = levels;
      clearTimeout(looking);
      looking = setTimeout(ready, LOOKED);
      if (ed.shown) show();
    },
    // The answer to a step has come.
    arrived() {
      const done = busy;
      if (done) clearTimeout(done.timer);
      busy = null;
      ed.covered.clear();
      const did = { undo: "undone", redo: "redone", reset: "was_reset" }[done?.what.do];
      const idle = done?.what.do === "paint" && sameCodes(done.codes, ed.codes);
      told = [done?.above ? say("raised", { n: done.above }) : "", idle ? say("same") : "", did ? say(did) : ""].filter(Boolean).join(" ");
      show();
      if (waiting.length) return next();
      clearTimeout(resting);
      resting = setTimeout(settle, REST);
    },
    fresh() {
      remake.hidden = true;
      anew = "";
      if (busy) clearTimeout(busy.timer);
      clearTimeout(resting);
      busy = null;
      waiting = [];
      told = "";
      Object.assign(ed, { picked: null, covered: new Set() });
    },
    begin(at) {
      if (ed.tool === "pick") {
        ed.picked = at.y * ed.grid[1] + at.x;
        show();
        return draw();
      }
      from = last = at;
      ed.covered = new Set(ed.tool === "brush" ? dab(ed.grid, at, ed.size) : rectangle(ed.grid, at, at));
      draw();
    },
    move(at) {
      if (!from || (at.x === last.x && at.y === last.y)) return;
      if (ed.tool === "brush") for (const place of stroke(ed.grid, last, at, ed.size)) ed.covered.add(place);
      else ed.covered = new Set(rectangle(ed.grid, from, at));
      last = at;
      draw();
    },
    end() {
      if (!from) return;
      from = last = null;
      paintPlaces([...ed.covered]);
    },
    cancel() {
      from = last = null;
      ed.covered.clear();
      draw();
    },
    get stroking() { return from !== null; },
    // Keys on the picture itself: arrows move a cursor, Space or Enter paints or picks there.
    key(event, cursor) {
      const to = stepped(ed.grid, cursor, event.key);
      if (to) {
        event.preventDefault();
        return to;
      }
      if (event.key !== "Enter" && event.key !== " ") return null;
      event.preventDefault();
      if (ed.tool === "pick") this.begin(cursor);
      else {
        ed.covered = new Set(dab(ed.grid, cursor, ed.tool === "brush" ? ed.size : 1));
        paintPlaces([...ed.covered]);
      }
      return cursor;
    },
    // Ctrl+Z and its like, unless one is typing.
    historyKey(event) {
      const what = historyKey(event);
      if (!what || !ed.shown || event.target.closest?.("input:not([type=range], [type=checkbox]), textarea, [contenteditable=true]")) return;
      event.preventDefault();
      if (ed.value[what]) step({ do: what });
    },
    box: () => (ed.covered.size ? boxOf(ed.grid, [...ed.covered]) : null),
  };
}

// Whether a step left everything as it was: where a level says nothing, painting "nothing" changes nothing.
const sameCodes = (before, after) => before?.length === after?.length && before.every((code, i) => code === after[i]);

// Words of a place of a picture, and what stands there.
export const placeOf = ([, columns], place) => ({ x: place % columns, y: Math.floor(place / columns) });
