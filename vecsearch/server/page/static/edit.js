// Changes to the collection, where the server lets anyone make them.
import * as api from "./api.js";
import { button, byId, element, many } from "./elements.js";
import { problem, say } from "./problem.js";
import { fresh, go, read } from "./state.js";

// Called after the collection has changed.
let changed = async () => {};
export const afterChanges = then => { changed = then; };

async function carryOut(act, done, then, failed = () => {}) {
  problem(null);
  try {
    const answer = await act();
    await changed();
    say(done(answer));
    then(answer);
  } catch (error) {
    await failed();
    problem(error.message);
  }
}

// Put an upload into the collection.
export function addForm(state, example, file) {
  const label = element("input", { id: "new-label", list: "known-labels", autocomplete: "off" });
  const name = element("input", { id: "new-id", autocomplete: "off", required: true, value: example.name || "picture" });
  return element("details", { class: "edit" }, element("summary", {}, "Add it to the collection"),
    element("form", { onsubmit: event => {
      event.preventDefault();
      const parameters = { id: name.value.trim(), label: label.value.trim() };
      carryOut(() => api.add(state.name, file, parameters, () => {}), answer => `${answer.id} is in the collection.`,
        answer => go(fresh(state, { like: [{ id: answer.id }] })));
    } },
    element("label", { for: "new-id" }, "Name"), name, element("label", { for: "new-label" }, "Label"), label,
    element("button", { class: "main" }, "Add")));
}

// Label an item, or remove it.
export function itemTools(state, item) {
  const field = element("input", { id: "its-label", list: "known-labels", autocomplete: "off", value: item.label ?? "" });
  return element("details", { class: "edit" }, element("summary", {}, "Change"),
    element("form", { onsubmit: event => {
      event.preventDefault();
      const label = field.value.trim() || null;
      carryOut(() => api.change(state.name, item.id, { label }),
        () => label === null ? "It has no label now." : `It is labelled ${label} now.`, () => go(read(), { instead: true }));
    } }, element("label", { for: "its-label" }, "Label"),
    element("div", { class: "line" }, field, element("button", { class: "main" }, "Save"))),
    button("Remove it", () => removeItems(state, [item.id], () => go(fresh(state), { instead: true })),
      { class: "danger", picture: "bin" }));
}

export async function removeItems(state, ids, then) {
  const one = ids.length === 1, which = one ? ids[0] : many(ids.length, "item");
  const sure = await confirmed(one ? "Remove this item?" : `Remove ${which}?`,
    `${one ? which : "They"} will no longer be found. What was uploaded here is deleted; other files stay where they are.`, "Remove");
  if (!sure) return;
  const act = async () => {
    for (const id of ids) await api.remove(state.name, id).catch(error => {
      if (one || error.status !== 404) throw error;  // of several, others may have taken one away
    });
  };
  carryOut(act, () => `Removed: ${which}.`, then, async () => {  // some may be gone all the same
    await changed().catch(() => {});
    go(read(), { instead: true });
  });
}

function confirmed(title, text, yes) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise(done => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}
