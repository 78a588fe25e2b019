// Dark or light, before anything is painted, and so no module.
"use strict";
try {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden here: the system's choice holds.
}
