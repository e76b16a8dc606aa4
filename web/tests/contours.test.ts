import { describe, expect, it } from 'vitest';
import { blurred, contoursOf, levelsOf, ringsOf } from '../src/model/contours';
import { inside } from '../src/model/plane';

/** Numbers in [0, 1) that are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

/** Points of normally distributed clouds around the places, x and y in turn. */
function clouds(n: number, places: [number, number][], spread: number, seed = 1): Float32Array {
  const draw = numbers(seed);
  const xy = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) {
    const radius = spread * Math.sqrt(-2 * Math.log(1 - draw()));
    const angle = 2 * Math.PI * draw();
    xy[2 * i] = places[i % places.length][0] + radius * Math.cos(angle);
    xy[2 * i + 1] = places[i % places.length][1] + radius * Math.sin(angle);
  }
  return xy;
}

/** 1 for every place inside an odd number of rings. */
const insideAll = (xy: Float32Array, rings: Float32Array[]) =>
  rings
    .map((ring) => inside(xy, ring))
    .reduce((odd, own) => odd.map((flag, i) => flag ^ own[i]), new Uint8Array(xy.length / 2));

const area = (ring: Float32Array) => {
  let twice = 0;
  for (let i = 0; i < ring.length; i += 2) {
    const j = (i + 2) % ring.length;
    twice += ring[i] * ring[j + 1] - ring[j] * ring[i + 1];
  }
  return twice / 2;
};

describe('lines at a level', () => {
  it('have exactly the cells at or above it inside, whatever the grid, also at its edge', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const draw = numbers(seed);
      const side = 3 + (seed % 9);
      const grid = Float32Array.from({ length: side * side }, draw);
      const nodes = Float32Array.from({ length: 2 * side * side }, (_, i) =>
        i % 2 === 0 ? (i / 2) % side : Math.floor(i / 2 / side),
      );
      const wanted = grid.map((value) => (value >= 0.5 ? 1 : 0));
      expect(Array.from(insideAll(nodes, ringsOf(grid, side, 0.5)))).toEqual(Array.from(wanted));
    }
  });

  it('run with the area on their left, so that a hole takes away from it', () => {
    const side = 7;
    const grid = new Float32Array(side * side).fill(1);
    grid[3 * side + 3] = 0;
    const areas = ringsOf(grid, side, 0.5).map(area);
    expect(areas.length).toBe(2);
    expect(Math.max(...areas)).toBeCloseTo(48.5, 0);
    expect(Math.min(...areas)).toBeCloseTo(-0.5, 5);
  });

  it('of a cone are a circle', () => {
    const side = 41;
    const grid = Float32Array.from(
      { length: side * side },
      (_, i) => 30 - Math.hypot((i % side) - 20, Math.floor(i / side) - 20),
    );
    const [ring, ...others] = ringsOf(grid, side, 18);
    expect(others).toEqual([]);
    for (let i = 0; i < ring.length; i += 2) expect(Math.hypot(ring[i] - 20, ring[i + 1] - 20)).toBeCloseTo(12, 1);
  });
});

describe('a blur', () => {
  it('equals the plain double sum, and keeps what is far from the edge', () => {
    const side = 31;
    const grid = new Float32Array(side * side);
    grid[15 * side + 14] = 3;
    grid[12 * side + 17] = 1;
    const sigma = 1.7;
    const reach = Math.ceil(3 * sigma);
    const weight = (d: number) => (Math.abs(d) > reach ? 0 : Math.exp(-0.5 * (d / sigma) ** 2));
    let total = 0;
    for (let d = -reach; d <= reach; d++) total += weight(d);
    const plain = grid.map((_, i) => {
      let sum = 0;
      for (let j = 0; j < grid.length; j++) {
        const [dx, dy] = [(i % side) - (j % side), Math.floor(i / side) - Math.floor(j / side)];
        sum += (grid[j] * weight(dx) * weight(dy)) / total ** 2;
      }
      return sum;
    });
    const fast = blurred(grid, side, sigma);
    for (let i = 0; i < fast.length; i++) expect(fast[i]).toBeCloseTo(plain[i], 5);
    expect(fast.reduce((sum, value) => sum + value, 0)).toBeCloseTo(4, 4);
  });
});

describe('contours', () => {
  it('hold the shares of the points that they say', () => {
    const xy = clouds(
      20_000,
      [
        [-0.5, 0.2],
        [0.4, -0.3],
      ],
      0.09,
    );
    for (const { share, rings } of contoursOf(xy, null, [0.5, 0.8, 0.95])) {
      const held = insideAll(xy, rings).reduce((sum, flag) => sum + flag, 0) / 20_000;
      expect(Math.abs(held - share)).toBeLessThan(0.02);
    }
  });

  it('are of the points that count, and none where none does', () => {
    const xy = clouds(
      4_000,
      [
        [-0.5, 0],
        [0.5, 0],
      ],
      0.05,
    );
    const isLeft = Uint8Array.from({ length: 4_000 }, (_, i) => 1 - (i % 2));
    const [{ rings }] = contoursOf(xy, isLeft, [0.9]);
    expect(Math.max(...rings.map((ring) => Math.max(...ring.filter((_, i) => i % 2 === 0))))).toBeLessThan(0);
    expect(contoursOf(xy, new Uint8Array(4_000), [0.9])).toEqual([]);
  });

  it('of a single point, or of points at one place, are one ring around it', () => {
    const [{ rings }] = contoursOf(new Float32Array([1, 1, 1, 1]), null, [0.5]);
    expect(rings.length).toBe(1);
    expect(area(rings[0])).toBeGreaterThan(0);
  });

  it('have levels that fall as the shares rise', () => {
    const counts = new Float32Array([4, 3, 2, 1]);
    const levels = levelsOf(new Float32Array([4, 3, 2, 1]), counts, [0.4, 0.5, 0.7, 1]);
    expect(levels).toEqual([3.5, 2.5, 2.5, 0.5]);
  });

  it('of a million points are as many as the shares', () => {
    const xy = clouds(
      1_000_000,
      [
        [-0.5, 0.2],
        [0.4, -0.3],
        [0, 0.7],
      ],
      0.12,
    );
    expect(contoursOf(xy, null, [0.5, 0.8, 0.95]).length).toBe(3);
  });
});
