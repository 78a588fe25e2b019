// Groups of items, each a line of pictures: clusters and duplicates.
import { element } from "./elements.js";
import { pictureOf } from "./pictures.js";
import { address, fresh } from "./state.js";

// Pictures that lead to what is similar; `more(id)` gives what stands below one.
export function strip(state, items, more = () => null) {
  return element("ul", { class: "strip" }, ...items.map(item => element("li", {},
    element("a", { href: address(fresh(state, { like: [{ id: item.id }], where: [] })), class: "picture" },
      pictureOf(state.name, item, 256)),
    more(item.id))));
}
