// What is in the collection more than once, to the byte or nearly.
import * as api from "./api.js";
import { button, byId, element, figure, many } from "./elements.js";
import { removeItems } from "./edit.js";
import { strip } from "./groups.js";
import { go } from "./state.js";

const PAGE = 100;
let turn = 0;

export async function show(state, collection, returned) {
  const box = byId("duplicates"), mine = ++turn;
  box.replaceChildren(element("p", { class: "faint", role: "status" }, "Comparing the items …"));
  const found = await api.duplicates(state.name, { threshold: state.threshold }).catch(error => {
    if (mine === turn) box.replaceChildren(tools(state, null));
    throw error;
  });
  if (mine !== turn) return;
  const items = found.groups.reduce((sum, group) => sum + group.ids.length, 0);
  const none = "No two items are that near. A larger distance finds more.";
  box.replaceChildren(tools(state, found.threshold), element("p", { role: "status" },
    found.groups.length ? `${many(found.groups.length, "group")}, ${many(items, "item")}` : none));
  const list = element("ol", { class: "groups" });
  box.append(list);
  more(list, found.groups, state, collection);
  if (!box.hidden) scrollTo({ top: returned?.top ?? 0, behavior: "instant" });
}

function more(list, groups, state, collection) {
  const place = list.childElementCount;
  list.append(...groups.slice(place, place + PAGE).map(group => line(group, state, collection)));
  if (list.childElementCount >= groups.length) return;
  const next = button("Show more", () => {
    next.remove();
    more(list, groups, state, collection);
  });
  list.after(next);
}

function line({ ids, keep, exact, max_distance: apart }, state, collection) {
  const others = ids.filter(id => id !== keep), again = () => go(state, { instead: true });
  const clear = collection.writable && keep ? button(`Keep the first, remove ${many(others.length, "other")}`, () =>
    removeItems(state, others, again), { picture: "bin" }) : null;
  const title = element("h2", {}, `${many(ids.length, "item")}`,
    element("span", { class: "faint" }, exact ? "the same file" : `at most ${figure(apart)} apart`), clear);
  const first = keep ? [keep, ...others] : ids;
  return element("li", {}, title, strip(state, first.map(id => ({ id })), id =>
    element("span", { class: "below" }, element("span", { class: "faint name" }, id),
      collection.writable ? button(`Remove ${id}`, () => removeItems(state, [id], again),
        { picture: "bin", bare: true, class: "quiet" }) : null)));
}

function tools(state, threshold) {
  const field = element("input", { id: "threshold", type: "number", min: "0", step: "any", inputmode: "decimal",
    value: state.threshold || (threshold === null ? "" : String(Number(threshold.toPrecision(4)))), placeholder: "0.05" });
  return element("div", { class: "tools" }, element("form", { class: "line", onsubmit: event => {
    event.preventDefault();
    go({ ...state, threshold: field.value });
  } }, element("label", { for: "threshold" }, "At most this far apart"), field, element("button", {}, "Compare")));
}
