// Named buttons; a click marks one and tells its index. Typing or opening something else unmarks it.
import { el } from "./base.js";

export default function pills({ element, props, trigger }) {
  const row = element.querySelector(".pills");
  const tab = element.closest("[role=tabpanel]") || document;

  function mark(button) {
    row.querySelectorAll(".mm-on").forEach((other) => other.classList.remove("mm-on"));
    if (button) button.classList.add("mm-on");
  }

  const button = (name, index) =>
    el("button", {
      type: "button",
      class: "mm-button" + (index === props.chosen ? " mm-on" : ""),
      title: name,
      dir: "auto",
      onclick: (event) => {
        mark(event.currentTarget);
        trigger("pick", { index });
      },
    }, name);

  row.append(...(props.names[window.mmLang] || props.names.en).map(button));
  document.addEventListener("mm-example", ({ detail: { place, index } }) => {
    if (element.closest(`#${place}`)) mark(index === null ? null : row.children[index]);
  });
  tab.addEventListener("input", (event) => {
    if (event.target.matches("textarea, input[type=file]")) mark(null);
  });
}
