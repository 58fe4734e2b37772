// Table of codecs: rate and quality of each; its sounds are handed to the sound lab for instant comparison.
import { el, number, translator, readValue } from "../shared/base.js";

export default function codecTable({ element, props, watch }) {
  const say = translator(props);
  const table = element.querySelector(".codecs");
  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

  const cell = (value, digits, row) =>
    value === null ? el("td", { title: row.why }, row.waiting ? "…" : "–") : el("td", {}, number(value, digits));

  const play = (row) =>
    el("button", { type: "button", "data-key": row.key, "aria-label": `${say("play")} ${row.name}`,
      onclick: () => tell("mm-sound-play", { key: row.key }) }, "▶");

  const line = (row) =>
    el("tr", { class: row.ours ? "ours" : null },
      el("td", { class: "codecs-play" }, row.key ? play(row) : null),
      el("th", { scope: "row" }, row.name, row.note ? el("small", {}, row.note) : null),
      cell(row.kbps, 2, row), cell(row.stoi, 3, row), cell(row.pesq, 2, row));

  function draw() {
    const data = readValue(props);
    table.hidden = !data;
    if (!data) return table.replaceChildren();
    const heads = ["codec", "kbps", "stoi", "pesq"].map((name) => el("th", {}, say(name)));
    table.replaceChildren(
      el("div", { class: "codecs-caption" }, el("span", {}, say("table"))),
      el("table", {}, el("thead", {}, el("tr", {}, el("td"), heads)), el("tbody", {}, data.rows.map(line))));
    tell("mm-sound-baselines", { id: data.id, tracks: data.tracks, rows: data.rows });
  }

  watch("value", draw);
  draw();
}
