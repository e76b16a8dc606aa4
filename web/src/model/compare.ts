/** Two runs on the same queries: where the first relevant document stood before and stands now. */
import type { Compare } from '../contract';
import { apart } from './format';

const planes = new WeakMap<Compare, Float32Array[]>();

/**
 * The decimal logarithm of the rank in the reference (x) and in a candidate (y) of every query, in turn; NaN where a
 * query has no relevant document.
 */
export function rankPlane(compare: Compare, candidate: number): Float32Array {
  const known = planes.get(compare) ?? compare.candidates.map(({ rank }) => logarithms(compare.reference.rank, rank));
  planes.set(compare, known);
  return known[candidate];
}

/** Places on a plane of two logarithms; what a run did not return stands behind all ranks. */
function logarithms(before: Float32Array, after: Float32Array): Float32Array {
  let last = 1;
  for (const ranks of [before, after]) for (const rank of ranks) if (Number.isFinite(rank)) last = Math.max(last, rank);
  const plane = new Float32Array(2 * before.length);
  for (let row = 0; row < before.length; row++) {
    plane[2 * row] = Math.log10(Math.min(before[row], 2 * last));
    plane[2 * row + 1] = Math.log10(Math.min(after[row], 2 * last));
  }
  return plane;
}

/** What the reference and the candidates are called in a place of so many characters, in this order. */
export function runNames({ reference, candidates }: Compare, length: number): string[] {
  return apart(
    [reference, ...candidates].map(({ label }) => label),
    length,
  );
}

/** Queries with the same two ranks. */
export interface RankPair {
  before: number;
  after: number;
  rows: number[];
}

/** Queries by their two ranks, the many first, so that the few are drawn on top; those without a rank are left out. */
export function rankPairs(compare: Compare, candidate: number): RankPair[] {
  const [x, y] = [compare.reference.rank, compare.candidates[candidate].rank];
  const found = new Map<string, RankPair>();
  for (let row = 0; row < x.length; row++) {
    if (Number.isNaN(x[row]) || Number.isNaN(y[row])) continue;
    const key = `${x[row]} ${y[row]}`;
    const pair = found.get(key);
    if (pair) pair.rows.push(row);
    else found.set(key, { before: x[row], after: y[row], rows: [row] });
  }
  return [...found.values()].sort((a, b) => b.rows.length - a.rows.length);
}

/** The list in which a query stands: what came right, what went wrong, else all that is selected. */
export function listOf(
  compare: Compare | null,
  candidate: number,
  query: number,
  selected: { rows: Uint32Array; isQuery: Uint8Array },
): ArrayLike<number> {
  const moved = compare?.moved[candidate];
  const own = [moved?.gained, moved?.lost].find((rows) => rows?.includes(query));
  return own && selected.isQuery[query] ? own.filter((row) => selected.isQuery[row]) : selected.rows;
}

const SNUG = 0.004; // of a decade: ranks 1 and 2 are 0.3 apart

/** A square on the plane of ranks that holds one pair and no other: ranks differ by half a rank or more. */
export function outlineOf({ before, after }: RankPair): number[] {
  const near = Math.min(SNUG, 0.1 / Math.max(before, after));
  const [x, y] = [Math.log10(before), Math.log10(after)];
  const corners = [x - near, y - near, x + near, y - near, x + near, y + near, x - near, y + near];
  return corners.map((value) => Number(value.toPrecision(8)));
}
