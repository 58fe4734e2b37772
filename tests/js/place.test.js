// A place in a tab, as it stands in the address and in the strip of a visit.
import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, isElsewhere, noted, paramsOf } from "../../mmdemo/ui/shared/place.js";

test("a place becomes an address and comes back", () => {
  const place = { example: "cat", levels: "2", at: "3,4", mode: "" };
  const address = addressOf("?tab=text&lang=zh&__theme=dark&typed=x", "image", place);
  assert.equal(address, "?tab=image&example=cat&levels=2&at=3,4&lang=zh&__theme=dark");
  assert.deepEqual(paramsOf(address), { example: "cat", levels: "2", at: "3,4" });
  assert.deepEqual(paramsOf(addressOf("", "text", { typed: "a&b=c 七" })), { typed: "a&b=c 七" });
});

test("Back leads to another input, not to another level", () => {
  assert.ok(isElsewhere("?tab=image&example=cat&levels=2", "?tab=image&example=coffee&levels=2"));
  assert.ok(!isElsewhere("?tab=image&example=cat&levels=2", "?tab=image&example=cat&levels=3"));
  assert.ok(!isElsewhere("?tab=image", "?tab=image&example=cat")); // the tab has just been opened
  assert.ok(!isElsewhere("?tab=text&typed=a", "?tab=text&typed=ab")); // who types goes nowhere
  assert.ok(isElsewhere("?tab=text&example=emoji", "?tab=text&typed=ab"));
});

test("a visit lists each input once, the newest in front, and what is being typed as one", () => {
  const entry = (place) => ({ place, title: "" });
  let all = noted([], entry({ example: "cat", levels: "2" }));
  all = noted(all, entry({ example: "coffee", levels: "2" }));
  all = noted(all, entry({ example: "cat", levels: "5" }));
  assert.deepEqual(all.map((e) => e.place), [{ example: "cat", levels: "5" }, { example: "coffee", levels: "2" }]);
  for (const typed of ["h", "he", "hey"]) all = noted(all, entry({ typed }));
  assert.deepEqual(all.map((e) => e.place.typed), ["hey", undefined, undefined]);
  assert.equal(noted(all, entry({})), all); // no address leads back to it
  for (let i = 0; i < 60; i++) all = noted(all, entry({ input: String(i) }));
  assert.equal(all.length, 24);
});
