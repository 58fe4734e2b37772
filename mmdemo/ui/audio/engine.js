// Sound engine: several tracks of one clip on one clock; switching tracks is a cross-fade, never a seek.
const RATE = 16000;
const FADE = 0.012; // seconds; long enough not to click, short enough to compare

function decodePcm(text) {
  const raw = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const ints = new Int16Array(raw.buffer);
  const floats = new Float32Array(ints.length);
  for (let i = 0; i < ints.length; i++) floats[i] = ints[i] / 32767;
  return floats;
}

class Engine {
  constructor(onChange) {
    this.tracks = new Map(); // key -> {name, samples, gain}
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
    this.context ||= new AudioContext();
    if (this.context.state === "suspended") await this.context.resume();
    this.position = from >= this.length - 0.02 ? 0 : Math.max(0, from);
    const at = this.context.currentTime + 0.01;
    for (const [key, track] of this.tracks) {
      track.buffer ||= this.toBuffer(track.samples);
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

  toBuffer(samples) {
    const buffer = new AudioBuffer({ length: Math.max(1, samples.length), sampleRate: RATE, numberOfChannels: 1 });
    buffer.copyToChannel(samples, 0);
    return buffer;
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

function wavBlob(samples) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const word = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  word(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); word(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true); view.setUint32(28, 2 * RATE, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  word(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((s, i) => view.setInt16(44 + 2 * i, Math.round(Math.max(-1, Math.min(1, s)) * 32767), true));
  return new Blob([view], { type: "audio/wav" });
}
