// How a visit to the Text tab begins: the reconstruction on one level, then two, until every byte is right.
import { seenBefore, skippable } from "../shared/motion.js";

const STEP = 900; // milliseconds a level

// `panes`: the HTML of the reconstruction, by levels.
export function openText(panes) {
  const pane = document.querySelector("#mm-text-output .html-container, #mm-text-output .prose, #mm-text-output");
  const slider = document.querySelector("#mm-text-levels input[type=range]");
  const shown = pane.firstElementChild, level = Number(slider?.value);
  const stage = document.createElement("div");
  const tell = (n) => slider?.dispatchEvent(new CustomEvent("mm-show", { detail: n }));
  const show = (n) => {
    stage.innerHTML = panes[n - 1];
    tell(n);
  };
  shown.after(stage);
  shown.hidden = true;
  return skippable(async (run) => {
    for (let n = Math.min(panes.length, seenBefore("text") + 1); n <= panes.length; n++) {
      show(n);
      stage.animate?.([{ opacity: 0.35 }, { opacity: 1 }], { duration: 300 });
      await run.wait(STEP);
    }
  }, (event) => {
    stage.remove();
    shown.hidden = false;
    if (event?.target !== slider) tell(level);
  });
}
