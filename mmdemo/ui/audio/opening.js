// How a visit to the Audio tab begins: the recording is read from left to right, its codes and what they say appear.
import { skippable } from "../shared/motion.js";

const LENGTH = 2600; // milliseconds
const READ = ["mel_reconstruction", "mel_difference", "tokens", "wave_difference"];

// `parts`: of the sound lab.
export function openSound({ canvases, plot }) {
  const line = document.createElement("div");
  line.className = "lab-head lab-reading";
  plot.append(line);
  return skippable(async (run) => {
    run.last(() => line.remove());
    for (const name of READ)
      run.animate(canvases[name], [{ clipPath: "inset(0 100% 0 0)" }, { clipPath: "inset(0 0 0 0)" }], LENGTH);
    await run.animate(line, [{ left: "0%" }, { left: "100%" }], LENGTH);
  }, () => {});
}
