// The picture stage: two pictures with a swipe handle, and a canvas above them for grid and heat map.
import { clamp, el } from "../shared/base.js";

export function makeStage(say, onCell) {
  const left = el("img", { class: "mm-under", alt: "", draggable: "false" });
  const right = el("img", { class: "mm-over", alt: "", draggable: "false" });
  const canvas = el("canvas", { class: "mm-canvas", "aria-hidden": "true" });
  const handle = el("div", { class: "mm-handle", role: "slider", tabindex: "0", "aria-label": say("swipe"),
    "aria-valuemin": "0", "aria-valuemax": "100" });
  const tags = [el("span", { class: "mm-tag mm-tag-left" }), el("span", { class: "mm-tag mm-tag-right" })];
  const tip = el("div", { class: "mm-tip", hidden: true });
  const node = el("div", { class: "mm-stage" }, left, right, canvas, handle, ...tags, tip);
  let swiping = true;
  let cut = 50;
  let sweep = 0;

  function setCut(percent) {
    cut = clamp(percent, 0, 100);
    node.style.setProperty("--cut", cut + "%");
    handle.setAttribute("aria-valuenow", Math.round(cut));
  }

  function place(event) {
    const box = node.getBoundingClientRect();
    return { x: clamp((event.clientX - box.left) / box.width, 0, 0.99999),
      y: clamp((event.clientY - box.top) / box.height, 0, 0.99999) };
  }

  // On arrival the handle sweeps once over the picture: what can be moved shows that it can.
  function arrive() {
    cancelAnimationFrame(sweep);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return setCut(50);
    const start = performance.now();
    const frame = (now) => {
      const t = Math.min(1, (now - start) / 900);
      setCut(100 - 50 * (1 - (1 - t) ** 3));
      if (t < 1) sweep = requestAnimationFrame(frame);
    };
    sweep = requestAnimationFrame(frame);
  }

  node.addEventListener("pointerdown", (event) => {
    cancelAnimationFrame(sweep);
    const at = place(event);
    if (event.button) return;
    node.setPointerCapture(event.pointerId);
    if (!swiping) return onCell("down", at, event);
    setCut(at.x * 100);
    event.preventDefault();
    handle.focus({ preventScroll: true });
  });
  node.addEventListener("pointermove", (event) => {
    if (!swiping) return onCell("hover", place(event), event);
    if (node.hasPointerCapture(event.pointerId)) setCut(place(event).x * 100);
  });
  node.addEventListener("pointerleave", (event) => onCell("leave", null, event));
  node.addEventListener("pointerup", (event) => { if (!swiping) onCell("up", place(event), event); });
  node.addEventListener("pointercancel", (event) => { if (!swiping) onCell("cancel", null, event); });
  node.addEventListener("keydown", (event) => { if (!swiping && event.target === node) onCell("key", null, event); });
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -2, ArrowRight: 2, Home: -100, End: 100 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    setCut(cut + step);
  });
  setCut(50);

  return {
    node, canvas, left, right, tip, arrive, cut: setCut,
    shape(width, height) {
      node.style.setProperty("--ratio", width / height);
      node.classList.toggle("mm-pixels", Math.max(width, height) <= 160);
    },
    show(leftSource, rightSource, leftText, rightText) {
      if (left.src !== leftSource) left.src = leftSource;
      if (right.src !== rightSource) right.src = rightSource;
      tags[0].textContent = leftText;
      tags[1].textContent = rightText;
    },
    // Both pictures whole, beside each other; one above the other where that would make them tiny.
    pair(on) {
      const ratio = Number(node.style.getPropertyValue("--ratio")) || 1;
      const room = node.parentElement ? node.parentElement.getBoundingClientRect().width : 1000;
      node.classList.toggle("mm-pair", on);
      node.classList.toggle("mm-stacked", on && room < 620 && ratio > 1.1);
    },
    // While tokens are edited, the stage itself takes the keys.
    editing(on, name) {
      node.classList.toggle("mm-editing", on);
      for (const [key, value] of [["role", "application"], ["tabindex", "0"], ["aria-label", name]])
        if (on) node.setAttribute(key, value); else node.removeAttribute(key);
    },
    swipe(on) {
      if (swiping && !on) tip.hidden = true; // once: levels that come later leave what a finger has brought up
      swiping = on;
      node.classList.toggle("mm-swiping", on);
    },
  };
}
