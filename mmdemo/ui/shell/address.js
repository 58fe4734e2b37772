// The page's address: it names the tab, so that every tab can be linked and Back works, and the language link keeps it.

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
  const rest = search.replace(/^\?/, "").split("&").filter((part) => part && !part.startsWith("lang="));
  return `?${[...rest, `lang=${lang}`].join("&")}`;
}

export default function address({ props }) {
  const { tabs } = props;
  const left = {}; // tab -> its address when it was left
  let current = tabs[0];

  // Gradio puts the tabs into the page after this; a narrow page has some of them in a menu.
  async function open(tab) {
    for (let i = 0; i < 400 && current !== tab; i++) {
      document.getElementById(`mm-tab-${tab}-button`)?.click();
      await new Promise((go) => setTimeout(go, 50));
    }
  }

  let following = tabOf(location.search, tabs); // a tab that the address has already
  window.addEventListener("mm-tab", ({ detail: tab }) => {
    if (tab === current) return;
    left[current] = following === tab ? left[current] : location.search;
    current = tab;
    if (following === tab) following = null;
    else history.pushState(history.state, "", (left[tab] || queryOf(location.search, tab)) + location.hash);
  });
  // A tab tells what its own address is now; where another one is open, it has it when one comes back.
  window.addEventListener("mm-address", ({ detail: { tab, query } }) => {
    if (tab === current) history.replaceState(history.state, "", query + location.hash);
    else left[tab] = query;
  });
  window.addEventListener("popstate", () => {
    following = tabOf(location.search, tabs);
    if (following === current) following = null;
    else open(following);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".mm-head nav a[lang]");
    if (link) link.href = inLanguage(location.search, link.lang);
  }, true);
  if (following === current) following = null;
  else open(following);
}
