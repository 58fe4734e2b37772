// The place in line follows the messages of the queue.
import assert from "node:assert/strict";
import { test } from "node:test";

import waiting, { Line, Messages, overheard } from "../../mmdemo/ui/serving/waiting.js";

const estimation = (event_id, rank, rank_eta) => ({ msg: "estimation", event_id, rank, rank_eta, queue_size: 9 });

test("what waits for long has a place and a time, which runs down", () => {
  const line = new Line();
  line.take(estimation("a", 2, 10), 0);
  assert.equal(line.last(500), null);
  assert.deepEqual(line.last(1000), { place: 3, seconds: 9 });
  line.take(estimation("a", 0, 3), 5000); // moved up: it has waited since the first message
  assert.deepEqual(line.last(5000), { place: 1, seconds: 3 });
  assert.deepEqual(line.last(60000), { place: 1, seconds: 1 });
});

test("of several, the last one counts; what has begun or ended waits no more", () => {
  const line = new Line();
  line.take(estimation("a", 0, 3), 0);
  line.take(estimation("b", 4, null), 0);
  assert.deepEqual(line.last(1000), { place: 1, seconds: 2 });
  line.take({ msg: "process_starts", event_id: "a" }, 1000);
  assert.deepEqual(line.last(1000), { place: 5, seconds: 1 });
  line.take({ msg: "process_completed", event_id: "b" }, 1000);
  assert.equal(line.last(1000), null);
  line.take(estimation("c", 4, 3), 1000);
  line.take({ msg: "close_stream" }, 1000);
  assert.equal(line.last(9000), null);
});

test("messages come in pieces", () => {
  const taken = [];
  const messages = new Messages((message) => taken.push(message));
  const stream = [
    '{"msg":"estimation","event_id":"七","rank":1,"queue_size":2,"rank_eta":1.5}',
    '{"msg":"heartbeat"}',
    '{"msg":"process_generating","event_id":"ab","output":{"data":["\\"msg\\": \\"close_stream\\""]}}',
    '{"msg":"close_stream","event_id":null}',
  ].map((text) => `data: ${text}\n\n`).join("");
  const bytes = new TextEncoder().encode(stream);
  for (let i = 0; i < bytes.length; i += 7) messages.add(bytes.slice(i, i + 7));
  assert.deepEqual(taken.map(({ msg }) => msg), ["estimation", "process_generating", "close_stream"]);
  assert.equal(taken[0].event_id, "七");
  assert.equal(taken[1].event_id, "ab");
});

test("a stream that breaks off, or is left, is over", async () => {
  let ended = 0;
  const broken = { read: async () => { throw new Error("gone"); }, cancel: async () => {} };
  await assert.rejects(overheard(broken, new Messages(() => {}), () => ended++).getReader().read(), /gone/);
  await overheard(broken, new Messages(() => {}), () => ended++).cancel();
  assert.ok(ended >= 2);
});

test("the page receives what it asked for", async () => {
  const body = 'data: {"msg":"estimation","event_id":"a","rank":0,"queue_size":1,"rank_eta":1}\n\n';
  const asked = [];
  const fetch = async (...request) => {
    asked.push(request);
    return new Response(body, { status: 200 });
  };
  globalThis.window = { fetch };
  waiting({ props: {} });
  const answer = await window.fetch(new Request("http://localhost/gradio_api/queue/data?session_hash=x"));
  assert.equal(await answer.text(), body);
  assert.equal(await (await window.fetch("http://localhost/config")).text(), body);
  assert.equal(asked.length, 2);
  delete globalThis.window;
});
