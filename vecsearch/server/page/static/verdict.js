// What a picture is, by the labelled items of the collection, or that it is a stranger.
import * as api from "./api.js";
import { bodyOf } from "./answers.js";
import { element, figure } from "./elements.js";

// An element that fills itself.
export function verdict(state, example, collection) {
  const box = element("div", { class: "verdict", "aria-live": "polite" });
  if (collection.labels && !Object.keys(collection.labels).length) return box;  // null: not counted
  const ask = reject => api.classify(state.name, bodyOf(example), { reject, metric: state.metric });
  // It may be calibrated for another method or metric than this.
  (collection.calibrated ? ask("auto").catch(() => ask("none")) : ask("none"))
    .then(found => box.replaceChildren(...told(found, collection)))
    .catch(error => box.replaceChildren(element("p", { class: "faint" }, error.message)));
  return box;
}

function told({ label, confidence, distance, neighbours }, collection) {
  const sure = Math.round(confidence * 100);
  if (label === null) {
    const nearest = neighbours?.[0]?.label;
    return [
      element("p", { class: "label stranger" }, "A stranger"),
      element("p", { class: "faint" }, "Nothing here is near enough to say what it is",
        nearest ? `; the nearest is ${nearest}, at ${figure(distance)}.` : "."),
    ];
  }
  const lines = [
    element("p", { class: "label" }, label),
    element("p", { class: "sure" },
      element("meter", { min: "0", max: "1", value: String(confidence), "aria-label": "Confidence" }), `${sure} % sure`),
  ];
  if (!collection.calibrated) lines.push(element("p", { class: "faint" },
    "Not calibrated: vecsearch calibrate finds from how far on a picture is a stranger."));
  return lines;
}
