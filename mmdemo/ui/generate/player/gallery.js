// The results of this visit: kept with all their steps, so that one comes back without being made again.
import { el } from "../../shared/base.js";
import { drawSound } from "../../shared/sound_draw.js";
import { samplesOf } from "./run.js";

export const MOST = 24;

// Entries with a new one first; the same address once.
export function remembered(entries, run) {
  return [run, ...entries.filter((other) => other.address !== run.address)].slice(0, MOST);
}

// `player`: {root, run, say}; `restore(run)` shows one again.
export function makeGallery(player, restore) {
  const box = player.root.querySelector(".mp-gallery");
  let entries = [];

  function thumbnail(run) {
    const lane = run.lanes[0], frame = lane.frames.at(-1);
    if (run.want.includes("image")) {
      const shown = run.blocks ? 1 : Math.min(4, lane.n);
      return el("span", { class: "mp-thumbs", "data-count": shown },
        Array.from({ length: shown }, (_, i) => el("img", { src: frame.image.x0[i], alt: "" })));
    }
    if (run.want.includes("text")) return el("b", {}, frame.text.x0[0]);
    const canvas = el("canvas");
    requestAnimationFrame(() => drawSound(canvas, samplesOf(frame.audio.x0[0])));
    return canvas;
  }

  const nameOf = ({ given, lanes }) =>
    [given?.text, given?.mix].filter(Boolean).join(" + ") || `${player.say("seed")} ${lanes[0].settings.seed}`;

  function paint() {
    box.hidden = entries.length < 2;
    box.querySelector("div").replaceChildren(...entries.map((run) => el("button", { type: "button", class: "mp-past",
      "aria-pressed": run === player.run, title: nameOf(run), onclick: () => { restore(run); paint(); } },
    thumbnail(run), el("small", {}, nameOf(run)))));
  }

  return {
    add(run) {
      entries = remembered(entries, run);
      paint();
    },
    paint,
  };
}
