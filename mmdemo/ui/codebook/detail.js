// One code: what it stands for, how often it is used, its nearest codes, and where it fits best in the examples.
import { el, number } from "../shared/base.js";
import { patch } from "../shared/code_sheet.js";
import { kindOf, RATE } from "./kinds.js";

const PATIENCE = 120; // milliseconds on one code before its examples are asked for

// `view`: what the browser shows; `examplesOf(code)` -> promise of the server's answer; `onListen(code)`,
// `onExample(example)`. Gives {node, mini, draw(code), wantExamples()}; `mini`: the same in a line, for narrow screens.
export function makeDetail({ say, view, player, examplesOf, onPick, onListen, onExample }) {
  const about = el("div"), tops = el("div"), mini = el("div", { class: "mm-mini" });
  let waiting = 0;

  function facts(code) {
    const { data, counts } = view, all = counts.reduce((a, b) => a + b, 0), uses = counts[code] || 0, said = [];
    if (all) said.push(uses ? say(uses === 1 ? "uses_one" : "uses", { n: number(uses), share: number((100 * uses) / all, 1) }) : say("unused"));
    if (data.counts.length) said.push(say("trained", { times: number(data.counts[code], data.counts[code] < 10 ? 2 : 0) }) +
      (data.dead.includes(code) ? ` ${say("is_dead")}` : data.rare.includes(code) ? ` ${say("is_rare")}` : ""));
    return [...said, say("norm", { norm: data.norms[code].toFixed(2), dim: data.dim })];
  }

  function draw(code) {
    const { data, sheet } = view, said = facts(code), kind = data.modality;
    const listen = kindOf(kind).heard
      ? el("button", { type: "button", class: "mm-button", onclick: () => onListen(code) }, `▶ ${say("listen")}`) : null;
    mini.replaceChildren(el("span", { class: "mm-near-face" }, patch(sheet, code)), el("b", {}, say("code_n", { n: code })), el("span", {}, said[0]));
    about.replaceChildren(
      el("div", { class: "mm-code-head" }, el("div", { class: "mm-big", "data-kind": kind }, patch(sheet, code)),
        el("div", { class: "mm-grow" }, el("h3", {}, say("code_n", { n: code })), said.map((text) => el("p", { class: "mm-hint" }, text))), listen),
      el("p", { class: "mm-hint" }, say("nearest")),
      el("div", { class: "mm-near" }, data.nearest[code].map((other, i) => el("button", { type: "button",
        title: `‖Δ‖ = ${data.distances[code][i]}`, onclick: () => onPick(other) },
        el("div", { class: "mm-near-face", "data-kind": kind }, patch(sheet, other)), el("span", {}, String(other))))));
    tops.style.visibility = code === view.code ? "visible" : "hidden"; // of the chosen code; nothing below moves
  }

  function wantExamples() {
    clearTimeout(waiting);
    tops.hidden = !view.data.examples;
    if (tops.hidden) return;
    waiting = setTimeout(async () => {
      const { data, code } = view, answer = await examplesOf(code).catch(() => []);
      if (data === view.data && code === view.code && Array.isArray(answer)) drawExamples(answer);
    }, PATIENCE);
  }

  function drawExamples(examples) {
    tops.replaceChildren(el("p", { class: "mm-hint mm-tops-title" }, say(examples.length ? "tops" : "no_tops")),
      el("div", { class: "mm-tops" }, examples.map(piece)));
  }

  function piece(example) {
    const open = () => onExample(example);
    const attributes = { type: "button", title: example.name, "aria-label": say("example_of", { name: example.name }) };
    const { class: look, parts, samples } = kindOf(view.data.modality).piece(example);
    const play = (event) => player.toggle(samples(), RATE, event.currentTarget);
    return el("button", { ...attributes, class: look, onclick: samples ? play : open }, parts);
  }

  return { node: el("section", { class: "mm-card mm-detail" }, about, tops), mini, draw, wantExamples };
}
