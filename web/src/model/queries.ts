/** What belongs to one query. */
import type { Page } from '../contract';

export interface Opponent {
  document: number;
  score: number;
  weight: number;
  types: number[];
}

/** Relevant documents of a query with their scores, best first. */
export function relevantOf(page: Page, query: number): { document: number; score: number }[] {
  const q = page.queries;
  const found = [];
  for (let e = q.relevantIndptr[query]; e < q.relevantIndptr[query + 1]; e++) {
    found.push({ document: q.relevantDocuments[e], score: q.relevantScores[e] });
  }
  return found.sort((a, b) => b.score - a.score);
}

/** Hard negatives of a query, best-scoring first. */
export function negativesOf(page: Page, query: number): Opponent[] {
  const q = page.queries;
  const found: Opponent[] = [];
  for (let e = q.negativeIndptr[query]; e < q.negativeIndptr[query + 1]; e++) {
    found.push({
      document: q.negativeDocuments[e],
      score: q.negativeScores[e],
      weight: q.negativeWeights[e],
      types: typesAt(page, e),
    });
  }
  return found.sort((a, b) => b.score - a.score);
}

/** Types of one entry of the negatives. */
export function typesAt(page: Page, entry: number): number[] {
  const { negativeTypeIndptr, negativeTypes } = page.queries;
  return Array.from(negativeTypes.subarray(negativeTypeIndptr[entry], negativeTypeIndptr[entry + 1]));
}

/** Types of the document that stands above the relevant one, where it is the query's own hard negative. */
export function fallenFor(page: Page, query: number): number[] {
  const q = page.queries;
  if (q.isCorrect[query]) return [];
  for (let e = q.negativeIndptr[query]; e < q.negativeIndptr[query + 1]; e++) {
    if (q.negativeDocuments[e] === q.wrongDocument[query]) return typesAt(page, e);
  }
  return [];
}

/** Names of those types. */
export function typeNamesOf(page: Page, query: number): string[] {
  return fallenFor(page, query).map((type) => page.types[type]);
}

/** Documents kept of the ranked list of a query, best first. */
export function topOf(page: Page, query: number): { document: number; score: number; isRelevant: boolean }[] {
  const q = page.queries;
  const found = [];
  for (let i = query * q.k; i < (query + 1) * q.k; i++) {
    if (q.topDocuments[i] < 0) continue;
    found.push({ document: q.topDocuments[i], score: q.topScores[i], isRelevant: q.topIsRelevant[i] === 1 });
  }
  return found;
}

/** Whether a hard negative of this type reaches the query's best relevant document. */
export function isBeatenBy(page: Page, query: number, type: number): boolean {
  const q = page.queries;
  const reached = q.positiveSimilarity[query] - (page.report.tie_tolerance ?? 0);
  for (let e = q.negativeIndptr[query]; e < q.negativeIndptr[query + 1]; e++) {
    if (q.negativeScores[e] >= reached && typesAt(page, e).includes(type)) return true;
  }
  return false;
}

/** Score of the best relevant document minus that of the best wrong one; NaN where the query lacks either. */
export function leadOf({ queries: q }: Page, query: number): number {
  return q.positiveSimilarity[query] - q.wrongSimilarity[query];
}

/** Why a query is not right at rank 1; nothing where it is, or where nobody asked. */
export function modeOf(page: Page, query: number): string {
  return page.failureModes[page.queries.failureMode[query] - 1] ?? '';
}
