// The nearest item to a place on the canvas.
const cells = new Cells(X, Y);
const nearest = (x, y, within) =>
  cells.nearest((x - view.left) / view.size, (y - view.top) / view.size, within / view.size, matches);

// The card of an item.
function hover(p) {
  if (p === hovered) return;
  hovered = p;
  byId("card").hidden = p < 0;
  canvas.classList.toggle("over", p >= 0);
  if (p >= 0) card(p);
  draw();
}
function card(p) {
  const item = order[p], picture = byId("picture"), tile = tileOf(p), facts = byId("facts");
  picture.hidden = !tile; byId("gone").hidden = !!tile || !tiles;
  if (tile) {
    const side = Math.round(144 * ratio());
    if (picture.width !== side) picture.width = picture.height = side;
    const brush = picture.getContext("2d");
    brush.imageSmoothingQuality = "high"; brush.imageSmoothingEnabled = data.side >= 48;
    brush.fillStyle = "#f4f6f8"; brush.fillRect(0, 0, side, side);
    if (tile.image.complete) brush.drawImage(tile.image, tile.x, tile.y, data.side, data.side, 0, 0, side, side);
  }
  byId("name").textContent = data.ids[item];
  facts.replaceChildren();
  const label = data.labels ? data.labels[item] : data.names[codes[p]];
  const lines = [["label", label ?? "none"]];
  if (data.values) lines.push([data.color_by, data.values[item] ?? "none"]);
  for (const [name, value] of lines) {
    facts.append(Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: typeof value === "object" ? JSON.stringify(value) : String(value) }));
  }
  const box = canvas.getBoundingClientRect(), own = byId("card").getBoundingClientRect();
  const [x, y] = place(X[p], Y[p], 1), right = x + 16 + own.width < box.width;
  const left = right ? x + 16 : x - 16 - own.width, top = Math.min(y + 12, box.height - own.height - 8);
  byId("card").style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
}

// Classes, and what is searched for.
function toggle(code) {
  if (!chosen.delete(code)) chosen.add(code);
  changed();
}
function changed() {
  for (const button of byId("legend").children)
    button.setAttribute("aria-pressed", chosen.has(Number(button.dataset.code)));
  byId("legend").classList.toggle("some", chosen.size > 0);
  let n = 0;
  for (let p = 0; p < count; p++)
    n += mask[p] = (!chosen.size || chosen.has(codes[p])) && (!found || found[p]) ? 1 : 0;
  if (hovered >= 0 && !matches(hovered)) hover(-1);
  byId("status").textContent = n < count ? `${n.toLocaleString("en")} of ${count.toLocaleString("en")} shown` : "";
  draw();
}
function search(text) {
  const sought = text.trim().toLowerCase();
  const hit = value => value !== null && value !== undefined && String(value).toLowerCase().includes(sought);
  if (!sought) found = null;
  else {
    const classHit = Uint8Array.from([...data.names.map(hit), 0]);
    found = Uint8Array.from(order, (item, p) =>
      classHit[codes[p]] || hit(data.ids[item]) || (data.labels && hit(data.labels[item])) ? 1 : 0);
  }
  changed();
}
function zoomToShown() {
  let left = 1, right = 0, top = 1, bottom = 0;
  for (let p = 0; p < count; p++) if (matches(p)) {
    left = Math.min(left, X[p]); right = Math.max(right, X[p]);
    top = Math.min(top, Y[p]); bottom = Math.max(bottom, Y[p]);
  }
  if (right < left) return;
  const box = canvas.getBoundingClientRect(), most = view.fit * 60;
  view.size = Math.min(most, (box.width - 80) / Math.max(1e-9, right - left), (box.height - 80) / Math.max(1e-9, bottom - top));
  view.left = box.width / 2 - (left + right) / 2 * view.size;
  view.top = box.height / 2 - (top + bottom) / 2 * view.size;
  draw();
}
function swatch(code) {
  const mark = document.createElement("canvas"), small = new Raster(), brush = mark.getContext("2d");
  mark.width = mark.height = 32;
  small.resize(brush, 32, 32);
  small.pixels.fill(0xffffff);  // white that nothing is seen of
  small.splat(1, [16], [16], [code], shades ? { [code]: GREY } : classTable, shades ? null : classShapes, 11, 1);
  brush.putImageData(small.image, 0, 0);
  return mark;
}
const line = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
data.names.concat(counts[data.names.length] ? ["no class"] : []).forEach((name, code) => {
  const button = document.createElement("button");
  button.type = "button"; button.dataset.code = code; button.title = name;
  button.append(swatch(code), line("span", name), line("i", counts[code].toLocaleString("en")));
  button.addEventListener("click", () => toggle(code));
  byId("legend").append(button);
});
if (shades) {
  const bar = byId("bar").getContext("2d"), image = new ImageData(256, 1);
  new Uint32Array(image.data.buffer).set(ramp.map(one => one | 0xff000000));
  bar.putImageData(image, 0, 0);
  byId("scale-name").textContent = data.color_by;
  byId("low").textContent = data.range[0]; byId("high").textContent = data.range[1];
  byId("scale").hidden = false;
}

gestures(canvas, {
  hover: (x, y) => hover(nearest(x, y, 12)),
  leave: () => hover(-1),
  move: (dx, dy) => { view.move(dx, dy); hover(-1); draw(); },
  zoom,
  // A finger cannot hover: its first touch shows the card, its second chooses the class.
  tap: (x, y, kind) => {
    const mouse = kind === "mouse", hit = nearest(x, y, mouse ? 12 : 24);
    if (hit >= 0 && (mouse || hit === hovered)) toggle(codes[hit]);
    hover(hit);
  },
});

const middle = () => [canvas.clientWidth / 2, canvas.clientHeight / 2];
const pan = (dx, dy) => { view.move(dx, dy); draw(); };
const KEYS = {
  "+": () => zoom(1.4, ...middle()), "=": () => zoom(1.4, ...middle()), "-": () => zoom(1 / 1.4, ...middle()),
  0: fit, ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
  Escape: () => { chosen.clear(); changed(); },
};
canvas.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
byId("in").addEventListener("click", () => zoom(1.6, ...middle()));
byId("out").addEventListener("click", () => zoom(1 / 1.6, ...middle()));
byId("reset").addEventListener("click", fit);
byId("search").addEventListener("input", event => search(event.target.value));
byId("search").addEventListener("keydown", event => { if (event.key === "Enter") zoomToShown(); });
for (const id of ["style", "centers", "pictures"]) byId(id)?.addEventListener("change", draw);
byId("style").value = data.style;
byId("centers").checked = data.centers;

let sized = false;
new ResizeObserver(() => {
  const box = canvas.getBoundingClientRect(), dpr = ratio();
  const width = Math.max(1, Math.round(box.width * dpr)), height = Math.max(1, Math.round(box.height * dpr));
  if (width === canvas.width && height === canvas.height && sized) return;
  canvas.width = width; canvas.height = height;
  raster.resize(context, width, height);
  if (!sized || Math.abs(view.size / view.fit - 1) < 1e-6) fit(); else draw();
  sized = true;
}).observe(canvas);
changed();
