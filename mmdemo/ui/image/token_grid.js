// Drawing the codes of one level over the picture, and the panel of the token that is picked.
function drawGrid(canvas, codes, grid, level, picked, box) {
  const [rows, columns] = grid;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(box.width * scale);
  canvas.height = Math.round(box.height * scale);
  const context = canvas.getContext("2d");
  const [w, h] = [canvas.width / box.across, canvas.height / box.down]; // one token, in canvas pixels
  const offset = level * rows * columns;
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      context.fillStyle = `hsl(${codeHue(codes[offset + y * columns + x])} 62% 56% / .46)`;
      context.fillRect(x * w, y * h, w, h);
    }
  if (Math.min(w, h) >= 6 * scale) drawLines(context, rows, columns, w, h);
  if (picked) {
    for (const [style, width] of [["#fff", 4], ["#111", 2]]) {
      context.strokeStyle = style;
      context.lineWidth = width * scale;
      context.strokeRect(picked.x * w, picked.y * h, w, h);
    }
  }
}

function drawLines(context, rows, columns, w, h) {
  context.strokeStyle = "rgb(255 255 255 / .35)";
  context.lineWidth = 1;
  context.beginPath();
  for (let y = 1; y < rows; y++) {
    context.moveTo(0, Math.round(y * h) + 0.5);
    context.lineTo(columns * w, Math.round(y * h) + 0.5);
  }
  for (let x = 1; x < columns; x++) {
    context.moveTo(Math.round(x * w) + 0.5, 0);
    context.lineTo(Math.round(x * w) + 0.5, rows * h);
  }
  context.stroke();
}

// Charts of all codes of a level (one picture, `columns` patches a row), fetched once a level.
// One after the other: the level that is looked at comes first.
const charts = {};
let fetching = Promise.resolve();
function wantCharts(levels, onArrival) {
  for (const level of levels)
    fetching = fetching.then(async () => {
      if (charts[level]) return;
      charts[level] = await server.atlas(level).catch(() => null);
      if (charts[level]) onArrival();
    });
}

function patch(chart, code, side) {
  const [x, y] = [code % chart.columns, Math.floor(code / chart.columns)];
  const rows = Math.ceil(chart.count / chart.columns);
  return el("span", { class: "mm-patch", style: `width:${side}px;height:${side}px;`
    + `background-image:url(${chart.src});background-size:${chart.columns * side}px ${rows * side}px;`
    + `background-position:${-x * side}px ${-y * side}px` });
}

function fillTokenPanel(panel, state, onSwap, onLevel) {
  const { value, codes, picked, level } = state;
  const [rows, columns] = value.grid;
  const all = Array.from({ length: value.levels }, (_, l) => l);
  const again = () => { if (state.value && state.mode === "tokens") fillTokenPanel(panel, state, onSwap, onLevel); };
  if (!charts[level]) wantCharts([level], again);
  if (!picked) return panel.replaceChildren(el("p", { class: "mm-hint" }, say("token_hint")));
  wantCharts(all.filter((l) => !charts[l]), again);
  const codeAt = (l) => codes[(l * rows + picked.y) * columns + picked.x];
  const stack = all.map((l) => el("button", {
    type: "button", class: "mm-code" + (l === level ? " mm-on" : ""), style: `--tone:var(--mm-level-${l % 8})`,
    onclick: () => onLevel(l) }, charts[l] ? patch(charts[l], codeAt(l), 28) : el("span", { class: "mm-patch mm-blank" }),
    el("span", {}, say("level_n", { n: l + 1 })), el("b", {}, String(codeAt(l)))));
  panel.replaceChildren(
    el("p", { class: "mm-hint" }, say("token_at", { row: picked.y + 1, column: picked.x + 1 })),
    el("div", { class: "mm-stack" }, stack),
    charts[level] ? codeChart(charts[level], codeAt(level), (code) => onSwap(level, picked, code), zooms(state))
      : zooms(state));
}

// The surroundings of the picked token, enlarged: what a swap changes, and how far it reaches.
const ZOOM_TOKENS = 7;
function zooms({ value, picked, shown }) {
  const pairs = [[value.original, say("zoom_original")], [value.recon[shown], say("zoom_now")]];
  return el("div", { class: "mm-zooms" }, pairs.map(([source, name]) => {
    const canvas = el("canvas", { width: 168, height: 168 });
    const image = new Image();
    image.src = source;
    image.decode().then(() => drawZoom(canvas, image, value.stride, picked)).catch(() => {});
    return el("figure", {}, canvas, el("figcaption", { class: "mm-hint" }, name));
  }));
}

function drawZoom(canvas, image, stride, picked) {
  const span = ZOOM_TOKENS * stride;
  const scale = canvas.width / span;
  const [x, y] = [(picked.x + 0.5) * stride - span / 2, (picked.y + 0.5) * stride - span / 2];
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(image, -x * scale, -y * scale, image.naturalWidth * scale, image.naturalHeight * scale);
  const middle = ((ZOOM_TOKENS - 1) / 2) * stride * scale;
  for (const [style, width] of [["#fff", 3], ["#111", 1.5]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(middle, middle, stride * scale, stride * scale);
  }
}

function codeChart(chart, current, onPick, beside) {
  const rows = Math.ceil(chart.count / chart.columns);
  const ring = el("span", { class: "mm-ring" });
  const label = el("span", { class: "mm-hint" });
  const board = el("div", { class: "mm-chart", style: `--columns:${chart.columns};--rows:${rows};`
    + `background-image:url(${chart.src})` }, ring);
  const at = (event) => {
    const box = board.getBoundingClientRect();
    const x = clamp(Math.floor(((event.clientX - box.left) / box.width) * chart.columns), 0, chart.columns - 1);
    const y = clamp(Math.floor(((event.clientY - box.top) / box.height) * rows), 0, rows - 1);
    return Math.min(chart.count - 1, y * chart.columns + x);
  };
  const point = (code) => {
    ring.style.left = (100 * (code % chart.columns)) / chart.columns + "%";
    ring.style.top = (100 * Math.floor(code / chart.columns)) / rows + "%";
    label.textContent = code === current ? say("code_now", { code }) : say("code_swap", { code, current });
  };
  board.addEventListener("pointermove", (event) => point(at(event)));
  board.addEventListener("pointerleave", () => point(current));
  board.addEventListener("click", (event) => onPick(at(event)));
  point(current);
  return el("div", { class: "mm-swap" }, board, el("div", {}, el("p", { class: "mm-hint" }, say("swap_hint")), label,
    beside || ""));
}
