// At rest: a calm field of noise until the first run.
import { css, el, fitted, rgbOf } from "../../shared/base.js";

const WIDTH = 48, HEIGHT = 20;

// Starts it on `stage`; the result ends it.
export function startIdle(stage, note) {
  const canvas = el("canvas", { class: "mp-idle" });
  stage.append(canvas, el("p", { class: "mp-idle-note" }, note));
  const grain = new OffscreenCanvas(WIDTH, HEIGHT), pen = grain.getContext("2d");
  const phase = Float32Array.from({ length: WIDTH * HEIGHT }, () => 2 * Math.PI * Math.random());
  let timer = null;
  const stop = () => clearInterval(timer);

  function draw() {
    if (!canvas.isConnected) return stop();
    const [context, width, height] = fitted(canvas), now = performance.now() / 1500;
    const [r, g, b] = rgbOf(css(stage, "--mm-accent")), image = pen.createImageData(WIDTH, HEIGHT);
    phase.forEach((p, i) => image.data.set([r, g, b, 70 * (0.5 + 0.5 * Math.sin(p + now)) ** 3], 4 * i));
    pen.putImageData(image, 0, 0);
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    context.drawImage(grain, 0, 0, width, height);
  }

  draw();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) timer = setInterval(draw, 80);
  return stop;
}
