// What every component script may use: elements, words, numbers, colours, and the forms in which things travel.

// The words of the page's language: say("key", {name: value}).
export function translator(props) {
  const texts = props.text || {};
  const words = texts[globalThis.mmLang] || texts.en || {};
  return (key, values = {}) =>
    (words[key] || key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

// The value that Python's `Component.postprocess` wrote; null for nothing or for what cannot be read.
export function readValue(props) {
  if (!props.value) return null;
  try {
    return JSON.parse(props.value);
  } catch {
    return null;
  }
}

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const formats = new Map(); // digits -> Intl.NumberFormat: to make one takes longer than to draw what it says
export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (!formats.has(digits)) formats.set(digits, new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  return formats.get(digits).format(value);
}

// A function that acts once, so many milliseconds after it is first called, however often it is called till then: browsers
// allow some hundred changes of the address in a minute.
export function soon(act, ms) {
  let waiting = 0;
  return () => { if (!waiting) waiting = setTimeout(() => { waiting = 0; act(); }, ms); };
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// A custom property of the page's style as it is at `element`: in the light or the dark.
export const css = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

export const levelTone = (level) => `--tone:var(--mm-level-${level % 8})`;

const colours = new Map();
// [r, g, b, a], each 0..255, of any CSS colour.
export function rgbOf(colour) {
  if (!colours.has(colour)) {
    const probe = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    colours.set(colour, probe.getImageData(0, 0, 1, 1).data);
  }
  return colours.get(colour);
}

// A canvas at the screen's own resolution: [context, width, height] in device pixels.
export function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  return [canvas.getContext("2d"), width, height];
}

export const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

export function base64Of(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

// Codes travel as base64 of little-endian uint8 or uint16.
export function unpackCodes({ data, wide }) {
  const raw = bytesOf(data);
  return wide ? new Uint16Array(raw.buffer) : raw;
}

export function saveBlob(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Characters without a shape of their own, shown by signs that most fonts have.
const SIGNS = { " ": "·", "\n": "↵", "\r": "↵", "\t": "→", "\0": "∅" };
export const visible = (text) =>
  [...text].map((c) => SIGNS[c] || (c.codePointAt(0) < 32 || c.codePointAt(0) === 127 ? "▯" : c)).join("");

// Says which of the examples in the row `place` is shown now, null for an input of one's own: that row marks it.
export function tellExample(place, index) {
  document.dispatchEvent(new CustomEvent("mm-example", { detail: { place, index: index ?? null } }));
}

// Words of a template: <span data-l="key"></span>.
export function fillWords(root, say) {
  for (const node of root.querySelectorAll("[data-l]")) node.textContent = say(node.dataset.l);
}
