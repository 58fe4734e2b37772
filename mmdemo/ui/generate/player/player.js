// The step player: keeps every frame of a run in the browser, so that its slider costs no round trip.
import { base64Of, fillWords, translator, readValue } from "../../shared/base.js";
import { OneSound } from "../../shared/sound.js";
import { makeDecoder } from "./decode.js";
import { makeGallery } from "./gallery.js";
import { startIdle } from "./idle.js";
import { addFrames, arrived, countPending, FRAME, frameAt, hasNoisy, openRun, samplesOf } from "./run.js";
import { copyLink, save } from "./save.js";
import { makeView } from "./view.js";
import { followWords } from "./words.js";

const STEP_MS = 110, REST_MS = 1200; // the end of a run stays for a moment before the loop starts again
const LOOP = '<svg viewBox="0 0 16 16" width="14" height="14" fill="none" stroke="currentColor" stroke-width="1.6">'
  + '<path d="M3 9a5 5 0 0 0 9.3 1.6M13 7a5 5 0 0 0-9.3-1.6M12.8 13.2v-2.8H10M3.2 2.8v2.8H6"/></svg>';

export default function player({ element, props, server, trigger, watch }) {
  const say = translator(props);
  const root = element.querySelector(".mp");
  const find = (selector) => root.querySelector(selector);
  const slider = find(".mp-slider"), chart = find(".mp-chart");
  const view = { step: 0, follow: true, what: "x", layout: "all", sample: 0, playing: false, loop: true, word: -1 };
  const app = { root, say, server, view, run: null, sound: new OneSound(), repaint, tell, busy, playWord };
  const { buildStage, drawChart, layOut, showCard, shownOf, showNumbers } = makeView(app);
  const decoder = makeDecoder(app);
  const gallery = makeGallery(app, restore);
  app.ground = () => ({ side: Number(find(".mp-side-px").value), clear: find(".mp-clear").checked });
  let painting = false; // many changes in one frame of the screen are painted once
  let stopIdle = null;

  function busy() {
    return ["running", "waiting"].includes(root.dataset.state);
  }

  function tell(text) {
    find(".mp-said").textContent = text;
    clearTimeout(tell.timer);
    tell.timer = setTimeout(() => { find(".mp-said").textContent = ""; }, 6000);
  }

  function repaint() {
    if (painting) return;
    painting = true;
    if (document.hidden) setTimeout(paint, 50);
    else requestAnimationFrame(paint);
  }

  const now = (lane) => frameAt(app.run, lane, view.step);

  // Whether something else is shown than what the visitor wants to see, until the server has decoded that.
  const isPending = (lane, at) =>
    !view.follow && (view.what === "x" && !app.run.draft ? !hasNoisy(lane, at) : lane.frames[at].pending);

  function paint() {
    painting = false;
    const { run } = app;
    if (!run) return;
    const have = arrived(run), lanes = run.lanes.filter((lane) => lane.frames.length);
    view.step = view.follow ? have : Math.min(view.step, have);
    for (const lane of lanes)
      for (const card of root.querySelectorAll(`.mp-card[data-lane="${lane.key}"]`)) showCard(card, lane, now(lane));
    decoder.fetchNoisy();
    decoder.fillPending();
    const place = (step) => `${(100 * Math.max(0, step - 1)) / Math.max(1, run.max - 1)}%`;
    Object.assign(slider, { max: run.max, value: Math.max(1, view.step), disabled: have === 0 });
    slider.style.setProperty("--have", place(have));
    slider.style.setProperty("--at", place(view.step));
    find(".mp-count").textContent = have ? `${view.step} / ${run.max}` : "–";
    const picture = find(".mp-picture");
    Object.assign(root.dataset, { step: view.step, frames: have, steps: run.max, follow: view.follow ? 1 : 0, what: view.what,
      playing: view.playing ? 1 : 0, run: run.id, draft: run.draft ? 1 : 0, model: run.model || "", undecoded: countPending(run),
      pending: lanes.some((lane) => isPending(lane, now(lane))) ? 1 : 0,
      shown: picture?.src ? String(picture.src.length) : "" });
    if (root.dataset.state === "stopped") setState("stopped", `${say("stopped")} ${have} / ${run.max}`);
    controls(have);
    drawChart();
    showNumbers();
    tellStep(lanes[0]);
  }

  // Other parts of the tab follow the step that is shown: "Inside the transformer", and how noise works.
  function tellStep(lane) {
    if (!lane) return;
    const { run } = app, frame = lane.frames[now(lane)], sample = view.layout === "one" ? view.sample : 0;
    const running = busy(), key = `${run.id} ${frame.i} ${sample} ${running} ${Boolean(frame.pending)}`;
    if (tellStep.told === key) return;
    tellStep.told = key;
    const views = Object.fromEntries(run.want.map((m) => [m, frame[m].x0[sample]]));
    const { settings } = lane, { given, model } = run;
    // Kept for parts that are not on the page yet: what is folded in is made when it is opened.
    window.mmStep = { run: run.id, model, settings, i: frame.i, sample, running, views, given };
    window.dispatchEvent(new CustomEvent("mm-step", { detail: window.mmStep }));
  }

  function controls(have) {
    const play = find('[data-act="play"]'), name = say(view.playing ? "pause" : "play");
    Object.assign(play, { disabled: have < 2, textContent: view.playing ? "❚❚" : "▶", title: name });
    play.setAttribute("aria-label", name);
    find('[data-act="live"]').hidden = view.follow || root.dataset.state !== "running";
    find('[data-act="loop"]').setAttribute("aria-pressed", view.loop);
    find('[data-act="link"]').disabled = have === 0;
    const fixed = !have || app.run.blocks > 0 || root.dataset.large !== "1" || root.dataset.state === "running";
    find('[data-act="reuse"]').hidden = fixed;
    find('[data-act="remake"]').hidden = fixed || !app.run.said || view.word < 0 || have < app.run.max;
    find('[data-act="restyle"]').hidden = fixed || !app.run.restyles || !(app.run.want.includes("image") || app.run.given?.image);
    for (const node of [find('[data-act="film"]'), find('[data-save="film"]')]) node.hidden = !app.run?.film || have < app.run.max;
    find('[data-act="film"]').setAttribute("aria-pressed", Boolean(view.film));
    for (const button of root.querySelectorAll("[data-what]"))
      button.setAttribute("aria-pressed", button.dataset.what === view.what);
  }

  function setState(state, text) {
    root.dataset.state = state;
    document.body.classList.toggle("mm-running", busy()); // there is something to stop
    find(".mp-status").textContent = text;
  }

  // ---- messages -------------------------------------------------------------------------------------------------

  function receive() {
    const message = readValue(props);
    if (!message) return;
    if (message.open) open(message);
    const { run } = app;
    if (!run || run.id !== message.run) return;
    addFrames(run, message.frames);
    if (message.end) end(run, message.end);
    repaint();
  }

  function open(message) {
    app.sound.stop();
    app.run = openRun(message);
    Object.assign(view, { step: 0, follow: true, playing: false, film: false, word: -1, sample: Math.min(view.sample, app.run.lanes[0].n - 1) });
    stopIdle?.();
    buildStage();
    setState("running", say(app.run.draft ? "drafting" : "running"));
    Object.assign(find(".mp-note"), { textContent: app.run.note || "", hidden: !app.run.note });
    const { address: query, draft } = message.open;
    if (query && !draft) window.dispatchEvent(new CustomEvent("mm-address", { detail: { tab: "generate", query } }));
  }

  function end(run, { reason, seconds, tokens }) {
    for (const lane of run.lanes) lane.tokens = tokens?.[lane.key];
    run.ended = [reason, `${say(reason === "done" ? "done" : "too_long")} · ${seconds.toFixed(1)} s · ${run.device}`];
    setState(...run.ended);
    if (run.draft) return;
    gallery.add(run);
    if (run.film && reason === "done" && !matchMedia("(prefers-reduced-motion: reduce)").matches) playFilm();
  }

  // A result of this visit, as it was: nothing is made again, and the controls say what it was made from.
  function restore(run) {
    app.sound.stop();
    app.run = run;
    Object.assign(view, { step: 0, follow: true, playing: false, film: false, word: -1, sample: Math.min(view.sample, run.lanes[0].n - 1) });
    stopIdle?.();
    buildStage();
    setState(...(run.ended || ["stopped", ""]));
    window.dispatchEvent(new CustomEvent("mm-address", { detail: { tab: "generate", query: run.address } }));
    trigger("restore", { query: run.address });
    repaint();
  }

  // Its results as a film, there and back again.
  function playFilm() {
    view.film = !view.film;
    if (!view.film) return;
    const { run } = app, last = run.lanes[0].n - 1;
    Object.assign(view, { layout: "one", sample: 0 });
    let by = 1;
    const next = () => {
      if (!view.film || app.run !== run || !root.isConnected) return;
      if (view.sample + by > last || view.sample + by < 0) by = -by;
      view.sample += by;
      layOut();
      repaint();
      setTimeout(next, view.sample === last || view.sample === 0 ? 700 : 160);
    };
    layOut();
    setTimeout(next, 500);
  }

  // An exported file that is dropped here brings its settings back, and is made again.
  async function reopen(file) {
    if (!file) return;
    try {
      const answer = await server.read_export({ data: base64Of(new Uint8Array(await file.arrayBuffer())) });
      if (answer.error) tell(answer.error);
      else trigger("reopen", { params: answer.params });
    } catch {
      tell(say("reopen_failed"));
    }
  }

  window.addEventListener("mm-player", ({ detail }) => {
    if (!root.isConnected) return;
    if (detail === "start") {
      setState("waiting", say("waiting"));
      setTimeout(() => { if (root.dataset.state === "waiting") setState("waiting", say("queued")); }, 2000);
      const box = root.getBoundingClientRect();
      if (box.top > window.innerHeight * 0.55 || box.bottom < 0) root.scrollIntoView({ behavior: "smooth", block: "start" });
    } else if (busy()) {
      const { run } = app, kept = run && arrived(run); // a run that did not start, or failed, leaves the one before it
      setState(...(kept ? run.ended || ["stopped", ""] : ["idle", ""]));
      repaint();
    }
  });

  window.addEventListener("mm-reopen", ({ detail }) => { if (root.isConnected) reopen(detail); });

  // ---- moving through the steps ---------------------------------------------------------------------------------

  function goTo(step) {
    const have = app.run ? arrived(app.run) : 0;
    if (!have) return;
    Object.assign(view, { step: Math.max(1, Math.min(have, step)), follow: step >= have, playing: false });
    repaint();
  }

  function tick() {
    if (!view.playing || !app.run) return;
    const have = arrived(app.run), running = root.dataset.state === "running";
    if (view.step < have) view.step++;
    else if (view.loop && !running) view.step = 1;
    else if (!running) view.playing = false;
    repaint();
    setTimeout(tick, view.step >= have ? REST_MS : STEP_MS);
  }

  function play() {
    if (!app.run || arrived(app.run) < 2) return;
    view.playing = !view.playing;
    view.follow = false;
    if (view.playing) {
      if (view.step >= arrived(app.run)) view.step = 1;
      setTimeout(tick, STEP_MS);
    }
    repaint();
  }

  // The sample shown large becomes what is given, to be worked on.
  function reuse() {
    const { run } = app, lane = run.lanes.find((l) => l.frames.length), frame = lane.frames[now(lane)];
    const part = (m) => (run.want.includes(m) ? frame[m].x0[view.sample] : run.given?.[m]);
    const { rate, pcm } = part("audio") || {};
    const text = run.said ? saidOf(run) : part("text") || "";
    const made = run.want.includes("audio");
    trigger("reuse", { model: run.model, made, image: part("image") || "", text, audio: rate ? { rate, pcm } : null });
  }

  // The word that was clicked, made anew in the recording.
  function remake() {
    const { run } = app, lane = run.lanes.find((l) => l.frames.length), { rate, pcm } = lane.frames.at(-1).audio.x0[0];
    trigger("remake", { model: run.model, made: true, text: saidOf(run), audio: { rate, pcm }, again: view.span });
  }

  const saidOf = (run) => run.lanes[0].settings.text || run.lanes[0].settings.says;

  // The same thing in every style: by its text, or, where there is none, by what the model calls it.
  function restyle() {
    const { run } = app, lane = run.lanes.find((l) => l.frames.length), frame = lane.frames[now(lane)];
    const image = run.want.includes("image") ? frame.image.x0[view.sample] : run.given?.image;
    trigger("restyle", { image: image || "", text: lane.settings.text || (run.want.includes("text") ? frame.text.x0[view.sample] : "") });
  }

  function playSound(card, button) {
    const lane = app.run.lanes.find((l) => l.key === card.dataset.lane);
    if (!lane.frames.length) return;
    const sound = shownOf(lane.frames[now(lane)], "audio")[Number(card.dataset.sample)];
    app.sound.toggle(samplesOf(sound), sound.rate, button, lane.longest);
    const words = card.querySelector(".mp-words");
    if (words) followWords(app.sound, button, words, sound.rate);
  }

  // One word alone, as this step has it.
  function playWord(frame, sample, at, { start, end }, button) {
    Object.assign(view, { word: at, span: [start, end] });
    const sound = shownOf(frame, "audio")[sample];
    app.sound.toggle(samplesOf(sound).slice(start * FRAME, end * FRAME), sound.rate, button);
    repaint();
  }

  async function saveAs(kind) {
    find(".mp-save").open = false;
    await decoder.fillPending(true);
    save(kind, app, shownOf);
  }

  const ACTIONS = {
    play,
    reuse,
    film: playFilm,
    remake,
    restyle,
    link: () => copyLink(app),
    loop: () => { view.loop = !view.loop; },
    live: () => Object.assign(view, { follow: true, playing: false }),
  };

  root.addEventListener("dragover", (event) => {
    event.preventDefault();
    root.dataset.dropping = 1;
  });
  for (const name of ["dragleave", "drop"]) root.addEventListener(name, () => { root.dataset.dropping = 0; });
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    reopen(event.dataTransfer.files[0]);
  });
  slider.addEventListener("input", () => goTo(Number(slider.value)));
  const fromChart = (event) => {
    const box = chart.getBoundingClientRect();
    if (app.run) goTo(1 + Math.round(((event.clientX - box.left - 9) / (box.width - 18)) * (app.run.max - 1)));
  };
  chart.addEventListener("pointerdown", (event) => {
    chart.setPointerCapture(event.pointerId);
    fromChart(event);
  });
  chart.addEventListener("pointermove", (event) => { if (event.buttons) fromChart(event); });

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button"), card = event.target.closest(".mp-card");
    const { act, what, layout, save: kind } = button ? button.dataset : {};
    if (act) ACTIONS[act]();
    else if (what) view.what = what;
    else if (layout) {
      view.layout = layout;
      layOut();
    } else if (kind && app.run) saveAs(kind);
    else if (button?.classList.contains("mp-sound") && card) playSound(card, button);
    else if (card) {
      view.sample = Number(card.dataset.sample);
      view.film = false;
      view.layout = view.layout === "one" ? "all" : "one";
      layOut();
    }
    repaint();
  });

  root.addEventListener("keydown", (event) => {
    const here = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || !app.run) return;
    const moves = { ArrowLeft: view.step - 1, ArrowDown: view.step - 1, ArrowRight: view.step + 1, ArrowUp: view.step + 1,
      Home: 1, End: app.run.max };
    if (event.key in moves && (here === root || here === slider || here.tagName === "BUTTON")) goTo(moves[event.key]);
    else if (event.key === " " && (here === root || here === slider)) play();
    else if (event.key === "x") view.what = view.what === "x0" ? "x" : "x0";
    else if (event.key === "l") view.loop = !view.loop;
    else return;
    event.preventDefault();
    repaint();
  });

  fillWords(root, say);
  find('[data-act="loop"]').innerHTML = LOOP;
  find('[data-act="live"]').textContent = say("live");
  for (const act of ["loop", "live"]) {
    const button = find(`[data-act="${act}"]`);
    button.title = say(act);
    button.setAttribute("aria-label", say(act));
  }
  slider.setAttribute("aria-label", say("step"));
  setState("idle", "");
  controls(0);
  stopIdle = startIdle(find(".mp-stage"), say("ready"));
  showNumbers();
  new ResizeObserver(repaint).observe(root);
  watch("value", receive);
  receive();
}
