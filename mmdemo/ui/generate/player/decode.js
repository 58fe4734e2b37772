// What the server decodes for the player on demand: frames that came as latents, and noisy samples somebody looks at.
import { el } from "../../shared/base.js";
import { continued, frameAt, nextNoisy, nextPending, pendingIn } from "./run.js";

// `player`: {run, view, server, repaint(), tell(text), busy()}, where busy() says whether a run needs the processor.
export function makeDecoder(player) {
  let fetching = false;
  let filling = null;
  let everything = false; // during a run too: somebody is saving it, and wants every step so far

  // ---- pending frames: after the run, or when somebody looks at one during it ---------------------------------

  function nextBatch() {
    const { run, view } = player;
    if (run.cannotFill) return null;
    const sparing = player.busy() && !everything;
    for (const lane of run.lanes) {
      const now = frameAt(run, lane, view.step);
      if (sparing && (view.follow || !lane.frames[now]?.pending)) continue;
      const frames = nextPending(lane, now, sparing ? 1 : 8);
      if (frames.length) return [lane, frames];
    }
    return null;
  }

  // Decodes what is pending; resolves when nothing is left to decode now.
  function fillPending(all = false) {
    everything ||= all;
    filling ??= fill().finally(() => {
      filling = null;
      everything = false;
    });
    return filling;
  }

  async function fill() {
    const mine = player.run;
    try {
      for (let next; player.run === mine && (next = nextBatch()); player.repaint()) await decodePending(...next);
    } catch (error) {
      mine.cannotFill = true; // not again at every repaint
      player.tell(error.message);
    }
  }

  async function decodePending(lane, frames) {
    const open = pendingIn(lane, frames[0]);
    const latents = Object.fromEntries(open.map((m) => [m, frames.map((frame) => frame[m].clean)]));
    const answer = await player.server.decode_clean({ latents, model: player.run.model });
    if (answer.error) throw new Error(answer.error);
    answer.steps.forEach((step, i) => {
      const frame = frames[i];
      Object.assign(frame.distance, step.distance);
      for (const m of open) Object.assign(frame[m], step[m], { clean: undefined });
      delete frame.pending;
    });
  }

  // ---- noisy samples x_t ----------------------------------------------------------------------------------------

  async function fetchNoisy() {
    const { run, view } = player;
    if (fetching || !run || run.draft || view.what !== "x" || view.follow) return; // the newest step shows what came with it
    const most = player.busy() ? 2 : 12; // few while a run needs the processor, so that what is shown comes soon
    const lane = run.lanes.find((l) => nextNoisy(l, 0, 1).length);
    if (!lane) return;
    fetching = true;
    const places = nextNoisy(lane, frameAt(run, lane, view.step), most);
    try {
      await Promise.all(lane.want.map(async (m) => {
        const latents = places.map((at) => lane.frames[at][m].latent);
        const answer = await player.server.decode_noisy({ modality: m, latents, model: run.model });
        if (answer.error) throw new Error(answer.error);
        for (const [i, at] of places.entries()) lane.frames[at][m].x = await placed(lane.frames[at], m, answer.samples[i]);
      }));
    } catch (error) {
      player.tell(error.message);
      if (player.run === run) view.what = "x0";
    }
    fetching = false;
    player.repaint();
  }

  return { fillPending, fetchNoisy };
}

// What the server decoded of the digit at work, as samples of the whole number.
async function placed(frame, modality, samples) {
  if (frame.block === undefined) return samples;
  if (modality === "audio") return samples.map((sound, i) => continued(frame, { ...sound, part: true }, i));
  return Promise.all(samples.map((digit, i) => stripWith(frame.image.x0[i], digit, frame.block)));
}

// The noisy digit at work in its place in the strip.
async function stripWith(strip, digit, block) {
  const load = async (url) => {
    const picture = new Image();
    picture.src = url;
    await picture.decode();
    return picture;
  };
  const [whole, part] = await Promise.all([load(strip), load(digit)]);
  const canvas = el("canvas", { width: whole.naturalWidth, height: whole.naturalHeight });
  const context = canvas.getContext("2d");
  context.drawImage(whole, 0, 0);
  context.drawImage(part, block * part.naturalWidth, 0);
  return canvas.toDataURL("image/png");
}
