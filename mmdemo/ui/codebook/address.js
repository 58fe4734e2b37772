// The tab's address: model, level and code, the input, and the place that was chosen in it. Levels and places are counted
// from 1, as people do.
import { sourceIn } from "../shared/place.js";

// What an address asks for: {model, level (from 0), code or null, given, input: the name of an example, {input} or {typed} of
// one's own, or undefined, at: [row, column] or [position] from 0, or null}.
export function asked(search, models) {
  const query = new URLSearchParams(search);
  const here = query.get("tab") === "codebook";
  const whole = (name) => (here && /^\d{1,6}$/.test(query.get(name) || "") ? Number(query.get(name)) : null);
  const model = here && models.includes(query.get("model")) ? query.get("model") : models[0];
  const source = here ? sourceIn(query) : {}, at = here ? query.get("at") : null;
  const { example } = source;
  return { model, level: Math.max(0, (whole("level") ?? 1) - 1), code: whole("code"), given: whole("code") !== null,
    input: example ? `example-${example}` : Object.keys(source).length ? source : undefined, at: /^\d{1,6}(,\d{1,6})?$/.test(at) ? at.split(",").map((n) => n - 1) : null };
}

// `source`: what leads back to the input, {} where nothing does; `at`: the chosen place in it, null for none.
export function addressOf(search, { model, level, code, source = {}, at = null }) {
  const before = new URLSearchParams(search), query = new URLSearchParams({ tab: "codebook", model, level: level + 1, code });
  for (const [name, value] of Object.entries(source)) query.set(name, value);
  if (at) query.set("at", at.map((n) => n + 1));
  for (const name of ["lang", "__theme"]) if (before.has(name)) query.set(name, before.get(name));
  return `?${query.toString().replaceAll("%2C", ",")}`;
}

// A place as its number in the grid [rows, columns] or [length]; null for one that is not in it.
export function numberOf(grid, at) {
  if (!at || at.length !== grid.length || at.some((n, axis) => !(n >= 0 && n < grid[axis]))) return null;
  return at.reduce((number, n, axis) => number * grid[axis] + n, 0);
}
