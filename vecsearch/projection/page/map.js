const byId = id => document.getElementById(id), data = JSON.parse(byId("data").textContent);
const canvas = byId("map"), context = canvas.getContext("2d", { alpha: false });
const raster = new Raster(), count = data.ids.length, ratio = () => devicePixelRatio || 1;

function array(text, Kind) {
  const bytes = Uint8Array.from(atob(text), char => char.charCodeAt(0));
  return new Kind(bytes.buffer);
}
function colour(hex) {
  const value = parseInt(hex.slice(1), 16);
  return value >> 16 | value & 0xff00 | (value & 255) << 16;
}

// Items, in an order by chance, so that no class lies above another: place p is item order[p].
const order = shuffled(count);
const corners = array(data.points, Uint16Array), codesOf = array(data.codes, Int32Array);
const tiles = data.tiles && array(data.tiles, Int32Array), shades = data.shades && array(data.shades, Uint8Array);
const X = new Float32Array(count), Y = new Float32Array(count), codes = new Int32Array(count);
for (let p = 0; p < count; p++) {
  X[p] = corners[2 * order[p]] / 65535; Y[p] = 1 - corners[2 * order[p] + 1] / 65535;
  codes[p] = codesOf[order[p]] < 0 ? data.names.length : codesOf[order[p]];
}
const scale = array(data.scale, Uint8Array), ramp = new Uint32Array(256);
for (let i = 0; i < 256; i++) ramp[i] = scale[3 * i] | scale[3 * i + 1] << 8 | scale[3 * i + 2] << 16;
const GREY = colour(data.grey), CONTEXT = colour("#e6e9ec"), INK = "#1c1f23";
const classTable = Uint32Array.from([...data.colours.map(colour), GREY]);
const classShapes = Uint8Array.from([...data.shapes, 0]);
// By numbers: 0 is none, 1 to 255 from the lowest to the highest.
const table = shades ? Uint32Array.from(ramp, (one, i) => i ? one : GREY) : classTable;
const colours = shades ? Int32Array.from(order, item => shades[item]) : codes;
const css = value => `rgb(${value & 255},${value >> 8 & 255},${value >> 16 & 255})`;
const counts = new Uint32Array(data.names.length + 1);
for (const code of codes) counts[code]++;

const view = new View(), chosen = new Set();
let found = null, hovered = -1, wanted = false, frames = 0;
const xs = new Int32Array(count), ys = new Int32Array(count), shown = new Int32Array(count);
const shownShapes = data.shapes.some(Boolean) && !shades ? classShapes : null;
const mask = new Uint8Array(count).fill(1), matches = p => mask[p] === 1;

function fit() {
  const box = canvas.getBoundingClientRect();
  view.show(box.width, box.height, ...data.extent);
  draw();
}
function zoom(by, x, y) { view.zoom(by, x, y); draw(); }
function draw() {
  if (!wanted) requestAnimationFrame(paint);
  wanted = true;
}

// The places of what matches, or of what does not, that are in sight, as device pixels.
function collect(matching, edge) {
  const dpr = ratio(), size = view.size * dpr, { width, height } = canvas;
  const left = Math.round(view.left * dpr), top = Math.round(view.top * dpr);
  const filtered = chosen.size || found;
  let n = 0;
  for (let p = 0; p < count; p++) {
    if (filtered ? matches(p) !== matching : !matching) continue;
    const x = left + X[p] * size + .5 | 0, y = top + Y[p] * size + .5 | 0;
    if (x < -edge || y < -edge || x > width + edge || y > height + edge) continue;
    xs[n] = x; ys[n] = y; shown[n++] = p;
  }
  return n;
}
const own = new Int32Array(count);
function splat(n, radius, alpha, only) {
  for (let i = 0; i < n; i++) own[i] = only ?? colours[shown[i]];
  raster.splat(n, xs, ys, own, only === undefined ? table : [CONTEXT], only === undefined ? shownShapes : null, radius, alpha);
}

function paint() {
  wanted = false;
  if (!raster.pixels) return;  // the canvas has no size yet
  painting++;
  const began = performance.now(), dpr = ratio(), style = byId("style").value;
  const near = Math.pow(view.size / view.fit, .4);
  const radius = Math.min(7, Math.max(1.15, Math.min(5, 28 / Math.pow(count, .28)) * Math.max(1, near))) * dpr;
  const some = chosen.size || found;
  let n = 0, close = false;
  raster.clear();
  if (style === "scatter") {
    if (some) splat(collect(false, radius * 2), radius, 1, 0);
    n = collect(true, 64 * dpr);
    close = tiles && byId("pictures").checked && n <= NEAR && view.size > view.fit * 1.5;
    splat(n, radius, Math.min(.9, Math.max(.55, Math.pow(3000 / count, .15) * Math.max(1, near / 2))));
    context.putImageData(raster.image, 0, 0);
    if (close) thumbnails(n, dpr);
  } else {
    n = collect(true, 0);
    context.putImageData(raster.image, 0, 0);
    if (style === "density") {
      const cell = 3 * dpr, made = density(n, xs, ys, canvas.width, canvas.height, cell, ramp);
      spare.width = made.across; spare.height = made.down;
      spare.getContext("2d").putImageData(made.image, 0, 0);
      context.imageSmoothingQuality = "high";
      context.drawImage(spare, 0, 0, made.across * cell, made.down * cell);
    } else {
      const size = 7 * dpr;
      const all = hexagons(n, xs, ys, canvas.width, canvas.height, size, view.left * dpr, view.top * dpr);
      const most = all.reduce((high, one) => Math.max(high, one[2]), 2);
      for (const [x, y, number] of all) {
        context.fillStyle = css(ramp[Math.log(number) / Math.log(most) * 255 | 0]);
        context.beginPath();
        for (let corner = 0; corner < 6; corner++) {
          const turn = (corner + .5) * Math.PI / 3;
          context.lineTo(x + size * Math.cos(turn), y + size * Math.sin(turn));
        }
        context.fill();
      }
    }
  }
  if (hovered >= 0) ring(hovered, dpr);
  if (byId("centers").checked) centres(dpr);
  canvas.dataset.frames = ++frames;
  canvas.dataset.milliseconds = (performance.now() - began).toFixed(2);
}
const spare = document.createElement("canvas"), NEAR = 150;
const place = (x, y, dpr) => [(view.left + x * view.size) * dpr, (view.top + y * view.size) * dpr];

function ring(p, dpr) {
  const [x, y] = place(X[p], Y[p], dpr);
  for (const [line, wide] of [["#fff", 5], [INK, 2]]) {
    context.strokeStyle = line; context.lineWidth = wide * dpr;
    context.beginPath(); context.arc(x, y, 8 * dpr, 0, 7); context.stroke();
  }
}
function centres(dpr) {
  const arm = 5 * dpr, taken = [], names = [];
  context.font = `600 ${13 * dpr}px system-ui, sans-serif`;
  context.textAlign = "center"; context.lineJoin = "round"; context.lineCap = "butt";
  for (const code of data.common) {
    if (chosen.size && !chosen.has(code)) continue;
    const [across, up] = data.centres[code], [x, y] = place(across, 1 - up, dpr);
    if (x < -99 || y < -99 || x > canvas.width + 99 || y > canvas.height + 99) continue;
    const ink = shades || byId("style").value !== "scatter" ? INK : data.colours[code];
    for (const [line, wide, more] of [[INK, 9, 2.4 * dpr], ["#fff", 7, 1.6 * dpr], [ink, 3.4, 0]]) {
      const reach = arm + more;
      context.strokeStyle = line; context.lineWidth = wide * dpr; context.beginPath();
      context.moveTo(x - reach, y - reach); context.lineTo(x + reach, y + reach);
      context.moveTo(x - reach, y + reach); context.lineTo(x + reach, y - reach);
      context.stroke();
    }
    names.push([short(data.names[code]), x, y]);
  }
  // Above its cross, below it, or beside it, where it meets no name of a larger class; or not.
  context.textBaseline = "middle";
  for (const [text, x, y] of names) {
    const half = context.measureText(text).width / 2, away = 17 * dpr;
    for (const [across, up] of [[0, -away], [0, away], [half + 11 * dpr, 0], [-half - 11 * dpr, 0]]) {
      const box = [x + across - half, y + up - 9 * dpr, x + across + half, y + up + 9 * dpr];
      if (taken.some(one => one[0] < box[2] && box[0] < one[2] && one[1] < box[3] && box[1] < one[3])) continue;
      taken.push(box);
      context.strokeStyle = "#fff"; context.lineWidth = 4 * dpr; context.strokeText(text, x + across, y + up);
      context.fillStyle = INK; context.fillText(text, x + across, y + up);
      break;
    }
  }
}
const short = text => text.length > 28 ? text.slice(0, 27) + "…" : text;

// Sheets of thumbnails are decoded when one of their tiles is first looked at; the last few stay.
// Those of one picture all stay while it is painted: a sheet that has come paints it again.
const sheets = new Map(), KEPT = 12;
let painting = 0;
function tileOf(p) {
  const tile = tiles ? tiles[order[p]] : -1;
  if (tile < 0) return null;
  const each = data.across ** 2, number = Math.floor(tile / each), inside = tile % each;
  let image = sheets.get(number)?.image;
  if (image) sheets.delete(number);
  else {
    image = new Image();
    image.onload = () => { draw(); if (hovered >= 0) card(hovered); };
    image.src = byId(`sheet-${number}`).textContent;
    for (const [oldest, one] of sheets) {
      if (sheets.size < KEPT || one.seen === painting) break;
      sheets.delete(oldest);
    }
  }
  sheets.set(number, { image, seen: painting });
  return { image, x: inside % data.across * data.side, y: Math.floor(inside / data.across) * data.side };
}
function thumbnails(n, dpr) {
  const side = Math.round(Math.max(28, Math.min(data.side * 1.5, 96, 420 / Math.sqrt(n))) * dpr);
  for (let i = 0; i < n; i++) {
    const p = shown[i], tile = tileOf(p);
    if (!tile || !tile.image.complete) continue;
    const x = Math.round(xs[i] - side / 2), y = Math.round(ys[i] - side / 2), line = 2 * dpr;
    context.fillStyle = css(table[colours[p]]);
    context.fillRect(x - line, y - line, side + 2 * line, side + 2 * line);
    context.drawImage(tile.image, tile.x, tile.y, data.side, data.side, x, y, side, side);
  }
}
