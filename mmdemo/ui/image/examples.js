// A strip of pictures to start from; the one that is shown is marked.
function drawExamples() {
  const strip = element.querySelector(".mm-examples");
  strip.replaceChildren(...(props.value || []).map((example, index) => el("button", {
    type: "button", class: "mm-example", title: example.credit || example.name, "aria-label": example.name,
    onclick: (event) => {
      strip.querySelectorAll(".mm-on").forEach((other) => other.classList.remove("mm-on"));
      event.currentTarget.classList.add("mm-on");
      credit(example);
      document.dispatchEvent(new CustomEvent("mm-picking"));
      trigger("pick", { index });
    } }, el("img", { src: example.src, alt: "", draggable: "false" }))));
  if (!strip.firstChild) return;
  strip.firstChild.classList.add("mm-on"); // the page opens on the first one
  credit(props.value[0]);
}

function credit(example) {
  element.querySelector(".mm-credit").textContent = (example && example.credit) || "";
}

document.addEventListener("mm-own-input", () => {
  element.querySelectorAll(".mm-on").forEach((other) => other.classList.remove("mm-on"));
  credit(null);
});
watch("value", drawExamples);
drawExamples();
