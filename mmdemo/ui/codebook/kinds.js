// What this tab's page needs of each modality, as `kinds.py` is what its server needs. Another modality is another entry:
//   heard                  its codes are sounds: heard when they are chosen, and played by dragging over the map
//   search                 {word, accept, read(file)} of a file to find codes like it; null where there is no such search
//   face(input, stage)     an input, drawn (`lives.js`)
//   place(say, at, input)  a place in words
//   piece(example)         {class, parts, samples} of the button of an example of a code; `samples()` is what it plays,
//                          without it the example is opened
// Its words are those of `codebook` in strings.toml that end in its name.
import { el, visible } from "../shared/base.js";
import { samplesOfPcm } from "../shared/sound.js";
import { pictureFace } from "./lives_picture.js";
import { soundFace } from "./lives_sound.js";
import { CONTINUED, textFace } from "./lives_text.js";
import { clipOf, patchOf } from "./search.js";

export const RATE = 16000; // samples a second, of all sounds here

const KINDS = {
  image: {
    heard: false,
    search: { word: "drop_patch", accept: "image/*", read: patchOf },
    face: pictureFace,
    place: (say, [row, column]) => say("place_image", { row: row + 1, column: column + 1 }),
    piece: ({ picture }) => ({ class: "mm-top", parts: [el("img", { src: picture, alt: "" }), el("i")] }),
  },
  audio: {
    heard: true,
    search: { word: "drop_clip", accept: "audio/*", read: clipOf },
    face: soundFace,
    place: (say, [at], { stride }) => say("place_audio", { time: ((at * stride) / RATE).toFixed(2) }),
    piece: ({ name, time, pcm }) =>
      ({ class: "mm-button mm-top-sound", parts: [`▶ ${name} · ${time.toFixed(1)} s`], samples: () => samplesOfPcm(pcm) }),
  },
  text: {
    heard: false,
    search: null,
    face: textFace,
    place: (say, [at], { spans }) => say("place_text", { n: at + 1, says: visible(spans[at]) || CONTINUED }),
    piece: ({ text: [before, middle, after] }) =>
      ({ class: "mm-top mm-top-text", parts: [visible(before), el("mark", {}, visible(middle)), visible(after)] }),
  },
};

export function kindOf(modality) {
  if (!Object.hasOwn(KINDS, modality)) throw new Error(`There is no modality ${modality} in kinds.js.`);
  return KINDS[modality];
}
