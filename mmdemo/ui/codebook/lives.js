// The input, and where a code lives in it: its places glow, the rest steps back. A place is chosen by click or arrow key.
import { el } from "../shared/base.js";
import { kindOf } from "./kinds.js";

// Where an arrow key leads from position `at` in a grid [rows, columns] or [length]; null for another key.
export function step(grid, at, key) {
  const across = grid.length === 2 ? grid[1] : grid[0], down = grid.length === 2 ? grid[1] : 0;
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -down, ArrowDown: down }[key];
  if (by === undefined) return null;
  if (by === -1 && at % across === 0) return at;
  if (by === 1 && at % across === across - 1) return at;
  const next = at + by;
  return next >= 0 && next < grid.reduce((a, b) => a * b, 1) ? next : at;
}

// Position number -> its place along each axis.
export const placeOf = (grid, at) => (grid.length === 2 ? [Math.floor(at / grid[1]), at % grid[1]] : [at]);

// Of the positions in a grid [rows, columns] or [length], the one nearest to its middle; null where there is none.
export function midmost(grid, positions) {
  const middle = grid.map((n) => (n - 1) / 2);
  const far = (at) => placeOf(grid, at).reduce((sum, p, axis) => sum + (p - middle[axis]) ** 2, 0);
  return positions.reduce((best, at) => (best === null || far(at) < far(best) ? at : best), null);
}

// `onPick(position)`; `name(position)` is spoken. An input is drawn by the face of its modality (`kinds.js`) on the canvas
// or as words: {element, draw({has(position), lit, picked, level}), positionAt(event)}, with `lit` how many positions have
// the code; where it has to load something first, `ready`, a promise; of what is heard, `sound(position)`, samples.
export function makeLives({ say, name, onPick }) {
  const option = el("span", { role: "option", id: "mm-lives-option", "aria-selected": "true", class: "mm-spoken" }, "–");
  const canvas = el("canvas", { "aria-hidden": "true" });
  const words = el("div", { class: "mm-lives-text", "aria-hidden": "true", hidden: true });
  const node = el("div", { class: "mm-lives", role: "listbox", tabindex: "0", "aria-label": say("lives_title"),
    "aria-activedescendant": option.id }, canvas, words, option);
  let input = null, face = null, codes = null, level = 0;
  let code = 0, picked = null, asked = 0;

  const positions = () => input.grid.reduce((a, b) => a * b, 1);
  const has = (position) => codes[level * positions() + position] === code;

  async function show(value, unpacked) {
    [input, codes, picked] = [value, unpacked, null];
    node.dataset.kind = value.modality;
    const made = (face = kindOf(value.modality).face(value, { node, canvas, words }));
    for (const part of [canvas, words]) part.hidden = part !== made.element;
    await made.ready;
    if (face === made) draw();
  }

  function draw() {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; drawNow(); });
  }

  function drawNow() {
    if (!input) return;
    const lit = countHere();
    node.dataset.places = lit;
    face.draw({ has, lit, picked, level });
  }

  const countHere = () => {
    let count = 0;
    if (level < input.levels) for (let i = 0; i < positions(); i++) count += has(i);
    return count;
  };

  node.addEventListener("click", (event) => {
    const position = input ? face.positionAt(event) : null;
    if (position !== null) onPick(position);
  });
  node.addEventListener("keydown", (event) => {
    if (!input) return;
    const first = Array.from({ length: positions() }, (_, i) => i).find(has) ?? 0;
    const next = picked === null && event.key.startsWith("Arrow") ? first : step(input.grid, picked ?? first, event.key);
    if (next === null && event.key !== "Enter") return;
    event.preventDefault();
    onPick(next ?? picked ?? first);
  });
  new ResizeObserver(drawNow).observe(node);

  return {
    node,
    show,
    // Which code of which level glows.
    light(newLevel, newCode) {
      [level, code] = [newLevel, newCode];
      draw();
    },
    pick(position) {
      picked = position;
      option.textContent = position === null ? "–" : name(position);
      draw();
    },
    // Where the code lives that glows: its place nearest to the middle, null where it has none.
    middle: () => (input && level < input.levels
      ? midmost(input.grid, Array.from({ length: positions() }, (_, i) => i).filter(has)) : null),
    // Samples about a position, of what is heard.
    sound: (position) => face?.sound?.(position),
    redraw: draw,
  };
}
