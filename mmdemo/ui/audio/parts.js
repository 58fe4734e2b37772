// The nodes of the sound lab, and the rows on its one axis of time.
import { el } from "../shared/base.js";

// Spectrograms of sounds that can be heard; those of other codecs are there to compare only.
export const SOUNDS = { mel_original: "original", mel_reconstruction: "reconstruction", mel_Opus: "Opus", mel_codec2: "codec2" };
export const OTHERS = ["mel_Opus", "mel_codec2"];
export const ROWS = ["waveform", "wave_difference", "mel_original", "mel_reconstruction", ...OTHERS, "mel_difference", "tokens"];
export const MODES = ["all", "compare"];
export const MEL_HEIGHT = 88;

// `does`: what a click or key on each does. `editor`: the token editor's node.
export function build(lab, say, editor, does) {
  const button = (name, cls, onclick, extra = {}) =>
    el("button", { type: "button", class: cls, title: say(name), "aria-label": say(name), onclick, ...extra });
  const check = (name, checked, onchange) =>
    el("label", { class: "lab-" + name }, el("input", { type: "checkbox", checked, onchange: (e) => onchange(e.target.checked) }), say(name));
  const made = {
    play: button("play", "lab-play", () => does.toggle()),
    time: el("span", { class: "lab-time" }),
    tracks: el("div", { class: "lab-tracks", role: "radiogroup", "aria-label": say("listen") }),
    swap: el("button", { type: "button", class: "lab-swap", title: say("swap_hint"), onclick: () => does.swap() }, "A ⇄ B"),
    out: button("zoom_out", "lab-small", () => does.zoom(1 / 2)),
    into: button("zoom_in", "lab-small", () => does.zoom(2)),
    note: el("span", { class: "lab-note" }),
    head: el("div", { class: "lab-head", hidden: true }),
    cursor: el("div", { class: "lab-cursor", hidden: true }),
    tip: el("div", { class: "lab-tip", hidden: true }),
    scroll: el("input", { type: "range", class: "lab-scroll", min: 0, max: 1000, value: 0, hidden: true,
      "aria-label": say("scroll"), oninput: (e) => does.scroll(Number(e.target.value) / 1000) }),
    rows: {}, canvases: {}, names: {}, figures: {},
  };
  made.out.textContent = "−"; made.into.textContent = "+";
  made.plot = el("div", { class: "lab-plot" }, made.head, made.cursor, made.tip);
  for (const name of ROWS) {
    made.canvases[name] = el("canvas", { "data-row": name, role: "img", "aria-label": OTHERS.includes(name) ? SOUNDS[name] : say(name) });
    made.names[name] = el("span", {}, OTHERS.includes(name) ? SOUNDS[name] : say(name));
    made.figures[name] = el("span", { class: "lab-figures" });
    made.rows[name] = el("div", { class: "lab-row" }, caption(name, made, say, does.listen), made.canvases[name]);
    made.plot.append(made.rows[name]);
  }
  made.canvases.axis = el("canvas", { "data-row": "axis" });
  made.plot.append(made.canvases.axis);
  made.modes = Object.fromEntries(MODES.map((name) => [name, el("button", { type: "button", role: "tab", "data-mode": name,
    "aria-selected": String(name === MODES[0]), onclick: () => does.mode(name) }, say("mode_" + name))]));
  made.edit = el("button", { type: "button", class: "lab-toggle", "aria-pressed": "false", onclick: () => does.edit() }, say("edit"));
  made.rows.tokens.querySelector(".lab-caption").append(made.edit);
  made.before = el("button", { type: "button", class: "mm-button", disabled: true, onclick: () => does.place(["before"]) }, say("play_before"));
  made.after = el("button", { type: "button", class: "mm-button", disabled: true, onclick: () => does.place(["after"]) }, say("play_after"));
  made.editor = el("div", { class: "lab-edit", hidden: true }, el("div", { class: "mm-row" }, made.before, made.after), editor);
  made.save = el("button", { type: "button", class: "lab-text", onclick: () => does.save.wav() }, say("save_wav"));
  made.native = el("button", { type: "button", class: "lab-text", hidden: true, onclick: () => does.restore() });
  made.mmt = el("button", { type: "button", class: "lab-text", onclick: () => does.save.tokens() }, say("save_mmt"));
  made.spoken = el("span", { class: "mm-spoken", role: "status" });
  made.card = el("button", { type: "button", class: "lab-text", onclick: () => does.save.card() }, say("card"));
  lab.tabIndex = 0;
  lab.append(
    el("div", { class: "lab-bar" }, made.play, made.swap, made.tracks),
    el("div", { class: "lab-bar lab-options" }, made.time, check("equal", true, (on) => does.level(on)),
      check("loop", false, (on) => does.loop(on)), made.note,
      el("div", { class: "mm-modes lab-modes", role: "tablist", "aria-label": say("mode") }, Object.values(made.modes)),
      el("span", { class: "lab-zoom" }, made.out, made.into)),
    made.plot, made.scroll, made.editor, made.spoken, el("div", { class: "lab-bar lab-save" }, made.save, made.mmt, made.card, made.native));
  return made;
}

function caption(name, { names, figures }, say, listenTo) {
  const key = SOUNDS[name], listen = key && el("button", { type: "button", class: "lab-listen", "data-listen": key,
    onclick: () => listenTo(key) }, "▶");
  const row = el("div", { class: "lab-caption" }, listen, names[name], figures[name]);
  if (name === "waveform")
    row.append(el("span", { class: "lab-key" }, el("span", { class: "lab-before" }, el("i", { class: "before" }),
      say("original")), el("i", { class: "after" }), say("reconstruction")));
  if (name === "mel_difference")
    row.append(el("span", { class: "lab-key" }, el("i", { class: "less" }), say("less"), el("i", { class: "more" }), say("more")));
  return row;
}
