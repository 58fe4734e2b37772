// Sounds in the page: how they travel, how they are heard, how they are saved.
import { bytesOf } from "./base.js";

// Base64 of 16-bit PCM -> Float32Array in [-1, 1].
export function samplesOfPcm(pcm) {
  const ints = new Int16Array(bytesOf(pcm).buffer);
  return Float32Array.from(ints, (value) => value / 32767);
}

export const pcmOf = (samples) =>
  Int16Array.from(samples, (value) => Math.round(Math.max(-1, Math.min(1, value)) * 32767));

// One audio context for the whole page: browsers allow only a few.
export function audioContext() {
  globalThis.mmAudio ||= new AudioContext();
  return globalThis.mmAudio;
}

export function bufferOf(samples, rate) {
  const buffer = new AudioBuffer({ length: Math.max(1, samples.length), sampleRate: rate, numberOfChannels: 1 });
  buffer.copyToChannel(samples, 0);
  return buffer;
}

// Mono 16-bit WAV.
export function wavOf(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const word = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  pcmOf(samples).forEach((value, i) => view.setInt16(44 + 2 * i, value, true));
  return view.buffer;
}

// Plays pieces of sounds one after the other, with a short silence between them.
export class PartPlayer {
  constructor(rate) {
    this.rate = rate;
    this.nodes = [];
  }

  // `parts`: [samples, from, to] each, in seconds; what lies outside the sound is left out.
  play(parts) {
    this.nodes.forEach((node) => node.stop());
    const context = audioContext();
    context.resume();
    let when = context.currentTime + 0.02;
    this.nodes = parts.map(([samples, from, to]) => {
      const piece = samples.slice(Math.max(0, Math.round(from * this.rate)), Math.round(to * this.rate));
      const node = new AudioBufferSourceNode(context, { buffer: bufferOf(piece, this.rate) });
      node.connect(context.destination);
      node.start(when);
      when += piece.length / this.rate + 0.25;
      return node;
    });
  }
}

// Plays one sound at a time; its button shows a moving playhead for as long as it lasts.
export class OneSound {
  constructor() {
    this.playing = null;
  }

  stop() {
    if (!this.playing) return;
    const { node, button } = this.playing;
    node.onended = null;
    node.stop();
    button.classList.remove("mm-sounding");
    this.playing = null;
  }

  // Seconds that are heard so far.
  at() {
    return this.playing ? audioContext().currentTime - this.playing.began : 0;
  }

  // A second click on the same button only stops it. `total`: samples that the width of the button stands for.
  toggle(samples, rate, button, total = 0) {
    const again = this.playing && this.playing.button === button;
    this.stop();
    if (again) return;
    const context = audioContext();
    context.resume();
    const node = new AudioBufferSourceNode(context, { buffer: bufferOf(samples, rate) });
    node.connect(context.destination);
    node.onended = () => this.stop();
    node.start();
    button.style.setProperty("--seconds", `${samples.length / rate}s`);
    button.style.setProperty("--far", `${total ? (100 * samples.length) / total : 100}%`);
    void button.offsetWidth; // restarts the playhead's animation
    button.classList.add("mm-sounding");
    this.playing = { node, button, began: context.currentTime };
  }
}
