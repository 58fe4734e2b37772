// Drawing of the sound lab: waveforms, mel spectrograms, their difference and the token grid on one time axis.
function rgb(text) {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  probe.fillStyle = text;
  probe.fillRect(0, 0, 1, 1);
  return [...probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

const mix = (a, b, share) => a.map((v, i) => v + (b[i] - v) * share);

// 256 colours through the given stops, each [position 0..1, [r, g, b]].
function ramp(stops) {
  const table = [];
  for (let i = 0; i < 256; i++) {
    const x = i / 255;
    let k = 0;
    while (k < stops.length - 2 && x > stops[k + 1][0]) k++;
    const [x0, a] = stops[k], [x1, b] = stops[k + 1];
    table.push(mix(a, b, (x - x0) / (x1 - x0)));
  }
  return table;
}

function palette() {
  const colour = (name) => rgb(css(name));
  const ground = colour("--mm-surface"), accent = colour("--mm-accent"), ink = colour("--mm-ink");
  return {
    sound: ramp([[0, ground], [0.55, mix(ground, accent, 0.85)], [0.8, mix(accent, ink, 0.35)], [1, ink]]),
    change: ramp([[0, colour("--mm-level-1")], [0.47, ground], [0.53, ground], [1, colour("--mm-bad")]]),
    accent: css("--mm-accent"), ink: css("--mm-ink"), muted: css("--mm-muted") || css("--mm-ink"),
    line: css("--mm-line"), surface: css("--mm-surface"), dark: ground[0] + ground[1] + ground[2] < 384,
  };
}

// bytes: (bins, frames) row by row, low frequencies first -> a canvas with high frequencies on top.
function melImage(bytes, bins, frames, table) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, frames);
  canvas.height = bins;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, bins);
  for (let bin = 0; bin < bins; bin++)
    for (let frame = 0; frame < frames; frame++) {
      const colour = table[bytes[bin * frames + frame]];
      const at = 4 * ((bins - 1 - bin) * canvas.width + frame);
      image.data[at] = colour[0]; image.data[at + 1] = colour[1]; image.data[at + 2] = colour[2];
      image.data[at + 3] = 255;
    }
  context.putImageData(image, 0, 0);
  return canvas;
}

// Difference of two spectrograms: 128 is none; +-30 dB of the 80 dB range fill the scale.
function melDifference(before, after) {
  return after.map((v, i) => clamp(Math.round(128 + (v - before[i]) * (80 / 255) * (127 / 30)), 0, 255));
}

function hslToRgb(h, s, l) {
  const a = s * Math.min(l, 1 - l);
  const part = (n) => {
    const k = (n + h / 30) % 12;
    return 255 * (l - a * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [part(0), part(8), part(4)];
}

function gridImage(codes, levels, frames, active, dark) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, frames);
  canvas.height = levels;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, levels);
  for (let i = 0; i < levels * frames; i++) {
    const level = Math.floor(i / frames);
    const colour = hslToRgb(codeHue(codes[i]), 0.46, (dark ? 0.5 : 0.58) + 0.08 * Math.sin(codes[i]));
    image.data.set([...colour, level < active ? 255 : 45], 4 * i);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// The waveform between two times: the extremes of each pixel column, times `scale`.
function drawWave(context, samples, view, width, height, colour, scale) {
  const perPixel = (view.end - view.start) * RATE / width;
  context.fillStyle = colour;
  for (let x = 0; x < width; x++) {
    const from = Math.floor((view.start * RATE) + x * perPixel);
    const to = Math.min(samples.length, Math.max(from + 1, Math.floor((view.start * RATE) + (x + 1) * perPixel)));
    let low = 0, high = 0;
    for (let i = Math.max(0, from); i < to; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    const top = (1 - Math.min(1, scale * high)) * height / 2, bottom = (1 - Math.max(-1, scale * low)) * height / 2;
    context.fillRect(x, top, 1, Math.max(1, bottom - top));
  }
}

function drawCut(context, image, seconds, view, width, height, smooth) {
  context.imageSmoothingEnabled = smooth;
  const from = view.start / seconds * image.width, span = (view.end - view.start) / seconds * image.width;
  context.drawImage(image, from, 0, span, image.height, 0, 0, width, height);
}

function drawAxis(context, view, width, height, colour) {
  const span = view.end - view.start;
  const step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10].find((s) => span / s <= width / 70) || 30;
  context.font = "11px " + getComputedStyle(element).fontFamily;
  context.textBaseline = "top";
  for (let time = Math.ceil(view.start / step - 1e-6) * step; time <= view.end + 1e-9; time += step) {
    const x = (time - view.start) / span * width;
    const label = time.toFixed(step < 0.1 ? 2 : step < 1 ? 1 : 0) + " s";
    context.fillStyle = colour;
    context.fillRect(Math.min(x, width - 1), 0, 1, 4);
    const wide = context.measureText(label).width;
    context.fillText(label, clamp(x - wide / 2, 0, width - wide), 6);
  }
}
