// Drawing of the sound lab on one time axis: colours, the difference of spectrograms, the token grid, the axis.
// A view is {start, end} in seconds.
import { clamp, codeHue, css, rgbOf } from "../shared/base.js";
import { mix, ramp } from "../shared/sound_draw.js";

export function palette(element) {
  const colour = (name) => [...rgbOf(css(element, name))].slice(0, 3);
  const ground = colour("--mm-surface"), accent = colour("--mm-accent"), ink = colour("--mm-ink");
  return {
    sound: ramp([[0, ground], [0.55, mix(ground, accent, 0.85)], [0.8, mix(accent, ink, 0.35)], [1, ink]]),
    change: ramp([[0, colour("--mm-level-1")], [0.47, ground], [0.53, ground], [1, colour("--mm-bad")]]),
    accent: css(element, "--mm-accent"),
    muted: css(element, "--mm-muted") || css(element, "--mm-ink"),
    line: css(element, "--mm-line"),
    surface: css(element, "--mm-surface"),
    dark: ground[0] + ground[1] + ground[2] < 384,
  };
}

// Difference of two spectrograms: 128 is none; +-30 dB of the 80 dB range fill the scale.
export function melDifference(before, after) {
  return after.map((v, i) => clamp(Math.round(128 + (v - before[i]) * (80 / 255) * (127 / 30)), 0, 255));
}

export function hslToRgb(h, s, l) {
  const a = s * Math.min(l, 1 - l);
  const part = (n) => {
    const k = (n + h / 30) % 12;
    return 255 * (l - a * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [part(0), part(8), part(4)];
}

// One pixel a token: (levels, frames); the levels that are not in use are faint.
export function gridImage(codes, levels, frames, num_levels, dark) {
  const canvas = new OffscreenCanvas(Math.max(1, frames), levels), context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, levels);
  for (let i = 0; i < levels * frames; i++) {
    const colour = hslToRgb(codeHue(codes[i]), 0.46, (dark ? 0.5 : 0.58) + 0.08 * Math.sin(codes[i]));
    image.data.set([...colour, Math.floor(i / frames) < num_levels ? 255 : 45], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// The part of an image of `seconds` that the view shows.
export function drawCut(context, image, seconds, view, width, height, smooth) {
  context.imageSmoothingEnabled = smooth;
  const from = (view.start / seconds) * image.width, span = ((view.end - view.start) / seconds) * image.width;
  context.drawImage(image, from, 0, span, image.height, 0, 0, width, height);
}

// Seconds between two labels of an axis `width` pixels wide.
export const axisStep = (span, width) => [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10].find((s) => span / s <= width / 70) || 30;

export function drawAxis(context, view, width, colour, font) {
  const span = view.end - view.start, step = axisStep(span, width);
  context.font = "11px " + font;
  context.textBaseline = "top";
  for (let time = Math.ceil(view.start / step - 1e-6) * step; time <= view.end + 1e-9; time += step) {
    const x = ((time - view.start) / span) * width;
    const label = time.toFixed(step < 0.1 ? 2 : step < 1 ? 1 : 0) + " s";
    context.fillStyle = colour;
    context.fillRect(Math.min(x, width - 1), 0, 1, 4);
    const wide = context.measureText(label).width;
    context.fillText(label, clamp(x - wide / 2, 0, width - wide), 6);
  }
}
