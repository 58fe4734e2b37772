// A sound among the faces of `lives.js`: its spectrogram, and below it a strip that says where a code lives.
import { clamp, css, fitted, rgbOf } from "../shared/base.js";
import { samplesOfPcm } from "../shared/sound.js";
import { mix, ramp, spectrogramImage } from "../shared/sound_draw.js";
import { spectrogram } from "../shared/spectrum.js";

const TALL = 150, STRIP = 14; // pixels, of both and of the strip
const COLUMNS = 1200; // of a spectrogram

export function soundFace(input, { canvas }) {
  const samples = samplesOfPcm(input.pcm), [frames] = input.grid;
  let spectrum = null; // of `samples`, in the colours of the theme

  function spectrumIn(key) {
    if (spectrum?.key === key) return spectrum.image;
    const colour = (token) => [...rgbOf(css(canvas, token))].slice(0, 3);
    const columns = Math.min(COLUMNS, Math.ceil(samples.length / 80)), { levels, bins } = spectrogram(samples, columns);
    const [ground, accent, ink] = ["--mm-surface", "--mm-accent", "--mm-ink"].map(colour);
    const table = ramp([[0, ground], [0.55, mix(ground, accent, 0.85)], [0.8, mix(accent, ink, 0.35)], [1, ink]]);
    spectrum = { key, image: spectrogramImage(levels, bins, columns, table) };
    return spectrum.image;
  }

  function draw({ has, lit, picked, level }) {
    if (!canvas.clientWidth) return;
    canvas.style.height = `${TALL}px`;
    const [context, width, height] = fitted(canvas), scale = window.devicePixelRatio || 1;
    const key = css(canvas, "--mm-surface"), image = spectrumIn(key);
    const strip = STRIP * scale, tall = height - strip;
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = true;
    context.drawImage(image, 0, 0, width, tall);
    const wide = width / (samples.length / input.stride);
    const tone = css(canvas, `--mm-level-${level % 8}`);
    if (lit) {
      context.globalAlpha = 0.62;
      context.fillStyle = key;
      context.fillRect(0, 0, width, tall);
      context.globalAlpha = 1;
    }
    for (let i = 0; i < frames; i++) {
      if (!has(i)) continue;
      const from = (i * image.width * input.stride) / samples.length, span = (image.width * input.stride) / samples.length;
      const shown = Math.max(wide, 3 * scale);
      context.drawImage(image, from, 0, span, image.height, i * wide, 0, shown, tall);
      context.fillStyle = tone;
      context.fillRect(i * wide, tall + 3 * scale, Math.max(wide, 4 * scale), strip - 4 * scale);
    }
    if (picked !== null) {
      context.strokeStyle = css(canvas, "--mm-accent");
      context.lineWidth = 2.5 * scale;
      context.strokeRect(picked * wide - 2 * scale, scale, Math.max(wide, 3 * scale) + 4 * scale, height - 2 * scale);
    }
  }

  function positionAt(event) {
    const bounds = canvas.getBoundingClientRect(), along = (event.clientX - bounds.left) / bounds.width;
    return clamp(Math.floor((along * samples.length) / input.stride), 0, frames - 1);
  }

  // What is heard of a position, with `reach` others on both sides.
  const sound = (position, reach = 3) =>
    samples.subarray(Math.max(0, (position - reach) * input.stride), (position + reach + 1) * input.stride);

  return { element: canvas, draw, positionAt, sound };
}
