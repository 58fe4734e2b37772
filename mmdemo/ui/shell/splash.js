// The page before Gradio's page is there: the frames of the first example one after another, until the tab shows it.
// Milliseconds: a picture, a text; between looks at the page; until it goes anyway.
const PICTURE = 260, TEXT = 700, LOOK = 100, LONG = 20_000;

export default function splash({ props }) {
  const node = document.getElementById("mm-splash");
  const { ready, counts } = props;
  const strip = node.querySelector(".mm-splash-strip"), texts = [...node.querySelectorAll(".mm-splash-frame")];
  const output = node.querySelector("output"), begun = performance.now();
  const asked = new URLSearchParams(location.search).get("__theme");
  const dark = asked ? asked === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  node.classList.toggle("dark", dark);

  let frame = matchMedia("(prefers-reduced-motion: reduce)").matches ? counts.length - 1 : 0;
  function show() {
    strip?.style.setProperty("--mm-frame", frame);
    texts.forEach((text, i) => { text.hidden = i !== frame; });
    output.textContent = `${counts[frame]} / ${output.dataset.total}`;
    // What has been seen here need not be seen again: the opening of the tab goes on from there.
    node.dataset.shown = counts[frame];
    document.documentElement.dataset.mmShown = `${props.tab} ${counts[frame]}`;
  }
  let moving = 0;
  function begin() {
    if (!node.isConnected) return;
    show();
    moving = setInterval(() => {
      frame = Math.min(frame + 1, counts.length - 1);
      show();
    }, strip ? PICTURE : TEXT);
  }
  if (strip) { // it does not count while its pictures are on their way
    const pictures = new Image();
    pictures.onload = begin;
    pictures.src = props.pictures;
  } else if (counts.length) begin();

  const inputs = ["pointerdown", "keydown", "wheel", "touchstart"];
  function end() {
    if (!node.isConnected) return;
    for (const timer of [moving, looking]) clearInterval(timer);
    for (const name of inputs) removeEventListener(name, end, true);
    node.remove();
  }
  // Where there is nothing to see here, Gradio's page is better as soon as it has anything.
  const sign = counts.length ? ready : `.gradio-container .mm-head, ${ready}`;
  const looking = setInterval(() => {
    if (document.querySelector(sign) || performance.now() - begun > LONG) end();
  }, LOOK);
  for (const name of inputs) addEventListener(name, end, true);
}
