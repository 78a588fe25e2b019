// Labels to choose from, conditions on metadata, and the metric.
import { button, byId, element, refill } from "./elements.js";
import { isQuery } from "./answers.js";
import { go } from "./state.js";

const SHOWN = 12;
let all = false;

// Conditions on labels are written by this file, and read by it again.
const ofLabel = label => `label==${label}`;
const ONE = /^label==(.*)$/s;

export function showFilters(state, collection) {
  const labels = Object.entries(collection.labels ?? {}).sort((one, other) => other[1] - one[1]);
  const chosen = state.where.map(one => ONE.exec(one)?.[1]).find(one => one !== undefined);
  const others = state.where.filter(one => !ONE.test(one));
  const change = (changes, instead) => go({ ...state, ...changes }, { instead });
  const shown = all ? labels : labels.slice(0, SHOWN);
  if (chosen !== undefined && !shown.some(([label]) => label === chosen))
    shown.push([chosen, collection.labels?.[chosen] ?? 0]);

  const chips = shown.map(([label, count]) => button(label, () => change({
    where: label === chosen ? others : [...others, ofLabel(label)],
  }), { class: "chip", "aria-pressed": String(label === chosen), title: `${label}: ${count.toLocaleString("en")}` }));
  if (labels.length > SHOWN) chips.push(button(all ? "Fewer" : `All ${labels.length}`, () => {
    all = !all;
    showFilters(state, collection);
  }, { class: "chip quiet" }));

  const conditions = others.map(one => element("span", { class: "chip chosen" }, one,
    button(`Without ${one}`, () => change({ where: state.where.filter(other => other !== one) }),
      { picture: "cross", bare: true })));
  const field = element("input", {
    id: "condition", list: "known-keys", "aria-label": "Only items with", autocomplete: "off", enterkeyhint: "go",
    placeholder: collection.keys.length ? `Filter, as ${collection.keys[0]}=…` : "Filter, as label!=…",
  });
  const form = element("form", { class: "condition", onsubmit: event => {
    event.preventDefault();
    if (field.value.trim()) change({ where: [...state.where, field.value.trim()] });
  } }, field);
  const metric = element("select", { id: "metric", "aria-label": "Metric", onchange: event => change({
    metric: event.target.value === collection.metric ? "" : event.target.value,
  }) }, ...["euclidean", "cosine"].map(one =>
    element("option", { value: one, selected: one === (state.metric || collection.metric) }, one)));

  refill(byId("filters"),
    element("div", { class: "chips" }, ...chips),
    element("div", { class: "conditions" }, ...conditions, form, byId("count"), isQuery(state) ? metric : null));
  byId("known-keys").replaceChildren(...["label", "id", ...collection.keys].map(key => element("option", { value: `${key}=` })));
  byId("known-labels").replaceChildren(...labels.map(([label]) => element("option", { value: label })));
}
