/** The one selection that all views share: facets in, queries and points out. */
import { type Page, type Points, QUERY } from '../contract';
import { type ColouringId, colour } from './colouring';
import { rankPlane } from './compare';
import { type Condition, meeting } from './conditions';
import { decidedBy } from './explanations';
import { layoutsOf } from './layouts';
import { alike } from './likeness';
import { inside } from './plane';
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
  /** Points inside an outline drawn on a map, by its place in `layoutsOf` (x and y in turn, in its frame). */
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
  /** Queries that meet conditions on their columns, one a column. */
  conditions: readonly Condition[];
  /** A query and those most like it, or the queries of a document and of those most like it. */
  like: { kind: 'query' | 'document'; row: number } | null;
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
  conditions: [],
  like: null,
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
  if (name === 'search') return facets.search.trim() === '';
  return name === 'conditions' ? facets.conditions.length === 0 : facets[name] === NO_FACETS[name];
}

const isEmpty = (facets: Facets) => (Object.keys(facets) as (keyof Facets)[]).every((name) => isUnset(facets, name));

/** Queries and points that pass every facet. The points are found when somebody asks for them. */
export function select(page: Page, facets: Facets): Selection {
  const isAll = isEmpty(facets);
  const isQuery = passing(page, facets);
  const rows = indices(isQuery);
  const { points } = page;
  let found: Pick<Selection, 'isPoint' | 'nPoints'> | undefined;
  const pointsOf = () => {
    if (found) return found;
    const isPoint = isAll || !points ? null : selectPoints(page, points, facets, isQuery);
    const nPoints = isPoint ? isPoint.reduce((sum, flag) => sum + flag, 0) : (points?.n ?? 0);
    found = { isPoint, nPoints };
    return found;
  };
  return {
    ...{ isAll, rows, isQuery },
    get isPoint() {
      return pointsOf().isPoint;
    },
    get nPoints() {
      return pointsOf().nPoints;
    },
  };
}

function indices(mask: Uint8Array): Uint32Array {
  const found = new Uint32Array(mask.length);
  let n = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i]) found[n++] = i;
  return found.slice(0, n);
}

/** Masks of a page by what they are of, each with what it was made from: a brush changes one of them at a step. */
const made = new WeakMap<Page, Map<string, { from: unknown[]; mask: Uint8Array }>>();

function kept(page: Page, name: string, from: unknown[], make: () => Uint8Array): Uint8Array {
  const masks = made.get(page) ?? new Map<string, { from: unknown[]; mask: Uint8Array }>();
  made.set(page, masks);
  const last = masks.get(name);
  if (last?.from.every((value, i) => value === from[i])) return last.mask;
  const mask = make();
  masks.set(name, { from, mask });
  return mask;
}

/** 1 for each query that meets a condition. */
export const meetingOf = (page: Page, condition: Condition): Uint8Array =>
  kept(page, `on ${condition.column}`, [condition], () => meeting(page, condition));

/** 1 for each query that passes every facet. */
export function passing(page: Page, facets: Facets): Uint8Array {
  const passes = new Uint8Array(page.queries.n).fill(1);
  const area = page.points && pointArea(page, page.points, facets);
  const masks = [
    ...(Object.keys(QUERIES_OF) as (keyof Facets)[])
      .filter((name) => !isUnset(facets, name))
      .map((name) => kept(page, name, [facets[name]], () => QUERIES_OF[name]?.(page, facets) ?? passes)),
    ...facets.conditions.map((condition) => meetingOf(page, condition)),
    ...(area
      ? [kept(page, 'queries of the area', [area], () => queriesOfArea(page, page.points as Points, area))]
      : []),
  ];
  for (const mask of masks) for (let row = 0; row < passes.length; row++) passes[row] &= mask[row];
  return passes;
}

/** Points inside the lasso and of the chosen category; null where neither is set. */
function pointArea(page: Page, points: Points, { lasso, legend }: Facets): Uint8Array | null {
  const drawnOn = lasso && layoutsOf(page)[lasso.map];
  const drawn = drawnOn ? lasso : null;
  const chosen = legend && points.maps[legend.map] ? legend : null;
  if (!drawn && !chosen) return null;
  return kept(page, 'area', [drawn, chosen], () => {
    const area = drawn && drawnOn ? inside(drawnOn.xy, drawn.outline) : new Uint8Array(points.n).fill(1);
    if (!chosen) return area;
    const { of } = colour(page, points, chosen.colouring, chosen.map);
    return area.map((flag, p) => (flag && chosen.categories.includes(of[p]) ? 1 : 0));
  });
}

/** The queries that pass a facet that is set, for each that names queries and not points. */
const QUERIES_OF: { [name in keyof Facets]?: (page: Page, facets: Facets) => Uint8Array } = {
  search: ({ queries: q }, { search }) => {
    const [hasText, hasId] = [matcher(search, q.texts), matcher(search, q.ids)];
    return where(q.n, (row) => hasText(row) || hasId(row));
  },
  outcome: ({ queries: q }, { outcome }) => where(q.n, (row) => (outcome === 'right') === (q.isCorrect[row] === 1)),
  type: (page, { type }) => where(page.queries.n, (row) => isBeatenBy(page, row, type as number)),
  mode: ({ queries: q }, { mode }) => where(q.n, (row) => q.failureMode[row] === mode),
  finding: (page, { finding }) => maskOf(page.report.findings[finding as number]?.rows ?? [], page.queries.n),
  word: (page, { word }) => maskOf(decidedBy(page, word as number), page.queries.n),
  moved: ({ compare, queries }, { moved }) =>
    compare && moved ? maskOf(compare.moved[moved.candidate][moved.kind], queries.n) : where(queries.n),
  segment: ({ timeline, queries }, { segment }) =>
    timeline && segment ? maskOf(timeline.segments[segment.place][segment.kind], queries.n) : where(queries.n),
  ranks: ({ compare, queries }, { ranks }) =>
    compare && ranks ? inside(rankPlane(compare, ranks.candidate), ranks.outline) : where(queries.n),
  ids: (page, { ids }) => maskOf(ids ?? [], page.queries.n),
  like: (page, { like }) => {
    const rows = like ? rowsLike(page, like) : [];
    if (like?.kind === 'query') return maskOf(rows, page.queries.n);
    return queriesOfDocuments(page, maskOf(rows, page.documents.n));
  },
};

/** A query or document, and those most like it. */
const rowsLike = (page: Page, like: NonNullable<Facets['like']>) => [
  like.row,
  ...alike(page, like).map((each) => each.row),
];

/** 1 for each query for which the test holds; all of them without one. */
const where = (n: number, holds: (row: number) => boolean = () => true): Uint8Array =>
  Uint8Array.from({ length: n }, (_, row) => (holds(row) ? 1 : 0));

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
function selectPoints(page: Page, points: Points, facets: Facets, isQuery: Uint8Array): Uint8Array {
  const area = pointArea(page, points, facets);
  const matches = matcher(facets.search, page.documents.texts);
  const isSearching = facets.search.trim() !== '';
  const isNarrowed = !isEmpty({ ...facets, search: '', lasso: null, legend: null });
  const linked = isNarrowed ? linkedDocuments(page, isQuery, facets) : null;
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

/**
 * Relevant documents of the selected queries, what stands above them, and their negatives of the chosen type; where
 * documents are what is selected by, those.
 */
function linkedDocuments(page: Page, isQuery: Uint8Array, { type, like }: Facets): Uint8Array {
  const q = page.queries;
  if (like?.kind === 'document') {
    return maskOf(rowsLike(page, like), page.documents.n);
  }
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
