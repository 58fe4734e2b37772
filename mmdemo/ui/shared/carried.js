// What our files carry with them: the settings that made them, read back when one is dropped on the page.
// PNG: a text chunk; WAV: the comment in its list of information; GIF: its comment; JSON: itself; .mmt is its own.

const text = (bytes) => new TextDecoder().decode(bytes);
const bytes = (string) => new TextEncoder().encode(string);
const ascii = (data, from, to) => String.fromCharCode(...data.subarray(from, to));
const PNG = [137, 80, 78, 71, 13, 10, 26, 10];

// What a file saved from a tab of a codec carries: where it was made, and its tokens (an .mmt file in base64), if any.
export const carriedBy = (tab, link, tokens) => ({ link, made_with: "mmdemo", tab, ...(tokens ? { tokens } : {}) });

let table = null;
export function crc32(data) {
  table ||= Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n;
  });
  let crc = ~0;
  for (const byte of data) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// A PNG with the settings in a text chunk of its own, before the others.
export function intoPng(png, settings) {
  const body = new Uint8Array([...bytes("iTXtDescription"), 0, 0, 0, 0, 0, ...bytes(JSON.stringify(settings))]);
  const chunk = new Uint8Array(body.length + 8), view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4);
  chunk.set(body, 4);
  view.setUint32(body.length + 4, crc32(body));
  const after = 8 + 12 + new DataView(png.buffer, png.byteOffset).getUint32(8); // behind the header
  const whole = new Uint8Array(png.length + chunk.length);
  whole.set(png.subarray(0, after));
  whole.set(chunk, after);
  whole.set(png.subarray(after), after + chunk.length);
  return whole;
}

// A WAV with the settings as its comment, at the end.
export function intoWav(wav, settings) {
  const comment = bytes(JSON.stringify(settings)), even = comment.length + 1 + ((comment.length + 1) % 2);
  const list = new Uint8Array(8 + 4 + 8 + even), view = new DataView(list.buffer);
  list.set(bytes("LIST"), 0);
  view.setUint32(4, list.length - 8, true);
  list.set(bytes("INFOICMT"), 8);
  view.setUint32(16, comment.length + 1, true);
  list.set(comment, 20);
  const whole = new Uint8Array(wav.length + list.length);
  whole.set(wav);
  whole.set(list, wav.length);
  new DataView(whole.buffer).setUint32(4, whole.length - 8, true);
  return whole;
}

function ofPng(data) {
  const view = new DataView(data.buffer, data.byteOffset);
  for (let at = 8; at + 8 <= data.length;) {
    const length = view.getUint32(at), kind = ascii(data, at + 4, at + 8), end = at + 8 + length;
    if (end > data.length || kind === "IDAT") return null;
    const body = data.subarray(at + 8, end);
    if (kind === "iTXt" && ascii(body, 0, 12) === "Description\0" && !body[12]) {
      const language = body.indexOf(0, 14), word = body.indexOf(0, language + 1);
      return text(body.subarray(word + 1));
    }
    if (kind === "tEXt" && ascii(body, 0, 12) === "Description\0") return text(body.subarray(12));
    at = end + 4;
  }
  return null;
}

function ofWav(data) {
  const view = new DataView(data.buffer, data.byteOffset);
  const find = (from, to, wanted) => {
    for (let at = from; at + 8 <= to;) {
      const length = view.getUint32(at + 4, true);
      const body = data.subarray(at + 8, Math.min(to, at + 8 + length)), kind = ascii(data, at, at + 4);
      if (kind === wanted && (kind !== "LIST" || ascii(body, 0, 4) === "INFO")) return [at + 8, body];
      at += 8 + length + (length % 2);
    }
    return null;
  };
  const list = find(12, data.length, "LIST");
  const comment = list && find(list[0] + 4, list[0] + list[1].length, "ICMT");
  return comment && text(comment[1]).replace(/\0+$/, "");
}

function ofGif(data) {
  for (let at = 0; at + 2 < data.length; at++) {
    if (data[at] !== 0x21 || data[at + 1] !== 0xfe) continue;
    const parts = [];
    for (let from = at + 2; data[from] && from < data.length; from += data[from] + 1)
      parts.push(...data.subarray(from + 1, from + 1 + data[from]));
    const comment = text(Uint8Array.from(parts));
    if (comment.startsWith("{")) return comment;
  }
  return null;
}

// WebP keeps them in EXIF, where they stand as one line of JSON.
function ofWebp(data) {
  const all = text(data), at = all.lastIndexOf('{"link"');
  if (at < 0) return null;
  const end = all.indexOf("\0", at);
  return all.slice(at, end < 0 ? undefined : end).replace(/[^}]*$/, "");
}

// The settings in a file (Uint8Array) of ours; null for any other file.
export function settingsOf(data) {
  try {
    let found = null;
    if (PNG.every((byte, i) => data[i] === byte)) found = ofPng(data);
    else if (ascii(data, 0, 4) === "RIFF" && ascii(data, 8, 12) === "WAVE") found = ofWav(data);
    else if (ascii(data, 0, 4) === "RIFF" && ascii(data, 8, 12) === "WEBP") found = ofWebp(data);
    else if (ascii(data, 0, 3) === "GIF") found = ofGif(data);
    else if (data[0] === 123) found = text(data);
    const settings = found && JSON.parse(found);
    return settings && typeof settings === "object" && typeof (settings.link ?? settings.address) === "string" ? settings : null;
  } catch {
    return null;
  }
}

// The part of a link that says what to open, if there is one: of the page's own parameters only.
export function searchOf(link) {
  try {
    const { search } = new URL(link, "http://page/");
    return new URLSearchParams(search).has("tab") || new URLSearchParams(search).has("run") ? search : null;
  } catch {
    return null;
  }
}

// Which tab opens an .mmt file, by its header (`mmdemo/tokens/header.py`); null for other files.
export function tabOfTokens(data) {
  if (ascii(data, 0, 3) !== "MMT") return null;
  const model = data[4] >> 4; // of the shipped ones; 0: a length and a name follow, then the number of the modality
  return (model ? ["image", "audio", "text"][model - 1] : ["image", "audio", "text"][data[6 + data[5]]]) || null;
}
