// "How noise works": x_t = alpha(t) x0 + sigma(t) noise for three processes, all in the browser.

const L = (props.text || {})[window.mmLang] || (props.text || {}).en || {};
const root = element.querySelector(".np");
const slider = root.querySelector(".np-t input");
const PICTURE = 64, RATE = 16000, MOST = 3 * RATE;
let source = null; // {kind: "image" | "audio", values, noise, mean, spread}, values scaled to unit variance; or text (noise_text.js)
let asked = 0; // counts the inputs, so that a late answer does not replace a newer one

const FORMULA = { flow: "x\u209c = (1\u2212t)\u00b7x\u2080 + t\u00b7\u03b5", vp: "x\u209c = cos(\u03c0t/2)\u00b7x\u2080 + sin(\u03c0t/2)\u00b7\u03b5", ve: "x\u209c = x\u2080 + \u221a\u03c4(t)\u00b7\u03b5" };

function gaussian(count) {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - Math.random())), angle = 2 * Math.PI * Math.random();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

// Scale to zero mean and unit variance, as latents are before noise is added; shown scaled back.
function standard(kind, raw) {
  const mean = raw.reduce((sum, v) => sum + v, 0) / raw.length;
  const spread = Math.sqrt(raw.reduce((sum, v) => sum + (v - mean) ** 2, 0) / raw.length) || 1;
  return { kind, values: raw.map((v) => (v - mean) / spread), noise: gaussian(raw.length), mean, spread };
}

const at = (table, t) => table[Math.round(t * (table.length - 1))];

function noised(name, t) {
  const alpha = at(props.tables[name].alpha, t), sigma = at(props.tables[name].sigma, t);
  return Float32Array.from(source.values, (v, i) => source.mean + source.spread * (alpha * v + sigma * source.noise[i]));
}

function showPicture(canvas, values) {
  canvas.width = canvas.height = PICTURE;
  const ctx = canvas.getContext("2d"), image = ctx.createImageData(PICTURE, PICTURE);
  for (let i = 0; i < PICTURE * PICTURE; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 * Math.min(1, Math.max(0, values[3 * i + c]));
    image.data[4 * i + 3] = 255;
  }
  ctx.putImageData(image, 0, 0);
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
  const box = make("div", "np-card");
  box.dataset.process = name;
  box.append(make("h4", "", L[`noise_${name}`]));
  const shown = make("canvas", "np-shown"), sound = make("button", "np-sound");
  sound.type = "button";
  sound.title = L.noise_play;
  sound.setAttribute("aria-label", L.noise_play);
  sound.append(make("canvas"));
  sound.onclick = () => playSound({ rate: RATE, samples: noised(name, slider.value / 100).map((v) => Math.max(-1, Math.min(1, v))) }, sound);
  box.append(shown, sound, make("div", "np-text"), make("canvas", "np-plot"), make("p"));
  return box;
}

function paint() {
  const t = slider.value / 100;
  root.querySelector(".np-t output").textContent = t.toFixed(2);
  root.dataset.t = t;
  if (!source) return;
  root.dataset.kind = source.kind;
  for (const box of root.querySelectorAll(".np-card")) {
    const name = box.dataset.process, table = props.tables[name];
    const parts = { image: box.querySelector(".np-shown"), audio: box.querySelector(".np-sound"), text: box.querySelector(".np-text") };
    for (const [kind, part] of Object.entries(parts)) part.hidden = kind !== source.kind;
    if (source.kind === "image") showPicture(parts.image, noised(name, t));
    else if (source.kind === "audio") drawSound(parts.audio.querySelector("canvas"), noised(name, t));
    else showNoisyText(parts.text, source.rows[name], t);
    plot(box.querySelector(".np-plot"), table, t);
    const alpha = at(table.alpha, t), sigma = at(table.sigma, t);
    const snr = sigma === 0 ? "\u221e" : alpha < 1e-4 ? "\u2212\u221e" : `${(20 * Math.log10(alpha / sigma)).toFixed(1)} dB`;
    const text = box.querySelector("p"), numbers = make("span");
    numbers.append(make("span", "a", `\u03b1 ${alpha.toFixed(2)}`), "  ", make("span", "s", `\u03c3 ${sigma.toFixed(2)}`), `  ${L.noise_snr} ${snr}`);
    text.replaceChildren(make("b", "", FORMULA[name]), make("br"), numbers);
  }
}

async function pictureOf(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = new OffscreenCanvas(PICTURE, PICTURE), ctx = canvas.getContext("2d");
  const side = Math.min(image.naturalWidth, image.naturalHeight);
  ctx.fillStyle = "#fff";
  ctx.fillRect(0, 0, PICTURE, PICTURE);
  ctx.imageSmoothingQuality = "high";
  ctx.drawImage(image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, 0, 0, PICTURE, PICTURE);
  const pixels = ctx.getImageData(0, 0, PICTURE, PICTURE).data;
  return standard("image", Float32Array.from({ length: PICTURE * PICTURE * 3 }, (_, i) => pixels[4 * Math.floor(i / 3) + (i % 3)] / 255));
}

async function soundOf(file) {
  const decoder = new OfflineAudioContext(1, MOST, RATE);
  const buffer = await decoder.decodeAudioData(await file.arrayBuffer());
  return standard("audio", buffer.getChannelData(0).slice(0, MOST));
}

// The start of a text that fits, cut between two characters.
function fittingText(text) {
  const encoder = new TextEncoder();
  let fits = "";
  for (const character of text.trim()) {
    if (encoder.encode(fits + character).length > props.limit) break;
    fits += character;
  }
  return fits;
}

async function fileOf(file) {
  if (file.type.startsWith("audio/")) return soundOf(file);
  if (file.type.startsWith("text/")) return noisedText(fittingText(await file.text()));
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
  } catch { if (mine === asked) said.textContent = L.noise_bad; }
}

const opener = root.querySelector(".np-open input"), typed = root.querySelector(".np-typed");
const openFile = (file) => { if (file) take(fileOf(file)); };
opener.addEventListener("change", () => { openFile(opener.files[0]); opener.value = ""; });
root.addEventListener("dragover", (event) => event.preventDefault());
root.addEventListener("drop", (event) => { event.preventDefault(); openFile(event.dataTransfer.files[0]); });
root.addEventListener("paste", (event) => openFile(event.clipboardData.files[0]));

let pause = null;
typed.addEventListener("input", () => {
  clearTimeout(pause);
  const text = fittingText(typed.value);
  pause = setTimeout(() => take(text ? noisedText(text) : pictureOf(props.example)), 300);
});
typed.placeholder = L.noise_text_hint;
typed.setAttribute("aria-label", L.noise_text);

slider.addEventListener("input", paint);
root.querySelector('[data-do="again"]').addEventListener("click", () => {
  if (!source) return;
  if (source.kind === "text") { take(noisedText(source.text)); return; }
  source.noise = gaussian(source.values.length);
  paint();
});
for (const node of root.querySelectorAll("[data-l]")) node.textContent = L[node.dataset.l];
root.querySelector(".np-cards").append(...Object.keys(props.tables).map(card));
take(pictureOf(props.example));
new ResizeObserver(paint).observe(root);
