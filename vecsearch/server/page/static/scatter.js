// Points on a canvas, by class, with pictures in their place when few are in sight.
import { isBusy } from "./api.js";
import { Cells } from "./nearest.js";
import { Raster, shuffled } from "./raster.js";
import { View } from "./view.js";

const NEAR = 90, KEPT = 300, AGAIN_MS = 1000;
const number = hex => parseInt(hex.slice(1), 16);
// As the raster has colours, 0xBBGGRR.
const packed = hex => {
  const value = number(hex);
  return value >> 16 | value & 0xff00 | (value & 255) << 16;
};
const css = value => `rgb(${value & 255} ${value >> 8 & 255} ${value >> 16 & 255})`;
const ratio = () => devicePixelRatio || 1;

export class Scatter {
  // points: [[x, y], …]; codes: the class of each; thumbnail(i): the address of its picture, or null.
  constructor(canvas, points, codes, thumbnail) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.thumbnail = thumbnail;
    this.view = new View();
    this.count = points.length;
    this.order = shuffled(this.count);
    this.codes = Int32Array.from(this.order, item => codes[item]);
    this.place(points);
    this.cells = new Cells(this.X, this.Y);
    this.mask = new Uint8Array(this.count).fill(1);
    this.xs = new Int32Array(this.count);
    this.ys = new Int32Array(this.count);
    this.shown = new Int32Array(this.count);
    this.colours = new Int32Array(this.count);
    this.images = new Map();
    this.hovered = -1;
    this.some = false;
    this.frames = 0;
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(canvas);
  }

  // Into the unit square, in its lower left corner, y downwards.
  place(points) {
    let [left, low] = [Infinity, Infinity], [right, high] = [-Infinity, -Infinity];
    for (const [x, y] of points) {
      left = Math.min(left, x); right = Math.max(right, x);
      low = Math.min(low, y); high = Math.max(high, y);
    }
    const longer = Math.max(right - left, high - low) || 1;
    this.extent = [Math.max(1e-6, (right - left) / longer), Math.max(1e-6, (high - low) / longer)];
    this.X = Float32Array.from(this.order, item => (points[item][0] - left) / longer);
    this.Y = Float32Array.from(this.order, item => 1 - (points[item][1] - low) / longer);
  }

  // Colours by class, as #rrggbb, those of the paper, the ring and what is filtered out.
  paint(colours, { paper, ink, rest }) {
    this.table = Uint32Array.from(colours, packed);
    this.look = { paper, ink, rest: packed(rest) };
    this.raster = null;
    this.resize();
  }

  resize() {
    const { canvas, look } = this, box = canvas.getBoundingClientRect(), dpr = ratio();
    const width = Math.round(box.width * dpr), height = Math.round(box.height * dpr);
    if (!look || !width || !height || (this.raster && width === canvas.width && height === canvas.height)) return;
    const all = !this.raster && this.view.size === 1 || this.view.size === this.view.fit;
    canvas.width = width;
    canvas.height = height;
    this.raster = new Raster(packed(look.paper));
    this.raster.resize(this.context, width, height);
    if (all) this.fit(); else this.draw();
  }

  fit() {
    const box = this.canvas.getBoundingClientRect();
    this.view.show(box.width, box.height, ...this.extent);
    this.draw();
  }

  zoom(by, x, y) {
    this.view.zoom(by, x, y);
    this.draw();
  }

  move(dx, dy) {
    this.view.move(dx, dy);
    this.draw();
  }

  // Show only points of some classes; of all, if there are none.
  only(chosen) {
    this.some = chosen.size > 0;
    this.codes.forEach((code, p) => { this.mask[p] = !this.some || chosen.has(code) ? 1 : 0; });
    this.draw();
  }

  // The point nearest to a place on the canvas, or −1.
  nearest(x, y, within) {
    const { left, top, size } = this.view;
    return this.cells.nearest((x - left) / size, (y - top) / size, within / size, p => this.mask[p] === 1);
  }

  placeOf(p) {
    const { left, top, size } = this.view;
    return [left + this.X[p] * size, top + this.Y[p] * size];
  }

  draw() {
    if (!this.wanted) requestAnimationFrame(() => this.frame());
    this.wanted = true;
  }

  frame() {
    this.wanted = false;
    if (!this.raster) return;
    const began = performance.now(), dpr = ratio(), { raster, context, view, count } = this;
    const near = Math.pow(view.size / view.fit, .4);
    const radius = Math.min(7, Math.max(1.15, Math.min(5, 28 / Math.pow(count, .28)) * Math.max(1, near))) * dpr;
    raster.clear();
    if (this.some) this.splat(this.collect(0, radius * 2), radius, 1, true);
    const n = this.collect(1, 48 * dpr);
    this.splat(n, radius, Math.min(.92, Math.max(.6, Math.pow(3000 / count, .15) * Math.max(1, near / 2))), false);
    context.putImageData(raster.image, 0, 0);
    if (n <= NEAR && view.size > view.fit * 1.2) this.pictures(n, dpr);
    if (this.hovered >= 0) this.ring(dpr);
    this.canvas.dataset.frames = ++this.frames;
    this.canvas.dataset.milliseconds = (performance.now() - began).toFixed(2);
  }

  // The places in sight, as device pixels, of what matches or does not.
  collect(matching, edge) {
    const dpr = ratio(), { X, Y, mask, xs, ys, shown } = this, { width, height } = this.canvas;
    const size = this.view.size * dpr, left = this.view.left * dpr, top = this.view.top * dpr;
    let n = 0;
    for (let p = 0; p < this.count; p++) {
      if (mask[p] !== matching) continue;
      const x = left + X[p] * size + .5 | 0, y = top + Y[p] * size + .5 | 0;
      if (x < -edge || y < -edge || x > width + edge || y > height + edge) continue;
      xs[n] = x;
      ys[n] = y;
      shown[n++] = p;
    }
    return n;
  }

  splat(n, radius, alpha, rest) {
    for (let i = 0; i < n; i++) this.colours[i] = rest ? 0 : this.codes[this.shown[i]];
    this.raster.splat(n, this.xs, this.ys, this.colours, rest ? [this.look.rest] : this.table, null, radius, alpha);
  }

  pictures(n, dpr) {
    const side = Math.round(Math.max(32, Math.min(88, 420 / Math.sqrt(n))) * dpr), line = 2 * dpr;
    for (let i = 0; i < n; i++) {
      const image = this.imageOf(this.shown[i]);
      if (!image?.naturalWidth) continue;
      const least = Math.min(image.naturalWidth, image.naturalHeight);
      const x = Math.round(this.xs[i] - side / 2), y = Math.round(this.ys[i] - side / 2);
      this.context.fillStyle = css(this.table[this.codes[this.shown[i]]]);
      this.context.fillRect(x - line, y - line, side + 2 * line, side + 2 * line);
      this.context.drawImage(image, (image.naturalWidth - least) / 2, (image.naturalHeight - least) / 2, least, least, x, y, side, side);
    }
  }

  // Pictures are asked for when they are first looked at; the last few hundred stay.
  imageOf(p) {
    let image = this.images.get(p);
    if (image === undefined) {
      const address = this.thumbnail(this.order[p]);
      image = address === null ? null : new Image();
      if (image) {
        image.addEventListener("load", () => this.draw());
        image.addEventListener("error", async () => {  // the server may have had too much to do
          if (await isBusy(address)) setTimeout(() => { image.src = address; }, AGAIN_MS);
        }, { once: true });
        image.src = address;
      }
      if (this.images.size >= KEPT) this.images.delete(this.images.keys().next().value);
    } else this.images.delete(p);
    this.images.set(p, image);
    return image;
  }

  ring(dpr) {
    const [x, y] = this.placeOf(this.hovered);
    for (const [line, wide] of [[this.look.paper, 5], [this.look.ink, 2]]) {
      this.context.strokeStyle = line;
      this.context.lineWidth = wide * dpr;
      this.context.beginPath();
      this.context.arc(x * dpr, y * dpr, 8 * dpr, 0, 7);
      this.context.stroke();
    }
  }

  close() {
    this.sized.disconnect();
  }
}
