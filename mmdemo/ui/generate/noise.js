// Pictures, sounds and texts as numbers for the noise panel, and back.

export const RATE = 16000;
const PICTURE = 64, MOST = 3 * RATE;

export function gaussian(count) {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - Math.random())), angle = 2 * Math.PI * Math.random();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

// Scale to zero mean and unit variance, as latents are before noise is added; shown scaled back.
export function standard(kind, raw) {
  const mean = raw.reduce((sum, v) => sum + v, 0) / raw.length;
  const spread = Math.sqrt(raw.reduce((sum, v) => sum + (v - mean) ** 2, 0) / raw.length) || 1;
  return { kind, values: raw.map((v) => (v - mean) / spread), noise: gaussian(raw.length), mean, spread };
}

// The value of a table over t = 0..1.
export const at = (table, t) => table[Math.round(t * (table.length - 1))];

export function showPicture(canvas, values) {
  canvas.width = canvas.height = PICTURE;
  const ctx = canvas.getContext("2d"), image = ctx.createImageData(PICTURE, PICTURE);
  for (let i = 0; i < PICTURE * PICTURE; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 * Math.min(1, Math.max(0, values[3 * i + c]));
    image.data[4 * i + 3] = 255;
  }
  ctx.putImageData(image, 0, 0);
}

export async function pictureOf(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = new OffscreenCanvas(PICTURE, PICTURE), ctx = canvas.getContext("2d");
  const side = Math.min(image.naturalWidth, image.naturalHeight);
  ctx.fillStyle = "#fff";
  ctx.fillRect(0, 0, PICTURE, PICTURE);
  ctx.imageSmoothingQuality = "high";
  ctx.drawImage(image, (image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2, side, side, 0, 0, PICTURE, PICTURE);
  const pixels = ctx.getImageData(0, 0, PICTURE, PICTURE).data;
  return standard("image", Float32Array.from({ length: PICTURE * PICTURE * 3 }, (_, i) => pixels[4 * Math.floor(i / 3) + (i % 3)] / 255));
}

export async function soundOf(file) {
  const decoder = new OfflineAudioContext(1, MOST, RATE);
  const buffer = await decoder.decodeAudioData(await file.arrayBuffer());
  return standard("audio", buffer.getChannelData(0).slice(0, MOST));
}

// The start of a text that fits into `limit` bytes, cut between two characters.
export function fitting(limit, text) {
  const encoder = new TextEncoder();
  let fits = "";
  for (const character of text.trim()) {
    if (encoder.encode(fits + character).length > limit) break;
    fits += character;
  }
  return fits;
}
