// The visit of a tab: notes its place in the address, and lists what was looked at before.
import { el, readValue, soon, translator } from "./base.js";
import { addressOf, noted, paramsOf } from "./place.js";

const SIDE = 80; // pixels of a thumbnail

async function small(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  const scale = SIDE / image.naturalHeight, canvas = document.createElement("canvas");
  canvas.width = Math.min(2 * SIDE, Math.max(1, Math.round(image.naturalWidth * scale)));
  canvas.height = SIDE;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.7);
}

export default function visit({ element, props, trigger, watch }) {
  const say = translator(props), { tab } = props, key = `mm-visit-${tab}`;
  const host = element.querySelector(".mm-visit");
  let entries = kept(), now = null, looks = {};

  function kept() {
    try {
      return JSON.parse(sessionStorage.getItem(key)) || [];
    } catch {
      return [];
    }
  }

  function keep() {
    try {
      sessionStorage.setItem(key, JSON.stringify(entries));
    } catch { /* full, or not allowed: the strip lasts as long as the page */ }
  }

  function tell() {
    if (!now) return;
    const place = { ...now.place, ...looks };
    window.dispatchEvent(new CustomEvent("mm-address", { detail: { tab, query: addressOf(location.search, tab, place) } }));
    entries = noted(entries, { place, title: now.title, thumb: now.thumb || "" });
    keep();
    draw();
  }

  // Sliders move fast, and levels arrive one by one.
  const tellSoon = soon(tell, 400);

  function receive(value = readValue(props)) {
    if (!value) return;
    now = value;
    tellSoon();
    if (value.picture)
      small(value.picture).then((thumb) => {
        delete value.picture;
        value.thumb = thumb;
        if (now === value) tellSoon();
      }).catch(() => {});
  }

  function draw() {
    host.hidden = entries.length < 2;
    host.replaceChildren(el("h3", { class: "mm-visit-title" }, say("visit")), el("div", { class: "mm-visit-strip" },
      entries.map((entry, i) => el("button", { type: "button", class: "mm-visit-one" + (i ? "" : " mm-on"),
        "aria-current": i ? null : "true", title: entry.title, "aria-label": `${say("visit_hint")}: ${entry.title}`,
        onclick: () => trigger("open", { place: entry.place }) },
      entry.thumb ? el("img", { src: entry.thumb, alt: "" }) : el("bdi", {}, entry.title)))));
  }

  window.addEventListener("mm-visit", ({ detail }) => {
    if (detail.tab === tab) receive(detail.value);
  });
  window.addEventListener("mm-place", ({ detail }) => {
    if (detail.tab !== tab) return;
    looks = { ...looks, ...Object.fromEntries(Object.entries(detail.params).map(([k, v]) => [k, String(v ?? "")])) };
    if (now) tellSoon();
  });
  window.addEventListener("mm-restore", ({ detail }) => {
    if (detail.tab === tab) trigger("open", { place: paramsOf(detail.search) });
  });
  watch("value", () => receive());
  draw();
  receive();
}
