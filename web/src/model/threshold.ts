/** What a similarity threshold would accept, from the densities and the counts. */

export interface AtThreshold {
  precision: number | null;
  recall: number;
  f1: number | null;
}

/** Share of a density that lies at or above `threshold`; within a bin it is taken as even. */
export function shareAbove(density: ArrayLike<number>, edges: ArrayLike<number>, threshold: number): number {
  let above = 0;
  let total = 0;
  for (let i = 0; i < density.length; i++) {
    const low = edges[i];
    const high = edges[i + 1];
    const mass = density[i] * (high - low);
    total += mass;
    above += mass * Math.min(1, Math.max(0, (high - threshold) / (high - low)));
  }
  return total > 0 ? above / total : 0;
}

/** Precision, recall and F1 of accepting every pair at or above the threshold; the shares are those above it. */
export function atThreshold(
  positive: { n: number; share: number },
  negative: { n: number; share: number },
): AtThreshold {
  const hits = positive.n * positive.share;
  const accepted = hits + negative.n * negative.share;
  const precision = accepted > 0 ? hits / accepted : null;
  const recall = positive.share;
  const f1 = precision === null || precision + recall === 0 ? null : (2 * precision * recall) / (precision + recall);
  return { precision, recall, f1 };
}

/** The edge at which F1 is greatest; the highest of several. */
export function bestThreshold(
  edges: ArrayLike<number>,
  positive: { n: number; density: ArrayLike<number> },
  negative: { n: number; density: ArrayLike<number> },
): number {
  let best = edges[0];
  let bestF1 = -1;
  for (let i = 0; i < edges.length; i++) {
    const { f1 } = atThreshold(
      { n: positive.n, share: shareAbove(positive.density, edges, edges[i]) },
      { n: negative.n, share: shareAbove(negative.density, edges, edges[i]) },
    );
    if (f1 !== null && f1 >= bestF1 - 1e-9) {
      bestF1 = f1;
      best = edges[i];
    }
  }
  return best;
}
