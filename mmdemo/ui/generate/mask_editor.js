// Marking what of a given picture, sound or word is made anew.
// From the server: {edit} where a link or a preset sets it; {edit, shown: {image, audio, text}} about what is given now,
// with the marks of when that was asked: they count only if there were none here, so that no later mark is lost.
// To the server: always {edit}.
import { el, fitted, translator, readValue } from "../shared/base.js";
import { drawSound } from "../shared/sound_draw.js";
import { fromHex, parsed, textCells, written } from "./mask.js";
import { MODALITIES, samplesOf } from "./player/run.js";

export default function maskEditor({ element, props, trigger, watch }) {
  const say = translator(props);
  const root = element.querySelector(".kp");
  const panes = {}; // modality -> {shown, mask: [bool a position], box}
  let own = null; // the value made here, to tell it from one that comes from the server
  let asked = {}; // modality -> hex: marks of what is not shown yet

  let { sizes, bytes } = props; // of the model at hand

  const count = (modality) => sizes[modality].reduce((a, b) => a * b, 1);
  const edited = () => written(Object.fromEntries(Object.entries(panes).map(([name, pane]) => [name, pane.mask])));

  // The edit is in the page's value whatever came last, so that a run has the marks that are seen.
  function keep(text) {
    root.dataset.value = text;
    own = JSON.stringify({ edit: text });
    if (props.value !== own) props.value = own;
  }

  function give() {
    asked = parsed(edited());
    keep(edited());
    trigger("marked");
  }

  function paintPane({ box, mask }) {
    for (const cell of box.querySelectorAll(".mask-cells i"))
      cell.dataset.on = cell.dataset.at.split(",").some((at) => mask[at]) ? 1 : 0;
    box.querySelector(".mask-none").disabled = !mask.some(Boolean);
    box.querySelector(".mask-all").disabled = mask.every(Boolean);
  }

  function makePane(modality, shown) {
    const cells = modality === "text" ? textCells(shown, count("text"), bytes)
      : Array.from({ length: count(modality) }, (_, at) => ({ at: [at], says: "" }));
    const columns = modality === "image" ? sizes.image[1] : cells.length;
    const grid = el("div", { class: "mask-cells", style: `grid-template-columns:repeat(${columns}, 1fr)` },
      cells.map(({ at, says }) => el("i", { "data-at": at.join(",") }, says)));
    const field = el("div", { class: "mask-field" }, modality === "text" ? null : el("canvas"), grid);
    const pane = { shown, mask: Array(count(modality)).fill(false) };
    const all = (name, value) => el("button", { type: "button", class: `mask-${name}`, onclick: () => {
      pane.mask.fill(value);
      paintPane(pane);
      give();
    } }, say(`mask_${name}`));
    pane.box = el("section", { class: "mask-pane", "data-modality": modality },
      el("b", {}, say(modality)), all("all", true), all("none", false), field);
    listen(pane, field);
    return pane;
  }

  function listen(pane, field) {
    let marking = null; // true or false: what the stroke sets
    let last = null;
    const markAt = (x, y) => {
      const cell = document.elementsFromPoint(x, y).find((node) => node.matches?.(".mask-cells i") && field.contains(node));
      if (!cell) return;
      const at = cell.dataset.at.split(",").map(Number);
      if (marking === null) marking = !at.some((i) => pane.mask[i]);
      for (const i of at) pane.mask[i] = marking;
    };
    // A quick stroke has few events: what lies between two of them is marked too.
    const mark = ({ clientX, clientY }) => {
      const from = last || [clientX, clientY], steps = Math.ceil(Math.hypot(clientX - from[0], clientY - from[1]) / 4);
      for (let i = 0; i <= steps; i++) {
        const share = steps ? i / steps : 1;
        markAt(from[0] + share * (clientX - from[0]), from[1] + share * (clientY - from[1]));
      }
      last = [clientX, clientY];
      asked = parsed(edited()); // an answer that comes during a stroke leaves it as it is
      paintPane(pane);
    };
    field.addEventListener("pointerdown", (event) => {
      field.setPointerCapture(event.pointerId);
      marking = last = null;
      mark(event);
    });
    field.addEventListener("pointermove", (event) => {
      if (event.buttons && field.hasPointerCapture(event.pointerId)) mark(event);
    });
    field.addEventListener("pointerup", give);
  }

  function drawPanes() {
    for (const [modality, { box, shown }] of Object.entries(panes)) {
      const canvas = box.querySelector("canvas");
      if (modality === "audio") drawSound(canvas, samplesOf(shown));
      if (modality !== "image") continue;
      const picture = new Image();
      picture.onload = () => {
        const [context, width, height] = fitted(canvas);
        context.imageSmoothingEnabled = false;
        context.drawImage(picture, 0, 0, width, height);
      };
      picture.src = shown;
    }
  }

  const same = (a, b) => (a.pcm ?? a) === (b.pcm ?? b);

  function take() {
    if (!props.value || props.value === own) return;
    const { edit, shown, ...model } = readValue(props) || {};
    if (model.sizes && JSON.stringify(model.sizes) !== JSON.stringify(sizes)) {
      ({ sizes, bytes } = model);
      for (const modality of MODALITIES) delete panes[modality];
    }
    if (edit !== undefined && (!shown || own === null)) asked = parsed(edit);
    if (shown) {
      for (const modality of MODALITIES) {
        const before = panes[modality]; // a pane that shows the same stays in the page
        delete panes[modality];
        if (shown[modality])
          panes[modality] = before && same(before.shown, shown[modality]) ? before : makePane(modality, shown[modality]);
      }
      const boxes = Object.values(panes).map((pane) => pane.box), list = root.querySelector(".mask-panes");
      // What stays is not taken out and put back: it would lose the pointer that draws on it.
      for (const gone of [...list.children].filter((box) => !boxes.includes(box))) gone.remove();
      boxes.forEach((box, i) => { if (list.children[i] !== box) list.insertBefore(box, list.children[i] ?? null); });
      root.querySelector(".mask-note").textContent = say(Object.keys(panes).length ? "mask_paint" : "mask_empty");
    }
    for (const [modality, pane] of Object.entries(panes)) {
      pane.mask = fromHex(asked[modality], count(modality)).map((on) => on && modality in asked);
      paintPane(pane);
    }
    keep(shown ? edited() : Object.entries(asked).map((part) => part.join(":")).join(","));
    requestAnimationFrame(drawPanes);
  }

  root.querySelector(".mask-note").textContent = say("mask_empty");
  new ResizeObserver(drawPanes).observe(root);
  take();
  watch("value", take);
}
