// Named buttons; a click marks one and tells its index. Typing or opening something else unmarks it.
const pills = element.querySelector(".pills");

function unmark() {
  pills.querySelectorAll(".mm-on").forEach((other) => other.classList.remove("mm-on"));
}

pills.append(...(props.names[window.mmLang] || props.names.en).map((name, index) => el("button", {
  type: "button", class: "mm-button" + (index === props.chosen ? " mm-on" : ""), title: name, dir: "auto",
  onclick: (event) => {
    unmark();
    event.currentTarget.classList.add("mm-on");
    trigger("pick", { index });
  } }, name)));
const tab = element.closest("[role=tabpanel]") || document;
tab.addEventListener("input", (event) => { if (event.target.matches("textarea, input[type=file]")) unmark(); });
