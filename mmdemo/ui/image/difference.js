// The difference of two pictures as a heat map.
import { clamp, el } from "../shared/base.js";

// Dark purple to yellow in six stops (a perceptually even ramp, like inferno).
export const HEAT = [[10, 7, 34], [78, 15, 109], [155, 41, 100], [220, 80, 57], [250, 150, 35], [250, 240, 160]];
const HEAT_MAX = 0.15; // mean absolute error of the colour channels that gives the brightest colour

export function heatColour(value) {
  const at = clamp(value / HEAT_MAX, 0, 1) * (HEAT.length - 1);
  const low = Math.min(HEAT.length - 2, Math.floor(at));
  return HEAT[low].map((channel, i) => channel + (HEAT[low + 1][i] - channel) * (at - low));
}

const HEAT_TABLE = Array.from({ length: 256 }, (_, i) => heatColour((i / 255) * HEAT_MAX));

function pixelsOf(image, width, height) {
  const canvas = el("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

export async function drawDifference(canvas, leftSource, rightSource, width, height) {
  const images = [new Image(), new Image()];
  images[0].src = leftSource;
  images[1].src = rightSource;
  await Promise.all(images.map((image) => image.decode()));
  const [a, b] = images.map((image) => pixelsOf(image, width, height));
  for (let i = 0; i < a.data.length; i += 4) {
    const error = (Math.abs(a.data[i] - b.data[i]) + Math.abs(a.data[i + 1] - b.data[i + 1])
      + Math.abs(a.data[i + 2] - b.data[i + 2])) / 765;
    const colour = HEAT_TABLE[Math.min(255, Math.round((error / HEAT_MAX) * 255))];
    a.data[i] = colour[0];
    a.data[i + 1] = colour[1];
    a.data[i + 2] = colour[2];
    a.data[i + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(a, 0, 0);
}
