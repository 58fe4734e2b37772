// Late steps: there was no time to decode them while the run was under way, so they came as latents. Until the server
// has decoded them they show the step before; that is done after the run, or when somebody looks at one during it.

// A late frame as it came, with what the step before it shows.
function lentViews(lane, frame) {
  const before = lane.frames.at(-1);
  frame.distance = { ...before.distance, ...frame.distance };
  for (const m of lane.want) frame[m] = { ...before[m], x: undefined, ...frame[m] };
}

// What of a late frame is to be decoded: not a word that is done, or a picture that is kept in part.
const openIn = (lane, frame) => lane.want.filter((m) => frame[m].clean);

// Late steps to decode now, the ones nearest to the step shown first: [lane, frames].
function nextLate() {
  if (run.cannotFill) return null;
  const busy = !all && ["running", "waiting"].includes(root.dataset.state);
  for (const lane of run.lanes) {
    const now = frameAt(lane), late = [...lane.frames.keys()].filter((at) => lane.frames[at].late);
    if (!late.length || (busy && (view.follow || !lane.frames[now].late))) continue;
    late.sort((a, b) => Math.abs(a - now) - Math.abs(b - now));
    const frames = late.map((at) => lane.frames[at]), open = String(openIn(lane, frames[0]));
    return [lane, frames.filter((frame) => String(openIn(lane, frame)) === open).slice(0, busy ? 1 : 8)];
  }
  return null;
}

let filling = null;
let all = false; // during a run too: somebody is saving it, and wants every step so far

// Decode what is late; resolves when nothing is left to decode now.
function fillLate(everything = false) {
  all ||= everything;
  filling ??= fill().finally(() => { filling = null; all = false; });
  return filling;
}

async function fill() {
  const mine = run;
  try {
    for (let next; run === mine && (next = nextLate()); repaint()) await decodeLate(...next);
  } catch (error) {
    mine.cannotFill = true; // not again at every repaint
    say(error.message);
  }
}

async function decodeLate(lane, frames) {
  const open = openIn(lane, frames[0]);
  const latents = Object.fromEntries(open.map((m) => [m, frames.map((frame) => frame[m].clean)]));
  const answer = await server.decode_clean({ latents });
  if (answer.error) throw new Error(answer.error);
  answer.steps.forEach((step, i) => {
    const frame = frames[i];
    Object.assign(frame.distance, step.distance);
    for (const m of open) Object.assign(frame[m], step[m], { clean: undefined });
    delete frame.late;
  });
}
