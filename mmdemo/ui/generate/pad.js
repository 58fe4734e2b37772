// A small drawing pad: ink on white, or a picture opened, dropped or pasted. Its value is a PNG data URI or "".
import { el, translator } from "../shared/base.js";

const SENT = 96; // pixels a side of what is sent

export default function drawingPad({ element, props, trigger, watch }) {
  const say = translator(props);
  const pad = element.querySelector(".pad");
  const canvas = pad.querySelector("canvas"), ink = canvas.getContext("2d");
  const WIDTH = canvas.width / 12;
  let last = null;
  let own = null; // the value made here, to tell it from one that comes from the server

  function clear() {
    ink.fillStyle = "#fff";
    ink.fillRect(0, 0, canvas.width, canvas.height);
    Object.assign(pad.dataset, { filled: 0, paper: "drawing" });
  }

  function give(value) {
    own = value;
    pad.dataset.filled = value ? 1 : 0;
    props.value = value;
    trigger("drawn");
  }

  function send() {
    const small = el("canvas", { width: SENT, height: SENT });
    const ctx = small.getContext("2d");
    ctx.imageSmoothingQuality = "high";
    ctx.drawImage(canvas, 0, 0, SENT, SENT);
    give(small.toDataURL("image/png"));
  }

  async function show(url) {
    const picture = new Image();
    picture.src = url;
    await picture.decode();
    clear();
    const scale = Math.min(canvas.width / picture.naturalWidth, canvas.height / picture.naturalHeight);
    const width = picture.naturalWidth * scale, height = picture.naturalHeight * scale;
    ink.imageSmoothingEnabled = scale < 3;
    ink.imageSmoothingQuality = "high";
    ink.drawImage(picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
    Object.assign(pad.dataset, { filled: 1, paper: "picture" });
  }

  async function openFile(file) {
    if (!file?.type.startsWith("image/")) return;
    const url = URL.createObjectURL(file);
    try { await show(url); send(); } catch { hint.textContent = say("pad_bad"); clear(); }
    URL.revokeObjectURL(url);
  }

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
  };

  function stroke(to) {
    ink.strokeStyle = "#111";
    ink.lineWidth = WIDTH;
    ink.lineCap = ink.lineJoin = "round";
    ink.beginPath();
    ink.moveTo(...last);
    ink.lineTo(...to);
    ink.stroke();
    last = to;
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    pad.dataset.filled = 1;
    stroke([last[0] + 0.1, last[1]]);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) stroke(place(part));
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, () => { if (last) { last = null; send(); } });

  const hint = pad.querySelector(".pad-hint"), opener = pad.querySelector(".pad-open input");
  pad.querySelector(".pad-clear").addEventListener("click", () => { clear(); give(""); });
  opener.addEventListener("change", () => { openFile(opener.files[0]); opener.value = ""; });
  pad.addEventListener("dragover", (event) => event.preventDefault());
  pad.addEventListener("drop", (event) => { event.preventDefault(); openFile(event.dataTransfer.files[0]); });
  pad.addEventListener("paste", (event) => openFile(event.clipboardData.files[0]));

  hint.textContent = say("pad_hint");
  canvas.setAttribute("aria-label", say("pad_hint"));
  for (const [selector, words] of [[".pad-clear", say("pad_clear")], [".pad-open", say("open_picture")]]) {
    pad.querySelector(selector).title = words;
    pad.querySelector(selector).setAttribute("aria-label", words);
  }
  clear();
  function take() {
    if (props.value === own) return;
    // The page's address is read once Gradio has started: what was drawn until then stays, where it says no picture.
    if (own && !props.value && !document.body.dataset.linkRead) return void give(own);
    own = props.value;
    if (props.value) show(props.value).catch(clear); else clear();
  }
  take();
  watch("value", take);
}
