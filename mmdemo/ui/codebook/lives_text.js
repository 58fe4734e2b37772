// A text among the faces of `lives.js`: the characters of each position, those where a code lives marked.
import { clamp, el, visible } from "../shared/base.js";

export const CONTINUED = "▹"; // a position in which no character begins

export function textFace(input, { node, words }) {
  words.replaceChildren(...input.spans.flatMap((text, position) => {
    const span = el("span", { "data-at": position }, visible(text) || CONTINUED);
    return text.includes("\n") ? [span, el("br")] : [span];
  }));

  function draw({ has, picked, level }) {
    for (const span of words.children) {
      const at = Number(span.dataset.at);
      if (span.tagName !== "SPAN") continue;
      span.className = (has(at) ? "mm-lit" : "") + (at === picked ? " mm-on" : "");
    }
    words.style.setProperty("--tone", `var(--mm-level-${level % 8})`);
    const lit = words.querySelector(picked === null ? ".mm-lit" : ".mm-on");
    if (lit) node.scrollTop = clamp(lit.offsetTop - node.clientHeight / 2, 0, node.scrollHeight);
  }

  function positionAt(event) {
    const span = event.target.closest?.("[data-at]");
    return span ? Number(span.dataset.at) : null;
  }

  return { element: words, draw, positionAt };
}
