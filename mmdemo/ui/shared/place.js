// A place in a tab as it stands in the address: which input, and how it is looked at.

const PAGE = ["tab", "lang", "__theme"]; // what belongs to the page rather than to a tab
const SOURCE = ["example", "input", "typed"]; // what is looked at, beside how
const MOST = 24; // places of a visit that are kept

export function paramsOf(search) {
  return Object.fromEntries([...new URLSearchParams(search)].filter(([name]) => !PAGE.includes(name)));
}

// The address of a place; what is empty is left out.
export function addressOf(search, tab, place) {
  const before = new URLSearchParams(search), query = new URLSearchParams({ tab });
  for (const [name, value] of Object.entries(place))
    if (value !== "" && value !== null && value !== undefined) query.set(name, value);
  for (const name of PAGE.slice(1)) if (before.has(name)) query.set(name, before.get(name));
  return `?${query.toString().replaceAll("%2C", ",")}`;
}

// The same, whole, to be copied.
export const linkTo = (tab, place) => location.origin + location.pathname + addressOf("", tab, place);

// What an address says of which input it is: {example}, {input} or {typed}, or nothing.
export function sourceIn(query) {
  const name = SOURCE.find((one) => query.get(one));
  return name ? { [name]: query.get(name) } : {};
}

export function sourceOf(place) {
  return SOURCE.map((name) => place[name] || "").join("\n");
}

// Whether Back should lead from one address to the other: another input does, another level does not.
export function isElsewhere(before, after) {
  const [from, to] = [before, after].map((search) => sourceOf(paramsOf(search)));
  const typing = [before, after].every((search) => "typed" in paramsOf(search));
  return !typing && from.trim() !== "" && from !== to;
}

// The places of a visit with the newest in front; each input once.
export function noted(entries, entry) {
  if (!sourceOf(entry.place).trim()) return entries; // no address leads back to it
  const typing = entries.length && "typed" in entry.place && "typed" in entries[0].place
    && (entry.place.typed.startsWith(entries[0].place.typed) || entries[0].place.typed.startsWith(entry.place.typed));
  const rest = (typing ? entries.slice(1) : entries).filter((one) => sourceOf(one.place) !== sourceOf(entry.place));
  return [entry, ...rest].slice(0, MOST);
}

// Where a tab's own script is now: {place, title, picture}, where the server does not tell `Visit`.
export const tellVisit = (tab, value) => window.dispatchEvent(new CustomEvent("mm-visit", { detail: { tab, value } }));

// What a tab's own script has to add to the place: how it is looked at.
export const tellPlace = (tab, params) =>
  window.dispatchEvent(new CustomEvent("mm-place", { detail: { tab, params } }));
