// The address names the tab.
import assert from "node:assert/strict";
import { test } from "node:test";

import { inLanguage, queryOf, tabOf } from "../../mmdemo/ui/shell/address.js";

const TABS = ["image", "text", "generate"];

test("an address asks for a tab", () => {
  assert.equal(tabOf("?tab=text", TABS), "text");
  assert.equal(tabOf("?tab=secret", TABS), "image");
  assert.equal(tabOf("", TABS), "image");
  assert.equal(tabOf("?text=seven&run=1", TABS), "generate"); // links of before there were tabs in them
});

test("another tab keeps what belongs to the page", () => {
  assert.equal(queryOf("?tab=generate&seed=3&run=1&lang=zh", "text"), "?tab=text&lang=zh");
});

test("another language keeps everything", () => {
  assert.equal(inLanguage("?tab=generate&edit=image:00ff&run=1", "zh"), "?tab=generate&edit=image:00ff&run=1&lang=zh");
  assert.equal(inLanguage("?lang=zh&tab=text", "en"), "?tab=text&lang=en");
  assert.equal(inLanguage("", "en"), "?lang=en");
});
