// Items as a grid of pictures. One of them at a time is on the way of the Tab key; the arrow keys
// move among them.
import { button, element, figure, told } from "./elements.js";
import { singleKeys } from "./keys.js";
import { hasPictures, pictureOf } from "./pictures.js";

const SHOWN_KEYS = 2, MOVE = { duration: 260, easing: "cubic-bezier(.2,.7,.2,1)" };
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Grid {
  // hands: hrefOf(item), and if items can be voted for, vote(item, "like" | "unlike").
  constructor(list, hands) {
    this.list = list;
    this.hands = hands;
    this.cards = new Map();
    list.addEventListener("keydown", event => this.key(event));
    list.addEventListener("focusin", event => this.enter(event.target.closest("li")));
  }

  // Show other items; cards that stay move to their places.
  show(items, collection) {
    const moved = calm.matches ? [] : this.inSight();
    const before = this.cards;
    this.cards = new Map();
    this.collection = collection;
    this.list.replaceChildren(...items.map(item => this.card(item, before.get(item.id))));
    for (const [card, was] of moved) {
      if (!card.isConnected) continue;
      const is = card.getBoundingClientRect(), x = was.left - is.left, y = was.top - is.top;
      if (x || y) card.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], MOVE);
    }
    this.enter(this.list.firstElementChild);
  }

  append(items) {
    this.list.append(...items.filter(item => !this.cards.has(item.id)).map(item => this.card(item)));
    if (!this.current?.isConnected) this.enter(this.list.firstElementChild);
  }

  inSight() {
    return [...this.list.children].map(card => [card, card.getBoundingClientRect()])
      .filter(([, box]) => box.bottom > 0 && box.top < innerHeight);
  }

  card(item, old) {
    const made = old && old.collection === this.collection ? old.card : this.newCard(item);
    this.cards.set(item.id, { card: made, item, collection: this.collection });
    const face = made.querySelector("a");
    face.href = this.hands.hrefOf(item);
    face.querySelector(".caption").replaceWith(caption(item, this.collection));
    return made;
  }

  newCard(item) {
    const card = element("li", {},
      element("a", { tabindex: "-1", draggable: "false" },
        element("span", { class: "picture" }, pictureOf(this.collection, item)), element("span", { class: "caption" })));
    card.dataset.id = item.id;
    if (this.hands.vote) card.append(element("span", { class: "votes" },
      button(`More like ${item.id}`, () => this.hands.vote(item, "like"),
        { picture: "heart", bare: true, class: "like", tabindex: "-1" }),
      button(`Less like ${item.id}`, () => this.hands.vote(item, "unlike"),
        { picture: "cross", bare: true, class: "unlike", tabindex: "-1" })));
    return card;
  }

  // The card that the Tab key comes to.
  enter(card) {
    if (!card || card === this.current) return;
    for (const one of this.current?.querySelectorAll("a, button") ?? []) one.tabIndex = -1;
    for (const one of card.querySelectorAll("a, button")) one.tabIndex = 0;
    this.current = card;
  }

  focus() {
    this.list.querySelector("a")?.focus({ preventScroll: true });
  }

  has(node) {
    return this.list.contains(node);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const card = event.target.closest("li");
    if (!card) return;
    const next = this.neighbour(card, event.key);
    if (next) {
      event.preventDefault();
      next.querySelector("a").focus();
      next.scrollIntoView({ block: "nearest" });
    } else if (this.hands.vote && singleKeys() && event.target.matches("a") && (event.key === "l" || event.key === "x")) {
      event.preventDefault();
      // Of what is not there to be clicked, as ✕ where nothing is asked for yet, neither is the key.
      const sign = card.querySelector(event.key === "l" ? ".like" : ".unlike");
      if (sign.offsetParent) sign.click();
    }
  }

  neighbour(card, key) {
    const all = this.list.children;
    if (key === "ArrowRight") return card.nextElementSibling;
    if (key === "ArrowLeft") return card.previousElementSibling;
    if (key === "Home") return all[0];
    if (key === "End") return all[all.length - 1];
    if (key !== "ArrowDown" && key !== "ArrowUp") return null;
    const across = [...all].findIndex(one => one.offsetTop > all[0].offsetTop);
    const place = [...all].indexOf(card), step = across < 0 ? all.length : across;
    return all[key === "ArrowDown" ? place + step : place - step] ?? null;
  }
}

// What is known of an item, below its picture.
export function caption({ id, label, distance, score, metadata }, collection) {
  const name = label ?? (hasPictures(collection) ? id.slice(id.lastIndexOf("/") + 1) : "");
  const facts = Object.entries(metadata ?? {}).filter(([, value]) => value !== null).slice(0, SHOWN_KEYS);
  const title = distance === undefined ? "" : `distance ${figure(distance)}` + (score === undefined ? "" : `, score ${figure(score)}`);
  const apart = distance === undefined ? null : element("span", { class: "distance", title },
    element("span", { class: "unseen" }, " distance "), figure(distance));
  return element("span", { class: "caption" },
    element("span", { class: "label" }, name), apart,
    facts.length ? element("span", { class: "facts" }, facts.map(([key, value]) => `${key} ${told(value)}`).join(" · ")) : null);
}
