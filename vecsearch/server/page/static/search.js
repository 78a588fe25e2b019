// The search: what is looked for on one side, what was found on the other.
import { answersTo, isQuery } from "./answers.js";
import { byId, many } from "./elements.js";
import { Endless } from "./endless.js";
import { showFilters } from "./filters.js";
import { Grid } from "./grid.js";
import { toText } from "./numbers.js";
import { showPanel } from "./panel.js";
import { problem } from "./problem.js";
import { address, fresh, go } from "./state.js";

let now = { state: null, collection: null, answers: null }, asking = new AbortController();
let failed = false;  // whether the problem that is told is that items did not come

const grid = new Grid(byId("grid"), {
  hrefOf: item => address(fresh(now.state, { like: [{ id: item.id }] })),
  vote,
});

// More like this, or less; words become an example as well, by the vector that they were given.
function vote(item, kind) {
  const { state, answers } = now, other = kind === "like" ? "unlike" : "like";
  const start = !state.like.length && state.q && answers.vector
    ? [{ vector: toText(answers.vector), picture: "", name: `“${state.q}”` }] : state.like;
  const given = kind === "like" ? start : state.unlike;
  const next = { ...state, q: "", like: start, [kind]: [...given, { id: item.id }] };
  next[other] = next[other].filter(one => one.id !== item.id);
  go(next);
}

export async function show(state, collection, returned) {
  const again = grid.has(document.activeElement), answers = answersTo(state, returned !== null);
  asking.abort();
  asking = new AbortController();
  failed = false;
  now = { state, collection, answers };
  showPanel(state, collection);
  showFilters(state, collection);
  byId("grid").classList.toggle("browsing", !isQuery(state));
  if (!answers.items.length && !answers.done) {
    byId("grid").setAttribute("aria-busy", "true");
    if (!await load()) return;
  }
  byId("grid").removeAttribute("aria-busy");  // which a question has left that was given up
  grid.show(answers.items, collection.name);
  end.again();
  told();
  if (again && !returned) grid.focus();
  scrollTo({ top: returned?.top ?? 0, behavior: "instant" });
}

// The next items; null if they did not come, or nobody waits for them any more.
async function load() {
  const { answers } = now;
  try {
    const found = await answers.more(asking.signal);
    if (answers !== now.answers) return null;
    if (failed) problem(null);  // what others say of a picture stays
    failed = false;
    byId("grid").removeAttribute("aria-busy");
    return found;
  } catch (error) {
    if (error.name === "AbortError" || answers !== now.answers) return null;
    byId("grid").removeAttribute("aria-busy");
    if (!answers.items.length) {
      grid.show([], now.collection.name);
      byId("count").textContent = "";
    }
    failed = true;
    problem(error.message);
    return null;
  }
}

function told() {
  const { state, answers, collection } = now, some = answers.items.length;
  let text = answers.total !== null ? many(answers.total, "item") : "";
  if (isQuery(state)) text = answers.done ? many(some, "item") : "";
  if (!some && answers.done) text = state.where.length
    ? "No item fits these filters. Take one away to see more."
    : collection.items ? "Nothing else is here." : "The collection is empty: vecsearch add puts pictures into it.";
  byId("count").textContent = text;
}

const end = new Endless(byId("end"), async () => {
  if (!now.answers?.items.length || now.answers.done) return false;
  const found = await load();
  if (!found) return false;
  grid.append(found);
  told();
  return !now.answers.done;
});
