/** What the colours of the map say: every point belongs to one category of the chosen colouring. */
import { HARD_NEGATIVE, type Page, POSITIVE, type Points, QUERY } from '../contract';
import { shorten } from './format';
import { fallenFor } from './queries';
import { writingOf } from './writing';

/** `column2` is by the third column of the data file. */
export type ColouringId =
  | 'role'
  | 'outcome'
  | 'rank'
  | 'type'
  | 'writing'
  | 'margin'
  | 'faith'
  | 'theme'
  | `column${number}`;

/** A name of the palette; the theme says which colour it is. */
export type Tint =
  | 'query'
  | 'positive'
  | 'negative'
  | 'document'
  | 'right'
  | 'wrong'
  | 'faint'
  | `ramp${0 | 1 | 2 | 3 | 4}`
  | `hue${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`;

export interface Category {
  label: string;
  tint: Tint;
}

export interface Colouring {
  id: ColouringId;
  categories: Category[];
  /** The category of each point. */
  of: Uint8Array;
}

const COLOURINGS: { id: ColouringId; label: string }[] = [
  { id: 'role', label: 'Role' },
  { id: 'outcome', label: 'Right or wrong' },
  { id: 'rank', label: 'Rank of the first relevant' },
  { id: 'type', label: 'Negative type' },
  { id: 'margin', label: 'Margin to hard negative' },
  { id: 'writing', label: 'Writing' },
  { id: 'faith', label: 'Map faithfulness' },
];

const N_HUES = 7;

/** The colourings of a page: by theme and by columns of the data file only where there are any. */
export function colouringsOf(page: Page): { id: ColouringId; label: string }[] {
  return [
    ...COLOURINGS,
    ...(page.points?.themes ? [{ id: 'theme' as const, label: 'Theme' }] : []),
    ...page.queries.stated.map(({ name }, i) => ({ id: `column${i}` as const, label: shorten(name, 30) })),
  ];
}

/** The colouring that a text in an address names; whether the page has it is not known here. */
export function colouringFrom(text: string | null | undefined): ColouringId | undefined {
  if (text === 'theme' || /^column\d{1,3}$/.test(text ?? '')) return text as ColouringId;
  return COLOURINGS.find(({ id }) => id === text)?.id;
}

/** The categories of a colouring, and the category of each point. */
export function colour(page: Page, points: Points, id: ColouringId, map: number): Colouring {
  switch (id) {
    case 'role':
      return { id, categories: ROLES, of: points.roles };
    case 'outcome':
      return colourOutcomes(page, points, page.queries.isCorrect);
    case 'rank':
      return ofQueries(id, page, points, RANKS, (q) => band(page.queries.rank[q], RANK_ENDS));
    case 'margin':
      return ofQueries(id, page, points, MARGINS, (q) => band(page.queries.margin[q], MARGIN_ENDS));
    case 'type':
      return byType(page, points);
    case 'writing':
      return byWriting(page, points);
    case 'faith': {
      const { kept } = points.maps[map];
      return { id, categories: FAITH, of: Uint8Array.from(kept, (share) => Math.min(4, Math.floor(share * 5) || 0)) };
    }
    case 'theme':
      return byTheme(page, points);
    default:
      return byColumn(id, page, points);
  }
}

const ROLES: Category[] = [
  { label: 'Query', tint: 'query' },
  { label: 'Positive', tint: 'positive' },
  { label: 'Hard negative', tint: 'negative' },
  { label: 'Other document', tint: 'document' },
];

const OUTCOMES: Category[] = [
  { label: 'Query, right at rank 1', tint: 'right' },
  { label: 'Query, wrong at rank 1', tint: 'wrong' },
  { label: 'Document', tint: 'faint' },
];

/** A value up to and including the end belongs to the band. */
const RANK_ENDS = [1, 3, 10, 100];
const RANKS: Category[] = [
  { label: 'Rank 1', tint: 'ramp0' },
  { label: '2 to 3', tint: 'ramp1' },
  { label: '4 to 10', tint: 'ramp2' },
  { label: '11 to 100', tint: 'ramp3' },
  { label: 'Beyond 100', tint: 'ramp4' },
  { label: 'No relevant document', tint: 'hue7' },
  { label: 'Document', tint: 'faint' },
];

const MARGIN_ENDS = [-0.1, 0, 0.1, 0.2];
const MARGINS: Category[] = [
  { label: '\u22120.1 or less', tint: 'ramp4' },
  { label: '\u22120.1 to 0', tint: 'ramp3' },
  { label: '0 to 0.1', tint: 'ramp2' },
  { label: '0.1 to 0.2', tint: 'ramp1' },
  { label: 'More than 0.2', tint: 'ramp0' },
  { label: 'No hard negatives', tint: 'hue7' },
  { label: 'Document', tint: 'faint' },
];

const FAITH: Category[] = [
  { label: 'Under 20 % kept', tint: 'ramp4' },
  { label: '20 to 40 %', tint: 'ramp3' },
  { label: '40 to 60 %', tint: 'ramp2' },
  { label: '60 to 80 %', tint: 'ramp1' },
  { label: '80 % or more', tint: 'ramp0' },
];

/** The band of a value; one past the last for a value that does not exist. */
function band(value: number, ends: number[]): number {
  if (Number.isNaN(value)) return ends.length + 1;
  const found = ends.findIndex((end) => value <= end);
  return found < 0 ? ends.length : found;
}

/** Queries by a rule of their own; every document in the last category. */
function ofQueries(
  id: ColouringId,
  page: Page,
  points: Points,
  categories: Category[],
  rule: (query: number) => number,
): Colouring {
  const ofQuery = Uint8Array.from({ length: page.queries.n }, (_, q) => rule(q));
  const of = new Uint8Array(points.n).fill(categories.length - 1);
  for (let p = 0; p < points.n; p++) if (points.roles[p] === QUERY) of[p] = ofQuery[points.rows[p]];
  return { id, categories, of };
}

/** Documents by the type under which they are hard negatives, failing queries by the type they fell for. */
function byType(page: Page, points: Points): Colouring {
  const shown = Math.min(page.types.length, N_HUES);
  const [several, none, documents] = [shown, shown + 1, shown + 2];
  const categories: Category[] = page.types
    .slice(0, shown)
    .map((label, i) => ({ label: label || '(no name)', tint: `hue${i}` as Tint }));
  categories.push(
    { label: page.types.length > N_HUES ? 'Several or other types' : 'Several types', tint: 'document' },
    { label: 'Query that fell for no type', tint: 'hue7' },
    { label: 'Other document', tint: 'faint' },
  );
  const q = page.queries;
  const ofDocument = new Uint8Array(page.documents.n).fill(documents);
  for (let e = 0; e < q.negativeDocuments.length; e++) {
    for (let t = q.negativeTypeIndptr[e]; t < q.negativeTypeIndptr[e + 1]; t++) {
      const document = q.negativeDocuments[e];
      const type = Math.min(q.negativeTypes[t], several);
      ofDocument[document] = ofDocument[document] === documents || ofDocument[document] === type ? type : several;
    }
  }
  const ofQuery = Uint8Array.from({ length: q.n }, (_, row) => {
    const types = fallenFor(page, row);
    return types.length === 0 ? none : types.length > 1 ? several : Math.min(types[0], several);
  });
  const of = new Uint8Array(points.n);
  for (let p = 0; p < points.n; p++) {
    const role = points.roles[p];
    const row = points.rows[p];
    of[p] = role === QUERY ? ofQuery[row] : role === HARD_NEGATIVE || role === POSITIVE ? ofDocument[row] : documents;
  }
  return { id: 'type', categories, of };
}

/** The largest themes in colours of their own. */
function byTheme(page: Page, points: Points): Colouring {
  const names = (page.report.themes ?? []).filter(({ level }) => level === 0).map(({ name }) => name);
  const of = Uint8Array.from(points.themes ?? [], (theme) => hueOf(theme, names.length));
  return { id: 'theme', categories: hues(names, 'Other themes', 'No theme'), of };
}

/** Queries by what the data file says of them in a column: a column of numbers in few classes, others by value. */
function byColumn(id: `column${number}`, page: Page, points: Points): Colouring {
  const column = page.queries.stated[Number(id.slice('column'.length))];
  const numbers = numbersOf(column.values);
  if (numbers) {
    const { ends, categories } = classesOf(Array.from(column.of, (place) => numbers[place]));
    return ofQueries(id, page, points, categories, (q) => {
      const place = ends.findIndex((end) => numbers[column.of[q]] <= end);
      return place < 0 ? ends.length : place;
    });
  }
  const categories = hues(column.values, 'Other values', 'Not stated');
  categories.push({ label: 'Document', tint: 'faint' });
  return ofQueries(id, page, points, categories, (q) => hueOf(column.of[q], column.values.length));
}

/** The values of a column as numbers; null where one is none, or where there are too few to make a scale. */
function numbersOf(values: string[]): number[] | null {
  const numbers = values.map((value) => (value.trim() === '' ? Number.NaN : Number(value)));
  return numbers.length >= 3 && numbers.every(Number.isFinite) ? numbers : null;
}

const CLASSES = 5;

/**
 * Classes of numbers, of which those that do not exist count nowhere: each value its own where they are few, else as
 * many numbers in each as ties allow. The end of a class belongs to it; categories for none and for documents follow.
 */
export function classesOf(numbers: (number | undefined)[]): { ends: number[]; categories: Category[] } {
  const order = Float64Array.from(numbers.filter((value) => value !== undefined)).sort();
  const distinct = [...new Set(order)];
  const cuts = Array.from({ length: CLASSES }, (_, i) => order[Math.ceil(((i + 1) / CLASSES) * order.length) - 1]);
  const ends = distinct.length <= CLASSES ? distinct : [...new Set(cuts)];
  const categories = ends.map((end, i): Category => {
    const start = distinct.find((value) => i === 0 || value > ends[i - 1]) ?? end;
    const [low, high] = [start, end].map((value) => `${Number(value.toPrecision(4))}`.replace('-', '\u2212'));
    const step = Math.round((i * 4) / Math.max(1, ends.length - 1)) as 0 | 1 | 2 | 3 | 4;
    return { label: low === high ? low : `${low} to ${high}`, tint: `ramp${step}` };
  });
  categories.push({ label: 'Not stated', tint: 'hue7' }, { label: 'Document', tint: 'faint' });
  return { ends, categories };
}

/** A colour for each of the first names, one for the others, and one for none of them. */
function hues(names: string[], others: string, none: string): Category[] {
  return [
    ...names.slice(0, N_HUES).map((label, i) => ({ label: label || '(no name)', tint: `hue${i}` as Tint })),
    { label: others, tint: 'document' },
    { label: none, tint: 'hue7' },
  ];
}

/** The category of a place among `n` names, of which -1 is none, as in `hues`. */
function hueOf(place: number, n: number): number {
  const shown = Math.min(n, N_HUES);
  return place < 0 ? shown + 1 : Math.min(place, shown);
}

function byWriting(page: Page, points: Points): Colouring {
  const labels: string[] = [];
  const code = new Map<string, number>();
  const codeOf = (text: string) => {
    const label = writingOf(text);
    if (!code.has(label)) code.set(label, labels.push(label) - 1);
    return code.get(label) as number;
  };
  const of = new Uint8Array(points.n);
  for (let p = 0; p < points.n; p++) {
    of[p] = codeOf((points.roles[p] === QUERY ? page.queries : page.documents).texts[points.rows[p]]);
  }
  const categories = labels.map((label, i) => ({ label, tint: `hue${i % N_HUES}` as Tint }));
  return { id: 'writing', categories, of };
}

/** Queries by whether they are right at rank 1 in `isCorrect`, which may be of another checkpoint than the page's. */
export function colourOutcomes(page: Page, points: Points, isCorrect: Uint8Array): Colouring {
  return ofQueries('outcome', page, points, OUTCOMES, (q) => (isCorrect[q] ? 0 : 1));
}

/** How many points, of those that count, each category has. */
export function tally(colouring: Colouring, mask: Uint8Array | null): number[] {
  const counts = new Array<number>(colouring.categories.length).fill(0);
  for (let p = 0; p < colouring.of.length; p++) if (!mask || mask[p]) counts[colouring.of[p]]++;
  return counts;
}
