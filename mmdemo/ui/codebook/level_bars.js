// One bar a level: how many codes are effectively in use, out of the size of the codebook.
import { el, levelTone, number } from "../shared/base.js";

export function levelBars(say, value, onLevel) {
  return el("div", { class: "mm-bars" }, value.perplexity.map((perplexity, level) => el("button", {
    type: "button", class: "mm-bar-row" + (level === value.level ? " mm-on" : ""),
    style: levelTone(level), onclick: () => onLevel(level),
    title: say("used_share", { share: number(100 * value.usage[level], 0) }) },
    el("span", {}, say("level_n", { n: level + 1 })),
    el("i", {}, el("b", { style: `width:${(100 * perplexity) / value.count}%` }),
      el("em", { style: `left:${100 * value.usage[level]}%` })),
    el("span", { class: "mm-bar-value" }, number(perplexity, 0)))));
}
