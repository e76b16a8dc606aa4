/** Bins of values, as brushes move over them: round edges, the place of a value among them, and back. */

/** Steps of a scale that grows tenfold: the cutoffs that ranked lists are read by are among them. */
const MANTISSAS = [1, 1.5, 2, 3, 5, 7];
const WANTED_BINS = 24;

/** Edges at equal round distances around the values; of whole numbers each bin holds whole numbers only. */
export function linearEdges(least: number, most: number, isWhole: boolean): number[] {
  const rough = (most - least) / WANTED_BINS;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const wanted = unit * ([1, 2, 5, 10].find((size) => size * unit >= rough * (1 - 1e-9)) ?? 10);
  const step = isWhole ? Math.max(1, Math.round(wanted)) : wanted;
  const first = isWhole ? Math.ceil(least / step) - 1 : Math.floor(least / step + 1e-6);
  const last = Math.max(first + 1, Math.ceil(most / step - 1e-6));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Edges 1, 2, 3, 5, 7, 10, 15, ... around whole numbers from 0 up. */
export function roundEdges(least: number, most: number): number[] {
  const edges = [0];
  for (let power = 1; edges[edges.length - 1] < most; power *= 10) {
    for (const mantissa of MANTISSAS) {
      const edge = mantissa * power;
      if (Number.isInteger(edge) && edges[edges.length - 1] < most) edges.push(edge);
    }
  }
  const first = edges.findLastIndex((edge) => edge < least);
  return edges.slice(Math.max(0, Math.min(first, edges.length - 2)));
}

/** The bin of each value, at the ends those of values beyond; as many as there are bins for no value. */
export function binned(values: Float32Array, edges: number[]): Uint16Array {
  const n = Math.max(0, edges.length - 1);
  const ends = Float32Array.from(edges.slice(1)); // the values have its precision
  const bins = new Uint16Array(values.length);
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    let [low, high] = [0, n - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= ends[middle]) high = middle;
      else low = middle + 1;
    }
    bins[row] = Number.isNaN(value) ? n : low;
  }
  return bins;
}

/** Where a value stands along the bins, in bins: 0 at the first edge, linear within a bin. */
export function placeOf(value: number, edges: number[]): number {
  const n = edges.length - 1;
  if (value <= edges[0]) return 0;
  const bin = edges.findIndex((edge, i) => i > 0 && value <= edge) - 1;
  if (bin < 0) return n;
  if (edges[bin + 1] === Infinity) return value === Infinity ? n : bin;
  return bin + (value - edges[bin]) / (edges[bin + 1] - edges[bin]);
}

/** The value at a place along the bins, rounded to what a tenth of a bin can tell. */
export function valueAt(place: number, edges: number[]): number {
  const n = edges.length - 1;
  const bin = Math.min(n - 1, Math.max(0, Math.floor(place)));
  const width = edges[bin + 1] - edges[bin];
  if (width === Infinity) return place >= bin + 0.5 ? Infinity : edges[bin];
  const value = edges[bin] + Math.min(1, Math.max(0, place - bin)) * width;
  return Number(value.toFixed(Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(width) + 1e-9)))));
}

/** A range between two places along the bins; of whole numbers the least and the greatest between them. */
export function rangeBetween(
  from: number,
  to: number,
  { edges, isWhole }: { edges: number[]; isWhole: boolean },
): { low: number; high: number } {
  const [low, high] = [valueAt(Math.min(from, to), edges), valueAt(Math.max(from, to), edges)];
  if (!isWhole) return { low, high };
  const first = Math.round(low) + 1;
  return { low: Number.isFinite(first) ? first : low, high: Math.max(Math.round(high), first) };
}

/** The places of the ends of a range: a whole number takes the place from the one before it to its own. */
export function placesOf(
  { low, high }: { low: number; high: number },
  { edges, isWhole }: { edges: number[]; isWhole: boolean },
): [number, number] {
  const start = isWhole ? low - 1 : low;
  return [low === Infinity ? edges.length - 2 : placeOf(start, edges), placeOf(high, edges)];
}

/** Steps that keys take within a bin; of whole numbers at most one for each. */
const STEPS = 5;

/** The place one step further up (1) or down (-1). */
export function stepped(
  place: number,
  direction: 1 | -1,
  { edges, isWhole }: { edges: number[]; isWhole: boolean },
): number {
  const n = edges.length - 1;
  const bin = direction > 0 ? Math.floor(place + 1e-6) : Math.ceil(place - 1e-6) - 1;
  if (bin < 0 || bin >= n) return Math.min(n, Math.max(0, place));
  const width = edges[bin + 1] - edges[bin];
  const steps = width === Infinity ? 1 : isWhole ? Math.min(STEPS, width) : STEPS;
  return bin + (Math.round((place - bin) * steps) + direction) / steps;
}
