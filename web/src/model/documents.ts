/** What belongs to one document: the queries that list it, what stands beside it in the lists and on a map. */
import { type Page, type Points, QUERY } from '../contract';

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

/** The points nearest to a point on a map, among those that `accept` admits, the nearest first. */
export function nearestOf(
  points: Points,
  map: number,
  point: number,
  n: number,
  accept: (point: number) => boolean = () => true,
): number[] {
  const { xy } = points.maps[map];
  const distance = new Float32Array(points.n);
  for (let p = 0; p < points.n; p++) {
    distance[p] = Math.hypot(xy[2 * p] - xy[2 * point], xy[2 * p + 1] - xy[2 * point + 1]);
  }
  const nearest: number[] = [];
  for (let p = 0; p < points.n; p++) {
    if (p === point || !accept(p) || (nearest.length === n && distance[p] >= distance[nearest[n - 1]])) continue;
    const at = nearest.findIndex((other) => distance[p] < distance[other]);
    nearest.splice(at < 0 ? nearest.length : at, 0, p);
    nearest.length = Math.min(nearest.length, n);
  }
  return nearest;
}
