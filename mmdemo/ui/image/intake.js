// Pictures and .mmt files pasted anywhere in the tab, or dropped on the viewer, go the way of the upload fields.
import { el } from "../shared/base.js";

const FIELDS = { picture: "#mm-image-input", tokens: "#mm-image-mmt" };

function takeIn(file) {
  if (!file) return;
  const place = document.querySelector(file.name.toLowerCase().endsWith(".mmt") ? FIELDS.tokens : FIELDS.picture);
  const field = place?.querySelector("input[type=file]");
  if (field) return hand(field, file);
  // The webcam is on, which has no file field: go back to the first way of input.
  const first = place?.querySelector(".source-selection button");
  if (!first) return;
  first.click();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const late = place.querySelector("input[type=file]");
    if (late) hand(late, file);
  }));
}

function hand(field, file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  field.files = transfer.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

// `target` shows by the class mm-dropping that something can be dropped on it, and `place` inside says what.
export function listenForFiles(say, target, place) {
  place.append(el("div", { class: "mm-drop-sign" }, say("drop_here")));
  const holds = (event) => [...(event.dataTransfer ? event.dataTransfer.types : [])].includes("Files");
  let inside = 0; // dragenter and dragleave also come from what lies inside
  const mark = (change) => {
    inside = change === 0 ? 0 : Math.max(0, inside + change);
    target.classList.toggle("mm-dropping", inside > 0);
  };
  target.addEventListener("dragenter", (event) => { if (holds(event)) mark(1); });
  target.addEventListener("dragleave", (event) => { if (holds(event)) mark(-1); });
  target.addEventListener("dragover", (event) => { if (holds(event)) event.preventDefault(); });
  target.addEventListener("drop", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    mark(0);
    takeIn(event.dataTransfer.files[0]);
  });
  window.addEventListener("drop", () => mark(0), true); // also where the file goes elsewhere
  document.addEventListener("paste", (event) => {
    const typing = event.target.closest?.("input:not([type=range]), textarea, [contenteditable=true]");
    const file = [...(event.clipboardData ? event.clipboardData.files : [])].find((f) =>
      f.type.startsWith("image/") || f.name.toLowerCase().endsWith(".mmt"));
    if (typing || !file || !target.isConnected || !target.offsetParent) return; // another tab is shown
    event.preventDefault();
    takeIn(file);
  });
}
