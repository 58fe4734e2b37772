// Motion that shows what can be done: never where less motion is wanted, and over at the first touch of anything.

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// How many levels of a tab's example were seen while the page started: its opening goes on from there.
export function seenBefore(tab, root = globalThis.document?.documentElement) {
  const [of, seen] = (root?.dataset.mmShown ?? "").split(" ");
  return of === tab ? Number(seen) : 0;
}

const INPUTS = ["pointerdown", "keydown", "wheel", "touchstart", "input", "dragenter"];
class Over extends Error {}

// Runs `scene(run)`; when it ends, or anything is pressed, typed, turned or dropped, `rest(event)` follows: the event
// that ended it, if one did. The result ends it from outside.
export function skippable(scene, rest, target = globalThis.document) {
  let over = false, wake = () => {};
  const ended = new Promise((go) => { wake = go; });
  const running = new Set(), lasts = [];
  const check = () => { if (over) throw new Over(); };

  function end(event) {
    if (over) return;
    over = true;
    for (const name of INPUTS) target.removeEventListener(name, end, true);
    for (const animation of running) animation.cancel();
    for (const last of lasts) last();
    wake();
    rest(event instanceof Event ? event : null);
  }

  // A scene need not wait for all that it starts: what nobody waits for must not be an unhandled rejection.
  const free = (promise) => { promise.catch(() => {}); return promise; };
  const either = async (promise) => { await Promise.race([promise, ended]); check(); };

  const run = {
    wait: (ms) => free(either(new Promise((go) => setTimeout(go, ms)))),
    until: (ready) => free((async () => { while (!ready()) await run.wait(50); check(); })()),
    animate(node, frames, duration) {
      const animation = node.animate(frames, { duration, easing: "cubic-bezier(.4, 0, .2, 1)", fill: "both" });
      running.add(animation);
      return free(either(animation.finished.catch(() => {})));
    },
    last: (clean) => lasts.push(clean),
  };

  for (const name of INPUTS) target.addEventListener(name, end, { capture: true, passive: true });
  const done = scene(run).catch((error) => { if (!(error instanceof Over)) throw error; }).then(() => end());
  return { end: () => end(), done, get over() { return over; } };
}
