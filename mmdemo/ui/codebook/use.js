// How codes are used: counts, perplexity, ranks, and the plot of ranks on two logarithmic scales.
import { el, number, svg } from "../shared/base.js";
import { levelBars } from "./level_bars.js";

// Codes of one level (packed level by level, `positions` each) -> how often each of `size` codes is used.
export function countsOf(codes, level, positions, size) {
  const counts = new Array(size).fill(0);
  for (let i = level * positions; i < (level + 1) * positions; i++) counts[codes[i]]++;
  return counts;
}

// exp(entropy): the number of codes in even use that it is worth.
export function perplexityOf(counts) {
  const all = counts.reduce((a, b) => a + b, 0);
  let entropy = 0;
  for (const count of counts) if (count) entropy -= (count / all) * Math.log(count / all);
  return all ? Math.exp(entropy) : 0;
}

export const usedShare = (counts) => counts.filter(Boolean).length / Math.max(1, counts.length);

// Shares of all uses, the most used code first; codes that are not used are left out.
export function ranked(counts) {
  const all = counts.reduce((a, b) => a + b, 0);
  return all ? counts.filter((c) => c > 0).map((c) => c / all).sort((a, b) => b - a) : [];
}

const WIDTH = 420, HEIGHT = 190, LEFT = 46, RIGHT = 10, TOP = 10, BOTTOM = 30;

// `lines`: [{shares, tone, name, dashed}]; `size`: codes of the level.
export function rankPlot(say, lines, size, summary) {
  const shares = lines.flatMap((line) => line.shares);
  const low = Math.max(1e-6, Math.min(1 / size, ...shares) / 1.5), high = Math.min(1, Math.max(2 / size, ...shares) * 1.5);
  const x = (rank) => LEFT + (Math.log(rank) / Math.log(Math.max(2, size))) * (WIDTH - LEFT - RIGHT);
  const y = (share) => TOP + (Math.log(high / share) / Math.log(high / low)) * (HEIGHT - TOP - BOTTOM);
  const plot = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "mm-ranks", role: "img", "aria-label": summary });
  for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(high); power++) {
    const share = 10 ** power;
    plot.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share), class: "mm-grid" }),
      svg("text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, percent(share)));
  }
  for (let rank = 1; rank <= size; rank *= 10)
    plot.append(svg("line", { x1: x(rank), x2: x(rank), y1: TOP, y2: HEIGHT - BOTTOM, class: "mm-grid" }),
      svg("text", { x: x(rank), y: HEIGHT - BOTTOM + 15, "text-anchor": x(rank) > WIDTH - 24 ? "end" : "middle" }, number(rank)));
  plot.append(svg("text", { x: WIDTH - RIGHT, y: HEIGHT - 2, "text-anchor": "end" }, say("rank_axis")));
  const even = y(1 / size);
  plot.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: even, y2: even, class: "mm-even" }));
  for (const { shares: row, tone, dashed } of lines) {
    if (!row.length) continue;
    const points = row.map((share, i) => `${x(i + 1).toFixed(1)},${y(share).toFixed(1)}`).join(" ");
    plot.append(svg("polyline", { points, fill: "none", stroke: `var(${tone})`, "stroke-width": 2.2,
      "stroke-linejoin": "round", "stroke-dasharray": dashed ? "5 4" : "none" }));
    if (row.length === 1) plot.append(svg("circle", { cx: x(1), cy: y(row[0]), r: 3, fill: `var(${tone})` }));
  }
  const key = el("p", { class: "mm-hint mm-key" }, lines.filter((line) => line.shares.length).map(({ name, tone, dashed }) =>
    el("span", {}, el("i", { style: `border-top:3px ${dashed ? "dashed" : "solid"} var(${tone})` }), name)),
    el("span", {}, el("i", { class: "mm-even-key" }), say("rank_even")));
  return el("div", {}, plot, key);
}

const percent = (share) => (share >= 0.01 ? `${number(100 * share)} %` : `${number(100 * share, share >= 0.001 ? 1 : 2)} %`);

// The card of it all: {node, draw(view)}.
export function makeUse(say, onLevel) {
  const ranks = el("div"), bars = el("div"), hint = el("p", { class: "mm-hint" });

  function draw({ data, input, codes, counts }) {
    const here = ranked(counts), positions = input ? input.grid.reduce((a, b) => a * b, 1) : 0;
    const summary = say("rank_summary", { here: number(here.length ? perplexityOf(counts) : null),
      training: number(data.perplexity[data.level] ?? null), size: data.count });
    ranks.replaceChildren(rankPlot(say, [
      { shares: ranked(data.counts), tone: "--mm-muted", dashed: true, name: say("in_training") },
      { shares: here, tone: `--mm-level-${data.level % 8}`, name: input ? say("in_input", { name: input.name }) : "" }], data.count, summary));
    const rows = Array.from({ length: data.levels }, (_, level) => {
      const own = input?.model === data.model && level < input.levels ? countsOf(codes, level, positions, data.count) : null;
      return { here: own && perplexityOf(own), used: own ? usedShare(own) : 0, training: data.perplexity[level] ?? null };
    });
    bars.replaceChildren(levelBars(say, rows, data.count, data.level, onLevel));
    hint.textContent = say("levels_hint", { size: data.count, positions: number(positions) });
  }

  const node = el("section", { class: "mm-card" }, el("h3", {}, say("use_title")),
    el("div", { class: "mm-halves" }, ranks, el("div", {}, el("h4", {}, say("levels_title")), bars, hint)));
  return { node, draw };
}
