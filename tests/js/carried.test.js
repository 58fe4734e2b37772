// What saved files carry: settings go in, and come out of files of any kind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";

import { fitInto } from "../../mmdemo/ui/shared/card.js";
import { flow } from "../../mmdemo/ui/text/card.js";
import { crc32, intoPng, intoWav, searchOf, settingsOf, tabOfTokens } from "../../mmdemo/ui/shared/carried.js";
import { wavOf } from "../../mmdemo/ui/shared/sound.js";
import { planFor, tabFor } from "../../mmdemo/ui/shell/drop.js";

const bytes = (text) => new TextEncoder().encode(text);
const SETTINGS = { link: "http://x/?tab=image&input=abc&levels=3", tab: "image", tokens: btoa("MMT\x02\x11"), note: "七" };

function png() {
  const chunk = (kind, body) => {
    const all = new Uint8Array(12 + body.length), view = new DataView(all.buffer);
    view.setUint32(0, body.length);
    all.set(bytes(kind), 4);
    all.set(body, 8);
    view.setUint32(8 + body.length, crc32(all.subarray(4, 8 + body.length)));
    return [...all];
  };
  return Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10, ...chunk("IHDR", Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])),
    ...chunk("IDAT", deflateSync(Uint8Array.from([0, 255]))), ...chunk("IEND", new Uint8Array())]);
}

test("the checksum of a chunk is that of the standard", () => assert.equal(crc32(bytes("123456789")), 0xcbf43926));

test("settings go into a picture and a sound and come back", () => {
  const picture = intoPng(png(), SETTINGS);
  assert.deepEqual(settingsOf(picture), SETTINGS);
  const at = 8 + 25, view = new DataView(picture.buffer), length = view.getUint32(at); // behind the header
  assert.equal(view.getUint32(at + 8 + length), crc32(picture.subarray(at + 4, at + 8 + length)));
  const wav = intoWav(new Uint8Array(wavOf(new Float32Array(9), 16000)), SETTINGS);
  assert.deepEqual(settingsOf(wav), SETTINGS);
  assert.equal(new DataView(wav.buffer).getUint32(4, true), wav.length - 8);
});

test("a GIF's comment is read over its blocks", () => {
  const comment = bytes(JSON.stringify(SETTINGS)), blocks = [];
  for (let i = 0; i < comment.length; i += 60) blocks.push(Math.min(60, comment.length - i), ...comment.subarray(i, i + 60));
  assert.deepEqual(settingsOf(Uint8Array.from([...bytes("GIF89a"), 0x21, 0xfe, ...blocks, 0, 0x3b])), SETTINGS);
});

test("files of others carry nothing", () => {
  for (const data of [png(), new Uint8Array(), bytes("hello"), bytes("{broken"), bytes('{"link": 3}'), bytes("[1]"),
    new Uint8Array(wavOf(new Float32Array(9), 16000)), intoPng(png(), { link: "x" }).subarray(0, 60)])
    assert.equal(settingsOf(data), null);
});

test("a link is followed only for what it asks of this page", () => {
  assert.equal(searchOf("https://elsewhere.example/a?tab=text&typed=x"), "?tab=text&typed=x");
  assert.equal(searchOf("https://elsewhere.example/?q=1"), null);
  assert.equal(searchOf("javascript:alert(1)"), null);
});

test("tokens go to the tab that made them", () => {
  const named = (modality) => Uint8Array.from([...bytes("MMT"), 2, 1, 3, ...bytes("own"), modality]);
  assert.deepEqual([0x11, 0x21, 0x32].map((b) => tabOfTokens(Uint8Array.from([...bytes("MMT"), 2, b]))), ["image", "audio", "text"]);
  assert.deepEqual([0, 1, 2, 9].map((m) => tabOfTokens(named(m))), ["image", "audio", "text", null]);
  assert.equal(tabOfTokens(png()), null);
});

test("a dropped file is opened by its tokens, where the input itself may be gone", () => {
  assert.deepEqual(planFor(intoPng(png(), SETTINGS)), { tab: "image", tokens: bytes("MMT\x02\x11") });
  const example = { ...SETTINGS, link: "http://x/?tab=image&example=cat" };
  assert.deepEqual(planFor(intoPng(png(), example)), { search: "?tab=image&example=cat" });
  const run = { made_with: "mmdemo", link: "http://x/?run=1", runs: [{ settings: { want: ["image"], seed: 3 } }] };
  assert.deepEqual(planFor(bytes(JSON.stringify(run))), { settings: { want: ["image"], seed: 3 } });
  assert.equal(planFor(png()), null);
  assert.deepEqual(["a.png image/png", "b.flac ", "c.txt text/plain", "d.zip application/zip"].map((f) => {
    const [name, type] = f.split(" ");
    return tabFor({ name, type });
  }), ["image", "audio", "text", null]);
});

test("the words of a card flow into lines, and breaks stay breaks", () => {
  const places = flow([["one", 40], [" ", 10], ["two", 40], ["\n", 0], ["three", 60], ["four", 60]], 100);
  assert.deepEqual(places, [[0, 0], [40, 0], [50, 0], [90, 0], [0, 1], [0, 2]]);
});

test("a picture is fitted into its part of a card", () => {
  assert.deepEqual(fitInto(200, 100, [10, 20, 100, 100]), [10, 45, 100, 50]);
});
