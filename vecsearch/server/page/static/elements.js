// Elements are made here alone, and what they say is text: whatever a file, a label or a key is
// called, it cannot become markup.

// An element: properties that begin with "on" listen, false and null are left out.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

// One of the drawings that the page holds as symbols.
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

// A button with a drawing, a text, or both; with a drawing alone, the name is what it is called.
export function button(name, act, { picture = null, bare = false, ...properties } = {}) {
  const naming = bare ? { "aria-label": name, title: name } : {};
  return element("button", { type: "button", ...naming, ...properties, onclick: act },
    picture && icon(picture), bare ? null : name);
}

// Let a part of the page hold other things. Who has the focus in it keeps it, by what is called as
// before; or else, who goes by keys comes to the first button.
export function refill(box, ...children) {
  const had = box.contains(document.activeElement) ? document.activeElement : null, keyed = had?.matches(":focus-visible");
  box.replaceChildren(...children.filter(child => child !== null));
  if (!had || box.contains(document.activeElement)) return;
  const same = [...box.querySelectorAll("a, button, input, select, summary")]
    .find(one => one.tagName === had.tagName && calledOf(one) === calledOf(had));
  (same ?? (keyed ? box.querySelector("a, button, summary") : null))?.focus();
}
const calledOf = one => one.id || one.getAttribute("aria-label") || one.textContent;

export const byId = id => document.getElementById(id);

// Text and numbers as they are read.
export const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
export const figure = value => Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(3);
export const told = value => typeof value === "object" ? JSON.stringify(value) : String(value);
