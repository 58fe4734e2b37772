// The modalities of the Codebook tab: each has all that the tab asks for, and nothing else there asks for a name.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { kindOf, RATE } from "../../mmdemo/ui/codebook/kinds.js";
import { soundFace } from "../../mmdemo/ui/codebook/lives_sound.js";
import { base64Of } from "../../mmdemo/ui/shared/base.js";
import { openPage } from "./page.js";

const TAB = new URL("../../mmdemo/ui/codebook/", import.meta.url);
const say = (word, values) => `${word} ${JSON.stringify(values)}`;
const pcm = (...samples) => base64Of(new Uint8Array(Int16Array.from(samples).buffer));

test("each modality has an entry that is whole, and another is refused by name", () => {
  for (const name of ["image", "audio", "text"]) {
    const kind = kindOf(name);
    assert.deepEqual(Object.keys(kind), ["heard", "search", "face", "place", "piece"]);
    for (const part of ["face", "place", "piece"]) assert.equal(typeof kind[part], "function");
  }
  for (const name of ["series", "constructor", undefined]) assert.throws(() => kindOf(name), new RegExp(`no modality ${name}`));
});

test("only sounds are heard, and files are taken of what can be searched for", () => {
  const names = ["image", "audio", "text"];
  assert.deepEqual(names.map((name) => kindOf(name).heard), [false, true, false]);
  assert.deepEqual(names.map((name) => kindOf(name).search?.accept), ["image/*", "audio/*", undefined]);
});

test("a place in words counts from one, in the modality's own unit", () => {
  assert.equal(kindOf("image").place(say, [0, 4], {}), 'place_image {"row":1,"column":5}');
  assert.equal(kindOf("audio").place(say, [75], { stride: 320 }), 'place_audio {"time":"1.50"}');
  assert.equal(kindOf("text").place(say, [1], { spans: ["a", "b\n"] }), 'place_text {"n":2,"says":"b↵"}');
  assert.equal(kindOf("text").place(say, [1], { spans: ["漢", ""] }), 'place_text {"n":2,"says":"▹"}'); // goes on
});

test("an example of a sound plays, and says where it is from", () => {
  const piece = kindOf("audio").piece({ name: "Melody", time: 2.04, pcm: pcm(32767, 0, -32767) });
  assert.deepEqual(piece.parts, ["▶ Melody · 2.0 s"]);
  assert.deepEqual([...piece.samples()], [1, 0, -1]);
});

test("an example of a picture or a text opens, with its place in its middle", () => {
  openPage();
  const picture = kindOf("image").piece({ picture: "data:," });
  assert.deepEqual(picture.parts.map((part) => part.tagName), ["IMG", "I"]);
  assert.equal(picture.parts[0].getAttribute("src"), "data:,");
  const [before, middle, after] = kindOf("text").piece({ text: ["a\n", "b", "c"] }).parts;
  assert.deepEqual([before, middle.tagName, middle.children, after], ["a↵", "MARK", ["b"], "c"]);
  assert.deepEqual([picture.samples, kindOf("text").piece({ text: ["", "b", ""] }).samples], [undefined, undefined]);
});

test("a sound is heard about the position that was pointed at", () => {
  const samples = Array.from({ length: 100 }, (_, i) => i), canvas = { getBoundingClientRect: () => ({ left: 10, width: 200 }) };
  const face = soundFace({ pcm: pcm(...samples), grid: [10], stride: 10 }, { canvas });
  assert.equal(face.element, canvas);
  assert.deepEqual([10, 29, 30, 209, 999].map((clientX) => face.positionAt({ clientX })), [0, 0, 1, 9, 9]);
  const heard = (...about) => [...face.sound(...about)].map((value) => Math.round(value * 32767));
  assert.deepEqual(heard(5, 1), samples.slice(40, 70));
  assert.deepEqual([heard(0).length, heard(9).length], [40, 40]); // as far as there is sound
  assert.equal(RATE, 16000);
});

test("no other module of the tab asks for a modality by name", () => {
  for (const file of readdirSync(TAB).filter((name) => name.endsWith(".js") && name !== "kinds.js"))
    assert.doesNotMatch(readFileSync(new URL(file, TAB), "utf8"), /[!=]==? ?"(image|audio|text)"/, file);
});
