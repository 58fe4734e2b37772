// Sound lab: player with instant A/B, waveform, spectrograms and token grid on one time axis.
import { bytesOf, clamp, el, number, saveBlob, tellExample, translator, unpackCodes, readValue } from "../shared/base.js";
import { makeBoard } from "../shared/code_board.js";
import { codeColours } from "../shared/code_colours.js";
import { Sheets } from "../shared/code_sheet.js";
import { makeEditor } from "../shared/editor.js";
import { levelsOf } from "../shared/selection.js";
import { PartPlayer, samplesOfPcm, wavOf } from "../shared/sound.js";
import { drawWave, spectrogramImage } from "../shared/sound_draw.js";
import { carriedBy, intoWav } from "../shared/carried.js";
import { makeCard } from "../shared/card.js";
import { calm } from "../shared/motion.js";
import { tellLevels } from "../shared/levels.js";
import { linkTo, tellPlace } from "../shared/place.js";
import { openSound } from "./opening.js";
import { drawAxis, drawCut, drawMarks, gridImage, hatch, melDifference, palette } from "./draw.js";
import { Engine, RATE } from "./engine.js";
import { explain, tokenTip } from "./point.js";
import { build, MEL_HEIGHT, MODES, OTHERS, ROWS, SOUNDS } from "./parts.js";

export default function lab({ element, props, server, trigger, watch }) {
  const say = translator(props);
  const lab = element.querySelector(".lab");
  const engine = new Engine(refresh);
  const HEIGHT = { ...Object.fromEntries(ROWS.map((name) => [name, MEL_HEIGHT])), waveform: 72, wave_difference: 44, tokens: 0 };
  let data = null, colours = null, images = {}, clip = { id: null }, baselines = { id: null, tracks: [], rows: [] };
  let mels = {}, mode = "all";
  let view = { start: 0, end: 1 }, zoom = 1, other = "reconstruction";
  const shipped = props.others?.[window.mmLang] || props.others?.en || []; // a skipped output loses further props
  let editing = false, raised = false, saving = false;
  const pieces = new PartPlayer(RATE);
  const tints = codeColours((first) => server.code_colours(first), () => { if (data) { makeImages(); paint(); } });
  const { board, swatch } = makeBoard(say, new Sheets((level) => server.code_sheet(level)), tints, (code) => editor.chosen(code));
  const editor = makeEditor(say, { area: "span", board, swatch, others, link: addressOf, settle: () => trigger("settle", {}),
    where: (frame) => say("frame_at", { frame: frame + 1, time: (frame * data.hop / RATE).toFixed(2) }),
    send: (what) => { trigger("edit", { ...what, raised }); raised = false; }, warm: (what) => trigger("warm", what),
    raise: () => { raised = true; }, draw: () => { if (data) { paintTokens(); tell(); } } });
  const parts = build(lab, say, editor.node, {
    toggle: () => engine.toggle(), level: (on) => engine.setLevel(on), loop: (on) => engine.setLoop(on), swap: () => swapTracks(),
    zoom: (by) => setZoom(zoom * by), scroll: (share) => scrollTo(share), mode: (name) => setMode(name),
    listen: (key) => { engine.choose(key); if (!engine.playing) engine.play(); },
    edit: () => setEditing(!editing), place: (which) => playPlace(which), restore: () => trigger("restore", {}),
    save: { wav: () => saveWav(), tokens: () => saveTokens(), card: () => saveCard() } });

  function receive() {
    const value = readValue(props);
    lab.hidden = !value;
    if (!value) { engine.pause(); data = null; return; }
    if (data && value.id === clip.id && value.version < data.version) return; // of before the last edit
    if (value.edited) return data && value.version > data.version ? takeEdit(value) : undefined;
    const fresh = value.id !== clip.id;
    if (fresh) {
      clip = { id: value.id };
      editor.fresh();
      parts.before.disabled = parts.after.disabled = true;
      view = { start: 0, end: value.seconds };
      zoom = 1;
      engine.position = 0;
      if (engine.playing) engine.pause();
    }
    if (value.original) { clip.original = value.original; clip.mel = bytesOf(value.mel_original); }
    if (!data || data.id !== value.id) tellExample("mm-audio-examples", value.example);
    data = value;
    data.codes = unpackCodes(value.codes);
    data.mel = bytesOf(value.mel_reconstruction);
    engine.setTracks(collect(), value.seconds);
    fillEditor();
    makeImages();
    paint();
    tellLevels("audio", data.levels);
    if (fresh) look(value.look);
    tell();
    if (saving) saveTokens();
    if (value.opening && !calm()) openSound(parts);
  }

  // As a link says.
  function look({ mode: asked, at, level }) {
    if (/^\d+(\.\d+)?$/.test(at) && Number(at) <= data.seconds) {
      clip.at = at;
      clip.cursor = clamp(Math.floor(Number(at) * RATE / data.hop), 0, data.frames - 1);
      engine.seek(Number(at));
    }
    if (MODES.includes(asked)) setMode(asked);
    if (asked !== "tokens") return;
    setEditing(true);
    if (Number(level)) editor.level(clamp(Number(level) - 1, 0, data.levels - 1));
    if (clip.at) editor.pickAt(clip.cursor);
  }

  function tell() {
    const { level } = editor.state;
    tellPlace("audio", { mode: editing ? "tokens" : mode === "all" ? "" : mode, at: clip.at ?? "",
      level: editing && level ? level + 1 : "", edit: data.edit.link || "" });
  }

  // A moment that was chosen, in seconds.
  function chooseTime(time) {
    clip.at = time.toFixed(2);
    tell();
  }

  function setMode(name) {
    mode = name;
    lab.classList.toggle("lab-comparing", mode === "compare");
    if (editing && mode === "compare") setEditing(false);
    for (const [key, button] of Object.entries(parts.modes)) button.setAttribute("aria-selected", key === mode);
    refresh();
    paint();
    tell();
  }

  // ------------------------------------------------------------------ the token editor

  function fillEditor() {
    lab.dataset.edits = data.edit.count;
    editor.fill({ grid: [1, data.frames], levels: data.levels, codes: data.codes, value: data.edit, wanted: data.num_levels,
      size_of: () => data.size });
  }

  function setEditing(on) {
    editing = on;
    lab.classList.toggle("lab-editing", on);
    parts.edit.setAttribute("aria-pressed", on);
    parts.editor.hidden = !on;
    const grid = parts.canvases.tokens;
    grid.tabIndex = on ? 0 : -1;
    grid.setAttribute("role", on ? "application" : "img");
    editor.open(on);
    paint();
    tell();
  }

  // A step has been decoded: the samples where they changed, the rest follows.
  function takeEdit(value) {
    if (!data || value.id !== clip.id) return;
    const track = data.tracks[0], patch = samplesOfPcm(value.pcm);
    clip.before = track.samples;
    const samples = track.samples.slice();
    samples.set(patch, value.at);
    const places = editor.state.covered.size ? [...editor.state.covered] : changedFrames(data.codes, unpackCodes(value.codes));
    Object.assign(data, { version: value.version, num_levels: value.num_levels, edit: value.edit, codes: unpackCodes(value.codes),
      tracks: [{ ...track, samples }], difference: null, mmt: null });
    if (value.mel) spliceMel(bytesOf(value.mel), value.mel_at);
    if (places.length) {
      const step = data.hop / RATE;
      clip.place = [Math.min(...places) * step - 0.2, (Math.max(...places) + 1) * step + 0.2];
      parts.before.disabled = parts.after.disabled = false;
    }
    engine.setTracks(collect(), data.seconds);
    fillEditor();
    editor.arrived();
    makeImages();
    paint();
    tell();
  }

  function changedFrames(before, after) {
    const found = new Set();
    for (let i = 0; i < after.length; i++) if (before[i] !== after[i]) found.add(i % data.frames);
    return [...found];
  }

  function spliceMel(part, at) {
    const width = part.length / data.bins;
    data.mel = data.mel.slice();
    for (let bin = 0; bin < data.bins; bin++)
      data.mel.set(part.subarray(bin * width, (bin + 1) * width), bin * data.columns + at);
  }

  // The place of the last change, as it was and as it is.
  function playPlace(which) {
    engine.pause();
    const [from, to] = clip.place, sounds = { before: clip.before, after: data.tracks[0].samples };
    pieces.play(which.map((name) => [sounds[name], from, to]));
  }

  function others() {
    const earlier = (data?.earlier || []).map(({ name }, i) => ({ key: { earlier: i }, name: say("earlier", { name }) }));
    return [...earlier, ...shipped.map(({ name }, i) => ({ key: { example: i }, name }))];
  }

  function addressOf(code) {
    return linkTo("audio", { ...data.place, levels: data.num_levels, edit: code });
  }

  function tokenAt(event) {
    const { time, down } = at(event);
    return { x: clamp(Math.floor(time * RATE / data.hop), 0, data.frames - 1), y: clamp(Math.floor(down * data.levels), 0, data.levels - 1) };
  }

  const tokens = parts.canvases.tokens;
  tokens.addEventListener("pointerdown", (event) => {
    if (!data || !editing || event.button) return;
    event.preventDefault();
    tokens.setPointerCapture(event.pointerId);
    tokens.focus({ preventScroll: true });
    const { x, y } = tokenAt(event);
    editor.level(y);
    editor.begin({ x, y: 0 });
    if (editor.state.tool !== "pick") return;
    const time = x * data.hop / RATE, spans = [data.tracks[0].samples];
    chooseTime((x + 0.5) * data.hop / RATE);
    if (clip.before && editor.changed.includes(x)) spans.unshift(clip.before);
    engine.pause();
    pieces.play(spans.map((samples) => [samples, time - 0.2, time + 0.22]));
  });
  tokens.addEventListener("pointermove", (event) => { if (editor.stroking) editor.move({ x: tokenAt(event).x, y: 0 }); });
  tokens.addEventListener("pointerup", () => editor.end());
  tokens.addEventListener("pointercancel", () => editor.cancel());
  tokens.addEventListener("keydown", (event) => {
    if (!data || !editing) return;
    const way = { ArrowUp: -1, ArrowDown: 1 }[event.key], { level } = editor.state;
    if (way) {
      event.preventDefault();
      editor.level(clamp(level + way, 0, data.levels - 1));
    } else {
      const to = editor.key(event, { x: clip.cursor ?? 0, y: 0 });
      if (!to) return;
      clip.cursor = to.x;
    }
    paintTokens();
    parts.spoken.textContent = tokenTip(say, data, clip.cursor ?? 0, editor.state.level);
  });
  document.addEventListener("keydown", (event) => { if (lab.offsetParent) editor.historyKey(event); });

  function paintTokens() {
    if (!parts.rows.tokens.hidden) paintRow("tokens", tokens, HEIGHT.tokens);
  }

  function drawEditing(context, width, height) {
    const { covered, picked, level, scope, paint: what, tool } = editor.state;
    const on = what === "code" || tool === "pick" ? [level] : levelsOf(scope, level, data.levels);
    const x = (frame) => ((frame * data.hop / RATE - view.start) / (view.end - view.start)) * width;
    drawMarks(context, { covered: [...covered].map((frame) => [frame, on[0], on.at(-1) + 1]), frames: editor.changed,
      picked: !editing ? null : tool === "pick" && picked !== null ? picked : clip.cursor ?? null, level }, x, height, data.levels);
  }

  function collect() {
    const tracks = new Map();
    const add = (key, track) => {
      track.samples ||= samplesOfPcm(track.pcm);
      tracks.set(key, { name: track.name, samples: track.samples, gain: track.gain, plain: track.plain, boost: track.boost });
    };
    if (clip.original) add("original", clip.original);
    if (clip.before) add("before", { ...data.tracks[0], name: say("before_edit"), samples: clip.before });
    data.tracks.forEach((track) => add(track.key, track));
    if (baselines.id === clip.id) baselines.tracks.forEach((track) => add(track.key, track));
    return tracks;
  }

  // The table of codecs has sounds of its own and asks this player to play them.
  document.addEventListener("mm-sound-baselines", (event) => {
    baselines = event.detail;
    if (!data || baselines.id !== clip.id) return;
    engine.setTracks(collect(), data.seconds);
    makeImages();
    paint();
  });
  document.addEventListener("mm-sound-play", (event) => {
    engine.choose(event.detail.key);
    if (!engine.playing) engine.play();
  });

  // ------------------------------------------------------------------ player

  function swapTracks() {
    const now = engine.current;
    engine.choose(now === "original" ? (engine.tracks.has(other) ? other : "reconstruction") : "original");
  }

  function refresh() {
    if (!parts || !data) return;
    if (engine.current !== "original") other = engine.current;
    parts.play.textContent = engine.playing ? "❚❚" : "▶";
    parts.play.title = say(engine.playing ? "pause" : "play");
    parts.tracks.replaceChildren(...[...engine.tracks].map(([key, track]) => el("button", {
      type: "button", role: "radio", "data-track": key, "aria-checked": key === engine.current ? "true" : "false",
      onclick: () => engine.choose(key) }, track.name)));
    parts.swap.hidden = !engine.tracks.has("original");
    const track = engine.tracks.get(engine.current);
    parts.note.textContent = engine.level && track && Math.abs(track.boost) >= 0.5
      ? say("boosted", { db: (track.boost > 0 ? "+" : "−") + Math.abs(track.boost).toFixed(0) }) : "";
    lab.dataset.playing = engine.playing;
    lab.dataset.track = engine.current;
    for (const [name, key] of Object.entries(SOUNDS)) {
      const current = mode === "compare" && key === engine.current, listen = parts.rows[name].querySelector(".lab-listen");
      parts.rows[name].classList.toggle("lab-current", current);
      listen.setAttribute("aria-pressed", String(current));
      listen.setAttribute("aria-label", `${say("play")} ${engine.tracks.get(key)?.name ?? key}`);
    }
    if (engine.playing) requestAnimationFrame(tick); else moveHead();
  }

  let ticking = false;
  function tick() {
    if (ticking) return;
    ticking = true;
    requestAnimationFrame(() => {
      ticking = false;
      moveHead();
      if (engine.playing && lab.isConnected) tick();
    });
  }

  function moveHead() {
    const time = engine.time, span = view.end - view.start;
    if (engine.playing && (time < view.start || time > view.end)) scrollTo((time - 0.1 * span) / Math.max(1e-6, data.seconds - span));
    parts.head.hidden = !data || time < view.start || time > view.end;
    parts.head.style.left = (time - view.start) / (view.end - view.start) * 100 + "%";
    parts.time.textContent = time.toFixed(2) + " / " + (data ? data.seconds.toFixed(2) : "0.00") + " s";
    lab.dataset.time = time.toFixed(3);
  }

  function saveWav() {
    const track = engine.tracks.get(engine.current);
    if (!track) return;
    const wav = intoWav(new Uint8Array(wavOf(track.samples, RATE)), carried());
    saveBlob(new Blob([wav], { type: "audio/wav" }), `mmdemo-${engine.current}-${data.num_levels}.wav`);
  }

  // What a saved sound or card carries: where it was made, and its tokens.
  const carried = () => carriedBy("audio", addressOf(data.edit.link), data.mmt);

  function saveCard() {
    if (!data) return;
    const rows = [...Object.keys(SOUNDS), "tokens"].filter((name) => !parts.rows[name].hidden);
    const line = `${say("levels")}: ${data.num_levels} / ${data.levels} · ${data.mmt ? `${number(bytesOf(data.mmt).length)} B · ` : ""}${data.seconds.toFixed(1)} s`;
    makeCard({ pictures: rows.map((name) => [parts.canvases[name], parts.names[name].textContent]), line, settings: carried(), stacked: true })
      .then((png) => saveBlob(new Blob([png], { type: "image/png" }), "mmdemo-sound-card.png"));
  }

  function saveTokens() {
    if (!data) return;
    saving = !data.mmt; // its file is being made
    if (data.mmt) saveBlob(new Blob([bytesOf(data.mmt)]), "audio.mmt");
  }

  // ------------------------------------------------------------------ time axis

  // What is at `around` stays where it is: the playhead while it can be seen, else the middle.
  function setZoom(value, around = engine.time > view.start && engine.time < view.end ? engine.time : (view.start + view.end) / 2) {
    if (!data) return;
    const most = Math.max(1, 2 ** Math.ceil(Math.log2(data.seconds / 0.4)));
    zoom = clamp(value, 1, most);
    const span = data.seconds / zoom, share = (around - view.start) / (view.end - view.start);
    view.start = clamp(around - share * span, 0, data.seconds - span);
    view.end = view.start + span;
    paint();
  }

  function scrollTo(share) {
    const span = view.end - view.start;
    view.start = clamp(share, 0, 1) * (data.seconds - span);
    view.end = view.start + span;
    paint();
  }

  // ------------------------------------------------------------------ pictures

  function makeImages() {
    colours = palette(element);
    const { bins, columns, codes, levels, frames } = data;
    images = { mel_reconstruction: spectrogramImage(data.mel, bins, columns, colours.sound),
      tokens: gridImage(codes, levels, frames, tints.now) };
    mels = { mel_original: clip.mel, mel_reconstruction: data.mel };
    for (const { key, mel } of baselines.id === clip.id ? baselines.tracks : []) {
      mels[`mel_${key}`] = bytesOf(mel);
      images[`mel_${key}`] = spectrogramImage(mels[`mel_${key}`], bins, mels[`mel_${key}`].length / bins, colours.sound);
    }
    if (clip.mel) {
      images.mel_original = spectrogramImage(clip.mel, bins, columns, colours.sound);
      images.mel_difference = spectrogramImage(melDifference(clip.mel, data.mel), bins, columns, colours.change);
    }
  }

  function paint() {
    if (!data) return;
    const narrow = lab.clientWidth < 560;
    HEIGHT.tokens = data.levels * (editing ? 24 : narrow ? 9 : 12); // what is painted on can be met with a finger
    nameRows();
    for (const name of ROWS) {
      const there = isThere(name);
      parts.rows[name].hidden = !there;
      if (there) paintRow(name, parts.canvases[name], HEIGHT[name]);
    }
    paintRow("axis", parts.canvases.axis, 20);
    lab.querySelector(".lab-before").hidden = !clip.original;
    parts.scroll.hidden = zoom === 1;
    parts.native.hidden = !data.native;
    parts.native.textContent = data.native || "";
    parts.scroll.value = 1000 * view.start / Math.max(1e-6, data.seconds - (view.end - view.start));
    parts.out.disabled = zoom === 1;
    moveHead();
  }

  function isThere(name) {
    if (mode === "compare") return name in SOUNDS && name in images;
    if (name === "waveform") return true;
    return name === "wave_difference" ? !!clip.original : name in images && !OTHERS.includes(name);
  }

  // What is compared says what it costs and how near it comes.
  function nameRows() {
    const rows = baselines.id === clip.id ? baselines.rows : [];
    for (const [name, key] of Object.entries(SOUNDS)) {
      const row = rows.find((one) => one.key === key), text = (value, digits, unit) => (value === null ? "" : unit.replace("#", number(value, digits)));
      parts.names[name].textContent = mode === "compare" ? row?.name ?? engine.tracks.get(key)?.name ?? key : OTHERS.includes(name) ? key : say(name);
      parts.figures[name].textContent = mode !== "compare" || !row ? ""
        : [text(row.kbps, 2, "# kbps"), text(row.stoi, 3, "STOI #"), text(row.pesq, 2, "PESQ #")].filter(Boolean).join(" · ");
    }
  }

  function paintRow(name, canvas, height) {
    const width = parts.plot.clientWidth, scale = window.devicePixelRatio || 1;
    if (!width) return;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = height + "px";
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    if (name === "axis") return drawAxis(context, view, width, colours.muted, getComputedStyle(element).fontFamily);
    if (name === "waveform" || name === "wave_difference") {
      const after = data.tracks[0].samples, before = clip.original ? clip.original.samples : after;
      clip.peak ||= before.reduce((most, value) => Math.max(most, Math.abs(value)), 0.02);
      const part = { from: view.start * RATE, to: view.end * RATE, width, height, shape: (value) => (0.95 / clip.peak) * value };
      if (name === "wave_difference") {
        data.difference ||= after.map((value, i) => value - before[i]);
        return drawWave(context, data.difference, { ...part, colour: colours.muted });
      }
      if (clip.original) drawWave(context, before, { ...part, colour: colours.line });
      context.globalAlpha = 0.8;
      return drawWave(context, after, { ...part, colour: colours.accent });
    }
    if (name !== "tokens") return drawCut(context, images[name], images[name].width * data.mel_hop / RATE, view, width, height, true);
    drawCut(context, images.tokens, data.frames * data.hop / RATE, view, width, height, false);
    context.fillStyle = colours.surface;
    for (let level = 1; level < data.levels; level++) context.fillRect(0, level * height / data.levels - 0.5, width, 1);
    if (data.num_levels < data.levels) hatch(context, data.num_levels * height / data.levels, height, width, colours.surface);
    drawEditing(context, width, height);
  }

  // ------------------------------------------------------------------ pointing

  function at(event) {
    const frame = parts.plot.getBoundingClientRect();
    const share = clamp((event.clientX - frame.left) / frame.width, 0, 1);
    const row = event.target.dataset ? event.target.dataset.row : undefined;
    const own = event.target.getBoundingClientRect();
    return { share, row, time: view.start + share * (view.end - view.start), down: (event.clientY - own.top) / own.height,
      x: event.clientX - frame.left, y: event.clientY - frame.top };
  }

  parts.plot.addEventListener("pointermove", (event) => {
    if (!data) return;
    const point = at(event);
    parts.cursor.hidden = false;
    parts.cursor.style.left = point.share * 100 + "%";
    parts.tip.hidden = false;
    parts.tip.textContent = explain(say, point, { data, mels, against: clip.mel });
    const room = parts.plot.clientWidth - parts.tip.offsetWidth;
    parts.tip.style.left = clamp(point.x + 12, 0, Math.max(0, room)) + "px";
    parts.tip.style.top = point.y + 16 + "px";
  });
  parts.plot.addEventListener("pointerleave", () => { parts.cursor.hidden = parts.tip.hidden = true; });
  parts.plot.addEventListener("click", (event) => {
    const { row } = event.target.dataset;
    if (!data || !row || (editing && row === "tokens")) return;
    if (mode === "compare" && row in SOUNDS) engine.choose(SOUNDS[row]);
    engine.play(at(event).time);
    chooseTime(at(event).time);
  });
  // The wheel alone scrolls the page: with Ctrl or ⌘ it zooms, with Shift it moves in time.
  parts.plot.addEventListener("wheel", (event) => {
    if (!data || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    const span = view.end - view.start, turned = event.deltaY || event.deltaX;
    if (event.shiftKey) scrollTo((view.start + Math.sign(turned) * 0.15 * span) / Math.max(1e-6, data.seconds - span));
    else setZoom(zoom * (turned < 0 ? 1.5 : 1 / 1.5), at(event).time);
  }, { passive: false });
  const move = (by) => {
    engine.seek(engine.time + by);
    chooseTime(engine.time);
  };
  lab.addEventListener("keydown", (event) => {
    if (!data || event.target !== lab) return;
    const action = { " ": () => engine.toggle(), ArrowRight: () => move(0.5), ArrowLeft: () => move(-0.5), a: () => engine.choose("original"),
      b: () => engine.choose(other) }[event.key];
    if (action) { action(); event.preventDefault(); }
  });

  new ResizeObserver(() => paint()).observe(parts.plot);
  new MutationObserver(() => { if (data) makeImages(); paint(); }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  watch("value", receive);
  receive();
  trigger("ready", {});
}
