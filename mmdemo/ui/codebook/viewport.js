// Zoom and pan of a map: {zoom, x, y}, where (x, y) of the map, in [-1, 1], lies in the middle. Zoom 1 shows it all.
import { clamp } from "../shared/base.js";

export const WHOLE = { zoom: 1, x: 0, y: 0 };
export const MOST = 24;

// Keeps the middle within the map, the nearer to its middle the less it is enlarged.
export function held({ zoom, x, y }) {
  const z = clamp(zoom, 1, MOST), reach = 1.05 - 1 / z;
  return { zoom: z, x: clamp(x, -reach, reach), y: clamp(y, -reach, reach) };
}

// A point of the map in a square of side 2 about (0, 0) that is seen, and back.
export const seen = (view, [x, y]) => [(x - view.x) * view.zoom, (y - view.y) * view.zoom];
export const onMap = (view, [u, v]) => [u / view.zoom + view.x, v / view.zoom + view.y];

// Larger or smaller; what is seen at (u, v) stays there.
export function zoomed(view, factor, [u, v] = [0, 0]) {
  const zoom = clamp(view.zoom * factor, 1, MOST), [x, y] = onMap(view, [u, v]);
  return held({ zoom, x: x - u / zoom, y: y - v / zoom });
}

// Moved along with a pointer that went (du, dv).
export const panned = (view, [du, dv]) => held({ ...view, x: view.x - du / view.zoom, y: view.y - dv / view.zoom });

// The nearest of places to a point.
export function nearestPlace(places, [x, y]) {
  let best = 0, least = Infinity;
  places.forEach(([px, py], i) => {
    const distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance < least) [best, least] = [i, distance];
  });
  return best;
}

// The nearest place in a direction (one of the arrow keys), for walking over a map; itself where there is none.
export function towards(places, from, key) {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
  let best = from, least = Infinity;
  places.forEach(([x, y], i) => {
    const [a, b] = [x - places[from][0], y - places[from][1]];
    const along = a * dx + b * dy, across = Math.abs(a * dy - b * dx);
    if (i === from || along <= 1e-9 || across > along) return;
    const cost = along + 2 * across;
    if (cost < least) [best, least] = [i, cost];
  });
  return best;
}
