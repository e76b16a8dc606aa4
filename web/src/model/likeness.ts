/**
 * How alike queries are by the documents in their lists, and documents by the lists that hold them.
 *
 * A document at rank r of a list weighs 1 / log2(1 + r), as in nDCG, whatever the scores are; the likeness of two
 * queries is the cosine of the weights of their documents, of two documents that of their weights over all lists: 1 for
 * the same documents at the same ranks, 0 where nothing is shared.
 */
import { FOREIGN_TEXT, type Page } from '../contract';

/** How many are taken to be alike at most. */
export const MOST_ALIKE = 20;

export interface Alike {
  row: number;
  likeness: number;
  /** Documents that both lists hold, or lists that hold both documents. */
  nShared: number;
}

/** For every list, or document, what stands there with its weight: row i owns the entries from indptr[i] on. */
interface Weights {
  indptr: Uint32Array;
  of: Uint32Array;
  weight: Float32Array;
  /** Length of each row as a vector. */
  norm: Float32Array;
}

const known = new WeakMap<Page, { query: Weights; document: Weights }>();

/** What is most like a query or a document, the most alike first; without itself. */
export function alike(page: Page, { kind, row }: { kind: 'query' | 'document'; row: number }): Alike[] {
  const weights = weightsOf(page);
  const [own, other] = kind === 'query' ? [weights.query, weights.document] : [weights.document, weights.query];
  const found = new Map<number, Alike>();
  for (let e = own.indptr[row]; e < own.indptr[row + 1]; e++) {
    for (let f = other.indptr[own.of[e]]; f < other.indptr[own.of[e] + 1]; f++) {
      const candidate = other.of[f];
      if (candidate === row) continue;
      const each = found.get(candidate) ?? { row: candidate, likeness: 0, nShared: 0 };
      each.likeness += (own.weight[e] * other.weight[f]) / (own.norm[row] * own.norm[candidate]);
      each.nShared++;
      found.set(candidate, each);
    }
  }
  return [...found.values()].sort((a, b) => b.likeness - a.likeness || a.row - b.row).slice(0, MOST_ALIKE);
}

function weightsOf(page: Page): { query: Weights; document: Weights } {
  let found = known.get(page);
  if (!found) {
    const { topDocuments, k, n } = page.queries;
    const isListed = topDocuments.map((document) =>
      Number(document >= 0 && page.documents.texts[document] !== FOREIGN_TEXT),
    );
    const entries = Uint32Array.from(isListed.keys()).filter((entry) => isListed[entry]);
    const queryOf = (entry: number) => Math.floor(entry / k);
    const weight = (entry: number) => 1 / Math.log2(2 + (entry % k));
    found = {
      query: grouped(entries, n, queryOf, (entry) => topDocuments[entry], weight),
      document: grouped(entries, page.documents.n, (entry) => topDocuments[entry], queryOf, weight),
    };
    known.set(page, found);
  }
  return found;
}

/** Entries in the rows that own them. */
function grouped(
  entries: Uint32Array,
  n: number,
  rowOf: (entry: number) => number,
  otherOf: (entry: number) => number,
  weightOf: (entry: number) => number,
): Weights {
  const indptr = new Uint32Array(n + 1);
  for (const entry of entries) indptr[rowOf(entry) + 1]++;
  for (let row = 0; row < n; row++) indptr[row + 1] += indptr[row];
  const next = indptr.slice(0, -1);
  const of = new Uint32Array(entries.length);
  const weight = new Float32Array(entries.length);
  const norm = new Float32Array(n);
  for (const entry of entries) {
    const row = rowOf(entry);
    const at = next[row]++;
    of[at] = otherOf(entry);
    weight[at] = weightOf(entry);
    norm[row] += weight[at] ** 2;
  }
  return { indptr, of, weight, norm: norm.map(Math.sqrt) };
}
