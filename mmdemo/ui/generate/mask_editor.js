// Marking what of a given picture, sound or word is made anew.
// The value is JSON. From the server: {edit, shown: {image, audio, text}}; to the server: {edit}.
// `edit` is one part a modality, joined by ",": "image:00ff" is a bit mask over the positions of its latent (hex,
// first position first), "image:" the whole.

const L = (props.text || {})[window.mmLang] || (props.text || {}).en || {};
const root = element.querySelector(".kp");
const panes = {}; // modality -> {shown, on: [bool a position], box}
let own = null; // the value made here, to tell it from one that comes from the server

const count = (modality) => props.sizes[modality].reduce((a, b) => a * b, 1);

function toHex(on) {
  if (on.every(Boolean)) return "";
  let hex = "";
  for (let i = 0; i < on.length; i += 4)
    hex += [0, 1, 2, 3].reduce((sum, j) => sum * 2 + (on[i + j] ? 1 : 0), 0).toString(16);
  return hex;
}

const fromHex = (hex, size) =>
  Array.from({ length: size }, (_, i) => !hex || ((parseInt(hex[Math.floor(i / 4)] || "0", 16) >> (3 - (i % 4))) & 1) === 1);

function edited() {
  return Object.entries(panes).filter(([, pane]) => pane.on.some(Boolean))
    .map(([modality, pane]) => `${modality}:${toHex(pane.on)}`).join(",");
}

function give() {
  own = JSON.stringify({ edit: edited() });
  root.dataset.value = edited();
  props.value = own;
  trigger("marked");
}

function paintPane(modality) {
  const pane = panes[modality];
  pane.box.querySelectorAll(".kp-cells i").forEach((cell) => {
    const mine = cell.dataset.at.split(",").map(Number);
    cell.dataset.on = mine.some((at) => pane.on[at]) ? 1 : 0;
  });
  pane.box.querySelector(".kp-none").disabled = !pane.on.some(Boolean);
  pane.box.querySelector(".kp-all").disabled = pane.on.every(Boolean);
}

// Cells to mark: one a position, but one a character of a text.
function cellsOf(modality, shown) {
  if (modality !== "text") return Array.from({ length: count(modality) }, (_, at) => ({ at: [at], says: "" }));
  const unit = props.bytes / count("text"), encoder = new TextEncoder();
  let byte = 0;
  const cells = Array.from(shown).map((says) => {
    const first = byte, size = encoder.encode(says).length;
    byte += size;
    const at = new Set(Array.from({ length: size }, (_, i) => Math.floor((first + i) / unit)));
    return { at: [...at], says };
  });
  // What follows the text belongs to its last character: a new ending may be longer.
  for (let at = Math.ceil(byte / unit); at < count("text"); at++) cells.at(-1).at.push(at);
  return cells;
}

function makePane(modality, shown) {
  const box = make("section", "kp-pane"), field = make("div", "kp-field"), grid = make("div", "kp-cells");
  box.dataset.modality = modality;
  const choose = [["kp-all", L.keep_all], ["kp-none", L.keep_none]].map(([name, text]) => {
    const button = make("button", name, text);
    button.type = "button";
    return button;
  });
  const cells = cellsOf(modality, shown), columns = modality === "image" ? props.sizes.image[1] : cells.length;
  grid.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  for (const { at, says } of cells) {
    const cell = make("i", "", says);
    cell.dataset.at = at.join(",");
    grid.append(cell);
  }
  if (modality !== "text") field.append(make("canvas"));
  field.append(grid);
  box.append(make("b", "", L[modality]), ...choose, field);
  const pane = { shown, on: Array(count(modality)).fill(false), box };
  listen(modality, pane, field, choose);
  return pane;
}

function listen(modality, pane, field, choose) {
  let marking = null; // true or false: what the stroke sets
  let last = null;
  const markAt = (x, y) => {
    const cell = document.elementsFromPoint(x, y).find((node) => node.matches?.(".kp-cells i") && field.contains(node));
    if (!cell) return;
    const at = cell.dataset.at.split(",").map(Number);
    if (marking === null) marking = !at.some((i) => pane.on[i]);
    for (const i of at) pane.on[i] = marking;
  };
  // A quick stroke has few events: what lies between two of them is marked too.
  const mark = ({ clientX, clientY }) => {
    const from = last || [clientX, clientY], steps = Math.ceil(Math.hypot(clientX - from[0], clientY - from[1]) / 4);
    for (let i = 0; i <= steps; i++) {
      const share = steps ? i / steps : 1;
      markAt(from[0] + share * (clientX - from[0]), from[1] + share * (clientY - from[1]));
    }
    last = [clientX, clientY];
    paintPane(modality);
  };
  field.addEventListener("pointerdown", (event) => {
    field.setPointerCapture(event.pointerId);
    marking = last = null;
    mark(event);
  });
  field.addEventListener("pointermove", (event) => { if (event.buttons && field.hasPointerCapture(event.pointerId)) mark(event); });
  field.addEventListener("pointerup", give);
  choose.forEach((button, which) => button.addEventListener("click", () => {
    pane.on.fill(which === 0);
    paintPane(modality);
    give();
  }));
}

function drawPanes() {
  for (const [modality, { box, shown }] of Object.entries(panes)) {
    const canvas = box.querySelector("canvas");
    if (modality === "audio") drawSound(canvas, samplesOf(shown));
    if (modality !== "image") continue;
    const picture = new Image();
    picture.onload = () => {
      const [ctx, width, height] = fitted(canvas);
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(picture, 0, 0, width, height);
    };
    picture.src = shown;
  }
}

const same = (a, b) => (a.pcm ?? a) === (b.pcm ?? b);

function take() {
  if (!props.value || props.value === own) return;
  own = props.value;
  const { edit, shown } = JSON.parse(props.value);
  const asked = Object.fromEntries((edit ?? edited()).split(",").filter(Boolean).map((part) => part.split(":")));
  if (shown) {
    for (const modality of MODALITIES) {
      const before = panes[modality]; // a pane that shows the same stays in the page
      delete panes[modality];
      if (!shown[modality]) continue;
      panes[modality] = before && same(before.shown, shown[modality]) ? before : makePane(modality, shown[modality]);
    }
    root.querySelector(".kp-panes").replaceChildren(...Object.values(panes).map((pane) => pane.box));
    root.querySelector(".kp-note").textContent = Object.keys(panes).length ? L.keep_mark : L.keep_empty;
  }
  for (const [modality, pane] of Object.entries(panes)) {
    pane.on = modality in asked ? fromHex(asked[modality], count(modality)) : Array(count(modality)).fill(false);
    paintPane(modality);
  }
  root.dataset.value = edited();
  requestAnimationFrame(drawPanes);
}

root.querySelector(".kp-note").textContent = L.keep_empty;
new ResizeObserver(drawPanes).observe(root);
take();
watch("value", take);
