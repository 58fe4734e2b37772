// Inside the transformer: attention over the picture, the spectrogram and the letters; predictions; what time does.
import { css, el, fillWords, fitted, rgbOf, translator } from "../../shared/base.js";
import { drawSound } from "../../shared/sound_draw.js";
import { samplesOf } from "../player/run.js";
import { letters, looks, placed, strengths, unpackMaps } from "./attention.js";
import { stages } from "./stages.js";

const PAUSE = 250; // ms at rest before a step is asked for
const CURVES = { scale_attention: "--mm-level-3", gate_attention: "--mm-accent", scale_mlp: "--mm-level-5", gate_mlp: "--mm-level-1" };

export default function inside({ element, props, server }) {
  const say = translator(props);
  const root = element.querySelector(".in");
  const find = (selector) => root.querySelector(selector);
  const kept = new Map(); // answers by what was asked
  const chosen = { block: 0, head: -1, direction: "to", token: 0 };
  let step = null; // what the player shows: {run, model, settings, i, sample, views}
  let told = null, maps = null, runs = [];
  let timer = null, asking = null;

  const isOpen = () => root.offsetParent !== null;

  // ---- asking -----------------------------------------------------------------------------------------------------

  function wanted() {
    clearTimeout(timer);
    if (step && isOpen()) timer = setTimeout(ask, told ? PAUSE : 0);
  }

  async function ask() {
    if (!step || step.running) return;
    const { model, settings, i, sample } = step;
    const request = { model, settings, step: i, sample, block: chosen.block }, key = JSON.stringify([step.run, i, sample, chosen.block]);
    if (asking === key || root.dataset.key === key) return;
    asking = key;
    root.dataset.state = "looking";
    find(".in-said").textContent = say("inside_looking");
    let answer = kept.get(key);
    try {
      answer ??= await server.look_inside(request);
    } catch {
      answer = null;
    }
    if (asking !== key) return; // something newer was asked for
    answer ||= { error: say("inside_failed") };
    asking = null;
    find(".in-said").textContent = answer.error || "";
    root.dataset.state = answer.error ? "error" : "shown";
    find(".in-note").hidden = true;
    if (answer.error) {
      Object.assign(find(".in-note"), { hidden: Boolean(told), textContent: answer.error });
      return;
    }
    kept.set(key, answer);
    if (kept.size > 60) kept.delete(kept.keys().next().value);
    root.dataset.key = key;
    show(answer.look);
  }

  // ---- showing ----------------------------------------------------------------------------------------------------

  function show(look) {
    told = look;
    maps = unpackMaps(look.attention, look.heads);
    runs = placed(look.tokens);
    chosen.head = Math.min(chosen.head, look.heads - 1);
    if (chosen.token >= maps.size || chosen.model !== step.model) chosen.token = firstToken();
    chosen.model = step.model;
    find(".in-body").hidden = false;
    root.dataset.step = step.i;
    Object.assign(find(".in-block"), { max: look.shapes.depth, value: look.block + 1 });
    find(".in-block-name").textContent = `${look.block + 1} / ${look.shapes.depth}`;
    const head = (h) => el("button", { type: "button", "data-head": h, "aria-pressed": h === chosen.head,
      onclick: () => { chosen.head = h; paint(); } }, h < 0 ? say("inside_mean") : String(h + 1));
    find(".in-heads").replaceChildren(el("button", { type: "button", disabled: true }, say("inside_head")),
      ...[-1, ...Array(look.heads).keys()].map(head));
    buildFields();
    showPredictions();
    showStages();
    paint();
  }

  // A word first, where there is one: what looks at it says most.
  const firstToken = () => (runs.find((run) => run.stream === "text" && run.t < 1) || runs[0]).start;

  const textOf = () => step.views.text || step.given?.text || told.predictions.text?.guided || "";

  function cell(at, name, says = "") {
    return el("button", { type: "button", class: "in-cell", "data-at": at, "aria-label": name, title: name,
      onclick: () => { chosen.token = at; paint(); } }, says);
  }

  function field(run) {
    const name = `${say(run.stream)} · t = ${run.t.toFixed(2)}`, { start, count, grid } = run;
    const cells = el("div", { class: "in-cells" });
    const over = el("div", { class: `in-over ${run.stream}` });
    if (run.stream === "image") {
      const source = told.predictions.image?.guided || step.views.image || step.given?.image;
      over.append(el("img", { src: source || "", alt: say("image") }));
      cells.style.cssText = `grid-template: repeat(${grid[0]}, 1fr) / repeat(${grid[1]}, 1fr)`;
      for (let i = 0; i < count; i++)
        cells.append(cell(start + i, `${say("image")} ${Math.floor(i / grid[1]) + 1}, ${(i % grid[1]) + 1}`));
    } else if (run.stream === "text") {
      const parts = letters(textOf(), run.bytes, count);
      for (let i = 0; i < count; i++) cells.append(cell(start + i, `${say("text")} ${i + 1}: ${parts[i]}`, parts[i] || "·"));
    } else {
      const canvas = el("canvas"), sound = told.predictions[run.stream]?.guided || step.views.audio || step.given?.audio;
      over.append(canvas);
      if (sound?.pcm) requestAnimationFrame(() => drawSound(canvas, samplesOf(sound)));
      cells.style.cssText = `grid-template-columns: repeat(${count}, 1fr)`;
      for (let i = 0; i < count; i++) cells.append(cell(start + i, `${say("audio")} ${i + 1} / ${count}`));
    }
    over.append(cells);
    return el("div", { class: "in-field", "data-stream": run.stream }, el("span", {}, name), over);
  }

  function buildFields() {
    const chips = runs.filter((run) => run.kind !== "tokens").map((run) => {
      const name = run.kind === "style" ? `${say("inside_style")} ${run.name || say("inside_any")}`
        : run.kind === "condition" ? say("inside_condition") : `${say("inside_global")} ${say(run.stream)}`;
      return cell(run.start, name, name);
    });
    find(".in-fields").replaceChildren(...runs.filter((run) => run.kind === "tokens").map(field),
      ...(chips.length ? [el("div", { class: "in-chips" }, chips)] : []));
  }

  function paint() {
    if (!told) return;
    const shares = looks(maps, chosen.token, chosen.direction, chosen.head), strong = strengths(shares);
    for (const node of root.querySelectorAll(".in-cell")) {
      const at = Number(node.dataset.at);
      node.style.setProperty("--look", strong[at].toFixed(3));
      node.setAttribute("aria-pressed", at === chosen.token);
      node.title = `${node.getAttribute("aria-label")}: ${(100 * shares[at]).toFixed(1)} %`;
    }
    root.dataset.token = chosen.token;
    for (const button of root.querySelectorAll("[data-direction]"))
      button.setAttribute("aria-pressed", button.dataset.direction === chosen.direction);
    for (const button of root.querySelectorAll("[data-head]"))
      button.setAttribute("aria-pressed", Number(button.dataset.head) === chosen.head);
    drawMatrix();
    drawTime();
  }

  function drawMatrix() {
    const canvas = find(".in-matrix"), { size } = maps;
    canvas.width = canvas.height = size;
    const context = canvas.getContext("2d"), image = context.createImageData(size, size), [r, g, b] = rgbOf(css(root, "--mm-accent"));
    for (let i = 0; i < size; i++) {
      strengths(looks(maps, i, "from", chosen.head)).forEach((value, j) => {
        image.data.set([r, g, b, 255 * value], 4 * (i * size + j));
      });
    }
    context.putImageData(image, 0, 0);
    context.fillStyle = css(root, "--mm-line");
    context.globalAlpha = 0.6;
    const alone = runs.find((run) => run.kind !== "tokens");
    for (const run of runs.slice(1).filter((other) => other.kind === "tokens" || other === alone)) {
      context.fillRect(0, run.start - 0.15, size, 0.3);
      context.fillRect(run.start - 0.15, 0, 0.3, size);
    }
    context.globalAlpha = 1;
  }

  function drawTime() {
    const [context, width, height] = fitted(find(".in-time")), { time } = told, edge = 6;
    const most = Math.max(...Object.keys(CURVES).flatMap((name) => time[name]));
    const x = (share) => edge + share * (width - 2 * edge), y = (value) => height - edge - (value / most) * (height - 2 * edge);
    context.clearRect(0, 0, width, height);
    context.strokeStyle = css(root, "--mm-line");
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x(time.now), 0);
    context.lineTo(x(time.now), height);
    context.moveTo(edge, y(0));
    context.lineTo(width - edge, y(0));
    context.stroke();
    for (const [name, colour] of Object.entries(CURVES)) {
      context.strokeStyle = css(root, colour);
      context.beginPath();
      time[name].forEach((value, i) => context.lineTo(x(i / (time[name].length - 1)), y(value)));
      context.stroke();
    }
    find(".in-legend").replaceChildren(...Object.entries(CURVES).map(([name, colour]) =>
      el("span", {}, el("i", { style: `background: var(${colour})` }), say(`inside_${name}`))), el("span", {}, `t = ${time.now.toFixed(2)}`));
  }

  function prediction(stream, view, name) {
    if (stream === "image") return el("figure", {}, el("img", { src: view, alt: say(name) }), say(name));
    if (stream === "text") return el("figure", {}, el("b", {}, view || " "), say(name));
    const canvas = el("canvas", { class: "wave" });
    requestAnimationFrame(() => drawSound(canvas, samplesOf(view)));
    return el("figure", {}, canvas, say(name));
  }

  function differenceMap({ where, shape }) {
    const [rows, columns] = shape.length > 1 ? shape : [1, shape[0]];
    const canvas = el("canvas", { width: columns, height: rows, ...(shape.length > 1 ? {} : { class: "wave" }) });
    const context = canvas.getContext("2d"), image = context.createImageData(columns, rows), [r, g, b] = rgbOf(css(root, "--mm-accent"));
    where.forEach((value, i) => { image.data.set([r, g, b, 255 * value], 4 * i); });
    context.putImageData(image, 0, 0);
    return canvas;
  }

  function showPredictions() {
    find(".in-predictions").replaceChildren(...Object.entries(told.predictions).map(([stream, views]) => {
      if (!told.guided) return el("div", { class: "in-row" }, prediction(stream, views.guided, "inside_unguided"));
      return el("div", { class: "in-row", "data-stream": stream },
        ...["without", "with", "guided"].map((name) => prediction(stream, views[name], `inside_${name}`)),
        el("figure", { title: say("inside_where") }, differenceMap(views), say("inside_apart", { value: views.apart.toFixed(3) })));
    }));
  }

  function showStages() {
    const open = [...root.querySelectorAll(".in-diagram details")].map((node) => node.open);
    find(".in-diagram ol").replaceChildren(...stages(told.shapes, say).map(({ title, text }, i) =>
      el("li", {}, el("details", { open: open[i] ?? i === 0 }, el("summary", {}, title), el("p", {}, text)))));
  }

  // ---- events -----------------------------------------------------------------------------------------------------

  find(".in-block").addEventListener("input", (event) => {
    chosen.block = Number(event.target.value) - 1;
    find(".in-block-name").textContent = `${event.target.value} / ${event.target.max}`;
    wanted();
  });
  root.addEventListener("click", (event) => {
    const { direction } = event.target.dataset;
    if (direction) {
      chosen.direction = direction;
      paint();
    }
  });
  find(".in-matrix").addEventListener("click", (event) => {
    const box = event.target.getBoundingClientRect();
    chosen.token = Math.min(maps.size - 1, Math.floor(((event.clientY - box.top) / box.height) * maps.size));
    paint();
  });
  function follow(detail) {
    if (!root.isConnected || !detail) return;
    if (detail.model !== step?.model) chosen.block = 0;
    step = detail;
    wanted();
  }

  fillWords(root, say);
  window.addEventListener("mm-step", ({ detail }) => follow(detail));
  follow(window.mmStep);
  new ResizeObserver(() => { wanted(); if (told) drawTime(); }).observe(root);
}
