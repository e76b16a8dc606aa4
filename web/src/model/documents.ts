/** What belongs to one document: the queries that list it, what stands beside it in the lists and on a map. */
import { type Page, type Points, QUERY } from '../contract';
import { layoutsOf } from './layouts';

/** A query that names a document, or has it among its best. */
export interface Listing {
  row: number;
  kind: 'relevant' | 'hard negative' | null;
  /** Its place in the list of the query; 0 where the part of the list that is kept does not hold it. */
  place: number;
}

/** Queries to which a document is relevant, those of which it is a hard negative, and those that list it. */
export function listingsOf(page: Page, document: number): Listing[] {
  const q = page.queries;
  const found: Listing[] = [];
  const names = (indptr: Int32Array, documents: Int32Array, row: number) =>
    documents.subarray(indptr[row], indptr[row + 1]).includes(document);
  for (let row = 0; row < q.n; row++) {
    const place = q.topDocuments.subarray(row * q.k, (row + 1) * q.k).indexOf(document) + 1;
    const isRelevant = names(q.relevantIndptr, q.relevantDocuments, row);
    const isNegative = !isRelevant && names(q.negativeIndptr, q.negativeDocuments, row);
    const kind = isRelevant ? 'relevant' : isNegative ? 'hard negative' : null;
    if (kind || place > 0) found.push({ row, kind, place });
  }
  const order = (listing: Listing) => (listing.kind === 'relevant' ? 0 : 1);
  return found.sort((a, b) => order(a) - order(b) || (a.place || Infinity) - (b.place || Infinity) || a.row - b.row);
}

/** The point of a document, or of a query; -1 where the map does not show it. */
export function pointOf(points: Points, wanted: number, isQuery = false): number {
  return points.rows.findIndex((row, p) => row === wanted && (points.roles[p] === QUERY) === isQuery);
}

/** The points nearest to a point on a map (x and y in turn), the nearest first. */
export function nearestOf(xy: Float32Array, point: number, n: number): number[] {
  const squared = (p: number) => (xy[2 * p] - xy[2 * point]) ** 2 + (xy[2 * p + 1] - xy[2 * point + 1]) ** 2;
  const nearest: number[] = [];
  let worst = Infinity;
  for (let p = 0; p < xy.length / 2; p++) {
    const own = squared(p);
    if (p === point || own >= worst) continue;
    const at = nearest.findIndex((other) => own < squared(other));
    nearest.splice(at < 0 ? nearest.length : at, 0, p);
    nearest.length = Math.min(nearest.length, n);
    if (nearest.length === n) worst = squared(nearest[n - 1]);
  }
  return nearest;
}

/** Neighbours that a map shows of a point. */
const NEIGHBOURS = 8;

/** The nearest points on a map, by its place in `layoutsOf`: lines on it and the list beside it show the same. */
export const neighboursOf = (page: Page, map: number, point: number) =>
  point < 0 ? [] : nearestOf(layoutsOf(page)[map].xy, point, NEIGHBOURS);

/** The text of a point, that of its query or document. */
export function textOf(page: Page, points: Points, point: number): string {
  const { texts } = points.roles[point] === QUERY ? page.queries : page.documents;
  return texts[points.rows[point]];
}
