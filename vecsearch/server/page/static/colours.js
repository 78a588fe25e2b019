// The colours of classes: as on the map that is a page of its own, and on dark paper those that
// would be lost on it lightened until they stand out.
import { byId } from "./elements.js";

const LEAST = 3;  // WCAG's contrast of what is no text

const parts = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
function light(hex) {
  const [red, green, blue] = parts(hex).map(value => value / 255)
    .map(value => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4);
  return .2126 * red + .7152 * green + .0722 * blue;
}
const contrast = (one, other) => {
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + .05) / (low + .05);
};

function seenOn(paper, hex) {
  if (hex === "#000000") return "#f2f4f6";
  let seen = hex;
  for (let share = .1; share < 1 && contrast(seen, paper) < LEAST; share += .1)
    seen = `#${parts(hex).map(value => Math.round(value + (255 - value) * share).toString(16).padStart(2, "0")).join("")}`;
  return seen;
}

// Colours for so many classes, and as the last that of items without one.
export function coloursOf(count, dark) {
  const all = byId("map").dataset.colours.split(" "), none = all.pop();
  const look = dark ? { paper: "#131416", ink: "#eceef0", rest: "#2c3035" }
    : { paper: "#fbfbfa", ink: "#1b1c1e", rest: "#e3e5e4" };
  const own = Array.from({ length: count }, (_, code) => all[code % all.length]);
  return { look, colours: [...own, dark ? "#7d838a" : none].map(hex => dark ? seenOn(look.paper, hex) : hex) };
}
