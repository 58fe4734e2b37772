// Names that fit what is typed, and when to draw it: frames of time in, decisions out; no page in here.

const MOST = 8;

// What is being typed: after the last " + " of a mixture.
export const typedPart = (text) => text.split(" + ").at(-1).trim().toLowerCase();

// Rows of (sign, name, name) that fit: whole words first, then names that begin so, then parts of words.
export function fitting(rows, text, most = MOST) {
  const asked = typedPart(text);
  if (!asked) return rows.slice(0, most);
  const rank = ([sign, ...names]) => {
    if (sign === asked) return 0;
    const lower = names.map((name) => name.toLowerCase());
    if (lower.includes(asked)) return 0;
    if (lower.some((name) => name.split(/[\s:,]+/).includes(asked))) return 1;
    if (lower.some((name) => name.startsWith(asked))) return 2;
    if (lower.some((name) => name.split(/[\s:,]+/).some((word) => word.startsWith(asked)))) return 3;
    return lower.some((name) => name.includes(asked)) ? 4 : 5;
  };
  const ranked = rows.map((row, at) => [rank(row), at, row]).filter(([value]) => value < 5);
  return ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1]).slice(0, most).map(([, , row]) => row);
}

// The text with its last part replaced by a name.
export function completed(text, name) {
  const at = text.lastIndexOf(" + ");
  return at < 0 ? name : `${text.slice(0, at)} + ${name}`;
}

// Calls `draft` when typing pauses for `pause` ms, and at least every `longest` ms while it goes on; `settle` when it
// has ended. `timers`: {set(f, ms), clear(id), now()}.
export function typing({ draft, settle, pause = 160, longest = 500, rest = 1100 }, timers) {
  let drafted = null, settling = null, since = null;
  return function typed() {
    const now = timers.now();
    since ??= now;
    timers.clear(drafted);
    timers.clear(settling);
    drafted = timers.set(() => { since = null; draft(); }, Math.max(0, Math.min(pause, since + longest - now)));
    settling = timers.set(settle, rest);
  };
}
