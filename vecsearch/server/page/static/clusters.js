// Groups that nobody has named.
import * as api from "./api.js";
import { button, byId, element, many } from "./elements.js";
import { Endless } from "./endless.js";
import { Grid } from "./grid.js";
import { strip } from "./groups.js";
import { problem } from "./problem.js";
import { address, fresh, go } from "./state.js";

const PAGE = 60, SAMPLE = 8, FIRST = 12, MOST = 200;
let turn = 0;

export async function show(state, collection, returned) {
  const box = byId("clusters"), mine = ++turn;
  if (state.cluster !== "") {
    await showOne(box, state, mine);
    return;
  }
  if (!collection.items) {
    box.replaceChildren(element("p", { class: "faint", role: "status" }, "The collection is empty."));
    return;
  }
  const named = state.named || (state.k ? "" : collection.clusterings[0] ?? "");
  const k = state.k || Math.min(FIRST, collection.items);
  const which = named ? { name: named } : { k };
  const head = tools(state, collection, named, k);
  box.replaceChildren(head, element("p", { class: "faint", role: "status" }, "Grouping the items …"));
  const { clusters } = await api.clusters(state.name, which).catch(error => {
    if (mine === turn) box.replaceChildren(head);
    throw error;
  });
  if (mine !== turn) return;
  const list = element("ol", { class: "groups" });
  box.replaceChildren(head, list);
  for (const one of clusters) {
    const { cluster, size, medoid, label } = one;
    const open = address({ name: state.name, view: "clusters", ...(named ? { named } : { k: String(k) }), cluster: String(cluster) });
    const line = element("li", {}, element("h2", {}, label ?? `Cluster ${cluster + 1}`,
      element("span", { class: "faint" }, told(one)), size > SAMPLE ? element("a", { href: open }, "See all") : null),
    strip(state, medoid ? [{ id: medoid }] : []));
    list.append(line);
    seen(line, () => fill(line, state, cluster, which).catch(() => {}));
  }
  if (!box.hidden) scrollTo({ top: returned?.top ?? 0, behavior: "instant" });
}

// Once it comes into sight: there may be thousands.
function seen(line, act) {
  const observer = new IntersectionObserver(entries => {
    if (!entries.some(one => one.isIntersecting)) return;
    observer.disconnect();
    act();
  }, { rootMargin: "50%" });
  observer.observe(line);
}

function told({ size, label, label_share: share }) {
  return many(size, "item") + (label !== null && share < 1 ? `, ${Math.round(100 * share)} % of them so labelled` : "");
}

// The items of a cluster that are nearest to its middle.
async function fill(line, state, cluster, which) {
  const { items } = await api.members(state.name, cluster, { ...which, limit: SAMPLE });
  line.querySelector("ul").replaceWith(strip(state, items));
}

function tools(state, collection, named, k) {
  const number = element("input", { type: "number", min: "1", max: String(Math.min(MOST, collection.items)), value: named ? "" : String(k),
    id: "k", inputmode: "numeric", placeholder: "k" });
  const parts = [element("form", { class: "line", onsubmit: event => {
    event.preventDefault();
    if (number.value) go({ name: state.name, view: "clusters", k: number.value });
  } }, element("label", { for: "k" }, "Number of clusters"), number, element("button", {}, "Group"))];
  for (const one of collection.clusterings) parts.unshift(button(one, () =>
    go({ name: state.name, view: "clusters", named: one }), { class: "chip", "aria-pressed": String(one === named) }));
  return element("div", { class: "tools" }, ...parts);
}

// All items of one cluster.
async function showOne(box, state, mine) {
  const which = state.named ? { name: state.named } : { k: state.k };
  const list = element("ul", { class: "grid", "aria-label": "Items of the cluster" }), end = element("div");
  const head = element("h2", {});
  const back = address({ name: state.name, view: "clusters", named: state.named, k: state.k });
  box.replaceChildren(element("div", { class: "tools" }, element("a", { href: back, class: "button" }, "All clusters"), head), list, end);
  const grid = new Grid(list, { hrefOf: item => address(fresh(state, { like: [{ id: item.id }], where: [] })) });
  let offset = 0;
  const load = async () => {
    try {
      const body = await api.members(state.name, state.cluster, { ...which, offset, limit: PAGE });
      if (mine !== turn) return false;
      if (offset) grid.append(body.items);
      else grid.show(body.items, state.name);
      head.textContent = many(body.total, "item");
      offset += body.items.length;
      return body.next !== null;
    } catch (error) {
      if (mine === turn && !box.hidden) problem(error.message);
      return false;
    }
  };
  if (await load()) new Endless(end, load);
}
