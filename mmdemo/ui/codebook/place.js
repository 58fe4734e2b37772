// One place of the input: its code on each level, what each adds, and how the code of a level was chosen.
import { el, levelTone, number } from "../shared/base.js";
import { patch } from "../shared/code_sheet.js";

// `codes`: of the place, one a level; `sheets(level)`: the sheet or null while it is on its way.
export function levelStrip(say, codes, current, choices, sheets, onLevel) {
  const whole = choices[0]?.before || 0;
  return el("div", { class: "mm-strip" }, codes.map((code, level) => {
    const sheet = sheets(level), choice = choices[level];
    return el("button", { type: "button", class: "mm-rung" + (level === current ? " mm-on" : ""), style: levelTone(level),
      "aria-pressed": String(level === current), onclick: () => onLevel(level, code) },
    el("span", {}, say("level_n", { n: level + 1 })),
    el("span", { class: "mm-strip-face" }, sheet ? patch(sheet, code) : null),
    el("b", {}, String(code)),
    choice && whole ? el("i", { class: "mm-left", title: say("left", { share: number((100 * choice.after) / whole) }) },
      el("b", { style: `height:${Math.min(100, (100 * choice.after) / whole)}%` })) : null);
  }));
}

// The nearest codewords to what was left to say, the chosen one marked.
export function distances(say, choice, level, sheet, onPick) {
  const rows = choice.nearest.map(([code, distance], rank) => ({ code, distance, rank }));
  if (!rows.some(({ code }) => code === choice.code)) rows.push({ code: choice.code, distance: choice.distance, rank: choice.rank });
  const most = Math.max(...rows.map((row) => row.distance), 1e-9);
  return el("div", { class: "mm-distances", style: levelTone(level) }, rows.map(({ code, distance, rank }) => el("button", {
    type: "button", class: "mm-distance" + (code === choice.code ? " mm-on" : ""), onclick: () => onPick(code) },
  el("span", { class: "mm-near-face" }, sheet ? patch(sheet, code) : null), el("span", {}, String(code)),
  el("i", {}, el("b", { style: `width:${(100 * distance) / most}%` })),
  el("span", { class: "mm-figure" }, distance.toFixed(distance < 0.1 ? 4 : 3)),
  el("span", { class: "mm-mark" }, code === choice.code ? say(rank ? "chosen_rank" : "chosen", { rank: rank + 1 }) : ""))));
}
