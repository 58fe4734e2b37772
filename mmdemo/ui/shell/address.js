// The page's address: it names the tab and the place in it, so that all can be linked, Back works, and another
// language keeps everything.
import { isElsewhere } from "../shared/place.js";
import { takeFilesAnywhere } from "./drop.js";

const KEPT = ["lang", "__theme"]; // what belongs to the whole page

// The tab that an address asks for; the first one where it asks for none.
export function tabOf(search, tabs) {
  const asked = new URLSearchParams(search);
  if (tabs.includes(asked.get("tab"))) return asked.get("tab");
  return asked.has("run") ? "generate" : tabs[0];
}

// The address of a tab that is opened for the first time.
export function queryOf(search, tab) {
  const before = new URLSearchParams(search), query = new URLSearchParams({ tab });
  for (const name of KEPT) if (before.has(name)) query.set(name, before.get(name));
  return `?${query}`;
}

// The same address in another language.
export function inLanguage(search, lang) {
  return withParam(search, "lang", lang);
}

export function withParam(search, name, value) {
  const rest = search.replace(/^\?/, "").split("&").filter((part) => part && !part.startsWith(`${name}=`));
  return `?${[...rest, `${name}=${value}`].join("&")}`;
}

export default function address({ props }) {
  const { tabs } = props;
  const left = {}; // tab -> its address when it was left
  const told = {}; // tab -> the address that it told last
  let current = tabs[0];
  let back = false; // the next place is one that Back or Forward led to

  // Gradio puts the tabs into the page after this, and tells of a click only when it is ready to: until it does, the tab
  // is clicked once a second. A narrow page has some of them in a menu. The last one that was chosen counts.
  let opening = null;
  const rest = () => new Promise((go) => setTimeout(go, 50));
  async function open(tab) {
    opening = tab;
    for (let i = 0; i < 6000 && opening === tab && current !== tab; i++) {
      const button = document.getElementById(`mm-tab-${tab}-button`);
      if (button && (button.ariaSelected !== "true" || i % 20 === 0)) button.click();
      await rest();
    }
  }
  document.addEventListener("click", (event) => {
    const chosen = event.isTrusted && event.target.closest?.("[role=tab]")?.id.match(/^mm-tab-(\w+)-button$/)?.[1];
    if (chosen) {
      opening = chosen;
      rest().then(() => opening === chosen && open(chosen)); // where Gradio was not ready to tell of this click
    } else if (event.isTrusted && event.target.closest?.(".overflow-menu")) opening = null;
  }, true);

  let following = tabOf(location.search, tabs); // a tab that the address has already
  window.addEventListener("mm-tab", ({ detail: tab }) => {
    if (tab === current) return;
    if (following !== tab) left[current] = location.search;
    current = tab;
    if (following === tab) following = null;
    else history.pushState(history.state, "", (left[tab] || queryOf(location.search, tab)) + location.hash);
  });
  // A tab tells what its own address is now; where another one is open, it has it when one comes back.
  window.addEventListener("mm-address", ({ detail: { tab, query } }) => {
    told[tab] = query;
    // … also while Back leads to another one, of which Gradio has not told yet.
    if (tab !== current || (following && following !== tab)) return void (left[tab] = query);
    if (query === location.search) return void (back = false);
    const way = !back && isElsewhere(location.search, query) ? "pushState" : "replaceState";
    back = false;
    history[way](history.state, "", query + location.hash);
  });
  window.addEventListener("popstate", () => {
    const tab = following = tabOf(location.search, tabs), search = location.search;
    if (told[tab] && told[tab] !== search && isElsewhere(told[tab], search)) {
      back = true;
      window.dispatchEvent(new CustomEvent("mm-restore", { detail: { tab, search } }));
    }
    if (tab === current) following = null;
    else open(tab);
  });
  // What was shared, dropped, or is next on the tour.
  window.addEventListener("mm-open-tab", ({ detail: tab }) => open(tab));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".mm-head nav a[lang]");
    if (link) link.href = inLanguage(location.search, link.lang);
  }, true);
  if (following === current) following = null;
  else open(following);
  takeFilesAnywhere();

  // Light or dark: kept in the address, as Gradio has it, and nothing is loaded again.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".mm-theme");
    if (!button) return;
    const dark = document.body.classList.toggle("dark");
    history.replaceState(history.state, "", withParam(location.search, "__theme", dark ? "dark" : "light") + location.hash);
    if (told[current]) told[current] = location.search;
    for (const [tab, query] of Object.entries(left)) left[tab] = withParam(query, "__theme", dark ? "dark" : "light");
  });
}
