// What the player shows: lanes, one card a sample, the chart of changes, the numbers of the step.
import { el, fitted } from "../../shared/base.js";
import { drawSound } from "../../shared/sound_draw.js";
import { FRAME, frameAt, MODALITIES, samplesOf, settled, viewOf } from "./run.js";
import { showWords } from "./words.js";

const SECOND = 110; // pixels of a second of speech at least, so that its letters can be read

// A character that has no shape of its own, by a sign.
export const signOf = (character) =>
  character === "\uFFFD" ? "\u2592" : character < " " || character === "\x7f" ? "\u00b7" : character;

// `player`: {root, run, view, say, sound}.
export function makeView(player) {
  const { root, say, view } = player;
  const find = (selector) => root.querySelector(selector);

  const shownOf = (frame, modality) => viewOf(player.run, frame, modality, view.what);

  const soundButton = (onclick) =>
    el("button", { type: "button", class: "mp-sound", title: say("play_sound"), "aria-label": say("play_sound"), onclick },
      el("canvas"), el("i", { class: "mp-head" }), el("i", { class: "mp-tri" }));

  // A sound, with its words under it where it says some; a long one is wider than the card, and scrolls.
  const track = () => (player.run.speaks
    ? el("div", { class: "mp-track" }, el("div", { class: "mp-axis" }, soundButton(), el("div", { class: "mp-words" })))
    : soundButton());

  // One card: what of one sample this run makes. Its parts are filled by showCard.
  function makeCard(lane, sample) {
    const made = { image: () => el("img", { class: "mp-picture", alt: `${say("sample")} ${sample + 1}` }),
      audio: track, text: () => el("div", { class: "mp-text" }) };
    const style = player.run.styles[sample];
    return el("div", { class: "mp-card", "data-lane": lane.key, "data-sample": sample },
      style ? el("small", { class: "mp-style" }, style) : null,
      MODALITIES.filter((m) => lane.want.includes(m)).map((m) => made[m]()));
  }

  function buildStage() {
    const { run } = player, stage = find(".mp-stage");
    stage.replaceChildren(...run.lanes.map((lane) => el("section", { class: "mp-lane", "data-lane": lane.key },
      run.lanes.length > 1 ? el("header", { class: "mp-lane-head" }, el("b", {}, lane.key.toUpperCase()), el("span", {}, lane.title)) : null,
      el("div", { class: "mp-cards" }, Array.from({ length: lane.n }, (_, i) => makeCard(lane, i))))));
    stage.style.setProperty("--lanes", run.lanes.length);
    root.dataset.said = run.speaks ? 1 : 0;
    showGiven();
    layOut();
  }

  function showGiven() {
    const box = find(".mp-given"), { image, audio, text, mix, shares } = player.run.given || {};
    box.replaceChildren(el("span", {}, say("given")));
    if (image) box.append(el("img", { src: image, alt: say("given") }));
    if (audio) {
      const button = soundButton(() => player.sound.toggle(samplesOf(audio), audio.rate, button));
      box.append(button);
      requestAnimationFrame(() => drawSound(button.querySelector("canvas"), samplesOf(audio)));
    }
    const percent = (share) => `${Math.round(100 * share)} %`;
    if (text) box.append(el("b", {}, mix ? `${text} ${percent(1 - shares[0])}` : text));
    if (mix) box.append(el("span", {}, player.run.film ? "→" : "+"), el("b", {}, `${mix} ${percent(shares.at(-1))}`));
    box.hidden = box.childElementCount < 2;
  }

  function layOut() {
    const { run } = player, one = view.layout === "one", blocks = (run?.blocks) || 0;
    const most = run ? run.lanes[0].n : 1, pair = run && run.lanes.length > 1;
    Object.assign(root.dataset, { layout: view.layout, blocks, large: one || most === 1 ? 1 : 0 });
    root.style.setProperty("--blocks", blocks);
    root.style.setProperty("--columns", one || blocks ? 1 : Math.min(most, pair ? 2 : 4));
    for (const card of root.querySelectorAll(".mp-card")) card.hidden = one && Number(card.dataset.sample) !== view.sample;
    for (const button of root.querySelectorAll("[data-layout]"))
      button.setAttribute("aria-pressed", button.dataset.layout === view.layout);
  }

  // The paler a character, the less sure the decoder is of it, or, of a noisy one, the less it has settled.
  function showText(box, lane, at, sample) {
    const frame = lane.frames[at], last = at === lane.steps - 1;
    const confidence = view.what === "x0" && frame.text.confidence ? frame.text.confidence[sample] : null;
    const textOf = (i) => shownOf(lane.frames[i], "text")[sample];
    box.replaceChildren(...Array.from(textOf(at)).map((character, place) => {
      const share = confidence ? confidence[place] ?? 0 : last ? 1 : settled(textOf, at, place, character);
      return el("span", { style: `opacity:${0.3 + 0.7 * share}`,
        title: `${say(confidence ? "confidence" : "settled")} ${Math.round(100 * share)} %` }, signOf(character));
    }));
  }

  function showCard(card, lane, at) {
    if (card.hidden) return;
    const frame = lane.frames[at], sample = Number(card.dataset.sample);
    const picture = card.querySelector(".mp-picture"), sound = card.querySelector(".mp-sound"), text = card.querySelector(".mp-text");
    if (picture) picture.src = shownOf(frame, "image")[sample];
    if (sound) drawSound(sound.querySelector("canvas"), samplesOf(shownOf(frame, "audio")[sample]), lane.longest);
    if (text) showText(text, lane, at, sample);
    const words = card.querySelector(".mp-words");
    if (words) showSaid(card, words, lane, frame, sample);
  }

  function showSaid(card, box, lane, frame, sample) {
    const total = lane.longest || samplesOf(shownOf(frame, "audio")[sample]).length;
    const frames = frame.text?.frames?.[sample] ?? player.run.said ?? "";
    card.querySelector(".mp-axis").style.minWidth = `${Math.round((total / FRAME / 50) * SECOND)}px`;
    showWords(box, frames, total, view.word, (at, word, button) => player.playWord(frame, sample, at, word, button));
  }

  // The change of x0 from step to step, one bar a step; the bars of a second run stand beside those of the first.
  function drawChart() {
    const { run } = player, [context, width, height] = fitted(find(".mp-chart"));
    context.clearRect(0, 0, width, height);
    if (!run) return;
    const style = getComputedStyle(root), line = style.getPropertyValue("--mm-line");
    const inks = ["--mm-accent", "--mm-level-1"].map((name) => style.getPropertyValue(name));
    const highest = Math.max(1e-9, ...run.lanes.flatMap((lane) => lane.frames.map((frame) => frame.change || 0)));
    run.lanes.forEach((lane, which) => {
      // Bars stand above the places where the slider's thumb comes to rest; the thumb is 18 px wide.
      const inset = 9 * (window.devicePixelRatio || 1), slot = (width - 2 * inset) / Math.max(1, lane.steps - 1);
      const bar = Math.min(2 * inset, slot * 0.8) / run.lanes.length, now = frameAt(run, lane, view.step);
      lane.frames.forEach((frame, at) => {
        const tall = Math.max(2, Math.sqrt((frame.change || 0) / highest) * (height - 4));
        context.fillStyle = at <= now ? inks[which] : line;
        context.globalAlpha = at < now ? 0.45 : 1;
        context.fillRect(inset + at * slot + (which - run.lanes.length / 2) * bar, height - tall, Math.max(1, bar - 1), tall);
      });
    });
    context.globalAlpha = 1;
  }

  function showNumbers() {
    const { run } = player;
    const frames = run ? run.lanes.map((lane) => lane.frames[frameAt(run, lane, view.step)]).filter(Boolean) : [];
    const digits = (value) => (value == null ? "–" : value >= 100 ? value.toFixed(0) : value.toFixed(3));
    const shown = (pick) => (frames.length ? frames.map((frame) => digits(pick(frame))).join(" | ") : "–");
    const row = (name, help, ...values) =>
      el("div", { title: help }, el("dt", {}, name), values.flatMap(([label, value]) =>
        [el("dd", {}, value), label ? el("dt", { class: "mp-of" }, label) : null]));
    const digit = () => row(say(run.said ? "block" : "digit"), run.said ? "" : say("help_digit"), ["", frames.length ? `${frames[0].block + 1} / ${run.blocks}` : "–"]);
    find(".mp-numbers").replaceChildren(
      ...(run?.blocks ? [digit()] : []),
      row("t", say("help_t"), ["", shown((frame) => frame.t)]),
      row(say("change"), say("help_change"), ["", shown((frame) => frame.change)]),
      row(say("distance"), say("help_distance"), ...(run ? run.want : []).map((m) => [say(m), shown((frame) => frame.distance[m])])),
    );
  }

  return { buildStage, drawChart, layOut, showCard, shownOf, showNumbers };
}
