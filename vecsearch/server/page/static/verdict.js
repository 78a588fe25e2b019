// What a picture is, by the labelled items of the collection, or that it is a stranger.
import * as api from "./api.js";
import { bodyOf } from "./answers.js";
import { element, figure } from "./elements.js";

// An element that fills itself.
export function verdict(state, example, collection) {
  const box = element("div", { class: "verdict", "aria-live": "polite" });
  if (collection.labels && !Object.keys(collection.labels).length) return box;  // null: not counted
  const ask = reject => api.classify(state.name, bodyOf(example), { reject, metric: state.metric });
  const untold = () => ask("none").then(found => told(found, false));
  // It may be calibrated for another method or metric than this.
  const judged = collection.calibrated ? ask("auto").then(found => told(found, true)).catch(error => {
    if (error.status !== 400) throw error;
    return untold();
  }) : untold();
  judged.then(lines => box.replaceChildren(...lines))
    .catch(error => box.replaceChildren(element("p", { class: "faint" }, error.message)));
  return box;
}

function told({ label, confidence, distance, nearest }, calibrated) {
  const sure = Math.round(confidence * 100);
  if (label === null) {
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
  if (!calibrated) lines.push(element("p", { class: "faint" },
    "Not calibrated for this: vecsearch calibrate finds from how far on a picture is a stranger."));
  return lines;
}
