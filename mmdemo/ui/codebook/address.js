// The tab's address: model, level and code, counted from 1 for levels as people do.

// What an address asks for: {model, level (from 0), code or null, given}.
export function asked(search, models) {
  const query = new URLSearchParams(search);
  const here = query.get("tab") === "codebook";
  const whole = (name) => (here && /^\d{1,6}$/.test(query.get(name) || "") ? Number(query.get(name)) : null);
  const model = here && models.includes(query.get("model")) ? query.get("model") : models[0];
  return { model, level: Math.max(0, (whole("level") ?? 1) - 1), code: whole("code"), given: whole("code") !== null };
}

export function addressOf(search, { model, level, code }) {
  const before = new URLSearchParams(search), query = new URLSearchParams({ tab: "codebook", model, level: level + 1, code });
  for (const name of ["lang", "__theme"]) if (before.has(name)) query.set(name, before.get(name));
  return `?${query}`;
}
