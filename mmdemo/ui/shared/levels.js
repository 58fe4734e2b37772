// How many levels of codes are looked at: one control for every tab.
import { clamp, el } from "./base.js";

// `onMove(n)`: it was moved by hand. `show(n, all)` sets it; so does the event "mm-show" {detail: n} on its input, for
// scenes that play with it.
export function makeLevels(say, onMove, attributes = {}) {
  const input = el("input", { type: "range", min: 1, max: 1, value: 1, step: 1, "aria-label": say("levels"), ...attributes });
  const readout = el("output");
  const node = el("label", { class: "mm-levels", title: say("levels_hint") }, el("span", {}, say("levels")), input, readout);

  function show(n, all = Number(input.max)) {
    input.max = all;
    input.value = clamp(n, 1, all);
    readout.textContent = say("of", { n: input.value, all });
    input.setAttribute("aria-valuetext", readout.textContent);
  }

  input.addEventListener("input", () => {
    show(Number(input.value));
    onMove(Number(input.value));
  });
  input.addEventListener("mm-show", ({ detail }) => show(detail));
  return { node, input, show };
}

// How many levels the input of a tab has: its control goes no further.
export const tellLevels = (tab, all) => document.dispatchEvent(new CustomEvent("mm-levels", { detail: { tab, all } }));
