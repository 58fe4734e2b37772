// Drawing of the sound lab on one time axis: colours, the difference of spectrograms, the token grid, the axis.
// A view is {start, end} in seconds.
import { clamp, css, rgbOf } from "../shared/base.js";
import { colourGrid } from "../shared/code_colours.js";
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

// One pixel a token: (levels, frames). `colours(level)`: of its codes, rgb after rgb, or null where they are not here yet.
export function gridImage(codes, levels, frames, colours) {
  const canvas = new OffscreenCanvas(Math.max(1, frames), levels), context = canvas.getContext("2d");
  for (let level = 0; level < levels; level++)
    if (colours(level)) context.drawImage(colourGrid(codes, level * frames, 1, frames, colours(level)), 0, level);
  return canvas;
}

// What is painted, picked and changed by hand, over the grid of tokens. `marks`: {covered: places of all levels' rows,
// frames: changed ones, picked: a frame or null, level}; `x(frame)`: where a frame begins.
export function drawMarks(context, { covered, frames, picked, level }, x, height, levels) {
  const row = height / levels, box = (frame, top, tall, colour, width) => {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x(frame), top, Math.max(2, x(frame + 1) - x(frame)), tall);
  };
  context.fillStyle = "#ffd34d";
  for (const frame of frames) context.fillRect(x(frame), height - 3, Math.max(1, x(frame + 1) - x(frame)), 3);
  context.fillStyle = "rgb(255 255 255 / .55)";
  for (const [frame, from, to] of covered) context.fillRect(x(frame), from * row, Math.max(1, x(frame + 1) - x(frame)), (to - from) * row);
  if (picked === null) return;
  box(picked, 0, height, "#fff", 3);
  box(picked, 0, height, "#111", 1.5);
  box(picked, level * row, row, "#111", 3);
}

// Levels that are not in use: hatched, so that they are not taken for pale ones.
export function hatch(context, top, bottom, width, colour) {
  context.save();
  context.beginPath();
  context.rect(0, top, width, bottom - top);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 2.5;
  context.beginPath();
  for (let x = top - bottom; x < width; x += 7) {
    context.moveTo(x, bottom);
    context.lineTo(x + bottom - top, top);
  }
  context.stroke();
  context.restore();
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
