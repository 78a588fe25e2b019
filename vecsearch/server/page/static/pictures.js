// Pictures of items, from the server, and pictures that were uploaded, as canvases: the page's
// content policy lets no image in that the server did not send.
import * as api from "./api.js";
import { element } from "./elements.js";
import { fromBase64, toBase64 } from "./numbers.js";

const SMALL = 96, LARGE = 640, KEPT = 50, TRIES = 3, AGAIN_MS = 1000;
// The last uploads of this page, by their vectors, to be shown large and added to the collection.
const uploads = new Map();

// Collections whose items have none.
const bare = new Set();
export const knowPictures = collections => {
  for (const { name, pictures } of collections) if (!pictures) bare.add(name); else bare.delete(name);
};
export const hasPictures = collection => !bare.has(collection);

// The thumbnail of an item, or its id where it has none.
export function pictureOf(collection, item, size = 256) {
  if (item.path === null || bare.has(collection)) return named(item.id);
  const image = element("img", { alt: item.id, loading: "lazy", decoding: "async", draggable: "false" });
  const place = api.thumbnail(collection, item.id, size);
  let tries = TRIES;
  image.addEventListener("error", async () => {  // the server may have had too much to do
    const busy = --tries > 0 && await api.isBusy(place);
    if (busy) setTimeout(() => { image.src = place; }, AGAIN_MS * (TRIES - tries));
    else image.replaceWith(named(item.id));
  });
  image.src = place;
  return image;
}
const named = id => element("span", { class: "no-picture" }, id);

// The picture of an example.
export function pictureOfExample(collection, example, size) {
  if (example.id !== undefined) return pictureOf(collection, { id: example.id }, size);
  const canvas = element("canvas", { role: "img", "aria-label": example.name || "The picture asked about" });
  const upload = uploads.get(example.vector);
  if (upload?.shown) paint(canvas, upload.shown, LARGE);
  else if (example.picture) fromText(example.picture).then(bitmap => paint(canvas, bitmap, LARGE)).catch(() => {});
  else return named(example.name || "a picture");
  return canvas;
}
const fromText = async text => createImageBitmap(new Blob([fromBase64(text)]));

function paint(canvas, bitmap, most) {
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const brush = canvas.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

// What a browser can show of a file; null of those that it cannot, as of most TIFFs.
export const decoded = file => createImageBitmap(file).catch(() => null);

// Remember an upload; gives its picture as a text short enough for an address.
export async function remember(vector, file, bitmap) {
  const shown = bitmap && document.createElement("canvas"), canvas = document.createElement("canvas");
  uploads.set(vector, { file, shown });
  if (uploads.size > KEPT) uploads.delete(uploads.keys().next().value);
  if (!bitmap) return "";
  paint(shown, bitmap, LARGE);
  paint(canvas, bitmap, SMALL);
  bitmap.close();
  // Where WebP cannot be written, a JPEG comes, and is longer.
  const blob = await new Promise(done => canvas.toBlob(done, "image/webp", .4))
    .then(made => made?.type === "image/webp" ? made : new Promise(done => canvas.toBlob(done, "image/jpeg", .5)));
  return blob ? toBase64(new Uint8Array(await blob.arrayBuffer())) : "";
}

// The file of an upload, if it was made on this page.
export const fileOf = example => uploads.get(example.vector)?.file ?? null;
