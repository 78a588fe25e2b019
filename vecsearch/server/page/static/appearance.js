// The button that changes between dark and light.
import { byId } from "./elements.js";

export const isDark = () => document.documentElement.dataset.theme
  ? document.documentElement.dataset.theme === "dark"
  : matchMedia("(prefers-color-scheme: dark)").matches;

export function changeTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // It holds for this page, then.
  }
  tell();
}

// The map paints itself, and has to be told.
function tell() {
  byId("theme").setAttribute("aria-pressed", isDark());
  dispatchEvent(new Event("themechange"));
}

byId("theme").addEventListener("click", changeTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
tell();
