// The tour: one stop after another, each of which drives the controls it speaks of. Any stop can be left at any time.
import { el, translator } from "../shared/base.js";
import { calm } from "../shared/motion.js";

const wait = (ms) => new Promise((go) => setTimeout(go, ms));

// Waits for `find()` to give something, while `going()`; null when it never does.
export async function until(find, going = () => true, most = 60000) {
  for (let passed = 0; passed < most && going(); passed += 100) {
    const found = find();
    if (found) return found;
    await wait(100);
  }
  return null;
}

// A slider as if it were moved by hand.
export function slide(input, value) {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, String(value));
  for (const name of ["input", "change"]) input.dispatchEvent(new Event(name, { bubbles: true }));
}

const get = (selector) => document.querySelector(selector);

// What each stop does; `going()` says whether it is still the one that is shown.
const STOPS = [
  { name: "levels", tab: "image", at: ".mm-levels", async act(going) {
    get("button[data-mode=compare]")?.click();
    const slider = await until(() => get(".mm-viewer[data-ready] #mm-levels"), going);
    for (let n = 1; slider && going() && n <= Number(slider.max); n++) {
      slide(slider, n);
      await wait(calm() ? 0 : 800);
    }
    await wait(800);
    if (slider && going()) slide(slider, 2);
  } },
  { name: "tokens", tab: "image", at: ".mm-stage", block: "start", async act(going) {
    const mode = await until(() => get(".mm-viewer[data-ready] button[data-mode=tokens]"), going);
    if (!mode || !going()) return;
    mode.click();
    await wait(400);
    get(".mm-viewer [data-choice=pick]").click();
    const stage = get(".mm-stage"), box = stage.getBoundingClientRect();
    const at = { clientX: box.left + 0.45 * box.width, clientY: box.top + 0.45 * box.height, bubbles: true, pointerId: 1 };
    for (const name of ["pointerdown", "pointerup"]) stage.dispatchEvent(new PointerEvent(name, at));
    get("#mm-tour-title").focus({ preventScroll: true }); // the picture took it, and the arrow keys with it
  } },
  { name: "codebook", tab: "codebook", at: "#mm-tab-codebook", async act() {} },
  { name: "audio", tab: "audio", at: "#mm-audio-lab", async act(going) {
    const slider = await until(() => get("#mm-audio-lab .lab:not([hidden])") && get("#mm-audio-levels input[type=range]"), going);
    if (slider && going()) slide(slider, 1);
  } },
  { name: "generate", tab: "generate", at: "#mm-player", async act(going) {
    const button = await until(() => document.body.dataset.linkRead && get("#mm-generate"), going);
    if (button && going()) button.click();
  } },
  { name: "end", tab: "image", at: "#mm-image-input", async act() {} },
];

export default function tour({ element, props }) {
  const say = translator(props);
  const panel = element.querySelector(".mm-tour");
  let at = -1, before = null;

  function show(index) {
    if (index >= STOPS.length || index < 0) return end();
    at = index;
    const stop = STOPS[at], last = at === STOPS.length - 1, going = () => at === index;
    const title = el("h2", { id: "mm-tour-title", tabindex: "-1" }, say(`${stop.name}_title`));
    const button = (name, onclick, more = "") => el("button", { type: "button", class: `mm-button ${more}`, onclick }, say(name));
    panel.replaceChildren(
      el("p", { class: "mm-hint" }, last ? "" : say("stop", { n: at + 1, all: STOPS.length - 1 })), title,
      el("p", {}, say(`${stop.name}_text`)),
      el("div", { class: "mm-tour-buttons" }, button("close", end), at ? button("back", () => show(at - 1)) : null,
        last ? button("own", own, "mm-go-on") : button("next", () => show(at + 1), "mm-go-on")));
    panel.hidden = false;
    panel.dataset.stop = stop.name;
    window.dispatchEvent(new CustomEvent("mm-open-tab", { detail: stop.tab }));
    title.focus({ preventScroll: true });
    until(() => get(stop.at)?.offsetParent && get(stop.at), going).then((node) => {
      if (node && going()) node.scrollIntoView({ block: stop.block ?? "center", behavior: calm() ? "auto" : "smooth" });
    });
    stop.act(going);
  }

  function end() {
    at = -1;
    panel.hidden = true;
    delete panel.dataset.stop;
    before?.focus?.();
  }

  function own() {
    end();
    const field = get("#mm-image-input input[type=file]");
    get("#mm-image-input")?.scrollIntoView({ block: "center" });
    field?.click();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".mm-tour-start");
    if (!button) return;
    before = button;
    show(0);
  });
  document.addEventListener("keydown", (event) => {
    if (at < 0) return;
    if (event.key === "Escape") end();
    const inside = panel.contains(document.activeElement);
    if (inside && event.key === "ArrowRight") show(Math.min(at + 1, STOPS.length - 1));
    if (inside && event.key === "ArrowLeft" && at) show(at - 1);
  });
  panel.setAttribute("aria-labelledby", "mm-tour-title");
}
