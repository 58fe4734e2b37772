// One bar a level: how many codes are effectively in use on the input and, as a tick, in training.
import { el, levelTone, number } from "../shared/base.js";

// `rows`: for each level {here, training, used}, perplexities (training may be null) and the share of codes in use here.
export function levelBars(say, rows, size, current, onLevel) {
  return el("div", { class: "mm-bars" }, rows.map(({ here, training, used }, level) => el("button", {
    type: "button", class: "mm-bar-row" + (level === current ? " mm-on" : ""),
    style: levelTone(level), onclick: () => onLevel(level),
    title: here === null ? null : say("used_share", { share: number(100 * used, 0) }) },
    el("span", {}, say("level_n", { n: level + 1 })),
    el("i", {}, here === null ? null : el("b", { style: `width:${(100 * here) / size}%` }),
      training === null ? null : el("em", { style: `left:calc(${(100 * training) / size}% - 1px)` })),
    el("span", { class: "mm-bar-value" }, number(here, 0)))));
}
