// Saving a run: the frames go back to the server only to be written as a file; nothing is kept there.

function download(name, blob) {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const say = (text) => {
  const box = root.querySelector(".mp-said");
  box.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { box.textContent = ""; }, 6000);
};

const record = () => ({
  made_with: "mmdemo",
  link: location.href,
  runs: run.lanes.map((lane) => ({
    settings: lane.settings,
    steps: lane.frames.map(({ i, t, change, distance, text }) => ({ step: i, t, change, code_distance: distance, ...(text ? { text: text.x0 } : {}) })),
    tokens: lane.tokens || tokensOf(lane.frames.at(-1)),
  })),
});

// Tokens of the newest step of a run that did not come to its end: {modality: [{model, shape, codes} a sample]}.
function tokensOf(frame) {
  if (!frame) return null;
  const unpack = ({ packed, ...rest }) => ({ ...rest, codes: [...new Uint16Array(bytesOf(packed).buffer)] });
  return Object.fromEntries(run.want.map((m) => [m, frame[m].tokens.map(unpack)]));
}

// What of the run a kind of file is made of: pictures of every step and shown sample, or the sounds of one.
function parts(kind) {
  const shown = run.lanes.filter((lane) => lane.frames.length);
  const samples = view.layout === "one" ? [view.sample] : [...Array(run.lanes[0].n).keys()];
  if (kind === "png") return { frames: [shown.flatMap((lane) => samples.map((s) => shownOf(lane.frames[frameAt(lane)], "image")[s]))] };
  if (kind === "webp" || kind === "gif") {
    const steps = [...Array(arrived()).keys()].map((at) => at + 1);
    return { frames: steps.map((step) => shown.flatMap((lane) => samples.map((s) => shownOf(lane.frames[frameAt(lane, step)], "image")[s]))) };
  }
  const lane = shown[0], one = view.layout === "one" ? view.sample : 0;
  // Of a number, a sound for each digit that is added.
  const all = run.blocks ? lane.frames.filter((f) => !f.audio.x0[0].part) : lane.frames;
  const chosen = kind === "wav" || !all.length ? [lane.frames[frameAt(lane)]] : all;
  return { sounds: chosen.map((f) => alone(shownOf(f, "audio")[one])) };
}

async function save(kind) {
  root.querySelector(".mp-save").open = false;
  const name = `mmdemo-seed${run.lanes[0].settings.seed}`;
  await fillLate(true);
  if (kind === "json") {
    download(`${name}.json`, new Blob([JSON.stringify(record(), null, 1)], { type: "application/json" }));
    return;
  }
  const needs = kind.startsWith("wav") ? "audio" : "image";
  if (!run.want.includes(needs)) { say(needs === "audio" ? L.no_sound : L.no_picture); return; }
  say(L.saving);
  try {
    const settings = JSON.stringify({ link: location.href, ...run.lanes[0].settings });
    const file = await server.save_trajectory({ kind, settings, columns: run.blocks ? 1 : run.lanes.length > 1 ? run.lanes[0].n : 0, ...parts(kind) });
    if (file.error) { say(file.error); return; }
    download(`${name}.${file.suffix}`, new Blob([bytesOf(file.data)], { type: file.mime }));
    say("");
  } catch { say(L.save_failed); }
}

async function copyLink() {
  try { await navigator.clipboard.writeText(location.href); say(L.copied); }
  catch { window.prompt(L.copy_link, location.href); }
}
