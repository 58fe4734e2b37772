// "How noise works": x_t = alpha(t) x0 + sigma(t) noise for three processes; pictures and sounds stay in the browser.
import { clamp, el, fillWords, fitted, translator } from "../shared/base.js";
import { OneSound } from "../shared/sound.js";
import { drawSound } from "../shared/sound_draw.js";
import { at, fitting, gaussian, pictureOf, RATE, showPicture, soundOf } from "./noise.js";
import { signOf } from "./player/view.js";

const FORMULA = {
  flow: "xₜ = (1−t)·x₀ + t·ε",
  vp: "xₜ = cos(πt/2)·x₀ + sin(πt/2)·ε",
  ve: "xₜ = x₀ + √τ(t)·ε",
};

const snr = (alpha, sigma) =>
  sigma === 0 ? "∞" : alpha < 1e-4 ? "−∞" : `${(20 * Math.log10(alpha / sigma)).toFixed(1)} dB`;

export default function noisePanel({ element, props, server }) {
  const say = translator(props);
  const root = element.querySelector(".np");
  const player = new OneSound();
  const slider = root.querySelector(".np-t input");
  let source = null; // {kind: "image" | "audio", values, noise, mean, spread}, values scaled to unit variance; or text
  let followed = props.example; // what is shown where the visitor has opened nothing here: the picture of the last run
  let own = false;
  let asked = 0; // counts the inputs, so that a late answer does not replace a newer one

  function noised(name, t) {
    const alpha = at(props.tables[name].alpha, t), sigma = at(props.tables[name].sigma, t);
    return Float32Array.from(source.values, (v, i) => source.mean + source.spread * (alpha * v + sigma * source.noise[i]));
  }

  function plot(canvas, table, t) {
    const [ctx, width, height] = fitted(canvas), style = getComputedStyle(root), edge = 5;
    const ratio = window.devicePixelRatio || 1, top = Math.ceil(Math.max(...table.alpha, ...table.sigma));
    const y = (value) => height - edge - (value / top) * (height - 2 * edge);
    ctx.clearRect(0, 0, width, height);
    ctx.strokeStyle = style.getPropertyValue("--mm-line");
    ctx.fillStyle = style.getPropertyValue("--mm-muted");
    ctx.font = `${11 * ratio}px sans-serif`;
    for (const value of [0, top / 2, top]) { ctx.beginPath(); ctx.moveTo(0, y(value)); ctx.lineTo(width, y(value)); ctx.stroke(); }
    ctx.fillText(String(top), 2 * ratio, y(top) + 12 * ratio);
    ctx.lineWidth = 2 * ratio;
    for (const [curve, colour] of [[table.alpha, "--mm-accent"], [table.sigma, "--mm-level-5"]]) {
      ctx.strokeStyle = ctx.fillStyle = style.getPropertyValue(colour);
      ctx.beginPath();
      curve.forEach((value, i) => ctx.lineTo(edge + (i / (curve.length - 1)) * (width - 2 * edge), y(value)));
      ctx.stroke();
      ctx.beginPath();
      ctx.arc(edge + t * (width - 2 * edge), y(at(curve, t)), 2 * ctx.lineWidth, 0, 7);
      ctx.fill();
    }
  }

  function card(name) {
    const sound = el("button", { type: "button", class: "np-sound", title: say("noise_play"), "aria-label": say("noise_play"),
      onclick: () => player.toggle(noised(name, slider.value / 100).map((v) => clamp(v, -1, 1)), RATE, sound) }, el("canvas"));
    return el("div", { class: "np-card", "data-process": name }, el("h4", {}, say(`noise_${name}`)),
      el("canvas", { class: "np-shown" }), sound, el("div", { class: "np-text" }), el("canvas", { class: "np-plot" }), el("p"));
  }

  function paint() {
    const t = slider.value / 100;
    root.querySelector(".np-t output").textContent = t.toFixed(2);
    root.dataset.t = t;
    if (!source) return;
    root.dataset.kind = source.kind;
    for (const box of root.querySelectorAll(".np-card")) {
      const name = box.dataset.process, table = props.tables[name];
      const [image, audio, text] = [".np-shown", ".np-sound", ".np-text"].map((part) => box.querySelector(part));
      for (const [kind, part] of Object.entries({ image, audio, text })) part.hidden = kind !== source.kind;
      if (source.kind === "image") showPicture(image, noised(name, t));
      else if (source.kind === "audio") drawSound(audio.querySelector("canvas"), noised(name, t));
      else showNoisyText(text, source.rows[name], t);
      plot(box.querySelector(".np-plot"), table, t);
      const alpha = at(table.alpha, t), sigma = at(table.sigma, t);
      box.querySelector("p").replaceChildren(el("b", {}, FORMULA[name]), el("br"), el("span", {},
        el("span", { class: "a" }, `α ${alpha.toFixed(2)}`), "  ", el("span", { class: "s" }, `σ ${sigma.toFixed(2)}`),
        `  ${say("noise_snr")} ${snr(alpha, sigma)}`));
    }
  }

  // The paler a letter, the less sure the decoder.
  function showNoisyText(box, rows, t) {
    const { text, confidence } = at(rows, t);
    box.replaceChildren(...Array.from(text).map((character, place) =>
      el("span", { style: `opacity:${0.25 + 0.75 * (confidence ? confidence[place] ?? 0 : 1)}` }, signOf(character))));
  }

  // {kind: "text", text, rows: {process: [{text, confidence}]}}; the server noises its latents, once a text and a seed.
  async function noisedText(text) {
    const answer = await server.noise_text({ text, seed: Math.floor(Math.random() * 2 ** 31) });
    if (answer.error) throw new Error(answer.error);
    return { kind: "text", text, rows: answer.rows };
  }

  async function fileOf(file) {
    if (file.type.startsWith("audio/")) return soundOf(file);
    if (file.type.startsWith("text/")) return noisedText(fitting(props.limit, await file.text()));
    const url = URL.createObjectURL(file);
    try { return await pictureOf(url); } finally { URL.revokeObjectURL(url); }
  }

  // Show a new input when it is ready, unless a newer one came in the meantime.
  async function take(making) {
    const mine = ++asked, said = root.querySelector(".np-said");
    said.textContent = "";
    try {
      const made = await making;
      if (mine !== asked) return;
      source = made;
      if (made.kind !== "text") typed.value = "";
      paint();
    } catch { if (mine === asked) said.textContent = say("noise_bad"); }
  }

  const opener = root.querySelector(".np-open input"), typed = root.querySelector(".np-typed");
  const openFile = (file) => {
    if (!file) return;
    own = true;
    take(fileOf(file));
  };
  opener.addEventListener("change", () => { openFile(opener.files[0]); opener.value = ""; });
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => { event.preventDefault(); openFile(event.dataTransfer.files[0]); });
  root.addEventListener("paste", (event) => openFile(event.clipboardData.files[0]));

  let pause = null;
  typed.addEventListener("input", () => {
    clearTimeout(pause);
    const text = fitting(props.limit, typed.value);
    own = Boolean(text);
    pause = setTimeout(() => take(text ? noisedText(text) : pictureOf(followed)), 300);
  });
  typed.placeholder = say("noise_text_hint");
  typed.setAttribute("aria-label", say("noise_text"));

  slider.addEventListener("input", paint);
  root.querySelector('[data-do="again"]').addEventListener("click", () => {
    if (!source) return;
    if (source.kind === "text") { take(noisedText(source.text)); return; }
    source.noise = gaussian(source.values.length);
    paint();
  });
  function follow(step) {
    const picture = step?.given?.image || step?.views.image;
    if (!picture || step.running || picture === followed) return;
    followed = picture;
    if (!own) take(pictureOf(picture));
  }
  window.addEventListener("mm-step", ({ detail }) => { if (root.isConnected) follow(detail); });
  fillWords(root, say);
  root.querySelector(".np-cards").append(...Object.keys(props.tables).map(card));
  take(pictureOf(props.example));
  follow(window.mmStep);
  new ResizeObserver(paint).observe(root);
}
