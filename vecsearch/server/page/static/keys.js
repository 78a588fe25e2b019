// Keys that work everywhere, and the list of them. Single keys can be switched off, for who speaks
// to the computer and for whoever has hit one by mistake.
import { changeTheme } from "./appearance.js";
import { byId } from "./elements.js";

const EDITABLE = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]";

export const singleKeys = () => byId("single-keys").checked;

export function listenToKeys(views) {
  const help = byId("help"), switched = byId("single-keys");
  try {
    switched.checked = localStorage.getItem("single-keys") !== "off";
    switched.addEventListener("change", () => localStorage.setItem("single-keys", switched.checked ? "on" : "off"));
  } catch {
    // Storage is forbidden here: it holds for this page.
  }
  byId("help-button").addEventListener("click", () => help.showModal());
  const act = {
    "/": () => (byId("words").hidden ? byId("choose") : byId("words")).focus(),
    f: () => byId("condition")?.focus(),
    t: changeTheme,
    "?": () => help.showModal(),
    Escape: () => { if (!byId("anew")?.closest("[hidden]")) byId("anew")?.click(); },
  };
  views.forEach((view, place) => { act[place + 1] = () => { if (!view.hidden) view.click(); }; });
  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.matches(EDITABLE)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (!switched.checked && event.key !== "Escape") return;
    if (!Object.hasOwn(act, event.key)) return;
    event.preventDefault();
    act[event.key]();
  });
}
