/** Lines around the areas of a map that hold stated shares of its points. */

/** Cells along a side of the grid on which points are counted. */
const SIDE = 320;
/** Half the side of the grid: points lie in [-1, 1], and the lines around them need a margin. */
const HALF = 1.12;
/** Standard deviation of the blur for one point. It falls with n faster than Scott's rule: clusters of a map are narrow. */
const BANDWIDTH = 0.25;

/** Points above which a map opens with contours, and has only their lines: tints would lie under the points. */
export const MANY = 20_000;
/** Shares of the points that the areas on a map hold. */
export const SHARES = [0.5, 0.8, 0.95];

export interface Contour {
  /** Share of the points that the area holds. */
  share: number;
  /** Closed lines around the area, x and y in turn; holes run the other way round. */
  rings: Float32Array[];
}

/** Contours of the points of `xy` (in [-1, 1]) that `isCounted` marks, or of all; one for each share. */
export function contoursOf(xy: Float32Array, isCounted: Uint8Array | null, shares: number[]): Contour[] {
  const counts = binned(xy, isCounted);
  const n = counts.reduce((sum, own) => sum + own, 0);
  if (n === 0) return [];
  const density = blurred(counts, SIDE, ((BANDWIDTH * n ** (-1 / 4)) / (2 * HALF)) * SIDE);
  const levels = levelsOf(density, counts, shares);
  return shares.map((share, i) => ({ share, rings: ringsOf(density, SIDE, levels[i]).map(toPlane) }));
}

/** How many points lie in each cell of the grid. */
function binned(xy: Float32Array, isCounted: Uint8Array | null): Float32Array {
  const counts = new Float32Array(SIDE * SIDE);
  const scale = SIDE / (2 * HALF);
  for (let i = 0; i < xy.length / 2; i++) {
    if (isCounted && !isCounted[i]) continue;
    const column = Math.floor((xy[2 * i] + HALF) * scale);
    const row = Math.floor((xy[2 * i + 1] + HALF) * scale);
    if (column >= 0 && row >= 0 && column < SIDE && row < SIDE) counts[row * SIDE + column]++;
  }
  return counts;
}

/** A square grid convolved with a Gaussian of so many cells, along the rows and then along the columns. */
export function blurred(grid: Float32Array, side: number, sigma: number): Float32Array {
  const reach = Math.ceil(3 * sigma);
  const kernel = Float32Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  let from = grid;
  for (const step of [1, side]) {
    const out = new Float32Array(side * side);
    for (let cell = 0; cell < out.length; cell++) {
      if (from[cell] === 0) continue;
      const at = step === 1 ? cell % side : Math.floor(cell / side);
      const [first, last] = [Math.max(-reach, -at), Math.min(reach, side - 1 - at)];
      const own = from[cell] / total;
      for (let d = first; d <= last; d++) out[cell + d * step] += own * kernel[d + reach];
    }
    from = out;
  }
  return from;
}

/**
 * For each share the density that parts the densest cells, as many as hold that share of the points, from the others:
 * halfway to the next that has points, or to nothing.
 */
export function levelsOf(density: Float32Array, counts: Float32Array, shares: number[]): number[] {
  const cells = new Uint32Array(counts.length);
  let nCells = 0;
  for (let cell = 0; cell < counts.length; cell++) if (counts[cell] > 0) cells[nCells++] = cell;
  const ordered = cells.subarray(0, nCells).sort((a, b) => density[b] - density[a]);
  const n = counts.reduce((sum, own) => sum + own, 0);
  return shares.map((share) => {
    let [held, i] = [0, 0];
    while (held < share * n && i < nCells) held += counts[ordered[i++]];
    return (density[ordered[i - 1]] + (i < nCells ? density[ordered[i]] : 0)) / 2;
  });
}

/**
 * The edges of a cell that a line joins, from one to the other with the area on its left, by which corners are in the
 * area: 1 for (x, y), 2 for (x + 1, y), 4 for (x + 1, y + 1), 8 for (x, y + 1). Edges: 0 low, 1 right, 2 high, 3 left.
 */
const SEGMENTS: number[][] = [
  [],
  [0, 3],
  [1, 0],
  [1, 3],
  [2, 1],
  [0, 3, 2, 1],
  [2, 0],
  [2, 3],
  [3, 2],
  [0, 2],
  [1, 0, 3, 2],
  [1, 2],
  [3, 1],
  [0, 1],
  [3, 0],
  [],
];

/**
 * Closed lines at a level of a square grid, by marching squares (Lorensen and Cline 1987, in the plane): the cells at
 * or above the level lie inside by the even-odd rule. In cells; beyond the grid is nothing.
 */
export function ringsOf(grid: Float32Array, side: number, level: number): Float32Array[] {
  const value = (x: number, y: number) => (x < 0 || y < 0 || x >= side || y >= side ? 0 : grid[y * side + x]);
  const width = side + 2;
  // An edge by its lower left end: even numbers run along x, odd ones along y.
  const edge = (x: number, y: number, isUp: 0 | 1) => 2 * ((y + 1) * width + x + 1) + isUp;
  const next = new Map<number, number>();
  for (let y = -1; y < side; y++) {
    let corners = 0; // of the cell before, whose right side is the left of this one
    for (let x = -1; x < side; x++) {
      const [low, high] = [value(x + 1, y) >= level ? 2 : 0, value(x + 1, y + 1) >= level ? 4 : 0];
      corners = (corners & 2 ? 1 : 0) + low + high + (corners & 4 ? 8 : 0);
      const segments = SEGMENTS[corners];
      if (segments.length === 0) continue;
      const edges = [edge(x, y, 0), edge(x + 1, y, 1), edge(x, y + 1, 0), edge(x, y, 1)];
      for (let i = 0; i < segments.length; i += 2) next.set(edges[segments[i]], edges[segments[i + 1]]);
    }
  }
  const crossing = (own: number) => {
    const cell = own >> 1;
    const [x, y] = [(cell % width) - 1, Math.floor(cell / width) - 1];
    const [low, high] = [value(x, y), own & 1 ? value(x, y + 1) : value(x + 1, y)];
    const share = (level - low) / (high - low);
    return own & 1 ? [x, y + share] : [x + share, y];
  };
  const rings: Float32Array[] = [];
  for (const start of next.keys()) {
    const ring: number[] = [];
    for (let own: number | undefined = start; own !== undefined; ) {
      const following: number | undefined = next.get(own);
      next.delete(own);
      if (following !== undefined) ring.push(...crossing(own));
      own = following;
    }
    rings.push(Float32Array.from(ring));
  }
  return rings;
}

/** A line in cells, whose counts stand at their middles, as a line in the frame of the map. */
const toPlane = (ring: Float32Array) => ring.map((cells) => ((cells + 0.5) / SIDE) * 2 * HALF - HALF);
