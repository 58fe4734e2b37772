// Helpers that every component script starts with. `element` and `props` come from gr.HTML.
const TEXT = (props.text || {})[window.mmLang] || (props.text || {}).en || {};

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function say(key, values = {}) {
  return (TEXT[key] || key).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

const number = (value, digits = 0) =>
  value === null || value === undefined || !Number.isFinite(value)
    ? "–"
    : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

const css = (name) => getComputedStyle(element).getPropertyValue(name).trim();

const levelColour = (level) => css(`--mm-level-${level % 8}`);

// Codes travel as base64 of little-endian uint8 or uint16.
function unpackCodes(packed) {
  const raw = Uint8Array.from(atob(packed.data), (c) => c.charCodeAt(0));
  return packed.wide ? new Uint16Array(raw.buffer) : raw;
}

// A hue for each code that keeps neighbouring numbers apart (golden angle).
const codeHue = (code) => (code * 137.508) % 360;

function saveBlob(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
