// The words of a recording on its axis of time: each lights up while it is heard, is heard alone by a click, and can be
// made anew. Frames say what is said when, a symbol a frame: "  hhheelLLLoo..." (mmdemo/speech/alphabet.py).
import { el } from "../../shared/base.js";
import { FRAME } from "./run.js";

const PAUSES = " ,.?!";

// [{word, start, end, letters: [[letter, frames], …]}, …], start and end in frames.
export function wordsOf(frames) {
  const words = [];
  let word = null;
  for (let at = 0; at < frames.length; at++) {
    const symbol = frames[at];
    if (PAUSES.includes(symbol)) {
      word = null;
      continue;
    }
    if (!word) words.push(word = { word: "", start: at, end: at, letters: [] });
    if (symbol !== frames[at - 1] || !word.letters.length) {
      word.letters.push([symbol.toLowerCase(), 0]);
      word.word += symbol.toLowerCase();
    }
    word.letters.at(-1)[1]++;
    word.end = at + 1;
  }
  return words;
}

// The word at a time in seconds, by its place in the list; -1 in a pause.
export const wordAt = (words, seconds, rate) =>
  words.findIndex(({ start, end }) => seconds * rate >= start * FRAME && seconds * rate < end * FRAME);

// Fills `box` with the words of `frames` under a sound of `total` samples; nothing changes while they are the same.
export function showWords(box, frames, total, chosen, onclick) {
  const key = `${frames} ${total}`;
  if (box.shown !== key) {
    Object.assign(box, { shown: key, words: wordsOf(frames) });
    const percent = (count) => `${(100 * count * FRAME) / total}%`;
    box.replaceChildren(...box.words.map((word, at) => el("button", { type: "button", class: "mp-said-word", title: word.word,
      "aria-label": word.word, style: `left:${percent(word.start)};width:${percent(word.end - word.start)}`,
      onclick: (event) => {
        event.stopPropagation();
        onclick(at, word, event.currentTarget);
      } }, word.letters.map(([letter, count]) => el("span", { style: `flex:${count}` }, letter)))));
  }
  [...box.children].forEach((button, at) => button.setAttribute("aria-pressed", at === chosen));
}

// Lights up the word that is heard, as long as `sound` plays what `button` stands for.
export function followWords(sound, button, box, rate) {
  const step = () => {
    const now = sound.playing?.button === button ? wordAt(box.words || [], sound.at(), rate) : null;
    [...box.children].forEach((word, at) => word.classList.toggle("mp-now", at === now));
    if (now !== null && box.isConnected) requestAnimationFrame(step);
  };
  step();
}
