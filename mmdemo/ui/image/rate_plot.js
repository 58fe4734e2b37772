// Rate-distortion curves of the current picture: ours against classical codecs, drawn as SVG.
import { el, number, svg, translator, readValue } from "../shared/base.js";

const BOX = { width: 460, height: 300, left: 46, right: 18, top: 22, bottom: 40 };
const BASELINE_TONES = { JPEG: "--mm-plot-1", WebP: "--mm-plot-2", AVIF: "--mm-plot-3" };

export function niceTicks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9; tick += step) ticks.push(tick);
  return ticks;
}

// Rates are spread over decades: a logarithmic axis shows the low end, where codecs differ most.
export function scales(points, figure) {
  const rates = points.map((p) => p.bpp);
  const values = points.map((p) => p[figure]);
  const [r0, r1] = [Math.min(...rates) * 0.9, Math.max(...rates) * 1.1];
  let [v0, v1] = [Math.min(...values), Math.max(...values)];
  const margin = (v1 - v0 || 1) * 0.06;
  [v0, v1] = [v0 - margin, figure === "ms_ssim" ? Math.min(1, v1 + margin) : v1 + margin];
  const inner = [BOX.width - BOX.left - BOX.right, BOX.height - BOX.top - BOX.bottom];
  return {
    r0, r1, v0, v1,
    x: (rate) => BOX.left + (inner[0] * Math.log(rate / r0)) / Math.log(r1 / r0),
    y: (v) => BOX.top + inner[1] * (1 - (v - v0) / (v1 - v0)),
  };
}

export default function ratePlot({ element, props, watch }) {
  const host = element.querySelector(".mm-rate");
  const say = translator(props);
  let value = null, marked = null;

  document.addEventListener("mm-picture-level", (event) => { marked = event.detail; mark(); });
  watch("value", drawPlots);
  drawPlots();

  function drawPlots() {
    value = readValue(props);
    if (!value) return;
    document.dispatchEvent(new CustomEvent("mm-picture-known", { detail: value }));
    marked = window.mmPictureLevel || marked;
    host.dataset.ready = value.done ? value.id : "";
    if (!value.has_original) return host.replaceChildren(); // nothing to measure a distortion by
    host.replaceChildren(
      el("h3", {}, say("rate_title")),
      el("div", { class: "mm-plots" }, ...["psnr", "ms_ssim"].map((figure) => plot(value, figure, say("rate_" + figure)))),
      value.done ? "" : el("p", { class: "mm-hint" }, say("rate_wait")));
    mark();
  }

  function axes(scale) {
    const parts = [];
    const [right, bottom] = [BOX.width - BOX.right, BOX.height - BOX.bottom];
    const ticks = niceTicks(scale.v0, scale.v1, 5);
    const digits = Math.max(0, -Math.floor(Math.log10(ticks[1] - ticks[0]) + 1e-9));
    for (const tick of ticks) {
      parts.push(svg("line", { class: "mm-grid", x1: BOX.left, x2: right, y1: scale.y(tick), y2: scale.y(tick) }));
      parts.push(svg("text", { class: "mm-tick", x: BOX.left - 6, y: scale.y(tick) + 4, "text-anchor": "end" },
        tick.toFixed(digits)));
    }
    for (const tick of [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]) {
      if (tick < scale.r0 || tick > scale.r1) continue;
      parts.push(svg("line", { class: "mm-grid", x1: scale.x(tick), x2: scale.x(tick), y1: BOX.top, y2: bottom }));
      parts.push(svg("text", { class: "mm-tick", x: scale.x(tick), y: bottom + 16, "text-anchor": "middle" }, String(tick)));
    }
    parts.push(svg("text", { class: "mm-axis", x: (BOX.left + right) / 2, y: BOX.height - 6, "text-anchor": "middle" },
      say("rate_bpp")));
    return parts;
  }

  function curve(points, scale, figure, tone, name, ours) {
    const at = points.map((p) => [scale.x(p.bpp), scale.y(p[figure])]);
    const group = svg("g", { class: ours ? "mm-curve mm-ours" : "mm-curve", style: `--tone:var(${tone})` });
    group.append(svg("polyline", { points: at.map((p) => p.join(",")).join(" ") }));
    points.forEach((p, i) => {
      const [key, n] = ours ? ["rate_level", p.level] : ["rate_point", p.quality];
      const title = `${name} ${say(key, { n })}: ${number(p.bytes)} B, ${p.bpp.toFixed(3)} bpp, ${p[figure].toFixed(3)}`;
      const dot = svg("circle", { cx: at[i][0], cy: at[i][1], r: ours ? 4 : 2.5 }, svg("title", {}, title));
      if (ours) dot.dataset.level = p.level;
      group.append(dot);
    });
    return group;
  }

  function plot(value, figure, title) {
    const series = Object.entries(value.curves).map(([name, points]) => [name, points, BASELINE_TONES[name], false]);
    series.push([say("rate_ours"), value.ours, "--mm-accent", true]);
    const usable = series.map(([name, points, ...rest]) => [name, points.filter((p) => p[figure] !== null), ...rest])
      .filter(([, points]) => points.length);
    if (!usable.length) return null; // no file has been made yet, or every picture is exact
    const scale = scales(usable.flatMap(([, points]) => points), figure);
    const image = svg("svg", { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", "aria-label": title });
    image.append(...axes(scale));
    for (const [name, points, tone, ours] of usable) image.append(curve(points, scale, figure, tone, name, ours));
    const names = usable.map(([name, , tone]) => el("span", { class: "mm-key", style: `--tone:var(${tone})` }, name));
    return el("figure", { class: "mm-plot" },
      el("figcaption", {}, el("span", {}, title), el("span", { class: "mm-keys" }, names.reverse())), image);
  }

  function mark() {
    const same = marked && value && marked.id === value.id;
    host.classList.toggle("mm-stale", Boolean(marked) && !same); // the plot of the picture before
    const level = same ? String(marked.level) : null;
    host.querySelectorAll("[data-level]").forEach((dot) => {
      const on = dot.dataset.level === level;
      dot.classList.toggle("mm-on", on);
      dot.setAttribute("r", on ? 7 : 4);
    });
  }
}
