/** The state of the page as the part of the address after `#`, so that a view can be sent to someone. */
import { type ColouringId, colouringFrom } from './colouring';
import { type Condition, withCondition } from './conditions';
import { type Facets, isUnset, type OutcomeFacet } from './selection';

export const VIEWS = [
  'verdict',
  'map',
  'queries',
  'similarity',
  'failures',
  'space',
  'serving',
  'compare',
  'training',
  'live',
] as const;
export type ViewId = (typeof VIEWS)[number];
export const LINKS = ['none', 'selected', 'all'] as const;
export type LinksShown = (typeof LINKS)[number];

export interface State {
  view: ViewId;
  /** Row of the open query. */
  query: number | null;
  /** The open document, which stands before the open query. */
  document: number | null;
  facets: Facets;
  map: number;
  colouring: ColouringId;
  links: LinksShown;
  /** Whether the names of themes stand on the map. */
  hasLabels: boolean;
  /** Whether lines around the densest areas are drawn under the points. */
  hasContours: boolean;
  /** The layout of a second map beside the first, by its place in `layoutsOf`; null for none. */
  beside: number | null;
  /** Points with a smaller share of neighbours kept are faded. */
  faith: number;
  /** The column by which queries are sorted; `row` for their order in the data. */
  sort: string;
  isDescending: boolean;
  /** The columns of the table of queries that somebody chose; null for those that it has by itself. */
  columns: readonly string[] | null;
  threshold: number | null;
  /** The candidate that is held against the reference. */
  candidate: number;
  /** The checkpoint of the training that is shown. */
  epoch: number;
}

/** The names of the facets in an address, in the order in which they stand there. */
const PARAMETERS: Record<Exclude<keyof Facets, 'conditions' | 'like' | 'ids'>, string> = {
  search: 'search',
  outcome: 'show',
  type: 'type',
  mode: 'mode',
  word: 'word',
  lasso: 'lasso',
  legend: 'legend',
  finding: 'finding',
  moved: 'moved',
  segment: 'stretch', // as in addresses that were sent to someone before
  ranks: 'ranks',
};
const FACET_NAMES = Object.keys(PARAMETERS) as (keyof typeof PARAMETERS)[];

/** What queries and documents are called in an address. */
export interface Ids {
  queries: string[];
  documents: string[];
}

/** The address of a state; what stands as in `initial` is left out. */
export function toHash(state: State, initial: State, ids: Ids): string {
  const parts = new URLSearchParams();
  const { facets } = state;
  if (state.query !== null) parts.set('query', ids.queries[state.query]);
  if (state.document !== null) parts.set('document', ids.documents[state.document]);
  for (const name of FACET_NAMES) {
    if (!isUnset(facets, name)) parts.set(PARAMETERS[name], written(facets[name]));
  }
  for (const condition of facets.conditions) writeCondition(parts, condition);
  if (facets.like) parts.set('like', `${facets.like.kind} ${idsOf(ids, facets.like.kind)[facets.like.row]}`);
  if (state.map !== initial.map) parts.set('map', String(state.map));
  if (state.colouring !== initial.colouring) parts.set('colour', state.colouring);
  if (state.links !== initial.links) parts.set('links', state.links);
  if (state.hasLabels !== initial.hasLabels) parts.set('labels', state.hasLabels ? 'all' : 'none');
  if (state.hasContours !== initial.hasContours) parts.set('contours', state.hasContours ? 'all' : 'none');
  if (state.beside !== null) parts.set('beside', String(state.beside));
  if (state.faith !== initial.faith) parts.set('faith', String(state.faith));
  if (state.sort !== initial.sort || state.isDescending !== initial.isDescending) {
    parts.set('sort', `${state.isDescending ? '-' : ''}${state.sort}`);
  }
  for (const column of state.columns ?? []) parts.append('column', column);
  if (state.threshold !== null) parts.set('threshold', state.threshold.toFixed(3));
  if (state.candidate !== initial.candidate) parts.set('candidate', String(state.candidate));
  if (state.epoch !== initial.epoch) parts.set('epoch', String(state.epoch));
  const rest = parts.toString();
  return `#${state.view}${rest ? `?${rest}` : ''}`;
}

/** The state of an address; whatever in it cannot be is left as in `initial`. */
export function fromHash(hash: string, initial: State, ids: Ids): State {
  const [view, rest = ''] = hash.replace(/^#/, '').split(/\?(.*)/s);
  const parts = new URLSearchParams(rest);
  const sort = parts.get('sort') ?? '';
  const by = sort.replace(/^-/, '');
  const columns = [...new Set(parts.getAll('column'))];
  return {
    view: VIEWS.find((name) => name === view) ?? initial.view,
    query: placeIn(ids.queries, parts.get('query')),
    document: placeIn(ids.documents, parts.get('document')),
    facets: facetsFrom(parts, ids),
    map: whole(parts.get('map')) ?? initial.map,
    colouring: colouringFrom(parts.get('colour')) ?? initial.colouring,
    links: LINKS.find((name) => name === parts.get('links')) ?? initial.links,
    hasLabels: parts.get('labels') !== 'none',
    hasContours: parts.has('contours') ? parts.get('contours') !== 'none' : initial.hasContours,
    beside: whole(parts.get('beside')),
    faith: share(parts.get('faith')) ?? initial.faith,
    sort: by || initial.sort,
    isDescending: by ? sort.startsWith('-') : initial.isDescending,
    columns: columns.length > 0 ? columns : initial.columns,
    threshold: finite(parts.get('threshold')),
    candidate: whole(parts.get('candidate')) ?? initial.candidate,
    epoch: whole(parts.get('epoch')) ?? initial.epoch,
  };
}

function placeIn(ids: string[], id: string | null): number | null {
  const place = id === null ? -1 : ids.indexOf(id);
  return place < 0 ? null : place;
}

const idsOf = (ids: Ids, kind: 'query' | 'document') => (kind === 'query' ? ids.queries : ids.documents);

/** `range=rank 2 10`, `where=field city&is=Rome&is=Oslo`, where `none` stands for no value, or `contains=text red car`. */
function writeCondition(parts: URLSearchParams, condition: Condition): void {
  if ('low' in condition) parts.append('range', `${condition.column} ${condition.low} ${condition.high}`);
  else if ('words' in condition) parts.append('contains', `${condition.column} ${condition.words}`);
  else {
    parts.append('where', condition.column);
    for (const name of condition.names) parts.append(name === null ? 'none' : 'is', name ?? '');
  }
}

/** Conditions in their order, the last one of each column; one that makes no sense is left out. */
function conditionsFrom(parts: URLSearchParams): readonly Condition[] {
  let found: readonly Condition[] = [];
  let open: { column: string; names: (string | null)[] } = { column: '', names: [] };
  const add = (condition: Condition | null) => {
    if (condition) found = withCondition(found, condition.column, condition);
  };
  for (const [name, text] of parts) {
    if (name === 'range') add(rangeFrom(text));
    else if (name === 'contains') {
      const [, column, words] = /^(\S+) (.*\S.*)$/s.exec(text) ?? [];
      add(column ? { column, words } : null);
    } else if (name === 'where') open = { column: text, names: [] };
    else if (open.column && (name === 'is' || name === 'none')) {
      open = { ...open, names: [...open.names, name === 'is' ? text : null] };
      add(open);
    }
  }
  return found;
}

/** `rank 2 10`: a column, whose name may have spaces, and both ends. */
function rangeFrom(text: string): Condition | null {
  const [, column, first, last] = /^(.+) (\S+) (\S+)$/s.exec(text) ?? [];
  const [low, high] = [Number(first), Number(last)];
  return column && low <= high ? { column, low, high } : null;
}

/** `query q12`: a kind, and an id. */
function likeFrom(text: string | null, ids: Ids): Facets['like'] {
  const [, kind, id] = /^(query|document) (.*)$/s.exec(text ?? '') ?? [];
  const row = placeIn(idsOf(ids, kind as 'query' | 'document'), id ?? null);
  return row === null ? null : { kind: kind as 'query' | 'document', row };
}

/** A facet as text: its own, or the parts of which it is made, with the outline last. */
function written(facet: Facets[keyof typeof PARAMETERS]): string {
  return typeof facet === 'object' && facet !== null ? Object.values(facet).flat().join(' ') : String(facet);
}

function facetsFrom(parts: URLSearchParams, ids: Ids): Facets {
  const [lasso, ranks] = [outlineFrom(parts.get('lasso')), outlineFrom(parts.get('ranks'))];
  const [moved, segment] = [movedFrom(parts.get('moved')), movedFrom(parts.get('stretch'))];
  return {
    search: parts.get('search') ?? '',
    outcome: (['failing', 'right'] as OutcomeFacet[]).find((name) => name === parts.get('show')) ?? 'all',
    type: whole(parts.get('type')),
    mode: whole(parts.get('mode')),
    word: whole(parts.get('word')),
    lasso: lasso && { map: lasso.place, outline: lasso.outline },
    legend: legendFrom(parts.get('legend')),
    finding: whole(parts.get('finding')),
    moved: moved && { candidate: moved.place, kind: moved.kind },
    segment,
    ranks: ranks && { candidate: ranks.place, outline: ranks.outline },
    conditions: conditionsFrom(parts),
    like: likeFrom(parts.get('like'), ids),
    ids: null,
  };
}

/** `0 x y x y x y ...`: what the outline was drawn on, and its corners. */
function outlineFrom(text: string | null): { place: number; outline: number[] } | null {
  if (!text) return null;
  const [place, ...outline] = text.split(' ').map(Number);
  const isOutline = outline.length >= 6 && outline.length % 2 === 0 && outline.every(Number.isFinite);
  return Number.isInteger(place) && place >= 0 && isOutline ? { place, outline } : null;
}

/** `0 gained`: what the queries moved in, and which way. */
function movedFrom(text: string | null): { place: number; kind: 'gained' | 'lost' } | null {
  const [number, kind] = (text ?? '').split(' ');
  const place = whole(number);
  return place !== null && (kind === 'gained' || kind === 'lost') ? { place, kind } : null;
}

function legendFrom(text: string | null): Facets['legend'] {
  const [id, ...numbers] = (text ?? '').split(' ');
  const colouring = colouringFrom(id);
  const [map, ...categories] = numbers.map(whole);
  const areKnown = categories.length > 0 && categories.every((category) => category !== null);
  return colouring && map != null && areKnown ? { colouring, map, categories } : null;
}

function whole(text: string | null | undefined): number | null {
  return text && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

function share(text: string | null): number | null {
  const value = Number(text);
  return text !== null && value >= 0 && value <= 1 ? value : null;
}

/** Any number: the density holds a threshold within the scores of the run. */
function finite(text: string | null): number | null {
  return text && Number.isFinite(Number(text)) ? Number(text) : null;
}
