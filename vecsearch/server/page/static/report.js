// How good the answers are: the page that `vecsearch evaluate --report` has made.
import { byId, element } from "./elements.js";

export function show(state) {
  const page = `/reports/${encodeURIComponent(state.name)}/`;
  if (byId("report").querySelector("iframe")?.getAttribute("src") === page) return;
  byId("report").replaceChildren(
    element("div", { class: "tools" }, element("a", { class: "button", href: page, target: "_blank", rel: "noopener" }, "Open as a page of its own")),
    element("iframe", { src: page, title: `Evaluation of ${state.name}` }));
}
