// Places of a grid [rows, columns], numbered row by row: what a brush, a rectangle or a span covers.
import { clamp } from "./base.js";

const inside = ([rows, columns], { x, y }) => ({ x: clamp(x, 0, columns - 1), y: clamp(y, 0, rows - 1) });

// A brush `size` tokens wide, a round one from 4 on.
export function dab([rows, columns], at, size) {
  const half = (size - 1) / 2, found = [];
  for (let y = Math.max(0, Math.ceil(at.y - half)); y <= Math.min(rows - 1, at.y + half); y++)
    for (let x = Math.max(0, Math.ceil(at.x - half)); x <= Math.min(columns - 1, at.x + half); x++)
      if (size < 4 || (x - at.x) ** 2 + (y - at.y) ** 2 <= (half + 0.3) ** 2) found.push(y * columns + x);
  return found;
}

// Everything that a brush touches between two places, without gaps however fast it moves.
export function stroke(grid, from, to, size) {
  const steps = Math.max(1, Math.abs(to.x - from.x), Math.abs(to.y - from.y)), found = new Set();
  for (let i = 0; i <= steps; i++) {
    const at = { x: Math.round(from.x + ((to.x - from.x) * i) / steps), y: Math.round(from.y + ((to.y - from.y) * i) / steps) };
    for (const place of dab(grid, at, size)) found.add(place);
  }
  return [...found];
}

// All places between two corners, both included.
export function rectangle(grid, a, b) {
  const [p, q] = [inside(grid, a), inside(grid, b)], columns = grid[1], found = [];
  for (let y = Math.min(p.y, q.y); y <= Math.max(p.y, q.y); y++)
    for (let x = Math.min(p.x, q.x); x <= Math.max(p.x, q.x); x++) found.push(y * columns + x);
  return found;
}

// Places in any order -> [[first, count], …], and back.
export function runsOf(places) {
  const sorted = [...new Set(places)].sort((a, b) => a - b), runs = [];
  for (const place of sorted) {
    const last = runs.at(-1);
    if (last && last[0] + last[1] === place) last[1]++;
    else runs.push([place, 1]);
  }
  return runs;
}

export const placesOf = (runs) => runs.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i));

// The smallest rectangle around places: {x, y, width, height}.
export function boxOf([, columns], places) {
  const xs = places.map((place) => place % columns), ys = places.map((place) => Math.floor(place / columns));
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x + 1, height: Math.max(...ys) - y + 1 };
}

// Where an arrow key leads on the grid; null for another key.
export function stepped(grid, at, key) {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    Home: [-grid[1], 0], End: [grid[1], 0] }[key];
  return way ? inside(grid, { x: at.x + way[0], y: at.y + way[1] }) : null;
}

// The levels of an edit that starts at `level`: that one, it and the finer ones, or all.
export function levelsOf(scope, level, count) {
  const all = Array.from({ length: count }, (_, l) => l);
  return scope === "all" ? all : scope === "on" ? all.slice(level) : [level];
}

// Undo and redo by keyboard: "undo", "redo" or null. ⌘ is Ctrl on a Mac; Ctrl+Y is Windows' other redo.
export function historyKey(event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return null;
  const key = event.key.toLowerCase();
  if (key === "z") return event.shiftKey ? "redo" : "undo";
  return key === "y" && !event.shiftKey ? "redo" : null;
}
