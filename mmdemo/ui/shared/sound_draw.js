// Pictures of sounds: waveforms, spectrograms through a table of colours, and the spectrum behind them.
import { clamp, css, fitted, rgbOf } from "./base.js";
import { spectrogram } from "./spectrum.js";

export const mix = (a, b, share) => a.map((v, i) => v + (b[i] - v) * share);

// 256 colours through the given stops, each [position 0..1, [r, g, b]].
export function ramp(stops) {
  return Array.from({ length: 256 }, (_, i) => {
    const x = i / 255;
    let k = 0;
    while (k < stops.length - 2 && x > stops[k + 1][0]) k++;
    const [x0, a] = stops[k], [x1, b] = stops[k + 1];
    return [...mix(a, b, (x - x0) / (x1 - x0)), 255];
  });
}

// Levels 0..255, (bins, frames) row by row and low frequencies first -> a canvas with high frequencies on top.
// `table`: a colour [r, g, b, a] for each level.
export function spectrogramImage(levels, bins, frames, table) {
  const canvas = new OffscreenCanvas(Math.max(1, frames), bins), context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, bins);
  for (let bin = 0; bin < bins; bin++)
    for (let frame = 0; frame < frames; frame++)
      image.data.set(table[levels[bin * frames + frame]], 4 * ((bins - 1 - bin) * canvas.width + frame));
  context.putImageData(image, 0, 0);
  return canvas;
}

// The extremes of samples from..to in each of `width` columns, as bars around the middle of `height`.
// `shape`: what part of half the height an extreme of 0..1 takes.
export function drawWave(context, samples, { from = 0, to = samples.length, width, height, colour, shape = (v) => v }) {
  const per = (to - from) / width, middle = height / 2;
  context.fillStyle = colour;
  context.beginPath();
  for (let x = 0; x < width; x++) {
    const first = Math.floor(from + x * per);
    const last = Math.min(samples.length, Math.max(first + 1, Math.floor(from + (x + 1) * per)));
    let low = 0, high = 0;
    for (let i = Math.max(0, first); i < last; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    const top = middle * (1 - clamp(shape(high), 0, 1)), bottom = middle * (1 + clamp(shape(-low), 0, 1));
    context.rect(x, top, 1, Math.max(1, bottom - top));
  }
  context.fill();
}

// A small picture of a whole sound: its waveform above (compressed, so that soft speech is seen beside loud), its
// spectrogram below. `total`: samples that the whole width stands for.
export function drawSound(canvas, samples, total = samples.length) {
  const [context, whole, height] = fitted(canvas), ink = css(canvas, "--mm-accent");
  const width = Math.max(1, Math.round((whole * samples.length) / Math.max(1, total)));
  context.clearRect(0, 0, whole, height);
  drawWave(context, samples, { width, height: 0.4 * height, colour: ink, shape: (v) => v ** 0.6 });
  const columns = Math.min(samples.length > 32000 ? 480 : 160, Math.max(40, Math.round(width / 2)));
  context.drawImage(smallSpectrogram(samples, columns, ink), 0, height * 0.42, width, height * 0.58);
}

// Kept beside the samples: scrubbing comes back to the same steps.
const kept = new WeakMap();
function smallSpectrogram(samples, columns, ink) {
  const before = kept.get(samples);
  if (before && before.columns === columns && before.ink === ink) return before.sheet;
  const [r, g, b] = rgbOf(ink), { levels, bins } = spectrogram(samples, columns);
  const table = Array.from({ length: 256 }, (_, level) => [r, g, b, 255 * (level / 255) ** 1.3]);
  const sheet = spectrogramImage(levels, bins, columns, table);
  kept.set(samples, { sheet, columns, ink });
  return sheet;
}
