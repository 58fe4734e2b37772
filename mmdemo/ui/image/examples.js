// A strip of pictures to start from; the one that is shown is marked.
import { el, readValue } from "../shared/base.js";

export default function examples({ element, props, trigger, watch }) {
  const strip = element.querySelector(".mm-examples");

  function mark(button, example) {
    strip.querySelectorAll(".mm-on").forEach((other) => other.classList.remove("mm-on"));
    if (button) button.classList.add("mm-on");
    element.querySelector(".mm-credit").textContent = example?.credit || "";
  }

  function draw() {
    const all = readValue(props) || [];
    strip.replaceChildren(...all.map((example, index) => el("button", {
      type: "button", class: "mm-example", title: example.credit || example.name, "aria-label": example.name,
      onclick: (event) => {
        mark(event.currentTarget, example);
        document.dispatchEvent(new CustomEvent("mm-picking"));
        trigger("pick", { index });
      } }, el("img", { src: example.src, alt: "", draggable: "false" }))));
    if (strip.firstChild) mark(strip.firstChild, all[0]); // the page opens on the first one
  }

  document.addEventListener("mm-own-input", ({ target }) => {
    if (target === document || element.closest("[role=tabpanel]")?.contains(target)) mark(null, null);
  });
  document.addEventListener("mm-example", ({ detail: { place, index } }) => {
    if (element.closest(`#${place}`)) mark(strip.children[index], (readValue(props) || [])[index]);
  });
  watch("value", draw);
  draw();
}
