// Files dropped anywhere: what this page has saved comes back with its settings, anything else goes to the tab for it.
import { bytesOf } from "../shared/base.js";
import { searchOf, settingsOf, tabOfTokens } from "../shared/carried.js";
import { paramsOf } from "../shared/place.js";

const MOST = 48 * 2 ** 20; // bytes
const FIELDS = { image: "#mm-image-input input[type=file]", audio: "#mm-audio-input input[type=file]",
  text: "#mm-text-file input[type=file]" };
const TOKENS = { image: "#mm-image-mmt input[type=file]", audio: "#mm-audio-file input[type=file]",
  text: "#mm-text-file input[type=file]" };

// What to do with a file: {search} to open, {tab, tokens} to open as .mmt, {settings} of a generated result, or null.
export function planFor(data) {
  const tab = tabOfTokens(data);
  if (tab) return { tab, tokens: data };
  const found = settingsOf(data);
  if (!found) return null;
  const search = searchOf(found.link ?? found.address);
  const { runs, link: _link, ...own } = found, settings = runs?.[0]?.settings || own;
  if ("want" in settings) return { settings };
  if (!search) return null;
  const params = paramsOf(search);
  if (found.tokens && !params.example) return { tab: found.tab, tokens: bytesOf(found.tokens) };
  return { search };
}

// The tab for a file that is not of ours.
export function tabFor({ type, name }) {
  if (type.startsWith("image/") || /\.(heic|heif|avif|tiff?)$/i.test(name)) return "image";
  if (type.startsWith("audio/") || /\.(flac|opus|m4a|wav|mp3|ogg)$/i.test(name)) return "audio";
  return type.startsWith("text/") || /\.(txt|md|json|csv)$/i.test(name) ? "text" : null;
}

async function found(selector) {
  for (let i = 0; i < 1200; i++) {
    const node = document.querySelector(selector);
    if (node) return node;
    await new Promise((go) => setTimeout(go, 50));
  }
  return null;
}

async function hand(selector, file) {
  const field = await found(selector);
  if (!field) return;
  const transfer = new DataTransfer();
  transfer.items.add(file);
  field.files = transfer.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

const openTab = (tab) => window.dispatchEvent(new CustomEvent("mm-open-tab", { detail: tab }));

async function follow(plan, file) {
  if (plan.tokens) {
    openTab(plan.tab);
    return hand(TOKENS[plan.tab], new File([plan.tokens], `${file.name.replace(/\.\w+$/, "")}.mmt`));
  }
  if (plan.settings) { // the player reads them, as for a file that is dropped on it
    openTab("generate");
    await found(".mp");
    return window.dispatchEvent(new CustomEvent("mm-reopen", { detail: file }));
  }
  const tab = new URLSearchParams(plan.search).get("tab");
  if (!["image", "text", "audio"].includes(tab)) return location.assign(plan.search);
  openTab(tab);
  await found(`#mm-${tab}-visit .mm-visit`);
  window.dispatchEvent(new CustomEvent("mm-restore", { detail: { tab, search: plan.search } }));
}

const holds = (event) => [...(event.dataTransfer?.types || [])].includes("Files");

export function takeFilesAnywhere() {
  const passed = new WeakSet();
  const mark = (on) => document.body.classList.toggle("mm-dragging", on);

  window.addEventListener("dragover", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    mark(true);
  });
  window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(false); });
  window.addEventListener("drop", (event) => {
    if (passed.has(event) || !holds(event) || !event.dataTransfer.files.length) return;
    event.preventDefault();
    event.stopPropagation();
    mark(false);
    take(event.dataTransfer.files, event.target);
  }, true);

  async function take(files, target) {
    const [file] = files;
    const plan = file.size <= MOST ? planFor(new Uint8Array(await file.arrayBuffer())) : null;
    const own = plan?.tokens && file.name.toLowerCase().endsWith(".mmt");
    if (plan && !own) return follow(plan, file);
    // As it came, to whatever lies under the pointer.
    const transfer = new DataTransfer();
    for (const one of files) transfer.items.add(one);
    const again = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
    passed.add(again);
    const free = target.isConnected ? target.dispatchEvent(again) : true;
    target.dispatchEvent(new DragEvent("dragleave", { dataTransfer: transfer, bubbles: true }));
    if (!free) return;
    if (own) return follow(plan, file);
    const tab = tabFor(file);
    if (!tab) return;
    openTab(tab);
    return hand(FIELDS[tab], file);
  }
}
