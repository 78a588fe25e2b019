// Pictures that are dropped, pasted, chosen or photographed.
import * as api from "./api.js";
import { answersTo } from "./answers.js";
import { byId, element } from "./elements.js";
import { toText } from "./numbers.js";
import { decoded, remember } from "./pictures.js";
import { problem } from "./problem.js";
import { fresh, go, read } from "./state.js";

const PAGE = 60;
let turn = 0;

export const choosePicture = () => byId("file").click();
export const takePhoto = () => byId("capture").click();

// Send a picture, and go to what is similar.
export async function take(file) {
  const state = read(), bitmap = decoded(file), bar = uploading(file), mine = ++turn, at = location.href;
  problem(null);
  try {
    const { name, where, metric } = state;
    const body = await api.queryPicture(name, file, { k: PAGE, where, metric }, share => { bar.value = share; });
    if (mine !== turn || location.href !== at) return;  // another was dropped, or somebody has gone on
    if (!body.vector) throw new Error("The server gave no vector of the picture.");
    const vector = toText(body.vector), picture = await remember(vector, file, await bitmap);
    const next = fresh(state, { like: [{ vector, picture, name: file.name }] });
    answersTo({ ...state, ...next, unlike: [], q: "", diversity: "" }).bring(body);
    go(next);
  } catch (error) {
    if (mine === turn) problem(error.message);
  } finally {
    if (mine === turn) byId("uploading")?.remove();
  }
}

function uploading(file) {
  byId("uploading")?.remove();
  const bar = element("progress", { max: "1", value: "0", "aria-label": "Upload" });
  byId("problem").after(element("div", { id: "uploading", role: "status" }, element("span", {}, file.name || "A picture"), bar));
  return bar;
}

const first = transfer => [...(transfer?.files ?? [])].find(Boolean);

// Listen for pictures, from the first moment on: `encodes` is a promise of whether the collection takes any.
export function takePictures(encodes) {
  const receive = async file => {
    if (await encodes) take(file);
    else problem("Nothing here makes vectors of pictures: click an item to see what is like it.");
  };
  for (const id of ["file", "capture"]) byId(id).addEventListener("change", event => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) receive(file);
  });
  byId("choose").addEventListener("click", choosePicture);
  byId("photograph").addEventListener("click", takePhoto);
  addEventListener("paste", event => {
    const file = first(event.clipboardData), field = event.target.closest?.("input, textarea");
    // A cell of a table comes as a picture too; into a field goes its text.
    if (file && !(field && event.clipboardData.types.includes("text/plain"))) {
      event.preventDefault();
      receive(file);
    }
  });
  let inside = 0;
  const over = on => { byId("drop").hidden = !on; };
  const holdsFiles = event => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", event => { if (holdsFiles(event)) over(++inside > 0); });
  addEventListener("dragleave", event => { if (holdsFiles(event)) over(--inside > 0); });
  // Text that is dragged into a field is the field's.
  const forField = event => !holdsFiles(event) && event.target.closest?.("input, textarea");
  addEventListener("dragover", event => { if (!forField(event)) event.preventDefault(); });
  addEventListener("drop", event => {
    if (forField(event)) return;
    event.preventDefault();
    inside = 0;
    over(false);
    const file = first(event.dataTransfer);
    if (file) receive(file);
    else problem("That was no picture file. Save the picture first, or copy it and paste it here.");
  });
}
