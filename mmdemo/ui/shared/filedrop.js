// A place to drop or choose a file; its bytes are sent with the event 'file'.
import { base64Of, el, translator } from "./base.js";

export default function filedrop({ element, props, trigger }) {
  const say = translator(props);
  const place = element.querySelector(".filedrop");
  const chooser = el("input", { type: "file", accept: props.accept, onchange: () => take(chooser.files[0]) });
  place.append(chooser, el("span", {}, say("label")));

  async function take(file) {
    if (!file) return;
    const limit = file.name.toLowerCase().endsWith(".mmt") ? props.most_bytes : props.head_bytes;
    const bytes = new Uint8Array(await file.slice(0, limit).arrayBuffer());
    chooser.value = "";
    place.dispatchEvent(new CustomEvent("mm-own-input", { bubbles: true }));
    trigger("file", { name: file.name, data: base64Of(bytes) });
  }

  // Anything dropped on `within` (tested at the time of the drop: it may be drawn later than this) is taken.
  window.addEventListener("drop", () => place.classList.remove("over"), true);

  function listen(target, within) {
    const inside = (event) =>
      target.isConnected && place.isConnected && event.target.closest?.(within);
    target.addEventListener("dragover", (event) => {
      if (!inside(event) || ![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      place.classList.add("over");
    }, true);
    target.addEventListener("dragleave", () => place.classList.remove("over"), true);
    target.addEventListener("drop", (event) => {
      place.classList.remove("over");
      if (!inside(event) || !event.dataTransfer.files.length) return;
      event.preventDefault();
      event.stopPropagation();
      take(event.dataTransfer.files[0]);
    }, true);
  }

  listen(place, ".filedrop");
  if (props.also) listen(document, props.also);
}
