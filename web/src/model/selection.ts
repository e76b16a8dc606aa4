/** The one selection that all views share: facets in, queries and points out. */
import { type Page, type Points, QUERY } from '../contract';
import { type ColouringId, colour } from './colouring';
import { rankPlane } from './compare';
import { decidedBy } from './explanations';
import { framed, inside } from './plane';
import { isBeatenBy } from './queries';
import { matcher } from './search';

export type OutcomeFacet = 'all' | 'failing' | 'right';

export interface Facets {
  search: string;
  outcome: OutcomeFacet;
  /** Queries that a hard negative of this type beats. */
  type: number | null;
  /** Queries that fail for this reason: a code of `queries.failureMode`. */
  mode: number | null;
  /** Failures that this word decides: its place in `report.explanations.deciding`. */
  word: number | null;
  /** Points inside an outline drawn on a map (x and y in turn, in the frame of that map). */
  lasso: { map: number; outline: number[] } | null;
  /** Points of some categories of a colouring. */
  legend: { colouring: ColouringId; map: number; categories: number[] } | null;
  /** Rows that a finding names, by its place in the list. */
  finding: number | null;
  /** Queries that came right, or went wrong, from the reference to a candidate. */
  moved: { candidate: number; kind: 'gained' | 'lost' } | null;
  /** Queries that came right, or went wrong, from one checkpoint of a training to the next. */
  segment: { place: number; kind: 'gained' | 'lost' } | null;
  /** Queries inside an outline drawn on the plane of ranks of a candidate. */
  ranks: { candidate: number; outline: number[] } | null;
  /** Rows of the queries that a notebook chose; no part of the address. */
  ids: number[] | null;
}

export const NO_FACETS: Facets = {
  search: '',
  outcome: 'all',
  type: null,
  mode: null,
  word: null,
  lasso: null,
  legend: null,
  finding: null,
  moved: null,
  segment: null,
  ranks: null,
  ids: null,
};

export interface Selection {
  isAll: boolean;
  /** Rows of the selected queries, ascending. */
  rows: Uint32Array;
  isQuery: Uint8Array;
  /** 1 for every highlighted point; null where nothing is selected, so that all stand alike. */
  isPoint: Uint8Array | null;
  nPoints: number;
}

/** Whether a facet narrows nothing. */
export function isUnset(facets: Facets, name: keyof Facets): boolean {
  return name === 'search' ? facets.search.trim() === '' : facets[name] === NO_FACETS[name];
}

const isEmpty = (facets: Facets) => (Object.keys(facets) as (keyof Facets)[]).every((name) => isUnset(facets, name));

/** Queries and points that pass every facet. */
export function select(page: Page, facets: Facets): Selection {
  const isAll = isEmpty(facets);
  const area = page.points && pointArea(page, page.points, facets);
  const isQuery = selectQueries(page, facets, area);
  const rows = Uint32Array.from(indices(isQuery));
  if (isAll || !page.points) return { isAll, rows, isQuery, isPoint: null, nPoints: page.points?.n ?? 0 };
  const isPoint = selectPoints(page, page.points, facets, isQuery, area);
  return { isAll, rows, isQuery, isPoint, nPoints: isPoint.reduce((sum, flag) => sum + flag, 0) };
}

function indices(mask: Uint8Array): number[] {
  const found: number[] = [];
  for (let i = 0; i < mask.length; i++) if (mask[i]) found.push(i);
  return found;
}

/** Points inside the lasso and of the chosen category; null where neither is set. */
function pointArea(page: Page, points: Points, facets: Facets): Uint8Array | null {
  let area: Uint8Array | null = null;
  if (facets.lasso && points.maps[facets.lasso.map]) {
    area = inside(framed(points.maps[facets.lasso.map].xy), facets.lasso.outline);
  }
  if (facets.legend && points.maps[facets.legend.map]) {
    const { of } = colour(page, points, facets.legend.colouring, facets.legend.map);
    const { categories } = facets.legend;
    const drawn = area;
    area = Uint8Array.from(of, (own, p) => (categories.includes(own) && (!drawn || drawn[p]) ? 1 : 0));
  }
  return area;
}

function selectQueries(page: Page, facets: Facets, area: Uint8Array | null): Uint8Array {
  const q = page.queries;
  const hasText = matcher(facets.search, q.texts);
  const hasId = matcher(facets.search, q.ids);
  const inArea = area && queriesOfArea(page, page.points as Points, area);
  const named = namedRows(page, facets);
  const mask = new Uint8Array(q.n);
  for (let row = 0; row < q.n; row++) {
    if (inArea && !inArea[row]) continue;
    if (!named.every((rows) => rows[row])) continue;
    if (facets.outcome !== 'all' && (facets.outcome === 'right') !== (q.isCorrect[row] === 1)) continue;
    if (facets.type !== null && !isBeatenBy(page, row, facets.type)) continue;
    if (facets.mode !== null && q.failureMode[row] !== facets.mode) continue;
    if (facets.search && !hasText(row) && !hasId(row)) continue;
    mask[row] = 1;
  }
  return mask;
}

/** A mask for each facet that names queries one by one: a finding, a word, what moved, an outline, a notebook. */
function namedRows(page: Page, { finding, word, moved, segment, ranks, ids }: Facets): Uint8Array[] {
  const masks: Uint8Array[] = [];
  if (finding !== null) masks.push(maskOf(page.report.findings[finding]?.rows ?? [], page.queries.n));
  if (word !== null) masks.push(maskOf(decidedBy(page, word), page.queries.n));
  if (moved && page.compare) masks.push(maskOf(page.compare.moved[moved.candidate][moved.kind], page.queries.n));
  if (segment && page.timeline) {
    masks.push(maskOf(page.timeline.segments[segment.place][segment.kind], page.queries.n));
  }
  if (ranks && page.compare) masks.push(inside(rankPlane(page.compare, ranks.candidate), ranks.outline));
  if (ids) masks.push(maskOf(ids, page.queries.n));
  return masks;
}

function maskOf(rows: ArrayLike<number>, n: number): Uint8Array {
  const mask = new Uint8Array(n);
  for (let i = 0; i < rows.length; i++) mask[rows[i]] = 1; // a row beyond the end is no row of this page
  return mask;
}

/** Queries that stand in the area; where none does, those to which a document in it is relevant or a hard negative. */
function queriesOfArea(page: Page, points: Points, area: Uint8Array): Uint8Array {
  const mask = new Uint8Array(page.queries.n);
  const isDocument = new Uint8Array(page.documents.n);
  let hasQuery = false;
  for (let p = 0; p < points.n; p++) {
    if (!area[p]) continue;
    if (points.roles[p] === QUERY) {
      mask[points.rows[p]] = 1;
      hasQuery = true;
    } else isDocument[points.rows[p]] = 1;
  }
  return hasQuery ? mask : queriesOfDocuments(page, isDocument);
}

function queriesOfDocuments(page: Page, isDocument: Uint8Array): Uint8Array {
  const q = page.queries;
  const mask = new Uint8Array(q.n);
  for (let row = 0; row < q.n; row++) {
    const relevant = q.relevantDocuments.subarray(q.relevantIndptr[row], q.relevantIndptr[row + 1]);
    const negative = q.negativeDocuments.subarray(q.negativeIndptr[row], q.negativeIndptr[row + 1]);
    mask[row] = relevant.some((d) => isDocument[d]) || negative.some((d) => isDocument[d]) ? 1 : 0;
  }
  return mask;
}

/** Points of selected queries and of what they were compared with; under a search, of what matches. */
function selectPoints(
  page: Page,
  points: Points,
  facets: Facets,
  isQuery: Uint8Array,
  area: Uint8Array | null,
): Uint8Array {
  const matches = matcher(facets.search, page.documents.texts);
  const isSearching = facets.search.trim() !== '';
  const isNarrowed = !isEmpty({ ...facets, search: '', lasso: null, legend: null });
  const linked = isNarrowed ? linkedDocuments(page, isQuery, facets.type) : null;
  const mask = new Uint8Array(points.n);
  for (let p = 0; p < points.n; p++) {
    const row = points.rows[p];
    if (area && !area[p]) continue;
    if (points.roles[p] === QUERY) mask[p] = isQuery[row];
    else if (linked && !linked[row]) continue;
    else if (isSearching && !matches(row)) continue;
    else mask[p] = 1;
  }
  return mask;
}

/** Relevant documents of the selected queries, what stands above them, and their negatives of the chosen type. */
function linkedDocuments(page: Page, isQuery: Uint8Array, type: number | null): Uint8Array {
  const q = page.queries;
  const mask = new Uint8Array(page.documents.n);
  for (let row = 0; row < q.n; row++) {
    if (!isQuery[row]) continue;
    for (let e = q.relevantIndptr[row]; e < q.relevantIndptr[row + 1]; e++) mask[q.relevantDocuments[e]] = 1;
    if (q.wrongDocument[row] >= 0 && type === null) mask[q.wrongDocument[row]] = 1;
    if (type === null) continue;
    for (let e = q.negativeIndptr[row]; e < q.negativeIndptr[row + 1]; e++) {
      const types = q.negativeTypes.subarray(q.negativeTypeIndptr[e], q.negativeTypeIndptr[e + 1]);
      if (types.includes(type)) mask[q.negativeDocuments[e]] = 1;
    }
  }
  return mask;
}
