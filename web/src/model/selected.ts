/** Figures of the selected queries, from what the page carries of each. */
import type { Figure, Page, SimilarityColumns, TypeColumns } from '../contract';
import { relevantOf, typesAt } from './queries';
import type { Facets, Selection } from './selection';
import { NO_FACETS, select } from './selection';

/** Quantile of the normal distribution for intervals of 95 %. */
const Z = 1.959963984540054;

const mean = (values: number[]) => (values.length > 0 ? values.reduce((sum, v) => sum + v, 0) / values.length : null);

/** `k` of `n` as a share with the interval of Wilson (1927), which takes the `n` as independent. */
export function proportion(k: number, n: number): Figure {
  if (n === 0) return { value: null, low: null, high: null, n };
  const p = k / n;
  const centre = (p + (Z * Z) / (2 * n)) / (1 + (Z * Z) / n);
  const half = (Z / (1 + (Z * Z) / n)) * Math.sqrt((p * (1 - p)) / n + (Z * Z) / (4 * n * n));
  return { value: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half), n };
}

/** A metric at a rank; of those that count every relevant document, where there is one. */
const AT_RANK: Record<string, { at: (rank: number) => number; isProportion?: boolean; needsOne?: boolean }> = {
  MRR: { at: (rank) => 1 / rank },
  Success: { at: () => 1, isProportion: true },
  Recall: { at: () => 1, isProportion: true, needsOne: true },
  nDCG: { at: (rank) => 1 / Math.log2(rank + 1), needsOne: true },
  MAP: { at: (rank) => 1 / rank, needsOne: true },
};

/**
 * A metric of some queries by the ranks of their first relevant documents, expected over all orders of tied documents
 * (McSherry & Najork 2008); null where it needs more than those ranks. Only proportions have an interval.
 */
export function metricOf(page: Page, rows: Uint32Array, name: string): Figure | null {
  const [, kind, cutoff] = /^([A-Za-z]+)(?:@(\d+))?$/.exec(name) ?? [];
  const metric = AT_RANK[kind];
  const { rank, relevantIndptr } = page.queries;
  const ranked = Array.from(rows).filter((row) => !Number.isNaN(rank[row]));
  if (!metric || (kind === 'Success' && !cutoff)) return null;
  if (metric.needsOne && ranked.some((row) => relevantIndptr[row + 1] - relevantIndptr[row] > 1)) return null;
  const most = Number(cutoff ?? Infinity);
  const gains = ranked.map((row) =>
    firstRanks(page, row).reduce((sum, [at, p]) => sum + (at <= most ? p * metric.at(at) : 0), 0),
  );
  if (metric.isProportion) {
    return proportion(
      gains.reduce((sum, gain) => sum + gain, 0),
      gains.length,
    );
  }
  return { value: mean(gains), low: null, high: null, n: gains.length };
}

/** The ranks that the first relevant document may take among documents that tie with it, each with its probability. */
function firstRanks(page: Page, row: number): [rank: number, probability: number][] {
  const { rank, nTied, positiveSimilarity } = page.queries;
  const others = nTied[row];
  if (others === 0 || !Number.isFinite(rank[row])) return [[rank[row], 1]];
  const reached = positiveSimilarity[row] - (page.report.tie_tolerance ?? 0);
  const own = Math.max(1, relevantOf(page, row).filter(({ score }) => score >= reached).length);
  const first = Math.max(1, Math.round(rank[row] - others / (own + 1)));
  const found: [number, number][] = [];
  let left = 1;
  for (let i = 0; i <= others; i++) {
    const hit = own / (own + others - i);
    found.push([first + i, left * hit]);
    left *= 1 - hit;
  }
  return found;
}

interface Pairs {
  scores: number[];
  /** Best relevant minus this one, where it is a hard negative. */
  margins: number[];
}

/** Pairs of some queries with their hard negatives: all of them, and by the code of their type. */
export function negativePairs(page: Page, rows: Uint32Array): { all: Pairs; byType: Pairs[] } {
  const q = page.queries;
  const all: Pairs = { scores: [], margins: [] };
  const byType = page.types.map((): Pairs => ({ scores: [], margins: [] }));
  for (const row of rows) {
    for (let e = q.negativeIndptr[row]; e < q.negativeIndptr[row + 1]; e++) {
      const score = q.negativeScores[e];
      if (Number.isNaN(score)) continue; // a run did not return it
      for (const pairs of [all, ...typesAt(page, e).map((type) => byType[type])]) {
        pairs.scores.push(score);
        pairs.margins.push(q.positiveSimilarity[row] - score);
      }
    }
  }
  return { all, byType };
}

/** Of the pairs of a type: how many, the share in which the negative reaches the positive, and the mean margin. */
export function violationOf(page: Page, { margins }: Pairs): { n: number; rate: Figure; margin: number | null } {
  const lost = margins.filter((margin) => margin <= (page.report.tie_tolerance ?? 0)).length;
  return { n: margins.length, rate: proportion(lost, margins.length), margin: mean(margins) };
}

interface Population {
  n: number;
  mean: number | null;
  std: number | null;
}

type Populations = NonNullable<Page['report']['similarity']>;

/** The similarities of a page with positives, hard negatives and types of some queries; negatives stay those of all. */
export function levelsOf(
  page: Page,
  rows: Uint32Array,
  whole: { facts: Populations; columns: SimilarityColumns },
): typeof whole {
  const { facts, columns } = whole;
  const positive = Array.from(rows)
    .flatMap((row) => relevantOf(page, row).map(({ score }) => score))
    .filter((score) => !Number.isNaN(score));
  const { all, byType } = negativePairs(page, rows);
  const of = (scores: number[]) => densityOf(scores, columns.edges);
  const types = columns.types.map(({ name }): TypeColumns => {
    const { scores, margins } = byType[page.types.indexOf(name)] ?? { scores: [], margins: [] };
    return { name, density: of(scores), margins: Float32Array.from(margins) };
  });
  return {
    facts: {
      ...facts,
      positive: { ...facts.positive, ...populationOf(positive) },
      hard_negative: facts.hard_negative && { ...facts.hard_negative, ...populationOf(all.scores) },
    },
    columns: { ...columns, positive: of(positive), hardNegative: columns.hardNegative && of(all.scores), types },
  };
}

function populationOf(scores: number[]): Population {
  const centre = mean(scores);
  const variance = centre === null ? null : mean(scores.map((score) => (score - centre) ** 2));
  return { n: scores.length, mean: centre, std: variance === null ? null : Math.sqrt(variance) };
}

/** The density of values over bins between edges of equal distance; what lies beyond an end counts in the bin there. */
function densityOf(values: number[], edges: Float32Array): Float32Array {
  const n = edges.length - 1;
  const width = (edges[n] - edges[0]) / n;
  const density = new Float32Array(n);
  for (const value of values) {
    const bin = Math.min(n - 1, Math.max(0, Math.floor((value - edges[0]) / width)));
    density[bin] += 1 / (values.length * width);
  }
  return density;
}

/** The selection without one of its filters, so that what is filtered by keeps its other values. */
export function selectionWithout(page: Page, facets: Facets, name: keyof Facets): Selection {
  return select(page, { ...facets, [name]: NO_FACETS[name] });
}
