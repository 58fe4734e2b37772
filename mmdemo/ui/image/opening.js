// How a visit begins: the picture builds up level by level, then one token finds its nearest codeword. Once, and any
// input ends it.
import { el, number } from "../shared/base.js";
import { seenBefore, skippable } from "../shared/motion.js";

const STEP = 240, PAUSE = 700; // milliseconds
const LIFTED = 76; // pixels a side of the token when it has been lifted out

// `show(levels)`: of the reconstruction alone; `has(levels)`: whether it is there; `rest()`: as the page looks otherwise.
export function openPicture({ say, stage, value, show, has, rest }) {
  const { opening, levels, stride, width } = value;
  return skippable(async (run) => {
    for (let n = Math.min(levels, seenBefore("image") + 1); n <= levels; n++) {
      await run.until(() => has(n));
      show(n);
      await run.wait(STEP);
    }
    await run.wait(PAUSE);
    if (opening.words) await lift(run);
  }, rest);

  async function lift(run) {
    const [column, row] = opening.at, box = stage.node.getBoundingClientRect();
    const scale = box.width / width, side = stride * scale;
    const home = { x: column * side, y: row * side };
    const words = [...opening.words].sort((a, b) => a[0] - b[0]), nearest = opening.words[0];
    const token = el("canvas", { class: "mm-lift-token", width: stride, height: stride });
    token.getContext("2d").drawImage(stage.left, column * stride, row * stride, stride, stride, 0, 0, stride, stride);
    const caption = el("p", {}, say("opening_lift", { n: value.codebook }));
    const patches = words.map(([code, distance, src]) => el("span", { class: "mm-lift-word", "data-code": code },
      el("img", { src, alt: "" }), el("i", {}, number(distance, 1))));
    const card = el("div", { class: "mm-lift-card" }, el("div", { class: "mm-lift-row" },
      el("span", { class: "mm-lift-place" }), patches), caption);
    const layer = el("div", { class: "mm-lift", "aria-hidden": "true" }, card, token);
    stage.node.append(layer);
    run.last(() => layer.remove());
    const place = card.querySelector(".mm-lift-place").getBoundingClientRect();
    const raised = { x: place.left - box.left, y: place.top - box.top };
    const at = (spot, size) => ({ transform: `translate(${spot.x}px, ${spot.y}px) scale(${size / LIFTED})` });
    await run.animate(token, [at(home, side), { ...at(home, side * 1.8), offset: 0.25 }, at(raised, LIFTED)], 900);
    await run.animate(card, [{ opacity: 0 }, { opacity: 1 }], 300);
    for (const patch of [...patches, ...patches.slice(0, 2)]) {
      patch.classList.add("mm-on");
      await run.wait(110);
      patch.classList.remove("mm-on");
    }
    const found = patches[words.indexOf(nearest)];
    found.classList.add("mm-on", "mm-found");
    caption.textContent = say("opening_found", { code: nearest[0], distance: number(nearest[1], 1) });
    await run.wait(1400);
    const word = found.querySelector("img"), from = word.getBoundingClientRect();
    token.getContext("2d").drawImage(word, 0, 0, stride, stride);
    const start = { x: from.left - box.left, y: from.top - box.top };
    run.animate(card, [{ opacity: 1 }, { opacity: 0 }], 500);
    await run.animate(token, [at(start, from.width), at(home, side)], 800);
    await run.wait(250);
  }
}
