// The Codebook tab: addresses, use, search, the map's zoom, and where a code lives.
import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, asked, numberOf } from "../../mmdemo/ui/codebook/address.js";
import { midmost, placeOf, step } from "../../mmdemo/ui/codebook/lives.js";
import { mostUsed } from "../../mmdemo/ui/codebook/opening.js";
import { found, loudest } from "../../mmdemo/ui/codebook/search.js";
import { countsOf, perplexityOf, ranked, usedShare } from "../../mmdemo/ui/codebook/use.js";
import { MOST, nearestPlace, onMap, panned, seen, towards, WHOLE, zoomed } from "../../mmdemo/ui/codebook/viewport.js";

const MODELS = ["image", "audio", "text"];

test("an address names model, level and code, and comes back", () => {
  const address = addressOf("?lang=zh&seed=3", { model: "audio", level: 2, code: 17 });
  assert.equal(address, "?tab=codebook&model=audio&level=3&code=17&lang=zh");
  assert.deepEqual(asked(address, MODELS), { model: "audio", level: 2, code: 17, given: true, input: undefined, at: null });
  for (const odd of ["?tab=image&model=audio&example=cat&at=1", "?tab=codebook&model=../x&level=-1&code=1e9&at=a,b", ""])
    assert.deepEqual(asked(odd, MODELS), { model: "image", level: 0, code: null, given: false, input: undefined, at: null });
});

test("an address names an example and the place that was chosen in it, counted from 1", () => {
  const address = addressOf("", { model: "image", level: 0, code: 5, source: { example: "cat" }, at: [2, 0] });
  assert.equal(address, "?tab=codebook&model=image&level=1&code=5&example=cat&at=3,1");
  const { input, at } = asked(address, MODELS);
  assert.deepEqual([input, at, numberOf([4, 7], at)], ["example-cat", [2, 0], 14]);
  assert.equal(numberOf([9], [8]), 8);
  for (const [grid, odd] of [[[4, 7], [4, 0]], [[4, 7], [0, 7]], [[4, 7], [3]], [[9], [-1]], [[9], null]]) assert.equal(numberOf(grid, odd), null);
});

test("an input of one's own has an address too", () => {
  for (const source of [{ input: "abcdefgh2345" }, { typed: "a&b = c 七" }]) {
    const address = addressOf("", { model: "text", level: 1, code: 0, source, at: [3] });
    const back = asked(address, MODELS);
    assert.deepEqual([back.input, back.at, back.level], [source, [3], 1]);
  }
});

test("a visit begins with the codes that are used most, the most used last", () => {
  assert.deepEqual(mostUsed([0, 5, 1, 9, 0, 5], 3), [5, 1, 3]);
  assert.deepEqual(mostUsed([0, 0, 2]), [2]);
  assert.deepEqual(mostUsed([]), []);
});

test("of the places of a code the one nearest to the middle is shown first", () => {
  assert.equal(midmost([3, 5], [0, 6, 14]), 6);
  assert.equal(midmost([9], [0, 5, 8]), 5);
  assert.equal(midmost([9], []), null);
});

test("counts and perplexity of a level", () => {
  const codes = [9, 9, 9, 9, 0, 1, 1, 1]; // two levels of four positions
  assert.deepEqual(countsOf(codes, 1, 4, 4), [1, 3, 0, 0]);
  assert.ok(Math.abs(perplexityOf([5, 5, 5, 5]) - 4) < 1e-9);
  assert.equal(perplexityOf([0, 0]), 0);
  assert.equal(usedShare([1, 3, 0, 0]), 0.5);
  assert.deepEqual(ranked([1, 3, 0, 0]), [0.75, 0.25]);
});

test("codes are found by number and by what they spell", () => {
  const texts = ["the ", "othe", "7   ", "THE "];
  assert.equal(found("", 4, texts), null);
  assert.deepEqual(found("the", 4, texts), [0, 3, 1]); // what begins with it comes first
  assert.deepEqual(found("2", 4, texts), [2]);
  assert.deepEqual(found("7", 8, texts), [7, 2]); // a code's number, and one that spells it
  assert.deepEqual(found("3 1", 4), [3, 1]);
  assert.deepEqual(found("9", 4), []);
  assert.deepEqual(found(" ", 4, texts), [0, 2, 3]); // a blank is a letter too
});

test("the loudest moment of a sound", () => {
  const samples = new Float32Array(100);
  samples.fill(1, 60, 70);
  assert.deepEqual([...loudest(samples, 10)], Array(10).fill(1));
  assert.equal(loudest(samples, 200), samples);
});

test("zooming keeps what is pointed at, and ends at both ends", () => {
  const spot = [0.3, -0.4], view = zoomed(WHOLE, 3, spot);
  const before = onMap(WHOLE, spot), after = onMap(view, spot);
  before.forEach((v, i) => assert.ok(Math.abs(v - after[i]) < 1e-9));
  seen(view, after).forEach((v, i) => assert.ok(Math.abs(v - spot[i]) < 1e-9));
  assert.equal(zoomed(WHOLE, 1e6).zoom, MOST);
  assert.equal(zoomed(view, 1e-6).zoom, 1);
  assert.ok(Math.abs(zoomed(view, 1e-6).x) <= 0.05 + 1e-9); // the whole map stays in view
});

test("panning goes along with the pointer and stays on the map", () => {
  const view = panned({ zoom: 4, x: 0, y: 0 }, [0.4, 0]);
  assert.ok(Math.abs(view.x + 0.1) < 1e-9);
  assert.ok(Math.abs(panned({ zoom: 4, x: 0, y: 0 }, [100, 0]).x) < 1);
});

test("the map is walked with arrow keys", () => {
  const places = [[0, 0], [0.5, 0.1], [-0.5, 0], [0, 0.4], [0.9, 0]];
  assert.equal(nearestPlace(places, [0.55, 0]), 1);
  assert.deepEqual(["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"].map((key) => towards(places, 0, key)), [1, 2, 3, 0]);
});

test("a picture's and a sound's places are walked with arrow keys", () => {
  assert.deepEqual(["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"].map((key) => step([3, 4], 0, key)), [1, 4, 0, 0]);
  assert.equal(step([3, 4], 3, "ArrowRight"), 3); // no row ends in the next
  assert.equal(step([5], 4, "ArrowRight"), 4);
  assert.equal(step([5], 2, "ArrowDown"), 2);
  assert.equal(step([5], 2, "x"), null);
  assert.deepEqual(placeOf([3, 4], 7), [1, 3]);
  assert.deepEqual(placeOf([9], 7), [7]);
});
