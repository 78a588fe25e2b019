// Points as pixels: one buffer of the size of the canvas, filled point by point, since 60,000 calls
// of a canvas for one frame take longer than a frame may.

const SHAPES = [
  (x, y, r) => x * x + y * y <= r * r,
  (x, y, r) => Math.max(Math.abs(x), Math.abs(y)) <= r * .87,
  (x, y, r) => y <= r * .75 && Math.abs(x) * 1.73 <= y + r * 1.1,
  (x, y, r) => Math.abs(x) + Math.abs(y) <= r * 1.2,
  (x, y, r) => Math.min(Math.abs(x), Math.abs(y)) <= r * .36 && Math.max(Math.abs(x), Math.abs(y)) <= r,
  (x, y, r) => Math.min(Math.abs(x + y), Math.abs(x - y)) <= r * .5 && Math.max(Math.abs(x), Math.abs(y)) <= r * .87,
  (x, y, r) => -y <= r * .75 && Math.abs(x) * 1.73 <= r * 1.1 - y,
];

// Which pixels around its middle a point covers, and how much of each, from 0 to 256.
function stamp(shape, radius) {
  const reach = Math.ceil(radius * 1.25), steps = 4, dx = [], dy = [], cover = [];
  for (let y = -reach; y <= reach; y++) for (let x = -reach; x <= reach; x++) {
    let inside = 0;
    for (let i = 0; i < steps * steps; i++) {
      const ox = (i % steps + .5) / steps - .5, oy = ((i / steps | 0) + .5) / steps - .5;
      if (SHAPES[shape](x + ox, y + oy, radius)) inside++;
    }
    if (inside) { dx.push(x); dy.push(y); cover.push(inside * 256 / (steps * steps)); }
  }
  return { dx, dy, cover, reach };
}

// A buffer of pixels, little-endian RGBA as all browsers have it.
export class Raster {
  // On paper of a colour, 0xBBGGRR.
  constructor(paper = 0xffffff) { this.paper = paper; }
  resize(context, width, height) {
    this.width = width; this.height = height;
    this.image = context.createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.clear();
  }
  clear() { this.pixels.fill(0xff000000 | this.paper); }

  // Points at device pixels, in the colours of a table, 0xBBGGRR each, by their number in it.
  splat(count, xs, ys, colours, table, shapes, radius, alpha) {
    const { pixels, width, height } = this, marks = [];
    for (let i = 0; i < count; i++) {
      const code = colours[i], shape = shapes ? shapes[code] : 0;
      const mark = marks[shape] || (marks[shape] = this.mark(shape, radius, alpha));
      const x = xs[i], y = ys[i], reach = mark.reach, colour = table[code];
      const red = colour & 255, green = colour >> 8 & 255, blue = colour >> 16 & 255;
      const { offsets, cover, dx, dy } = mark, whole =
        x >= reach && y >= reach && x < width - reach && y < height - reach, base = y * width + x;
      for (let k = 0; k < offsets.length; k++) {
        if (!whole) {
          const px = x + dx[k], py = y + dy[k];
          if (px < 0 || py < 0 || px >= width || py >= height) continue;
        }
        const at = base + offsets[k], under = pixels[at], part = cover[k];
        const r = under & 255, g = under >> 8 & 255, b = under >> 16 & 255;
        pixels[at] = 0xff000000 | (b + ((blue - b) * part >> 8)) << 16 |
          (g + ((green - g) * part >> 8)) << 8 | (r + ((red - r) * part >> 8));
      }
    }
  }
  mark(shape, radius, alpha) {
    const { dx, dy, cover, reach } = stamp(shape, radius);
    return { dx, dy, reach, offsets: Int32Array.from(dx, (x, i) => dy[i] * this.width + x),
      cover: Int32Array.from(cover, part => part * alpha) };
  }
}

// Points in an order by chance, the same each time, so that no class lies above another.
export function shuffled(count) {
  const order = new Uint32Array(count).map((_, i) => i);
  for (let i = count - 1, state = 1; i > 0; i--) {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    const j = Math.floor(state / 4294967296 * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

// How many points lie where, smoothed, in cells of some device pixels, as a small picture.
export function density(count, xs, ys, width, height, cell, table) {
  const across = Math.ceil(width / cell) + 1, down = Math.ceil(height / cell) + 1;
  let cells = new Float32Array(across * down), other = new Float32Array(across * down);
  for (let i = 0; i < count; i++) {
    const x = xs[i] / cell | 0, y = ys[i] / cell | 0;
    if (xs[i] >= 0 && ys[i] >= 0 && x < across && y < down) cells[y * across + x]++;
  }
  for (let pass = 0; pass < 3; pass++) for (const [step, size] of [[1, across], [across, down]]) {
    for (let i = 0; i < cells.length; i++) {
      const at = step === 1 ? i % across : i / across | 0;
      other[i] = cells[i] / 2 + ((at ? cells[i - step] : 0) + (at < size - 1 ? cells[i + step] : 0)) / 4;
    }
    [cells, other] = [other, cells];
  }
  let most = 0;
  for (const value of cells) if (value > most) most = value;
  const image = new ImageData(across, down), pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < cells.length; i++) if (cells[i] > .02)
    pixels[i] = 0xff000000 | table[Math.sqrt(cells[i] / most) * 255 | 0];
  return { image, across, down };
}

// How many points lie in each of hexagons that hang on the map: [x, y, count] of those with any.
// They are the nearer ones of two grids of middles, of which one lies between those of the other.
export function hexagons(count, xs, ys, width, height, size, left, top) {
  const wide = Math.sqrt(3) * size, high = 3 * size, found = new Map(), row = 1 << 15;
  left %= wide; top %= high;
  for (let i = 0; i < count; i++) {
    if (xs[i] < -size || ys[i] < -size || xs[i] > width + size || ys[i] > height + size) continue;
    const x = (xs[i] - left) / wide, y = (ys[i] - top) / high;
    const x1 = Math.round(x), y1 = Math.round(y), x2 = Math.floor(x), y2 = Math.floor(y);
    const near = (x - x1) ** 2 + 3 * (y - y1) ** 2 < (x - x2 - .5) ** 2 + 3 * (y - y2 - .5) ** 2;
    const key = near ? (2 * y1 + 99) * row + 2 * x1 + 99 : (2 * y2 + 100) * row + 2 * x2 + 100;
    found.set(key, (found.get(key) || 0) + 1);
  }
  return [...found].map(([key, number]) =>
    [left + (key % row - 99) / 2 * wide, top + ((key / row | 0) - 99) / 2 * high, number]);
}
