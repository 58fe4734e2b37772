// Codes to choose from, and single ones, as their patches or texts.
import { el } from "./base.js";
import { patch, sheetBoard } from "./code_sheet.js";

// For the token editor: {board: {node, show(level), mark(code)}, swatch(level, code)}. `chosen(code)`.
export function makeBoard(say, sheets, colours, chosen) {
  const label = el("span", { class: "mm-hint" });
  let level = 0, code = 0;
  const sheet = sheetBoard({ label: say("choose_code"), name: (other) => say("code_n", { code: other }),
    onHover: (other) => {
      sheet.mark({ hovered: other });
      label.textContent = say("code_n", { code: other === null ? code : other });
    }, onPick: chosen, onMove: (other) => sheet.mark({ selected: other }) });
  return {
    board: {
      node: el("div", { class: "mm-swap" }, sheet.node, label),
      show(now) {
        level = now;
        sheets.get(level).then((found) => { if (level === now) sheet.show(found); }).catch(() => {});
      },
      mark(now) {
        code = now;
        sheet.mark({ selected: code });
      },
    },
    // Its colour until the sheet is there.
    swatch(at, which) {
      const there = sheets.now(at);
      if (there) return patch(there, which, 28);
      const blank = el("span", { class: "mm-patch mm-blank", style: `background:${colours.css(at, which)}` });
      sheets.get(at).then((found) => blank.isConnected && blank.replaceWith(patch(found, which, 28))).catch(() => {});
      return blank;
    },
  };
}
