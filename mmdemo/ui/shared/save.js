// Buttons that save files which already lie in the page; the value is [[label, name, base64], ...].
import { bytesOf, el, saveBlob, readValue } from "./base.js";

export default function save({ element, props, watch }) {
  function draw() {
    element.querySelector(".save").replaceChildren(...(readValue(props) || []).map(([label, name, data]) =>
      el("button", { type: "button", onclick: () => saveBlob(new Blob([bytesOf(data)]), name) }, label)));
  }

  watch("value", draw);
  draw();
}
