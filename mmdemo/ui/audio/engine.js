// Sound engine: several tracks of one clip on one clock; switching tracks is a cross-fade, never a seek.
import { audioContext, bufferOf } from "../shared/sound.js";

export const RATE = 16000;
const FADE = 0.012; // seconds; long enough not to click, short enough to compare

export class Engine {
  constructor(onChange) {
    this.tracks = new Map(); // key -> {name, samples, gain, plain, boost}
    this.current = "original";
    this.level = true; // equal loudness
    this.loop = false;
    this.position = 0;
    this.length = 0;
    this.sources = new Map();
    this.onChange = onChange;
  }

  get playing() { return this.sources.size > 0; }

  get time() {
    if (!this.playing) return this.position;
    const passed = this.position + this.context.currentTime - this.startedAt;
    return this.loop && this.length ? passed % this.length : Math.min(passed, this.length);
  }

  setTracks(tracks, length) {
    const running = this.playing, time = this.time;
    this.halt();
    this.tracks = tracks;
    this.length = length;
    if (!tracks.has(this.current)) this.current = tracks.has("reconstruction") ? "reconstruction" : [...tracks.keys()][0];
    this.position = Math.min(time, length);
    if (running) this.play(this.position);
    this.onChange();
  }

  gainOf(key) {
    const track = this.tracks.get(key);
    return key === this.current ? (this.level ? track.gain : track.plain) : 0;
  }

  async play(from = this.position) {
    if (!this.tracks.size) return;
    this.halt();
    this.context ||= audioContext();
    if (this.context.state === "suspended") await this.context.resume();
    this.position = from >= this.length - 0.02 ? 0 : Math.max(0, from);
    const at = this.context.currentTime + 0.01;
    for (const [key, track] of this.tracks) {
      track.buffer ||= bufferOf(track.samples, RATE);
      const source = new AudioBufferSourceNode(this.context, { buffer: track.buffer, loop: this.loop });
      const gain = new GainNode(this.context, { gain: this.gainOf(key) });
      source.connect(gain).connect(this.context.destination);
      source.start(at, this.position);
      this.sources.set(key, { source, gain });
    }
    this.startedAt = at;
    const first = this.sources.values().next().value;
    first.source.onended = () => { if (this.sources.size && this.sources.values().next().value === first) this.finish(); };
    this.onChange();
  }

  halt() {
    const running = [...this.sources.values()];
    this.sources = new Map();
    running.forEach(({ source }) => { source.onended = null; source.stop(); source.disconnect(); });
  }

  finish() { this.halt(); this.position = 0; this.onChange(); }

  pause() { this.position = this.time; this.halt(); this.onChange(); }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  seek(time) {
    const target = Math.min(Math.max(0, time), this.length);
    if (this.playing) this.play(target);
    else { this.position = target; this.onChange(); }
  }

  choose(key) {
    if (!this.tracks.has(key)) return;
    this.current = key;
    this.fade();
    this.onChange();
  }

  fade() {
    for (const [key, { gain }] of this.sources)
      gain.gain.setTargetAtTime(this.gainOf(key), this.context.currentTime, FADE / 3);
  }

  setLevel(on) { this.level = on; this.fade(); this.onChange(); }

  setLoop(on) {
    const time = this.time;
    this.loop = on;
    if (this.playing) this.play(time);
    this.onChange();
  }
}
