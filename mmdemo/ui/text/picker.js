// Code picker: the codes of one position, and what other codes would say instead.
import { el, readValue } from "../shared/base.js";

export default function picker({ element, props, trigger, watch }) {
  const root = element.querySelector(".picker");
  let data = null;

  const button = (name, onclick, ...children) => el("button", { type: "button", class: name, onclick }, ...children);

  function swap(level, code) {
    const wrapped = ((code % data.size) + data.size) % data.size;
    document.dispatchEvent(new CustomEvent("mm-text-swap", { detail: { position: data.position, level, code: wrapped } }));
  }

  function headRow() {
    const { labels, position, total } = data;
    const go = (step, mark, name) => {
      const made = button("picker-step", () => trigger("pick", { position: position + step }), mark);
      made.setAttribute("aria-label", labels[name]);
      made.disabled = position + step < 0 || position + step >= total;
      return made;
    };
    const close = button("picker-step picker-close", () => {
      root.hidden = true;
      document.dispatchEvent(new CustomEvent("mm-text-unpick"));
    }, "×");
    close.setAttribute("aria-label", labels.close);
    return el("div", { class: "picker-head" }, go(-1, "‹", "previous"), go(1, "›", "next"),
      el("span", { class: "picker-title" }, `${labels.position} ${position + 1} ${labels.of} ${total} ${labels.says} `,
        el("bdi", { class: "picker-says" }, data.says), el("code", {}, data.raw)),
      close);
  }

  function levelRow({ code, options }, level) {
    const { labels, size } = data, off = level >= data.num_levels;
    const name = `${labels.level} ${level + 1}`;
    const number = el("input", { type: "number", min: 0, max: size - 1, value: code, "aria-label": `${labels.code}, ${name}`,
      onchange: () => { if (number.value !== "") swap(level, Math.round(Number(number.value))); } });
    const any = button("picker-any", () => swap(level, Math.floor(Math.random() * size)), labels.any);
    const nearest = options.map(([other, text]) =>
      button(null, () => swap(level, other), el("bdi", {}, text), el("small", {}, String(other))));
    return el("div", { class: "picker-row" + (off ? " off" : ""), style: `--level:var(--mm-level-${level % 8})` },
      el("span", { class: "picker-level" }, name + (off ? ` ${labels.unused}` : "")),
      el("span", { class: "picker-number" }, number, any),
      nearest.length ? el("span", { class: "picker-options", "aria-label": labels.nearest }, nearest) : null);
  }

  function draw() {
    data = readValue(props);
    root.hidden = !data;
    root.replaceChildren(...(data ? [headRow(), ...data.levels.map(levelRow)] : []));
  }

  watch("value", draw);
  draw();
}
