// A codebook of sounds as an instrument: short overlapping pieces of the code that is pointed at.
import { audioContext, bufferOf, samplesOfPcm } from "../shared/sound.js";

const RATE = 16000, EVERY = 60, LENGTH = 0.1, FADE = 0.03; // milliseconds from grain to grain; seconds
const KEPT = 600; // sounds kept in the page

// `ask(codes)` -> promise of {code: samples as base64}; `around(code)`: codes that will be wanted next.
export class Grains {
  constructor(ask, around) {
    this.ask = ask;
    this.around = around;
    this.sounds = new Map();
    this.pending = null;
    this.code = null;
    this.timer = null;
  }

  clear() {
    this.lift();
    this.sounds.clear();
    this.pending = null;
  }

  // One code, once.
  async once(code) {
    const samples = this.sounds.get(code) || (await this.fetch(code));
    if (samples) this.grain(samples);
  }

  // The code under a finger, for as long as it stays there.
  hold(code) {
    this.code = code;
    if (!this.sounds.has(code)) this.fetch(code);
    this.timer ||= setInterval(() => this.beat(), EVERY);
    if (this.sounds.has(code)) this.grain(this.sounds.get(code));
  }

  beat() {
    const samples = this.sounds.get(this.code);
    if (samples) this.grain(samples);
    else this.fetch(this.code);
  }

  lift() {
    clearInterval(this.timer);
    this.timer = null;
    this.code = null;
  }

  async fetch(code) {
    if (this.pending) return null; // one request at a time: what is under the finger then is asked for next
    const wanted = [code, ...this.around(code)].filter((other) => !this.sounds.has(other)).slice(0, 32);
    const pending = (this.pending = this.ask(wanted));
    try {
      const found = await pending;
      if (this.pending !== pending) return null; // another codebook since
      for (const [other, pcm] of Object.entries(found)) this.sounds.set(Number(other), samplesOfPcm(pcm));
      while (this.sounds.size > KEPT) this.sounds.delete(this.sounds.keys().next().value);
    } catch {
      return null;
    } finally {
      if (this.pending === pending) this.pending = null;
    }
    return this.sounds.get(code) || null;
  }

  grain(samples) {
    const context = audioContext(), now = context.currentTime;
    context.resume();
    const node = new AudioBufferSourceNode(context, { buffer: bufferOf(samples, RATE) });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, now);
    gain.gain.linearRampToValueAtTime(0.7, now + FADE);
    gain.gain.setValueAtTime(0.7, now + LENGTH - FADE);
    gain.gain.linearRampToValueAtTime(0, now + LENGTH);
    node.connect(gain).connect(context.destination);
    node.start();
  }
}
