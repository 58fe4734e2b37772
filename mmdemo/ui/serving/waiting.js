// The visitor's place in line, and about how long it takes, at the foot of the page while something of theirs waits.
// Gradio shows it beside its own components only, and ours are not: so this listens to the messages that it receives.
import { translator } from "../shared/base.js";

const PATIENCE = 700; // ms; what starts sooner is not worth a word

// What waits, by the messages of the queue.
export class Line {
  constructor() {
    this.waiting = new Map(); // event -> its place, when it is done, and since when it waits
  }

  // One message; `now` in ms.
  take(message, now) {
    const { msg, event_id: event } = message;
    if (msg === "estimation" && event) {
      const since = this.waiting.get(event)?.since ?? now;
      this.waiting.set(event, { place: message.rank + 1, done: now + 1000 * (message.rank_eta ?? 1), since });
    } else if (msg === "close_stream") this.waiting.clear();
    else if (event) this.waiting.delete(event);
  }

  // The place, and the seconds, of what will be done last; null where nothing has waited for long.
  last(now) {
    let last = null;
    for (const one of this.waiting.values()) {
      if (now - one.since >= PATIENCE && (!last || one.done > last.done)) last = one;
    }
    return last && { place: last.place, seconds: Math.max(1, Math.round((last.done - now) / 1000)) };
  }
}

// The messages in a stream of server-sent events, as its pieces arrive.
export class Messages {
  constructor(take) {
    this.take = take;
    this.text = "";
    this.decoder = new TextDecoder();
  }

  add(bytes) {
    const lines = (this.text + this.decoder.decode(bytes, { stream: true })).split("\n");
    this.text = lines.pop();
    for (const line of lines) {
      // What is generated is long, and of no interest here.
      if (!line.startsWith("data:") || !/^data: ?\{"msg": ?"(estimation|process_|close)/.test(line)) continue;
      const [msg] = line.match(/(?<="msg": ?")\w+/), [event] = line.match(/(?<="event_id": ?")\w+/) ?? [];
      if (msg === "estimation") this.take(JSON.parse(line.slice(5)));
      else this.take({ msg, event_id: event });
    }
  }
}

// The same stream, whose messages are noted on their way; `ended` is called when it is over, however that comes.
export function overheard(reader, messages, ended) {
  return new ReadableStream({
    async pull(control) {
      try {
        const { done, value } = await reader.read();
        if (!done) messages.add(value);
        else ended();
        if (done) control.close();
        else control.enqueue(value);
      } catch (error) {
        ended();
        control.error(error);
      }
    },
    cancel(reason) {
      ended();
      return reader.cancel(reason);
    },
  });
}

export default function waiting({ props }) {
  const say = translator(props), line = new Line(), fetched = window.fetch;
  let box = null, timer = null;

  function show() {
    const last = line.last(Date.now());
    if (!last && !box) return;
    if (!box) {
      box = document.createElement("div");
      box.className = "mm-waiting";
      box.setAttribute("role", "status");
      document.body.append(box);
    }
    box.hidden = !last;
    if (last) box.textContent = say("waiting", last);
  }

  function take(message) {
    line.take(message, Date.now());
    clearInterval(timer);
    if (line.waiting.size) timer = setInterval(show, 500);
    show();
  }

  window.fetch = async (...request) => {
    const answer = await fetched.apply(window, request), address = String(request[0]?.url ?? request[0]);
    if (!address.includes("/queue/data?") || !answer.ok || !answer.body) return answer;
    const stream = overheard(answer.body.getReader(), new Messages(take), () => take({ msg: "close_stream" }));
    const { status, statusText, headers } = answer;
    return new Response(stream, { status, statusText, headers });
  };
}
