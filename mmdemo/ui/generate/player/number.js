// A number of several digits: the strip and the recording grow digit by digit.
// While a digit is at work its sound comes alone ("part"), and is put after the recording of the digits before;
// at the last step of each digit the whole recording comes, decoded in one.

// Note in a frame what it continues, and how long the sounds of the run have become.
function joinNumber(lane, frame) {
  if (!frame.audio) return;
  frame.before = lane.said || [];
  frame.audio.x0.forEach((sound, i) => continued(frame, sound, i));
  if (!frame.audio.x0[0].part) lane.said = frame.audio.x0;
  lane.longest = Math.max(lane.longest || 0, ...frame.audio.x0.map(lengthOf));
}

function continued(frame, sound, sample) {
  if (sound.part) sound.base = frame.before[sample];
  return sound;
}

function lengthOf(sound) {
  const code = sound.mu ?? sound.pcm, bytes = (code.length / 4) * 3 - (code.endsWith("==") ? 2 : code.endsWith("=") ? 1 : 0);
  return (sound.mu ? bytes : bytes / 2) + (sound.base ? lengthOf(sound.base) : 0);
}

// A sound that continues another, as one that needs no other: to be saved.
function alone(sound) {
  const { rate, mu, pcm } = sound;
  if (!sound.part || !sound.base) return mu ? { rate, mu } : { rate, pcm };
  const whole = Int16Array.from(samplesOf(sound), (v) => Math.max(-32768, Math.min(32767, Math.round(v * 32767))));
  const bytes = new Uint8Array(whole.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return { rate, pcm: btoa(text) };
}

// The noisy digit at work in its place in the strip.
async function stripWith(strip, digit, block) {
  const load = async (url) => { const picture = new Image(); picture.src = url; await picture.decode(); return picture; };
  const [whole, part] = await Promise.all([load(strip), load(digit)]);
  const canvas = make("canvas"), ctx = canvas.getContext("2d");
  canvas.width = whole.naturalWidth;
  canvas.height = whole.naturalHeight;
  ctx.drawImage(whole, 0, 0);
  ctx.drawImage(part, block * part.naturalWidth, 0);
  return canvas.toDataURL("image/png");
}

// What the server decoded of the digit at work, as samples of the whole number.
async function placed(frame, modality, samples) {
  if (frame.block === undefined) return samples;
  if (modality === "audio") return samples.map((sound, i) => continued(frame, { ...sound, part: true }, i));
  return Promise.all(samples.map((digit, i) => stripWith(frame.image.x0[i], digit, frame.block)));
}
