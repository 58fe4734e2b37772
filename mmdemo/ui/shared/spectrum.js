// The spectrum of a sound. The lab's mel spectrograms come from the server; the steps of a run come too fast for that.

export const FFT_SIZE = 256;
export const BINS = 80; // of FFT_SIZE / 2: up to 5 kHz at 16 kHz, where the speech of the models ends
const LOW_DB = -85, HIGH_DB = -20; // of full scale, the same for every step
const HANN = Float32Array.from({ length: FFT_SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT_SIZE));

// In-place radix-2 FFT; the length is a power of two.
export function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = (-2 * Math.PI) / size;
    for (let k = 0; k < size / 2; k++) {
      const c = Math.cos(angle * k), s = Math.sin(angle * k);
      for (let i = k; i < n; i += size) {
        const j = i + size / 2;
        const xr = re[j] * c - im[j] * s, xi = re[j] * s + im[j] * c;
        re[j] = re[i] - xr;
        im[j] = im[i] - xi;
        re[i] += xr;
        im[i] += xi;
      }
    }
  }
}

// {levels, bins}: levels 0..255 on a scale of dB, (bins, columns) row by row, low frequencies first.
export function spectrogram(samples, columns) {
  const levels = new Uint8Array(BINS * columns);
  const hop = Math.max(1, (samples.length - FFT_SIZE) / Math.max(1, columns - 1));
  const re = new Float32Array(FFT_SIZE), im = new Float32Array(FFT_SIZE);
  for (let column = 0; column < columns; column++) {
    const from = Math.round(column * hop);
    for (let i = 0; i < FFT_SIZE; i++) re[i] = (samples[from + i] || 0) * HANN[i];
    im.fill(0);
    fft(re, im);
    for (let k = 0; k < BINS; k++) {
      const power = (re[k] * re[k] + im[k] * im[k]) / ((FFT_SIZE * FFT_SIZE) / 16); // a full-scale sine: 1
      const share = (10 * Math.log10(power + 1e-12) - LOW_DB) / (HIGH_DB - LOW_DB);
      levels[k * columns + column] = 255 * Math.min(1, Math.max(0, share));
    }
  }
  return { levels, bins: BINS };
}
