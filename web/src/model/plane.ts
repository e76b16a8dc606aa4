/** Points on a plane: a common frame, the nearest one, and those inside a drawn outline. */

/** `xy` moved and scaled (both axes alike) into [-1, 1]; a map of one place becomes the centre. */
export function framed(xy: Float32Array): Float32Array {
  return framedAlike([xy])[0];
}

/** Several layouts moved and scaled alike, so that all of them fill [-1, 1]: the frames of an animation. */
export function framedAlike(layouts: Float32Array[]): Float32Array[] {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const xy of layouts) {
    for (let i = 0; i < xy.length; i += 2) {
      left = Math.min(left, xy[i]);
      right = Math.max(right, xy[i]);
      bottom = Math.min(bottom, xy[i + 1]);
      top = Math.max(top, xy[i + 1]);
    }
  }
  const half = Math.max(right - left, top - bottom) / 2 || 1;
  const [x, y] = [(left + right) / 2, (bottom + top) / 2];
  return layouts.map((xy) => xy.map((value, i) => (value - (i % 2 === 0 ? x : y)) / half));
}

export interface Box {
  left: number;
  right: number;
  bottom: number;
  top: number;
}

/** The smallest box that holds the points; null for none. */
export function boxOf(xy: Float32Array, points: Iterable<number>): Box | null {
  const box = { left: Infinity, right: -Infinity, bottom: Infinity, top: -Infinity };
  for (const p of points) {
    box.left = Math.min(box.left, xy[2 * p]);
    box.right = Math.max(box.right, xy[2 * p]);
    box.bottom = Math.min(box.bottom, xy[2 * p + 1]);
    box.top = Math.max(box.top, xy[2 * p + 1]);
  }
  return box.left <= box.right ? box : null;
}

/** A square grid over [-1, 1]: the points of cell c are `order[start[c]..start[c + 1]]`. */
export interface Grid {
  side: number;
  start: Uint32Array;
  order: Uint32Array;
}

const cellOf = (value: number, side: number) => Math.min(side - 1, Math.max(0, Math.floor(((value + 1) / 2) * side)));

/** A grid with about four points a cell. */
export function makeGrid(xy: Float32Array): Grid {
  const n = xy.length / 2;
  const side = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(n / 4))));
  const start = new Uint32Array(side * side + 1);
  const cells = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    cells[i] = cellOf(xy[2 * i + 1], side) * side + cellOf(xy[2 * i], side);
    start[cells[i] + 1]++;
  }
  for (let c = 0; c < side * side; c++) start[c + 1] += start[c];
  const next = start.slice(0, -1);
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[next[cells[i]]++] = i;
  return { side, start, order };
}

/** The point nearest to (x, y) within `radius` among those that `accept` admits; -1 if none. */
export function nearest(
  xy: Float32Array,
  grid: Grid,
  x: number,
  y: number,
  radius: number,
  accept: (point: number) => boolean = () => true,
): number {
  let found = -1;
  let best = radius * radius;
  const [x0, x1] = [cellOf(x - radius, grid.side), cellOf(x + radius, grid.side)];
  const [y0, y1] = [cellOf(y - radius, grid.side), cellOf(y + radius, grid.side)];
  for (let row = y0; row <= y1; row++) {
    for (let at = grid.start[row * grid.side + x0]; at < grid.start[row * grid.side + x1 + 1]; at++) {
      const point = grid.order[at];
      const distance = (xy[2 * point] - x) ** 2 + (xy[2 * point + 1] - y) ** 2;
      if (distance <= best && accept(point)) {
        best = distance;
        found = point;
      }
    }
  }
  return found;
}

/** 1 for every point inside the closed outline (x and y in turn; even-odd rule). */
export function inside(xy: Float32Array, outline: ArrayLike<number>): Uint8Array {
  const n = xy.length / 2;
  const corners = outline.length / 2;
  const mask = new Uint8Array(n);
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let c = 0; c < corners; c++) {
    left = Math.min(left, outline[2 * c]);
    right = Math.max(right, outline[2 * c]);
    bottom = Math.min(bottom, outline[2 * c + 1]);
    top = Math.max(top, outline[2 * c + 1]);
  }
  for (let i = 0; i < n; i++) {
    const x = xy[2 * i];
    const y = xy[2 * i + 1];
    if (x < left || x > right || y < bottom || y > top) continue;
    let isInside = false;
    for (let c = 0, d = corners - 1; c < corners; d = c++) {
      const yc = outline[2 * c + 1];
      const yd = outline[2 * d + 1];
      if (yc > y !== yd > y) {
        const crossing = ((outline[2 * d] - outline[2 * c]) * (y - yc)) / (yd - yc) + outline[2 * c];
        if (x < crossing) isInside = !isInside;
      }
    }
    mask[i] = isInside ? 1 : 0;
  }
  return mask;
}

/** An outline of at most `corners` corners, rounded so that it fits into an address. */
export function simplified(outline: number[], corners = 60): number[] {
  const n = outline.length / 2;
  const step = Math.max(1, n / corners);
  const kept: number[] = [];
  for (let c = 0; c < n; c += step) {
    const i = Math.floor(c);
    kept.push(Math.round(outline[2 * i] * 1000) / 1000, Math.round(outline[2 * i + 1] * 1000) / 1000);
  }
  return kept;
}
