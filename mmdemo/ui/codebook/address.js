// The tab's address: model, level and code, and of an example its name and the place that was chosen in it. Levels and
// places are counted from 1, as people do.

// What an address asks for: {model, level (from 0), code or null, given, input or undefined, at: [row, column] or
// [position] from 0, or null}.
export function asked(search, models) {
  const query = new URLSearchParams(search);
  const here = query.get("tab") === "codebook";
  const whole = (name) => (here && /^\d{1,6}$/.test(query.get(name) || "") ? Number(query.get(name)) : null);
  const model = here && models.includes(query.get("model")) ? query.get("model") : models[0];
  const example = here && query.get("example"), at = here ? query.get("at") : null;
  return { model, level: Math.max(0, (whole("level") ?? 1) - 1), code: whole("code"), given: whole("code") !== null,
    input: example ? `example-${example}` : undefined, at: /^\d{1,6}(,\d{1,6})?$/.test(at) ? at.split(",").map((n) => n - 1) : null };
}

// `example`: the name of the example that is shown, "" for an input of one's own; `at`: the chosen place, null for none.
export function addressOf(search, { model, level, code, example = "", at = null }) {
  const before = new URLSearchParams(search), query = new URLSearchParams({ tab: "codebook", model, level: level + 1, code });
  if (example) query.set("example", example);
  if (at) query.set("at", at.map((n) => n + 1));
  for (const name of ["lang", "__theme"]) if (before.has(name)) query.set(name, before.get(name));
  return `?${query.toString().replaceAll("%2C", ",")}`;
}

// A place as its number in the grid [rows, columns] or [length]; null for one that is not in it.
export function numberOf(grid, at) {
  if (!at || at.length !== grid.length || at.some((n, axis) => !(n >= 0 && n < grid[axis]))) return null;
  return at.reduce((number, n, axis) => number * grid[axis] + n, 0);
}
