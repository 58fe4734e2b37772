// Table of codecs: rate and quality of each; its sounds are handed to the sound lab for instant comparison.
const table = element.querySelector(".codecs");

function cell(value, digits, row) {
  return value === null ? el("td", { title: row.why }, row.waiting ? "…" : "–") : el("td", {}, number(value, digits));
}

function draw() {
  const data = props.value ? JSON.parse(props.value) : null;
  table.hidden = !data;
  if (!data) { table.replaceChildren(); return; }
  const rows = data.rows.map((row) => el("tr", { class: row.ours ? "ours" : null },
    el("td", { class: "codecs-play" }, row.key ? el("button", { type: "button", "data-key": row.key,
      "aria-label": say("play") + " " + row.name,
      onclick: () => document.dispatchEvent(new CustomEvent("mm-sound-play", { detail: { key: row.key } })) }, "▶") : null),
    el("th", { scope: "row" }, row.name, row.note ? el("small", {}, row.note) : null),
    cell(row.kbps, 2, row), cell(row.stoi, 3, row), cell(row.pesq, 2, row)));
  table.replaceChildren(
    el("div", { class: "lab-caption" }, el("span", {}, say("table"))),
    el("table", {}, el("thead", {}, el("tr", {}, el("td"), el("th", {}, say("codec")), el("th", {}, say("kbps")),
      el("th", {}, say("stoi")), el("th", {}, say("pesq")))), el("tbody", {}, ...rows)));
  document.dispatchEvent(new CustomEvent("mm-sound-rivals", { detail: { id: data.id, tracks: data.tracks } }));
}

watch("value", draw);
draw();
