// The HTTP API. Whatever goes wrong comes as an Error whose message is a sentence to show.
const segment = text => encodeURIComponent(text.toWellFormed?.() ?? text);
const base = name => `/api/v1/collections/${segment(name)}`;
const SILENT = "The server does not answer. Is vecsearch serve still running?";

// Paths with parameters; those that are empty are left out.
function path(name, rest, parameters = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters))
    for (const one of Array.isArray(value) ? value : [value])
      if (one !== "" && one !== null && one !== undefined) query.append(key, one);
  return `${base(name)}${rest}${String(query) && `?${query}`}`;
}

async function ask(url, options = {}) {
  let response, text;
  try {
    response = await fetch(url, options);
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(SILENT, { cause: error });
  }
  return response.status === 204 ? null : answered(response.status, text);
}

function answered(status, text) {
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // What stands before a server may answer in its own way.
  }
  if (status >= 200 && status < 300 && body !== null) return body;
  const said = body?.detail || body?.title || `The server answered with status ${status}.`;
  throw Object.assign(new Error(said.replace(/[^.!?]$/, "$&.")), { status });
}

const json = (body, method = "POST") =>
  ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const collections = async () => (await ask("/api/v1/collections")).collections;
export const items = (name, parameters, signal) => ask(path(name, "/items", parameters), { signal });
export const item = (name, id) => ask(path(name, `/items/${segment(id)}`));
export const query = (name, body, parameters, signal) => ask(path(name, "/query", parameters), { ...json(body), signal });
export const recommend = (name, body, signal) => ask(path(name, "/recommend"), { ...json(body), signal });
export const classify = (name, body, parameters) => ask(path(name, "/classify", parameters), json(body));
export const map = (name, parameters) => ask(path(name, "/map", parameters));
export const clusters = (name, parameters) => ask(path(name, "/clusters", parameters));
export const members = (name, number, parameters) => ask(path(name, `/clusters/${number}`, parameters));
export const duplicates = (name, parameters) => ask(path(name, "/duplicates", parameters));
export const change = (name, id, body) => ask(path(name, `/items/${segment(id)}`), json(body, "PATCH"));
export const remove = (name, id) => ask(path(name, `/items/${segment(id)}`), { method: "DELETE" });
export const thumbnail = (name, id, size) => path(name, `/thumbnails/${segment(id)}`, { size });

// Whether the server has too much to do to show a picture, rather than none: an image does not tell.
export const isBusy = url => fetch(url).then(({ ok, status }) => ok || status === 429, () => false);

// Send a picture; progress is told in shares of 1. fetch tells none of what it sends.
function send(url, file, progress) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Content-Type", file.type.startsWith("image/") ? file.type : "application/octet-stream");
    request.upload.addEventListener("progress", event => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    request.addEventListener("error", () => fail(new Error(SILENT)));
    request.addEventListener("load", () => {
      try {
        done(answered(request.status, request.responseText));
      } catch (error) {
        fail(error);
      }
    });
    request.send(file);
  });
}
export const queryPicture = (name, file, parameters, progress) => send(path(name, "/query", parameters), file, progress);
export const add = (name, file, parameters, progress) => send(path(name, "/items", parameters), file, progress);
