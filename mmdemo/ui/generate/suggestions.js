// Suggestions below the prompt, and drawing while one types.
import { el, readValue, translator } from "../shared/base.js";
import { completed, fitting, typing } from "./suggest.js";

const BOXES = "#mm-word, #mm-mix";

export default function suggestions({ element, props, trigger, watch }) {
  const say = translator(props);
  const root = element.querySelector(".sg");
  const tab = element.closest("[role=tabpanel]") || document;
  const timers = { set: setTimeout.bind(globalThis), clear: clearTimeout.bind(globalThis), now: () => performance.now() };
  const typed = typing({ draft: () => asks() && trigger("draft"), settle: () => asks() && trigger("settled") }, timers);
  let active = "#mm-word"; // the box that was typed in last

  const box = (selector) => tab.querySelector(`${selector} input, ${selector} textarea`);
  const state = () => readValue(props) || {};

  // An empty prompt asks for nothing.
  const asks = () => state().live && BOXES.split(", ").some((name) => box(name)?.value.trim());

  function choose(name) {
    const field = box(active);
    if (!field) return;
    field.value = completed(field.value, name);
    field.dispatchEvent(new Event("input", { bubbles: true })); // the page takes it as typed
    field.focus();
  }

  function show() {
    const { model, live } = state(), rows = live ? fitting(props.lists[model] || [], box(active)?.value || "") : [];
    const name = ([, english, chinese]) => (globalThis.mmLang === "zh" ? chinese : english);
    root.replaceChildren(...rows.map((row) => el("button", { type: "button", class: "sg-chip", title: row.slice(1).join(" · "),
      onclick: () => choose(name(row)) }, `${row[0]} ${name(row)}`)));
    root.hidden = !rows.length;
  }

  tab.addEventListener("input", (event) => {
    const name = BOXES.split(", ").find((selector) => event.target.closest?.(selector));
    if (!name) return;
    active = name;
    show();
    if (!event.isComposing && state().live) typed();
  });
  tab.addEventListener("compositionend", (event) => {
    if (event.target.closest?.(BOXES) && state().live) typed();
  });
  tab.addEventListener("focusin", (event) => {
    const name = BOXES.split(", ").find((selector) => event.target.closest?.(selector));
    if (name && name !== active) {
      active = name;
      show();
    }
  });

  root.setAttribute("aria-label", say("suggested"));
  show();
  watch("value", show);
}
