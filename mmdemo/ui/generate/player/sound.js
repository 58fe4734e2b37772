// Sound in the player: decoding what the server sends, the picture of a sound, and playing it.

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// G.711 mu-law, 8 bits a sample: half the bytes of PCM, its error well below what a step changes.
const MU_LAW = Float32Array.from({ length: 256 }, (_, code) => {
  const u = ~code & 0xff;
  const magnitude = ((((u & 0x0f) << 3) + 0x84) << ((u & 0x70) >> 4)) - 0x84;
  return (u & 0x80 ? -magnitude : magnitude) / 32768;
});

// {rate, mu | pcm: base64, base?} -> Float32Array in [-1, 1], after the sound `base` if there is one; decoded once
// and kept beside the message.
function samplesOf(sound) {
  if (!sound.samples) {
    const bytes = bytesOf(sound.mu ?? sound.pcm);
    const whole = sound.mu ? bytes : new Int16Array(bytes.buffer), samples = new Float32Array(whole.length);
    for (let i = 0; i < samples.length; i++) samples[i] = sound.mu ? MU_LAW[whole[i]] : whole[i] / 32768;
    sound.samples = samples;
    if (sound.base) {
      const before = samplesOf(sound.base);
      sound.samples = new Float32Array(before.length + samples.length);
      sound.samples.set(before);
      sound.samples.set(samples, before.length);
    }
  }
  return sound.samples;
}

const FFT_SIZE = 256;
const BINS = 80; // of FFT_SIZE / 2: up to 5 kHz at 16 kHz, where the speech of the model ends
const HANN = Float32Array.from({ length: FFT_SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT_SIZE));

// In-place radix-2 FFT of FFT_SIZE points.
function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) { [re[i], re[j]] = [re[j], re[i]]; [im[i], im[j]] = [im[j], im[i]]; }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = (-2 * Math.PI) / size;
    for (let k = 0; k < size / 2; k++) {
      const c = Math.cos(angle * k), s = Math.sin(angle * k);
      for (let i = k; i < n; i += size) {
        const j = i + size / 2;
        const xr = re[j] * c - im[j] * s, xi = re[j] * s + im[j] * c;
        re[j] = re[i] - xr; im[j] = im[i] - xi;
        re[i] += xr; im[i] += xi;
      }
    }
  }
}

// Levels 0..1 (-85..-20 dB of full scale, the same for every step) as rows of BINS bins.
function spectrogram(samples, columns) {
  const rows = [];
  const hop = Math.max(1, (samples.length - FFT_SIZE) / Math.max(1, columns - 1));
  const re = new Float32Array(FFT_SIZE), im = new Float32Array(FFT_SIZE);
  for (let c = 0; c < columns; c++) {
    const from = Math.round(c * hop);
    for (let i = 0; i < FFT_SIZE; i++) re[i] = (samples[from + i] || 0) * HANN[i];
    im.fill(0);
    fft(re, im);
    rows.push(Float32Array.from({ length: BINS }, (_, k) => {
      const power = (re[k] * re[k] + im[k] * im[k]) / (FFT_SIZE * FFT_SIZE / 16);
      return Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-12) + 85) / 65));
    }));
  }
  return rows;
}

// Waveform above (compressed, so that soft speech is seen beside loud), spectrogram (0 Hz at the bottom) below.
// `total`: samples that the whole width stands for.
function drawSound(canvas, samples, total = samples.length) {
  const [ctx, whole, height] = fitted(canvas), width = Math.round((whole * samples.length) / Math.max(1, total));
  const ink = getComputedStyle(root).getPropertyValue("--mm-accent").trim();
  const middle = height * 0.2, per = samples.length / width;
  ctx.clearRect(0, 0, whole, height);
  ctx.fillStyle = ink;
  ctx.beginPath();
  for (let x = 0; x < width; x++) {
    let low = 0, high = 0;
    for (let i = Math.floor(x * per); i < (x + 1) * per; i++) {
      if (samples[i] < low) low = samples[i];
      if (samples[i] > high) high = samples[i];
    }
    const top = middle * (1 - Math.min(1, high) ** 0.6), bottom = middle * (1 + Math.min(1, -low) ** 0.6);
    ctx.rect(x, top, 1, Math.max(1, bottom - top));
  }
  ctx.fill();
  ctx.drawImage(spectrogramSheet(samples, Math.min(samples.length > 32000 ? 480 : 160, Math.max(40, Math.round(width / 2))), ink), 0, height * 0.42, width, height * 0.58);
}

// The spectrogram as a small picture, kept beside the samples: scrubbing comes back to the same steps.
const sheets = new WeakMap();
function spectrogramSheet(samples, columns, ink) {
  const kept = sheets.get(samples);
  if (kept && kept.columns === columns && kept.ink === ink) return kept.sheet;
  const rows = spectrogram(samples, columns), bins = BINS;
  const sheet = new OffscreenCanvas(columns, bins), paint = sheet.getContext("2d");
  const image = paint.createImageData(columns, bins), [r, g, b] = rgbOf(ink);
  for (let x = 0; x < columns; x++)
    for (let k = 0; k < bins; k++) {
      const at = 4 * ((bins - 1 - k) * columns + x);
      image.data[at] = r; image.data[at + 1] = g; image.data[at + 2] = b;
      image.data[at + 3] = 255 * rows[x][k] ** 1.3;
    }
  paint.putImageData(image, 0, 0);
  sheets.set(samples, { sheet, columns, ink });
  return sheet;
}

let audio = null;
let playing = null;

function silence() {
  if (!playing) return;
  playing.node.onended = null;
  playing.node.stop();
  playing.button.classList.remove("mp-sounding");
  playing = null;
}

// Play one sound; its button shows a moving playhead for as long as it lasts, over its part of `total` samples.
function playSound(sound, button, total = 0) {
  const again = playing && playing.button === button;
  silence();
  if (again) return;
  audio = audio || new AudioContext();
  audio.resume();
  const samples = samplesOf(sound);
  const buffer = audio.createBuffer(1, samples.length, sound.rate);
  buffer.copyToChannel(samples, 0);
  const node = audio.createBufferSource();
  node.buffer = buffer;
  node.connect(audio.destination);
  node.onended = silence;
  node.start();
  button.style.setProperty("--seconds", `${samples.length / sound.rate}s`);
  button.style.setProperty("--far", `${total ? (100 * samples.length) / total : 100}%`);
  void button.offsetWidth; // restarts the playhead's animation
  button.classList.add("mp-sounding");
  playing = { node, button };
}
