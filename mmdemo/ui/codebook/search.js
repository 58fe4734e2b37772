// Finding codes: by number, by what they spell, and by a picture or a sound of one's own.
import { base64Of } from "../shared/base.js";
import { pcmOf } from "../shared/sound.js";

export const PATCH = 40, CLIP = 4800; // pixels a side, samples at 16 kHz: what the server takes

// Codes for what was typed: null for nothing typed, [] where nothing fits.
export function found(query, count, texts = null) {
  const typed = query.trim();
  if (!query) return null;
  const numbers = typed.split(/[\s,;]+/).filter(Boolean);
  const byNumber = numbers.length && numbers.every((n) => /^\d+$/.test(n) && Number(n) < count) ? numbers.map(Number) : [];
  if (!texts) return typed ? [...new Set(byNumber)] : null;
  const wanted = query.toLowerCase();
  const spelt = texts.flatMap((text, code) => (text.toLowerCase().includes(wanted) ? [code] : []));
  const begin = spelt.filter((code) => texts[code].toLowerCase().startsWith(wanted));
  return [...new Set([...byNumber, ...begin, ...spelt])];
}

// The loudest stretch of samples.
export function loudest(samples, length) {
  if (samples.length <= length) return samples;
  let sum = 0, most = -1, best = 0;
  for (let i = 0; i < samples.length; i++) {
    sum += samples[i] ** 2 - (i >= length ? samples[i - length] ** 2 : 0);
    if (i >= length - 1 && sum > most) [most, best] = [sum, i - length + 1];
  }
  return samples.subarray(best, best + length);
}

// A picture file -> base64 of the pixels of its middle; the smaller side becomes PATCH.
export async function patchOf(file) {
  const image = await createImageBitmap(file);
  const edge = Math.min(image.width, image.height);
  const canvas = new OffscreenCanvas(PATCH, PATCH), context = canvas.getContext("2d");
  context.drawImage(image, (image.width - edge) / 2, (image.height - edge) / 2, edge, edge, 0, 0, PATCH, PATCH);
  const { data } = context.getImageData(0, 0, PATCH, PATCH);
  return base64Of(data.filter((_, i) => i % 4 < 3));
}

// A sound file -> base64 of its loudest moment, 16-bit at 16 kHz.
export async function clipOf(file) {
  const context = new OfflineAudioContext(1, 1, 16000);
  const sound = await context.decodeAudioData(await file.arrayBuffer());
  return base64Of(new Uint8Array(pcmOf(loudest(sound.getChannelData(0), CLIP)).buffer));
}
