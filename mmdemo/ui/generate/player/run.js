// A run as the page keeps it: lanes of frames, one a step. No page in here: frames in, frames out.
// A message of the server is {run, open?, frames, end?}; `open` starts a new run, `frames` are the new steps only.
import { bytesOf } from "../../shared/base.js";
import { samplesOfPcm } from "../../shared/sound.js";

export const FRAME = 320; // samples of what one symbol of spoken text lasts, 20 ms
export const MODALITIES = ["image", "audio", "text"];

export function openRun({ run, open }) {
  const lanes = open.lanes.map((lane) => ({ ...lane, want: open.want, frames: [] }));
  const { given, want, device, blocks, said, speaks, model, draft, note, film, styles = [], restyles, address } = open;
  // What is said is known before it is heard, and how long it will be: the axis of time stays the same all along.
  for (const lane of lanes) if (said) lane.longest = said.length * FRAME;
  return { id: run, given, want, device, blocks, said, speaks, model, draft: Boolean(draft), note, film, styles, restyles, address,
    max: Math.max(...lanes.map((lane) => lane.steps)), lanes };
}

// Adds the frames of a message; one that came before is not added again.
export function addFrames(run, frames) {
  for (const frame of frames || []) {
    const lane = run.lanes.find((l) => l.key === frame.lane);
    if (!lane || lane.frames.some((f) => f.i === frame.i)) continue;
    if (frame.pending) borrowViews(lane, frame);
    if (frame.block !== undefined) joinNumber(lane, frame);
    lane.frames.push(frame);
  }
}

// The step shown is counted on the longest run; a shorter one beside it keeps pace in proportion.
export const frameAt = (run, lane, step) =>
  Math.min(lane.frames.length, Math.max(1, Math.round((step / run.max) * lane.steps))) - 1;

// Steps that are there, counted as the slider counts them.
export const arrived = (run) =>
  Math.max(0, ...run.lanes.map((lane) => Math.floor((lane.frames.length / lane.steps) * run.max + 1e-6)));

// Pending frames came as latents, because there was no time to decode them during the run. Until the server has decoded
// one, it shows what the step before it shows.
function borrowViews(lane, frame) {
  const before = lane.frames.at(-1);
  frame.distance = { ...before.distance, ...frame.distance };
  for (const m of lane.want) frame[m] = { ...before[m], x: undefined, seen: before[m].x || before[m].seen, ...frame[m] };
}

// What to show of a frame: "x0" or "x", the noisy sample. Where that is not decoded yet, the one before it that was; the
// last step's is the result. A sketch is over before its noise could be seen.
export function viewOf(run, frame, modality, what) {
  const { x, x0, seen } = frame[modality];
  return (what === "x" && !run.draft && (x || (frame.t > 0 && seen))) || x0;
}

// What of a pending frame is to be decoded: not a word that is done, or a picture that is kept in part.
export const pendingIn = (lane, frame) => lane.want.filter((m) => frame[m].clean);

export const countPending = (run) =>
  run.lanes.reduce((count, lane) => count + lane.frames.filter((frame) => frame.pending).length, 0);

// Frames to decode next, the ones nearest to frame `now` first and with the same modalities open: at most `most`.
export function nextPending(lane, now, most) {
  const places = [...lane.frames.keys()].filter((at) => lane.frames[at].pending);
  places.sort((a, b) => Math.abs(a - now) - Math.abs(b - now));
  const frames = places.map((at) => lane.frames[at]);
  const open = frames.length ? String(pendingIn(lane, frames[0])) : "";
  return frames.filter((frame) => String(pendingIn(lane, frame)) === open).slice(0, most);
}

// Frames whose noisy sample is still to be decoded, the ones nearest to frame `now` first.
export const hasNoisy = (lane, at) => lane.want.every((m) => lane.frames[at][m].x);
export function nextNoisy(lane, now, most) {
  const open = [...lane.frames.keys()].filter((at) => !hasNoisy(lane, at));
  return open.sort((a, b) => Math.abs(a - now) - Math.abs(b - now)).slice(0, most);
}

// How many steps, up to this one, a character has stayed as it is: 0..1 (4 steps or more).
export function settled(textOf, at, place, character) {
  let same = 0;
  while (same < 4 && at - same - 1 >= 0 && Array.from(textOf(at - same - 1))[place] === character) same++;
  return same / 4;
}

// ---- sounds ---------------------------------------------------------------------------------------------------

// {rate, pcm, base?} -> Float32Array in [-1, 1], after the sound `base` if there is one; decoded once.
export function samplesOf(sound) {
  if (!sound.samples) {
    const own = samplesOfPcm(sound.pcm), before = sound.base ? samplesOf(sound.base) : new Float32Array();
    sound.samples = new Float32Array(before.length + own.length);
    sound.samples.set(before);
    sound.samples.set(own, before.length);
  }
  return sound.samples;
}

// A number of several digits grows digit by digit. While a digit is at work its sound comes alone ("part"), and is put
// after the recording of the digits before; at the last step of each digit the whole recording comes, decoded in one.
function joinNumber(lane, frame) {
  if (!frame.audio) return;
  frame.before = lane.said || [];
  frame.audio.x0.forEach((sound, i) => continued(frame, sound, i));
  if (!frame.audio.x0[0].part) lane.said = frame.audio.x0;
  lane.longest = Math.max(lane.longest || 0, ...frame.audio.x0.map(lengthOf));
}

export function continued(frame, sound, sample) {
  if (sound.part) sound.base = frame.before[sample];
  return sound;
}

export function lengthOf({ pcm, base }) {
  const bytes = (pcm.length / 4) * 3 - (pcm.endsWith("==") ? 2 : pcm.endsWith("=") ? 1 : 0);
  return bytes / 2 + (base ? lengthOf(base) : 0);
}

// ---- the record -----------------------------------------------------------------------------------------------

// Tokens of the newest step of a run that did not come to its end: {modality: [{model, shape, codes} a sample]}.
export function tokensOf(run, frame) {
  if (!frame) return null;
  const unpack = ({ packed, ...rest }) => ({ ...rest, codes: [...new Uint16Array(bytesOf(packed).buffer)] });
  return Object.fromEntries(run.want.map((m) => [m, frame[m].tokens.map(unpack)]));
}

export const record = (run, link) => ({
  made_with: "mmdemo",
  link,
  runs: run.lanes.map((lane) => ({
    settings: lane.settings,
    steps: lane.frames.map(({ i, t, change, distance, text }) => ({
      step: i, t, change, code_distance: distance, ...(text ? { text: text.x0 } : {}) })),
    tokens: lane.tokens || tokensOf(run, lane.frames.at(-1)),
  })),
});
