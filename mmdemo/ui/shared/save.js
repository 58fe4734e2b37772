// Buttons that save files which already lie in the page; the value is [[label, name, base64], ...], null while others are
// being made: nothing is saved that is older than what is shown.
// A card to share is drawn by the script of the tab, which is told with the event "mm-card" {tab, files}.
import { bytesOf, el, saveBlob, readValue, translator } from "./base.js";

export default function save({ element, props, watch }) {
  const say = translator(props), { card: tab } = props;

  function draw() {
    const files = readValue(props), row = element.querySelector(".save");
    if (!files) return row.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    const buttons = files.map(([label, name, data]) =>
      el("button", { type: "button", onclick: () => saveBlob(new Blob([bytesOf(data)]), name) }, label));
    if (tab && files.length) buttons.push(el("button", { type: "button", "data-save": "card",
      onclick: () => document.dispatchEvent(new CustomEvent("mm-card", { detail: { tab, files } })) }, say("card")));
    row.replaceChildren(...buttons);
  }

  watch("value", draw);
  draw();
}
