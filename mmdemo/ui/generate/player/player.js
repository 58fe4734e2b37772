// The step player: keeps every frame of a run in the browser, so that its slider costs no round trip.
// The server sends {run, open?, frames, end?}; `open` starts a new run, `frames` are the new steps only, some of them
// "late" (player_late.js).

const L = (props.text || {})[window.mmLang] || (props.text || {}).en || {};
const root = element.querySelector(".mp");
const slider = root.querySelector(".mp-slider");
const view = { step: 0, follow: true, what: "x0", layout: "all", sample: 0, playing: false, loop: true };
let run = null;
let painted = false;

// The step shown is counted on the longest run; a shorter one beside it keeps pace in proportion.
const frameAt = (lane, step = view.step) =>
  Math.min(lane.frames.length, Math.max(1, Math.round((step / run.max) * lane.steps))) - 1;
const arrived = () =>
  Math.max(0, ...run.lanes.map((lane) => Math.floor((lane.frames.length / lane.steps) * run.max + 1e-6)));

function paint() {
  painted = false;
  if (!run) return;
  const have = arrived();
  if (view.follow) view.step = have;
  view.step = Math.min(view.step, have);
  for (const lane of run.lanes)
    if (lane.frames.length)
      for (const card of root.querySelectorAll(`.mp-card[data-lane="${lane.key}"]`)) showCard(card, lane, frameAt(lane));
  root.dataset.pending = run.lanes.some((lane) => lane.frames.length && isPending(lane, frameAt(lane))) ? 1 : 0;
  fetchNoisy();
  fillLate();
  slider.max = run.max;
  slider.value = Math.max(1, view.step);
  slider.disabled = have === 0;
  slider.style.setProperty("--have", `${(100 * Math.max(0, have - 1)) / Math.max(1, run.max - 1)}%`);
  slider.style.setProperty("--at", `${(100 * Math.max(0, view.step - 1)) / Math.max(1, run.max - 1)}%`);
  root.querySelector(".mp-count").textContent = have ? `${view.step} / ${run.max}` : "–";
  Object.assign(root.dataset, { step: view.step, frames: have, steps: run.max, follow: view.follow ? 1 : 0,
    what: view.what, playing: view.playing ? 1 : 0, run: run.id,
    late: run.lanes.flatMap((lane) => lane.frames.filter((frame) => frame.late)).length });
  const shown = root.querySelector(".mp-picture");
  root.dataset.shown = shown && shown.src ? String(shown.src.length) : "";
  if (root.dataset.state === "stopped") setState("stopped", `${L.stopped} ${have} / ${run.max}`);
  controls(have);
  drawChart();
  showNumbers();
}

function controls(have) {
  const play = root.querySelector('[data-act="play"]'), live = root.querySelector('[data-act="live"]');
  play.disabled = have < 2;
  play.textContent = view.playing ? "❚❚" : "▶";
  play.setAttribute("aria-label", view.playing ? L.pause : L.play);
  play.title = view.playing ? L.pause : L.play;
  live.hidden = view.follow || root.dataset.state !== "running";
  const loop = root.querySelector('[data-act="loop"]');
  loop.setAttribute("aria-pressed", view.loop);
  root.querySelector('[data-act="link"]').disabled = have === 0;
  root.querySelector('[data-act="reuse"]').hidden = !have || run.blocks > 0 || root.dataset.large !== "1" || root.dataset.state === "running";
  for (const button of root.querySelectorAll("[data-what]"))
    button.setAttribute("aria-pressed", button.dataset.what === view.what);
}

// Whether something else is shown than what the visitor wants to see, until the server has decoded that.
const isPending = (lane, at) => (view.what === "x" ? !hasNoisy(lane, at) : !view.follow && lane.frames[at].late);

// Many changes in one frame of the screen are painted once.
function repaint() {
  if (painted) return;
  painted = true;
  if (document.hidden) setTimeout(paint, 50); else requestAnimationFrame(paint);
}

function setState(state, text) {
  root.dataset.state = state;
  root.querySelector(".mp-status").textContent = text;
}

// ---- messages -----------------------------------------------------------------------------------------

function receive(value) {
  if (!value) return;
  const message = JSON.parse(value);
  if (message.open) open(message);
  if (!run || run.id !== message.run) return;
  for (const frame of message.frames || []) {
    const lane = run.lanes.find((l) => l.key === frame.lane);
    if (!lane || lane.frames.some((f) => f.i === frame.i)) continue;
    if (frame.late) lentViews(lane, frame);
    if (frame.block !== undefined) joinNumber(lane, frame);
    lane.frames.push(frame);
  }
  if (message.end) end(message.end);
  repaint();
}

function open(message) {
  silence();
  const o = message.open;
  run = { id: message.run, given: o.given, want: o.want, device: o.device, blocks: o.blocks, max: Math.max(...o.lanes.map((l) => l.steps)),
    lanes: o.lanes.map((lane) => ({ ...lane, want: o.want, frames: [] })) };
  Object.assign(view, { step: 0, follow: true, playing: false, sample: Math.min(view.sample, run.lanes[0].n - 1) });
  idle.stop();
  buildStage();
  setState("running", L.running);
  if (o.address) history.replaceState(history.state, "", o.address + location.hash);
}

function end(result) {
  for (const lane of run.lanes) lane.tokens = (result.tokens || {})[lane.key];
  const seconds = `${result.seconds.toFixed(1)} s · ${run.device}`;
  run.ended = [result.reason, `${result.reason === "done" ? L.done : L.too_long} · ${seconds}`];
  setState(...run.ended);
}

window.addEventListener("mm-player", (event) => {
  if (!root.isConnected) return;
  if (event.detail === "start") {
    setState("waiting", L.waiting);
    setTimeout(() => { if (root.dataset.state === "waiting") setState("waiting", L.queued); }, 2000);
    const box = root.getBoundingClientRect();
    if (box.top > window.innerHeight * 0.55 || box.bottom < 0) root.scrollIntoView({ behavior: "smooth", block: "start" });
  }
  if (event.detail !== "start" && ["running", "waiting"].includes(root.dataset.state)) {
    const open = run && arrived(); // a run that did not start, or failed, leaves the one before it
    setState(...(open ? run.ended || ["stopped", ""] : ["idle", ""]));
    repaint();
  }
});

// ---- moving through the steps -------------------------------------------------------------------------

function goTo(step) {
  if (!run || !arrived()) return;
  const have = arrived();
  view.step = Math.max(1, Math.min(have, step));
  view.follow = step >= have;
  view.playing = false;
  repaint();
}

const STEP_MS = 110, REST_MS = 1200; // the end of a run stays for a moment before the loop starts again

function tick() {
  if (!view.playing || !run) return;
  const have = arrived(), running = root.dataset.state === "running";
  if (view.step < have) view.step++;
  else if (view.loop && !running) view.step = 1;
  else if (!running) view.playing = false;
  repaint();
  setTimeout(tick, view.step >= have ? REST_MS : STEP_MS);
}

function play() {
  if (!run || arrived() < 2) return;
  view.playing = !view.playing;
  view.follow = false;
  if (view.playing) {
    if (view.step >= arrived()) view.step = 1;
    setTimeout(tick, STEP_MS);
  }
  repaint();
}

slider.addEventListener("input", () => goTo(Number(slider.value)));
const chart = root.querySelector(".mp-chart");
const fromChart = (event) => {
  const box = chart.getBoundingClientRect();
  if (run) goTo(1 + Math.round(((event.clientX - box.left - 9) / (box.width - 18)) * (run.max - 1)));
};
chart.addEventListener("pointerdown", (event) => { chart.setPointerCapture(event.pointerId); fromChart(event); });
chart.addEventListener("pointermove", (event) => { if (event.buttons) fromChart(event); });

// The sample shown large becomes what is given, to be worked on.
function reuse() {
  const lane = run.lanes.find((l) => l.frames.length), frame = lane.frames[frameAt(lane)];
  const part = (m) => (run.want.includes(m) ? frame[m].x0[view.sample] : (run.given || {})[m]);
  const { rate, mu, pcm } = part("audio") || {};
  trigger("reuse", { image: part("image") || "", text: part("text") || "", audio: rate ? { rate, ...(mu ? { mu } : { pcm }) } : null });
}

const ACTIONS = {
  play, reuse, link: copyLink,
  loop: () => { view.loop = !view.loop; },
  live: () => { view.follow = true; view.playing = false; },
};

root.addEventListener("click", (event) => {
  const button = event.target.closest("button"), card = event.target.closest(".mp-card");
  if (button && button.dataset.act) ACTIONS[button.dataset.act]();
  else if (button && button.dataset.what) view.what = button.dataset.what;
  else if (button && button.dataset.layout) { view.layout = button.dataset.layout; layOut(); }
  else if (button && button.dataset.save && run) save(button.dataset.save);
  else if (button && card && button.matches(".mp-sound")) {
    const lane = run.lanes.find((l) => l.key === card.dataset.lane);
    if (lane.frames.length) playSound(shownOf(lane.frames[frameAt(lane)], "audio")[Number(card.dataset.sample)], button, lane.longest);
  } else if (card && !button) {
    view.sample = Number(card.dataset.sample);
    view.layout = view.layout === "one" ? "all" : "one";
    layOut();
  }
  repaint();
});

root.addEventListener("keydown", (event) => {
  const here = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || !run) return;
  const moves = { ArrowLeft: view.step - 1, ArrowDown: view.step - 1, ArrowRight: view.step + 1, ArrowUp: view.step + 1, Home: 1, End: run.max };
  if (event.key in moves && (here === root || here === slider || here.tagName === "BUTTON")) goTo(moves[event.key]);
  else if (event.key === " " && (here === root || here === slider)) play();
  else if (event.key === "x") view.what = view.what === "x0" ? "x" : "x0";
  else if (event.key === "l") view.loop = !view.loop;
  else return;
  event.preventDefault();
  repaint();
});

// ---- at rest: a calm field of noise until the first run -----------------------------------------------

const idle = {
  timer: null,
  start() {
    const stage = root.querySelector(".mp-stage"), canvas = make("canvas", "mp-idle");
    const note = make("p", "mp-idle-note", L.ready);
    stage.append(canvas, note);
    const grain = new OffscreenCanvas(48, 20), pen = grain.getContext("2d"), phase = Float32Array.from({ length: 960 }, () => 6.28 * Math.random());
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const draw = () => {
      if (!canvas.isConnected) return idle.stop();
      const [ctx, width, height] = fitted(canvas), now = performance.now() / 1500;
      const [r, g, b] = rgbOf(getComputedStyle(root).getPropertyValue("--mm-accent"));
      const image = pen.createImageData(48, 20);
      phase.forEach((p, i) => image.data.set([r, g, b, 70 * (0.5 + 0.5 * Math.sin(p + now)) ** 3], 4 * i));
      pen.putImageData(image, 0, 0);
      ctx.clearRect(0, 0, width, height);
      ctx.imageSmoothingEnabled = false;
      ctx.drawImage(grain, 0, 0, width, height);
    };
    draw();
    if (!still) idle.timer = setInterval(draw, 80);
  },
  stop() { clearInterval(idle.timer); idle.timer = null; },
};

const LOOP = '<svg viewBox="0 0 16 16" width="14" height="14" fill="none" stroke="currentColor" stroke-width="1.6"><path d="M3 9a5 5 0 0 0 9.3 1.6M13 7a5 5 0 0 0-9.3-1.6M12.8 13.2v-2.8H10M3.2 2.8v2.8H6"/></svg>';
root.querySelector('[data-act="loop"]').innerHTML = LOOP;
for (const node of root.querySelectorAll("[data-l]")) node.textContent = L[node.dataset.l];
for (const [act, text] of [["loop", L.loop], ["live", L.live]]) {
  const button = root.querySelector(`[data-act="${act}"]`);
  button.title = text;
  button.setAttribute("aria-label", text);
}
root.querySelector('[data-act="live"]').textContent = L.live;
slider.setAttribute("aria-label", L.step);
setState("idle", "");
controls(0);
idle.start();
showNumbers();
new ResizeObserver(repaint).observe(root);
receive(props.value);
watch("value", () => receive(props.value));
