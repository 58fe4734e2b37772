// The noisy sample x_t: kept as latents, decoded by the server when somebody looks at it, some steps at a time.

// Steps of one request: few while a run needs the processor, so that what is shown comes soon.
const chunk = () => (root.dataset.state === "running" ? 2 : 12);
let fetching = false;

const hasNoisy = (lane, at) => lane.want.every((m) => lane.frames[at][m].x);

// Steps still to be decoded, the ones nearest to the step shown first: [lane, places].
function nextNoisy() {
  for (const lane of run.lanes) {
    const now = frameAt(lane), open = [...lane.frames.keys()].filter((at) => !hasNoisy(lane, at));
    if (open.length) return [lane, open.sort((a, b) => Math.abs(a - now) - Math.abs(b - now)).slice(0, chunk())];
  }
  return null;
}

async function fetchNoisy() {
  if (fetching || !run || view.what !== "x") return;
  const mine = run, next = nextNoisy();
  if (!next) return;
  fetching = true;
  const [lane, places] = next;
  try {
    await Promise.all(lane.want.map(async (m) => {
      const answer = await server.decode_noisy({ modality: m, latents: places.map((at) => lane.frames[at][m].latent) });
      if (answer.error) throw new Error(answer.error);
      for (const [i, at] of places.entries()) lane.frames[at][m].x = await placed(lane.frames[at], m, answer.samples[i]);
    }));
  } catch (error) {
    say(error.message);
    if (run === mine) view.what = "x0";
  }
  fetching = false;
  repaint();
}

// What of a frame to show now: the noisy sample where it is decoded, else the clean one (the stage is dimmed).
const shownOf = (frame, modality) => frame[modality][view.what] || frame[modality].x0;
