// The nearest point to a place, by a grid over the unit square whose cells list their points.
const CELLS = 256, cellOf = value => Math.min(CELLS - 1, Math.max(0, Math.floor(value * CELLS)));

export class Cells {
  constructor(X, Y) {
    this.X = X; this.Y = Y;
    this.firsts = new Uint32Array(CELLS * CELLS + 1); this.points = new Uint32Array(X.length);
    const cells = Uint32Array.from(X, (x, p) => cellOf(Y[p]) * CELLS + cellOf(x));
    for (const cell of cells) this.firsts[cell + 1]++;
    for (let i = 0; i < CELLS * CELLS; i++) this.firsts[i + 1] += this.firsts[i];
    const next = this.firsts.slice();
    cells.forEach((cell, p) => { this.points[next[cell]++] = p; });
  }

  // The nearest to a place of those that match, or −1 if none is within reach.
  nearest(x, y, reach, matches) {
    let best = -1, least = reach * reach;
    for (let row = cellOf(y - reach); row <= cellOf(y + reach); row++)
      for (let column = cellOf(x - reach); column <= cellOf(x + reach); column++) {
        const cell = row * CELLS + column;
        for (let i = this.firsts[cell]; i < this.firsts[cell + 1]; i++) {
          const p = this.points[i], apart = (this.X[p] - x) ** 2 + (this.Y[p] - y) ** 2;
          if (apart < least && matches(p)) { least = apart; best = p; }
        }
      }
    return best;
  }
}
