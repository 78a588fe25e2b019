// What of a map is to be seen: its unit square at (left, top), `size` CSS pixels wide; `fit` is the
// size at which all of it is.
export class View {
  constructor() { this.left = 0; this.top = 0; this.size = 1; this.fit = 1; }

  // All of a map, `wide` and `high` in shares of the square, whose lower left corner it lies in.
  show(width, height, wide, high) {
    this.fit = this.size = Math.min((width - 48) / wide, (height - 56) / high);
    this.left = (width - wide * this.size) / 2;
    this.top = (height - high * this.size) / 2 - (1 - high) * this.size;
  }

  zoom(by, x, y) {
    const size = Math.min(Math.max(this.size * by, this.fit / 2), this.fit * 4000);
    this.left = x - (x - this.left) * size / this.size;
    this.top = y - (y - this.top) * size / this.size;
    this.size = size;
  }

  move(dx, dy) { this.left += dx; this.top += dy; }
}
