// What the player shows: lanes, one card a sample, the chart of changes, the numbers of the step.

const MODALITIES = ["image", "audio", "text"];

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};

const colours = new Map();
function rgbOf(colour) {
  if (!colours.has(colour)) {
    const probe = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    colours.set(colour, probe.getImageData(0, 0, 1, 1).data);
  }
  return colours.get(colour);
}

// A canvas at the screen's own resolution: [context, width, height] in device pixels.
function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * ratio));
  const height = Math.max(1, Math.round(canvas.clientHeight * ratio));
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  return [canvas.getContext("2d"), width, height];
}

function soundButton() {
  const button = make("button", "mp-sound");
  button.type = "button";
  button.title = L.play_sound;
  button.setAttribute("aria-label", L.play_sound);
  button.append(make("canvas"), make("i", "mp-head"), make("i", "mp-tri"));
  return button;
}

// One card: what of one sample this run makes. Its parts are filled by showCard.
function makeCard(lane, sample) {
  const card = make("div", "mp-card");
  card.dataset.lane = lane.key;
  card.dataset.sample = sample;
  for (const modality of MODALITIES.filter((m) => lane.want.includes(m))) {
    if (modality === "image") {
      const picture = make("img", "mp-picture");
      picture.alt = `${L.sample} ${sample + 1}`;
      card.append(picture);
    } else if (modality === "audio") card.append(soundButton());
    else card.append(make("div", "mp-text"));
  }
  return card;
}

function buildStage() {
  const stage = root.querySelector(".mp-stage");
  stage.replaceChildren();
  for (const lane of run.lanes) {
    const box = make("section", "mp-lane");
    box.dataset.lane = lane.key;
    if (run.lanes.length > 1) {
      const head = make("header", "mp-lane-head");
      head.append(make("b", "", lane.key.toUpperCase()), make("span", "", lane.title));
      box.append(head);
    }
    const cards = make("div", "mp-cards");
    for (let i = 0; i < lane.n; i++) cards.append(makeCard(lane, i));
    box.append(cards);
    stage.append(box);
  }
  stage.style.setProperty("--lanes", run.lanes.length);
  showGiven();
  layOut();
}

function showGiven() {
  const box = root.querySelector(".mp-given"), given = run.given || {};
  box.replaceChildren(make("span", "", L.given));
  if (given.image) {
    const picture = make("img");
    picture.src = given.image;
    picture.alt = L.given;
    box.append(picture);
  }
  if (given.audio) {
    const button = soundButton();
    button.onclick = () => playSound(given.audio, button);
    box.append(button);
    requestAnimationFrame(() => drawSound(button.querySelector("canvas"), samplesOf(given.audio)));
  }
  if (given.text) box.append(make("b", "", given.text));
  box.hidden = box.childElementCount < 2;
}

function layOut() {
  const one = view.layout === "one";
  root.dataset.layout = view.layout;
  root.dataset.blocks = (run && run.blocks) || 0;
  root.style.setProperty("--blocks", root.dataset.blocks);
  root.dataset.large = one || !run || run.lanes[0].n === 1 ? 1 : 0;
  for (const card of root.querySelectorAll(".mp-card"))
    card.hidden = one && Number(card.dataset.sample) !== view.sample;
  const most = run ? run.lanes[0].n : 1, columns = one || (run && run.blocks) ? 1 : Math.min(most, run && run.lanes.length > 1 ? 2 : 4);
  root.style.setProperty("--columns", columns);
  for (const button of root.querySelectorAll("[data-layout]"))
    button.setAttribute("aria-pressed", button.dataset.layout === view.layout);
}

// How many steps, up to this one, a character has stayed as it is: 0..1 (4 steps or more).
function settled(lane, at, sample, place, character) {
  let same = 0;
  while (same < 4 && at - same - 1 >= 0) {
    const before = Array.from(shownOf(lane.frames[at - same - 1], "text")[sample]);
    if (before[place] !== character) break;
    same++;
  }
  return same / 4;
}

function showText(box, lane, at, sample) {
  const frame = lane.frames[at], last = at === lane.steps - 1;
  const sure = view.what === "x0" && frame.text.sure ? frame.text.sure[sample] : null;
  box.replaceChildren(...Array.from(shownOf(frame, "text")[sample]).map((character, place) => {
    const shown = character === "\uFFFD" ? "\u2592" : character < " " || character === "\x7f" ? "\u00b7" : character;
    const span = make("span", "", shown);
    const share = sure ? sure[place] ?? 0 : last ? 1 : settled(lane, at, sample, place, character);
    span.style.opacity = 0.3 + 0.7 * share;
    span.title = `${sure ? L.sure : L.settled} ${Math.round(100 * share)} %`;
    return span;
  }));
}

function showCard(card, lane, at) {
  const frame = lane.frames[at], sample = Number(card.dataset.sample);
  if (card.hidden) return;
  const picture = card.querySelector(".mp-picture"), sound = card.querySelector(".mp-sound");
  if (picture) picture.src = shownOf(frame, "image")[sample];
  if (sound) drawSound(sound.querySelector("canvas"), samplesOf(shownOf(frame, "audio")[sample]), lane.longest);
  const text = card.querySelector(".mp-text");
  if (text) showText(text, lane, at, sample);
}

// The change of x0 from step to step, one bar a step; the bars of a second run stand beside those of the first.
function drawChart() {
  const canvas = root.querySelector(".mp-chart"), [ctx, width, height] = fitted(canvas);
  ctx.clearRect(0, 0, width, height);
  if (!run) return;
  const style = getComputedStyle(root), total = run.max;
  const line = style.getPropertyValue("--mm-line"), inks = ["--mm-accent", "--mm-level-1"].map((n) => style.getPropertyValue(n));
  const highest = Math.max(1e-9, ...run.lanes.flatMap((lane) => lane.frames.map((f) => f.change || 0)));
  run.lanes.forEach((lane, which) => {
    // Bars stand above the places where the slider's thumb comes to rest; the thumb is 18 px wide.
    const inset = 9 * (window.devicePixelRatio || 1), slot = (width - 2 * inset) / Math.max(1, lane.steps - 1);
    const bar = Math.min(2 * inset, slot * 0.8) / run.lanes.length, now = frameAt(lane);
    lane.frames.forEach((frame, at) => {
      const tall = Math.max(2, Math.sqrt((frame.change || 0) / highest) * (height - 4));
      ctx.fillStyle = at <= now ? inks[which] : line;
      ctx.globalAlpha = at === now ? 1 : at < now ? 0.45 : 1;
      ctx.fillRect(inset + at * slot + (which - run.lanes.length / 2) * bar, height - tall, Math.max(1, bar - 1), tall);
    });
  });
  ctx.globalAlpha = 1;
}

function showNumbers() {
  const frames = run ? run.lanes.map((lane) => lane.frames[frameAt(lane)]).filter(Boolean) : [];
  const digits = (value) => (value == null ? "–" : value >= 100 ? value.toFixed(0) : value.toFixed(3));
  const shown = (pick) => (frames.length ? frames.map((f) => digits(pick(f))).join(" | ") : "–");
  const row = (name, help, ...values) => {
    const cell = make("div");
    cell.title = help;
    cell.append(make("dt", "", name), ...values.flatMap(([label, value]) => [make("dd", "", value), ...(label ? [make("dt", "mp-of", label)] : [])]));
    return cell;
  };
  root.querySelector(".mp-numbers").replaceChildren(
    ...(run && run.blocks ? [row(L.digit, L.help_digit, ["", frames.length ? `${frames[0].block + 1} / ${run.blocks}` : "–"])] : []),
    row("t", L.help_t, ["", shown((f) => f.t)]),
    row(L.change, L.help_change, ["", shown((f) => f.change)]),
    row(L.distance, L.help_distance, ...(run ? run.want : []).map((m) => [L[m], shown((f) => f.distance[m])])),
  );
}
