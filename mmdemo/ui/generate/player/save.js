// Saving a run: the frames go back to the server only to be written as a file; nothing is kept there.
import { base64Of, bytesOf, saveBlob } from "../../shared/base.js";
import { makeCard } from "../../shared/card.js";
import { pcmOf } from "../../shared/sound.js";
import { arrived, frameAt, record, samplesOf } from "./run.js";

// A sound that continues another, as one that needs no other.
function alone(sound) {
  const { rate, pcm } = sound;
  if (!sound.part || !sound.base) return { rate, pcm };
  return { rate, pcm: base64Of(new Uint8Array(pcmOf(samplesOf(sound)).buffer)) };
}

// What of the run a kind of file is made of: pictures of every step and shown sample, or the sounds of one.
// `shownOf(frame, modality)`: its samples as they are shown, noisy or clean.
export function parts(kind, run, view, shownOf) {
  const lanes = run.lanes.filter((lane) => lane.frames.length);
  const samples = view.layout === "one" ? [view.sample] : [...Array(run.lanes[0].n).keys()];
  const at = (lane, step = view.step) => lane.frames[frameAt(run, lane, step)];
  const pictures = (step) => lanes.flatMap((lane) => samples.map((s) => shownOf(at(lane, step), "image")[s]));
  if (kind === "film") return { kind: "webp", frames: [...Array(lanes[0].n).keys()].map((s) => [shownOf(at(lanes[0]), "image")[s]]) };
  if (kind === "png") return { frames: [pictures()] };
  if (kind === "webp" || kind === "gif") return { frames: [...Array(arrived(run)).keys()].map((i) => pictures(i + 1)) };
  const lane = lanes[0], one = view.layout === "one" ? view.sample : 0;
  // Of a number, a sound for each digit that is added.
  const all = run.blocks ? lane.frames.filter((frame) => !frame.audio.x0[0].part) : lane.frames;
  const chosen = kind === "wav" || !all.length ? [at(lane)] : all;
  return { sounds: chosen.map((frame) => alone(shownOf(frame, "audio")[one])) };
}

// What a card shows of a run: the picture at its first, its middle and its last step, and the sound as it is drawn.
// `drawn`: the canvas of the sound, or null.
export function faces(run, sample, say, drawn = null) {
  const [lane] = run.lanes, last = lane.frames.length - 1, steps = [...new Set([0, Math.floor(last / 2), last])];
  const pictures = run.want.includes("image") ? steps.map((at) => [lane.frames[at].image.x0[sample], `${say("step")} ${at + 1}`]) : [];
  const { text, mix, seed } = lane.settings, made = run.want.includes("text") ? lane.frames[last].text.x0[sample] : "";
  const said = [[text, mix].filter(Boolean).join(" + "), made, `${say("step")} ${last + 1} / ${lane.steps}`, `${say("seed")} ${seed}`];
  return { pictures: drawn ? [...pictures, [drawn, say("audio")]] : pictures, line: said.filter(Boolean).join(" · ") };
}

// Writes a file of one kind: "json", "card", or one that the server writes.
export async function save(kind, player, shownOf) {
  const { run, view, say, tell } = player;
  const { settings } = run.lanes[0], name = `mmdemo-seed${settings.seed}`;
  if (kind === "json") {
    const text = JSON.stringify(record(run, location.href), null, 1);
    return saveBlob(new Blob([text], { type: "application/json" }), `${name}.json`);
  }
  if (kind === "card") {
    const sample = view.layout === "one" ? view.sample : 0;
    const drawn = player.root.querySelector(`.mp-card[data-lane="${run.lanes[0].key}"][data-sample="${sample}"] .mp-sound canvas`);
    const shown = faces(run, sample, say, drawn);
    if (!shown.pictures.length) return tell(say("no_picture"));
    const png = await makeCard({ ...shown, settings: { link: location.href, ...settings } });
    return saveBlob(new Blob([png], { type: "image/png" }), `${name}-card.png`);
  }
  const needs = kind.startsWith("wav") ? "audio" : "image";
  if (!run.want.includes(needs)) return tell(say(needs === "audio" ? "no_sound" : "no_picture"));
  tell(say("saving"));
  try {
    const columns = run.blocks ? 1 : run.lanes.length > 1 ? run.lanes[0].n : 0;
    const about = JSON.stringify({ link: location.href, ...settings });
    const { side, clear } = kind === "png" ? player.ground() : {};
    const file = await player.server.save_trajectory({ kind, settings: about, columns, side, clear, ...parts(kind, run, view, shownOf) });
    if (file.error) return tell(file.error);
    saveBlob(new Blob([bytesOf(file.data)], { type: file.mime }), `${name}${{ wav_all: "-all", film: "-film" }[kind] || ""}.${file.suffix}`);
    tell("");
  } catch {
    tell(say("save_failed"));
  }
}

export async function copyLink({ say, tell }) {
  try {
    await navigator.clipboard.writeText(location.href);
    tell(say("copied"));
  } catch {
    window.prompt(say("copy_link"), location.href);
  }
}
