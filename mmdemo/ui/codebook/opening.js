// How a visit to the Codebook tab begins: the codes that the input uses most light up one after another, in the sheet,
// on the map and where they live.
import { skippable } from "../shared/motion.js";

const SHOWN = 6, STEP = 450; // codes; milliseconds each

// The codes that are used most, the most used last.
export function mostUsed(counts, many = SHOWN) {
  const used = [...counts.keys()].filter((code) => counts[code]);
  return used.sort((a, b) => counts[b] - counts[a] || a - b).slice(0, many).reverse();
}

// `point(code)`: as if it were pointed at; null for none.
export function openCodes(counts, point) {
  return skippable(async (run) => {
    for (const code of mostUsed(counts)) {
      point(code);
      await run.wait(STEP);
    }
  }, () => point(null));
}
