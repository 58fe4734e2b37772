// “Where does it live?”: the input, what else could be chosen, and the place that is chosen in it.
import { el, number } from "../shared/base.js";
import { kindOf } from "./kinds.js";
import { makeLives, placeOf } from "./lives.js";
import { distances, levelStrip } from "./place.js";

// `view`: what the browser shows; `codeOf(level, position)`; `sheetOf(level)`: the sheet where it is here.
export function makeHere({ say, view, codeOf, sheetOf, onPlace, onPick, onLevel, onInput }) {
  const lives = makeLives({ say, name: placeName, onPick: onPlace });
  const title = el("h3", {}, say("lives_title")), chooser = el("details", { class: "mm-chooser" });
  const hint = el("p", { class: "mm-hint" }), place = el("div", { class: "mm-place" });
  const back = el("a", { class: "mm-link", href: "#", onclick: (event) => {
    event.preventDefault();
    document.getElementById(`mm-tab-${view.model}-button`)?.click();
  } });

  function placeName(position) {
    const code = codeOf(Math.min(view.level, view.input.levels - 1), position);
    return `${placeTitle(placeOf(view.input.grid, position))}: ${say("code_n", { n: code })}`;
  }

  const placeTitle = (at) => kindOf(view.input.modality).place(say, at, view.input);

  function drawInput() {
    const { input } = view;
    const pictureOf = (choice) => (choice?.thumb ? el("img", { src: choice.thumb, alt: "" }) : null);
    chooser.open = false;
    chooser.replaceChildren(
      el("summary", {}, pictureOf(input.choices.find((choice) => choice.id === input.id)), el("span", {}, input.name), el("small", {}, say("other_input"))),
      el("div", { class: "mm-choices" }, input.choices.map((choice) => el("button", { type: "button",
        class: "mm-choice" + (choice.id === input.id ? " mm-on" : ""), "aria-pressed": String(choice.id === input.id),
        onclick: () => onInput(choice.id) }, pictureOf(choice), el("span", {}, choice.name),
        choice.mine ? el("small", {}, say("yours")) : null)), back));
    back.textContent = say("back", { tab: say(view.model) });
    lives.pick(view.place);
    drawPlace();
  }

  function drawHint() {
    const { input, counts, code, level } = view, n = counts[code];
    if (!input) hint.textContent = say("loading");
    else if (level >= input.levels) hint.textContent = say("no_level", { n: input.levels });
    else hint.textContent = n ? say(n === 1 ? "lives_one" : "lives", { n: number(n), code }) : say("lives_not", { code });
  }

  function drawPlace() {
    const { input, choices, level } = view, text = (said) => el("p", { class: "mm-hint" }, said);
    if (view.place === null || !input) return place.replaceChildren(text(input ? say(`place_hint_${view.model}`) : ""));
    const codes = Array.from({ length: input.levels }, (_, l) => codeOf(l, view.place));
    const choice = choices?.[level], parts = [
      el("h4", {}, placeTitle(placeOf(input.grid, view.place))),
      levelStrip(say, codes, level, choices || [], sheetOf, (l, code) => (l === level ? onPick(code) : onLevel(l)))];
    if (choice) parts.push(
      text(say(level ? "distance_later" : "distance_first", { level: level + 1, before: choice.before.toFixed(2) })),
      distances(say, choice, level, view.sheet, onPick),
      text(say(choice.rank ? (choice.after === choice.before ? "argmin_skip" : "argmin_not") : "argmin", { code: choice.code, after: choice.after.toFixed(2),
        share: number((100 * choice.after) / Math.max(1e-9, choices[0].before)) })));
    else if (!input.exact) parts.push(text(say("no_distances")));
    else parts.push(text(say(choices ? "no_distances_text" : "loading")));
    if (!view.own) parts.push(text(say(`place_hint_${view.model}`)));
    place.replaceChildren(...parts);
  }

  const node = el("section", { class: "mm-card" }, title, chooser, lives.node, hint, place);
  return { node, lives, place, drawInput, drawHint, drawPlace };
}
