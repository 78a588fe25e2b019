// The collection in two dimensions: hover shows an item, a click searches from it.
import * as api from "./api.js";
import { isDark } from "./appearance.js";
import { coloursOf } from "./colours.js";
import { button, byId, element, many } from "./elements.js";
import { gestures } from "./gestures.js";
import { hasPictures, pictureOf } from "./pictures.js";
import { Scatter } from "./scatter.js";
import { fresh, go } from "./state.js";

const METHODS = { pca: "By what varies most (PCA)", lda: "By what tells labels apart (LDA)", tsne: "By neighbours (t-SNE)" };
const NEAR = 12, FINGER = 24, STEP = 60, KEPT = new Map();
let now = null, turn = 0;

export async function show(state, collection) {
  const labels = Object.keys(collection.labels ?? {}).length;
  const method = state.method || (labels > 1 ? "lda" : "pca"), key = `${state.name} ${method}`;
  const box = byId("map"), mine = ++turn;
  if (now?.key === key) {
    now.scatter.draw();
    return;
  }
  now?.scatter.close();
  now = null;
  box.replaceChildren(tools(state, method, labels), element("p", { class: "faint", role: "status" }, "Drawing the map …"));
  const found = KEPT.get(key) ?? await api.map(state.name, { method }).catch(error => {
    if (mine === turn) box.replaceChildren(tools(state, method, labels));
    throw error;
  });
  if (mine !== turn) return;  // another is wanted by now, or the items are others
  KEPT.set(key, found);
  draw(box, state, key, method, found, labels);
}

// Other items are in the collection, or they are called otherwise.
export const forgetMaps = () => {
  turn++;
  KEPT.clear();
  now?.scatter.close();
  now = null;
};

function draw(box, state, key, method, found, labels) {
  const names = [...new Set(found.labels.filter(label => label !== null))].sort();
  const codeOf = new Map(names.map((name, code) => [name, code]));
  const codes = found.labels.map(label => codeOf.get(label) ?? names.length);
  const canvas = element("canvas", { tabindex: "0", role: "application", "aria-roledescription": "map",
    "aria-label": `${many(found.ids.length, "item")} in two dimensions. Arrow keys, plus and minus move it, Enter searches from the item in the middle.` });
  const card = element("div", { class: "card", hidden: true });
  const scatter = new Scatter(canvas, found.points, codes, item => hasPictures(state.name) ? api.thumbnail(state.name, found.ids[item], 128) : null);
  now = { key, state, found, scatter, card, canvas, names };
  const zooms = element("div", { class: "zooms" },
    button("Zoom in", () => scatter.zoom(1.6, ...middle()), { picture: "plus", bare: true }),
    button("Zoom out", () => scatter.zoom(1 / 1.6, ...middle()), { picture: "minus", bare: true }),
    button("Show all", () => scatter.fit(), { picture: "all", bare: true }));
  box.replaceChildren(tools(state, method, labels, found),
    element("div", { class: "stage" }, canvas, zooms, card), legend(names, codes));
  dress();
  gestures(canvas, {
    hover: (x, y) => hover(scatter.nearest(x, y, NEAR)),
    leave: () => hover(-1),
    move: (dx, dy) => { hover(-1); scatter.move(dx, dy); },
    zoom: (by, x, y) => scatter.zoom(by, x, y),
    // A finger cannot hover: its first touch shows the item, its second searches from it.
    tap: (x, y, kind) => {
      const mouse = kind === "mouse", hit = scatter.nearest(x, y, mouse ? NEAR : FINGER);
      if (hit >= 0 && (mouse || hit === scatter.hovered)) search(hit);
      else hover(hit);
    },
  });
  canvas.addEventListener("keydown", key_);
}

const search = p => go(fresh(now.state, { like: [{ id: now.found.ids[now.scatter.order[p]] }] }));
const middle = () => [now.canvas.clientWidth / 2, now.canvas.clientHeight / 2];

function tools(state, method, labels, found = null) {
  const known = Object.entries(METHODS).filter(([one]) => one !== "lda" || labels > 1);
  if (!(method in METHODS)) known.push([method, method]);
  return element("div", { class: "tools" }, element("select", {
    "aria-label": "How it is drawn", onchange: event => go({ ...state, method: event.target.value }, { instead: true }),
  }, ...known.map(([one, title]) => element("option", { value: one, selected: one === method }, title))),
  element("p", { class: "faint" }, found && found.total > found.ids.length
    ? `${found.ids.length.toLocaleString("en")} of ${many(found.total, "item")}, drawn by label. A click on one searches from it.`
    : "A click on a point searches from it. Come near to see the pictures."));
}

function legend(names, codes) {
  const counts = new Uint32Array(names.length + 1), chosen = new Set();
  for (const code of codes) counts[code]++;
  const all = names.concat(counts[names.length] && names.length ? ["no label"] : []);
  const buttons = all.map((name, code) => button(name, () => {
    if (!chosen.delete(code)) chosen.add(code);
    buttons.forEach((one, other) => one.setAttribute("aria-pressed", chosen.has(other)));
    now.scatter.only(chosen);
    hover(-1);
  }, { class: "chip", "aria-pressed": "false", "data-code": code, title: `${name}: ${counts[code].toLocaleString("en")}` }));
  for (const one of buttons) one.prepend(element("i", { class: "dot" }));
  return element("div", { class: "chips legend", role: "group", "aria-label": "Only these labels" }, ...buttons);
}

// Colours as the theme has them.
function dress() {
  if (!now) return;
  const { look, colours } = coloursOf(now.names.length, isDark());
  now.scatter.paint(colours, look);
  for (const one of byId("map").querySelectorAll(".legend .chip"))
    one.querySelector(".dot").style.background = colours[Number(one.dataset.code)];
}
addEventListener("themechange", dress);

function hover(p) {
  const { scatter, card, found, canvas, state } = now;
  if (p === scatter.hovered) return;
  scatter.hovered = p;
  scatter.draw();
  canvas.classList.toggle("over", p >= 0);
  card.hidden = p < 0;
  if (p < 0) return;
  const item = scatter.order[p], id = found.ids[item];
  card.replaceChildren(element("span", { class: "picture" }, pictureOf(state.name, { id }, 256)),
    element("b", {}, found.labels[item] ?? ""), element("span", { class: "faint name" }, id));
  const [x, y] = scatter.placeOf(p), own = card.getBoundingClientRect();
  const left = x + 18 + own.width < canvas.clientWidth ? x + 18 : x - 18 - own.width;
  const top = Math.min(y - 20, canvas.clientHeight - own.height - 8);
  card.style.translate = `${Math.max(6, left)}px ${Math.max(6, top)}px`;
}

function key_(event) {
  const { scatter } = now, shift = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] }[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (shift) scatter.move(...shift);
  else if (event.key === "+" || event.key === "=") scatter.zoom(1.4, ...middle());
  else if (event.key === "-") scatter.zoom(1 / 1.4, ...middle());
  else if (event.key === "0") scatter.fit();
  else if (event.key === "Enter") {
    if (scatter.hovered >= 0) search(scatter.hovered);
    return;
  } else return;
  event.preventDefault();
  hover(scatter.nearest(...middle(), STEP * 2));
}
