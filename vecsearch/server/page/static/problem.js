// What went wrong, as a sentence in the page; and what was done, in passing.
import { byId } from "./elements.js";

const SECONDS = 5;
let later = 0;

export function problem(text) {
  byId("problem").textContent = text ?? "";
  byId("problem").hidden = !text;
}

export function say(text) {
  clearTimeout(later);
  byId("said").textContent = text;
  later = setTimeout(() => { byId("said").textContent = ""; }, SECONDS * 1000);
}
