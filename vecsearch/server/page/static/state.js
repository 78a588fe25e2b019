// What is shown is what the address says: /c/NAME/VIEW?like=ID&unlike=ID&where=…#v=VECTOR&p=PICTURE.
//
// An example is {id}, or {vector, picture, name} of an upload; the latter stand behind the #, which
// browsers keep to themselves.
const VIEWS = ["search", "map", "clusters", "duplicates", "report"];
const SINGLE = ["q", "metric", "diversity", "method", "k", "named", "cluster", "threshold"];

export function read(place = location) {
  const [, , name, view] = place.pathname.split("/");
  const asked = new URLSearchParams(place.search), kept = new URLSearchParams(place.hash.slice(1));
  const pictures = kept.getAll("p"), names = kept.getAll("n");
  const uploads = kept.getAll("v").map((vector, i) => (
    { vector, picture: pictures[i] ?? "", name: names[i] ?? "" }));
  const found = {
    name: decodeURIComponent(name), view: VIEWS.includes(view) ? view : "search",
    like: [...uploads, ...asked.getAll("like").map(id => ({ id }))],
    unlike: asked.getAll("unlike").map(id => ({ id })), where: asked.getAll("where"),
  };
  for (const key of SINGLE) found[key] = asked.get(key) ?? "";
  return found;
}

export function address(state) {
  const asked = new URLSearchParams(), kept = new URLSearchParams();
  for (const { id, vector, picture, name } of state.like ?? []) {
    if (id !== undefined) asked.append("like", id);
    else for (const [key, value] of [["v", vector], ["p", picture], ["n", name]]) kept.append(key, value);
  }
  for (const { id } of state.unlike ?? []) asked.append("unlike", id);
  for (const condition of state.where ?? []) asked.append("where", condition);
  for (const key of SINGLE) if (state[key]) asked.append(key, state[key]);
  const view = !state.view || state.view === "search" ? "" : `/${state.view}`;
  const some = text => String(text);
  return `/c/${encodeURIComponent(state.name)}${view}` +
    (some(asked) && `?${asked}`) + (some(kept) && `#${kept}`);
}

// Another search in the same collection: what it does not say is as in an empty one.
export const fresh = (state, changes = {}) =>
  ({ name: state.name, view: "search", metric: state.metric, where: state.where, ...changes });

const listeners = [];
export const follow = listener => listeners.push(listener);
const announce = returned => { for (const listener of listeners) listener(read(), returned); };

// Go where a state is. The place on the page is kept with what is left, for the way back.
export function go(state, { instead = false } = {}) {
  const to = address(state);
  if (instead || to === location.pathname + location.search + location.hash) history.replaceState({}, "", to);
  else {
    keepPlace();
    history.pushState({}, "", to);
  }
  announce(null);
}

export const keepPlace = () => history.replaceState({ top: scrollY }, "");

history.scrollRestoration = "manual";
addEventListener("popstate", event => announce(event.state ?? {}));
