// Motion ends by itself, or at the first touch.
import assert from "node:assert/strict";
import { test } from "node:test";

import { seenBefore, skippable } from "../../mmdemo/ui/shared/motion.js";

test("a scene runs to its end, then things are at rest", async () => {
  const seen = [];
  await skippable(async (run) => {
    await run.wait(1);
    seen.push("scene");
    run.last(() => seen.push("clean"));
  }, (event) => seen.push(event), new EventTarget()).done;
  assert.deepEqual(seen, ["scene", "clean", null]);
});

test("any input ends it at once, and it does not go on", async () => {
  const target = new EventTarget(), seen = [];
  const scene = skippable(async (run) => {
    await run.wait(60000);
    seen.push("too late");
  }, (event) => seen.push(event.type), target);
  target.dispatchEvent(new Event("keydown"));
  target.dispatchEvent(new Event("pointerdown"));
  await scene.done;
  assert.deepEqual(seen, ["keydown"]);
  assert.ok(scene.over);
});

test("what is awaited may never come", async () => {
  const scene = skippable(async (run) => run.until(() => false), () => {}, new EventTarget());
  scene.end();
  await scene.done;
  assert.ok(scene.over);
});

test("what a scene starts and does not wait for fails nothing", async () => {
  const target = new EventTarget();
  const scene = skippable(async (run) => {
    run.wait(60000);
    run.until(() => false);
    await run.wait(60000);
  }, () => {}, target);
  target.dispatchEvent(new Event("keydown"));
  await scene.done;
  await new Promise((go) => setTimeout(go, 60)); // an unhandled rejection would fail this test
  assert.ok(scene.over);
});

test("an opening goes on from what was seen of its own tab", () => {
  const root = { dataset: { mmShown: "audio 6" } };
  assert.deepEqual([seenBefore("text", root), seenBefore("audio", root), seenBefore("text", { dataset: {} })], [0, 6, 0]);
});
