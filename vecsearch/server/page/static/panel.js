// What is searched for: where to drop a picture, or the examples with all that is known of them.
import * as api from "./api.js";
import { isQuery } from "./answers.js";
import { addForm, itemTools } from "./edit.js";
import { button, byId, element, refill, told } from "./elements.js";
import { fileOf, pictureOfExample } from "./pictures.js";
import { address, fresh, go, read } from "./state.js";
import { choosePicture, takePhoto } from "./take.js";
import { verdict } from "./verdict.js";

export function showPanel(state, collection) {
  const panel = byId("panel");
  panel.classList.toggle("one", isSingle(state));
  refill(panel, ...(isQuery(state) ? query(state, collection) : invitation(collection)));
}

const isSingle = ({ like, unlike }) => like.length === 1 && !unlike.length;

function invitation(collection) {
  if (!collection.images) return [element("div", { class: "invitation" },
    element("h2", {}, "What is similar?"), element("p", {}, "Click an item to see what is like it."))];
  return [element("div", { class: "invitation" },
    element("h2", {}, "Drop a picture"),
    element("p", {}, "or paste one, and see what is similar."),
    element("div", { class: "line" },
      button("Choose a picture", choosePicture, { class: "main", picture: "picture" }),
      button("Take a photo", takePhoto, { class: "touch", picture: "camera" })),
    element("p", { class: "faint" }, "A click on an item does as well."))];
}

function query(state, collection) {
  const { like, unlike } = state;
  const anew = element("p", {}, element("a", { class: "button", href: address(fresh(state)), id: "anew" }, "New search"));
  const about = element("div", { class: "about" });
  if (isSingle(state)) {
    about.append(...single(state, like[0], collection), diversity(state), anew);
    return [element("figure", { class: "example" }, pictureOfExample(state.name, like[0], 256)), about];
  }
  if (like.length) about.append(row("More like", state, "like"));
  else about.append(element("h2", {}, `“${state.q}”`));
  if (unlike.length) about.append(row("Less like", state, "unlike"));
  if (like.length) about.append(diversity(state));
  about.append(anew);
  return [about];
}

// What is known of the only example.
function single(state, example, collection) {
  if (example.id === undefined) {
    const file = fileOf(example);
    return [
      verdict(state, example, collection),
      example.name ? element("p", { class: "faint name" }, example.name) : "",
      collection.writable && file ? addForm(state, example, file) : "",
    ];
  }
  const known = element("div", { class: "known" }, element("p", { class: "faint name" }, example.id));
  api.item(state.name, example.id).then(item => {
    const facts = Object.entries(item.metadata ?? {});
    known.replaceChildren(
      item.label === null ? verdict(state, example, collection) : element("p", { class: "label" }, item.label),
      element("p", { class: "faint name" }, item.id),
      facts.length ? element("dl", {}, ...facts.flatMap(([key, value]) =>
        [element("dt", {}, key), element("dd", {}, told(value))])) : "",
      collection.writable ? itemTools(state, item) : "");
  }).catch(error => known.append(element("p", {}, error.message)));
  return [known];
}

// The examples of a kind, each to be taken back.
function row(title, state, kind) {
  const examples = state[kind].map((example, place) => {
    const name = example.id ?? (example.name || "the picture");
    return element("li", {}, pictureOfExample(state.name, example, 128),
      button(`Without ${name}`, () => {
        const left = state[kind].filter((_, other) => other !== place);
        const none = kind === "like" && !left.length;
        go(none ? fresh(state) : { ...state, [kind]: left });
      }, { picture: "cross", bare: true }));
  });
  return element("div", { class: kind }, element("h2", {}, title), element("ul", { class: "examples" }, ...examples));
}

function diversity(state) {
  const slider = element("input", {
    type: "range", id: "diversity", min: "0", max: "1", step: "0.1", value: state.diversity || "0",
    // Of all steps on the way, Back knows the first.
    onchange: event => {
      const now = read();  // the last step may not be shown yet
      go({ ...now, diversity: Number(event.target.value) ? event.target.value : "" }, { instead: Boolean(now.diversity) });
    },
  });
  return element("div", { class: "slider" }, element("label", { for: "diversity" }, "Variety"), slider,
    element("span", { class: "ends faint", "aria-hidden": "true" }, element("span", {}, "alike"), element("span", {}, "varied")));
}
