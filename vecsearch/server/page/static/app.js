// The page of a collection: shows what the address says, and follows links without loading anew.
import * as api from "./api.js";
import "./appearance.js";
import { forgetAnswers } from "./answers.js";
import { afterChanges } from "./edit.js";
import { byId, element } from "./elements.js";
import { listenToKeys } from "./keys.js";
import { problem } from "./problem.js";
import { knowPictures } from "./pictures.js";
import { address, follow, fresh, go, keepPlace, read } from "./state.js";
import { takePictures } from "./take.js";

const VIEWS = ["search", "map", "clusters", "duplicates", "report"];
const tabs = [...byId("views").querySelectorAll("a")];
// Where each view was last, so that its tab leads back there.
const last = {};
let collections = [], turn = 0;

const titleOf = state => [
  state.q && `“${state.q}”`, state.like.length && `Like ${state.like[0].id ?? (state.like[0].name || "a picture")}`,
  state.view !== "search" && tabs.find(tab => tab.dataset.view === state.view).textContent, state.name, "vecsearch",
].filter(Boolean).join(" – ");

async function show(state, returned) {
  const mine = ++turn;
  byId("content").setAttribute("aria-busy", "true");
  const collection = collections.find(one => one.name === state.name);
  if (!collection) {
    problem(`There is no collection ${state.name} any more.`);
    return;
  }
  problem(null);
  document.title = titleOf(state);
  last[state.view] = address(state);
  for (const tab of tabs) {
    if (tab.dataset.view === state.view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
    tab.href = last[tab.dataset.view] ?? address({ name: state.name, view: tab.dataset.view });
  }
  for (const view of VIEWS) byId(view).hidden = view !== state.view;
  document.body.dataset.view = state.view;
  byId("words").value = state.q;
  try {
    const view = await import(`./${state.view}.js`);
    if (mine !== turn) return;  // a later one may have come first
    await view.show(state, collection, returned);
  } catch (error) {
    if (mine === turn) problem(error.message);
  }
  if (mine === turn) byId("content").setAttribute("aria-busy", "false");
}

function fit(collection) {
  byId("choose").hidden = byId("photograph").hidden = !collection.images;
  byId("words").hidden = !collection.text;
  tabs.find(tab => tab.dataset.view === "report").hidden = !collection.reports;
  byId("collection").replaceChildren(...collections.map(({ name }) =>
    element("option", { value: name, selected: name === collection.name }, name)));
}

// A link to what this page can show is followed by the page itself.
addEventListener("click", event => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const to = new URL(link.href);
  if (link.getAttribute("href").startsWith("#")) {  // of this page, whose # is not for places in it
    event.preventDefault();
    byId(link.hash.slice(1)).focus();
    return;
  }
  if (to.origin !== location.origin || !to.pathname.startsWith("/c/") || link.target) return;
  event.preventDefault();
  go(read(to));
});

byId("ask").addEventListener("submit", event => {
  event.preventDefault();
  const q = byId("words").value.trim();
  if (q) go(fresh(read(), { q }));
});
byId("collection").addEventListener("change", event => {
  keepPlace();
  location.assign(address({ name: event.target.value, view: read().view }));
});

// Back from another collection, the browser shows the page as it was left.
addEventListener("pageshow", event => { if (event.persisted) byId("collection").value = read().name; });

async function know() {
  collections = await api.collections();
  knowPictures(collections);
}

afterChanges(async () => {
  await know();
  forgetAnswers();
  (await import("./map.js")).forgetMaps();
});

let tell;
takePictures(new Promise(done => { tell = done; }));
try {
  await know();
  const collection = collections.find(one => one.name === read().name);
  if (!collection) throw new Error("This collection is not served any more.");
  fit(collection);
  listenToKeys(tabs);
  follow(show);
  tell(collection.images);
  await show(read(), history.state);
} catch (error) {
  problem(error.message);
}
