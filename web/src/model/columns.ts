/** What the page knows of each query, column by column: what a table shows, sorts by and is filtered by. */
import type { Page } from '../contract';
import { binned, linearEdges, roundEdges } from './bins';
import { count, fixed, rank, signed } from './format';
import { leadOf, modeOf, relevantOf, typeNamesOf } from './queries';
import { matcher } from './search';

interface Named {
  /** The name in an address. */
  id: string;
  label: string;
  /** What it holds, where the label does not say. */
  title?: string;
}

/** A number a query; NaN where there is none. */
export interface NumberColumn extends Named {
  kind: 'number';
  values: Float32Array;
  /** Ascending; bin b holds the values from above `edges[b]` up to and including `edges[b + 1]`. */
  edges: number[];
  /** The bin of each query; their number for a query without a value. */
  bin: Uint16Array;
  /** Whether every value is whole (but for ranks, which ties make a fraction). */
  isWhole: boolean;
  format: (value: number) => string;
}

/** One of a few names a query. */
export interface CategoryColumn extends Named {
  kind: 'category';
  /** The most frequent first. */
  names: string[];
  /** The place of the name of each query; their number for a query without one. */
  bin: Uint16Array;
}

/** A text a query. */
export interface TextColumn extends Named {
  kind: 'text';
  textOf: (row: number) => string;
  /** A test for the queries whose text holds every word. */
  matching: (words: string) => (row: number) => boolean;
}

export type QueryColumn = NumberColumn | CategoryColumn | TextColumn;
/** A column with a few bins of queries, whose shape can be drawn. */
export type BinnedColumn = NumberColumn | CategoryColumn;

const known = new WeakMap<Page, Map<string, QueryColumn>>();

/** Every column of a page by its name in an address, in the order in which a table shows them. */
export function columnsOf(page: Page): Map<string, QueryColumn> {
  let found = known.get(page);
  if (!found) {
    const [text, id, relevant, wrong] = textColumns(page);
    const [rank, ...scores] = scoreColumns(page);
    const [length, groupSize] = sizeColumns(page);
    const all = [text, id, rank, ...scores, relevant, wrong, ...categoryColumns(page), length, groupSize];
    all.push(...statedColumns(page));
    found = new Map(all.map((column) => [column.id, column]));
    known.set(page, found);
  }
  return found;
}

/** By this column one selects with the facet of its own name. */
export const MODE = 'mode';

/** The columns by whose shape one can filter: one that says the same of each query has none. */
export const binnedColumns = (page: Page): BinnedColumn[] =>
  [...columnsOf(page).values()]
    .filter((column) => column.kind !== 'text')
    .filter((column) => nBins(column) > 0 && column.id !== MODE);

/** Whether a column says something of any query. */
export function hasValues(column: QueryColumn, n: number): boolean {
  if (column.kind === 'number') return column.values.some((value) => !Number.isNaN(value));
  if (column.kind === 'category') return column.names.length > 0;
  for (let row = 0; row < n; row++) if (column.textOf(row)) return true;
  return false;
}

/** How many bins a column has, without those that have no value. */
export const nBins = (column: BinnedColumn) =>
  column.kind === 'number' ? Math.max(0, column.edges.length - 1) : column.names.length;

/** Queries of each bin of a column, and at the end those without a value. */
export function countsOf(column: BinnedColumn): Uint32Array {
  const counts = new Uint32Array(nBins(column) + 1);
  for (const bin of column.bin) counts[bin]++;
  return counts;
}

/** The least value that the bins of a column hold. */
export const leastOf = ({ edges, isWhole }: Pick<NumberColumn, 'edges' | 'isWhole'>) =>
  isWhole ? edges[0] + 1 : edges[0];

function textColumns(page: Page): TextColumn[] {
  const { queries: q, documents } = page;
  const ofDocument = (id: string, label: string, documentOf: (row: number) => number): TextColumn => ({
    ...{ kind: 'text', id, label },
    textOf: (row) => documents.texts[documentOf(row)] ?? '',
    matching(words) {
      const matches = matcher(words, documents.texts);
      return (row) => documentOf(row) >= 0 && matches(documentOf(row));
    },
  });
  return [
    { kind: 'text', id: 'text', label: 'Query', textOf: (row) => q.texts[row], matching: (w) => matcher(w, q.texts) },
    { kind: 'text', id: 'id', label: 'Id', textOf: (row) => q.ids[row], matching: (w) => matcher(w, q.ids) },
    ofDocument('relevant', 'Best relevant document', (row) => relevantOf(page, row)[0]?.document ?? -1),
    ofDocument('wrong', 'Best wrong document', (row) => q.wrongDocument[row]),
  ];
}

/** What the run says of each query. */
function scoreColumns(page: Page): NumberColumn[] {
  const { queries: q } = page;
  const lead = Float32Array.from({ length: q.n }, (_, row) => leadOf(page, row));
  const score = (
    id: string,
    label: string,
    title: string,
    values: Float32Array,
    format = (own: number) => fixed(own),
  ) => numberColumn(values, { id, label, title }, { format });
  const rankNamed = { id: 'rank', label: 'Rank', title: 'Rank of the first relevant document' };
  return [
    numberColumn(q.rank, rankNamed, { format: rankOrNone, isWhole: true, isGrowing: true }),
    score('similarity', 'Best relevant', 'Score of the best relevant document', q.positiveSimilarity),
    score('wrong-similarity', 'Best wrong', 'Score of the best document that is not relevant', q.wrongSimilarity),
    score('margin', 'To hard negative', 'Best relevant minus best hard negative', q.margin, (own) => signed(own)),
    score('lead', 'To best wrong', 'Best relevant minus best document that is not relevant', lead, (own) =>
      signed(own),
    ),
  ];
}

function sizeColumns({ queries: q }: Page): NumberColumn[] {
  const named = { id: 'length', label: 'Length', title: 'Characters of the query' };
  const group = {
    id: 'group-size',
    label: 'Group size',
    title: 'Queries that share relevant documents with it, directly or through others',
  };
  return [
    numberColumn(lengthsOf(q.texts), named, { format: count, isWhole: true }),
    numberColumn(groupSizes(q.clusters), group, { format: count, isWhole: true }),
  ];
}

/** A rank; of a relevant document that a run did not return, where there is none. */
const rankOrNone = (value: number) => (value === Infinity ? 'not listed' : rank(value));

/** Types that queries fell for, and why they fail. */
function categoryColumns(page: Page): CategoryColumn[] {
  const { types, failureModes, queries } = page;
  const named = (id: string, label: string, nameOf: (row: number) => string) =>
    categoryColumn(
      Array.from({ length: queries.n }, (_, row) => nameOf(row)),
      { id, label },
    );
  return [
    ...(types.length > 0 ? [named('type', 'Fell for', (row) => typeNamesOf(page, row).join(' + '))] : []),
    ...(failureModes.length > 0 ? [named(MODE, 'Why', (row) => modeOf(page, row))] : []),
  ];
}

/** Columns of the data file; one of numbers only, and of more than two, is a scale. */
function statedColumns({ queries }: Page): BinnedColumn[] {
  const scale = (name: string, values: Float32Array) =>
    numberColumn(values, fieldOf(name), { format: plainNumber, isWhole: values.every(isWholeOrNone) });
  return queries.stated.map(({ name, values, of }) => {
    const numbers = values.map((value) => (value.trim() === '' ? Number.NaN : Number(value)));
    return values.length > 2 && numbers.every(Number.isFinite)
      ? scale(
          name,
          Float32Array.from(of, (place) => numbers[place]),
        )
      : categoryColumn(
          Array.from(of, (place) => values[place] ?? ''),
          fieldOf(name),
        );
  });
}

/** A column of the data file may be called like one of the page. */
const fieldOf = (name: string): Named => ({ id: `field ${name}`, label: name });

const isWholeOrNone = (value: number) => Number.isNaN(value) || Number.isInteger(value);

/** As the data file states it, to six digits. */
const plainNumber = (value: number) =>
  Number.isFinite(value) ? String(Number(value.toPrecision(6))).replace('-', '\u2212') : fixed(value);

/** From this multiple of the median on the greatest value would leave most queries in one even bin or two. */
const SKEWED = 8;

/** The median of the values, at the place of the middle one. */
function middleOf(values: Float32Array): number {
  const known = values.filter((value) => !Number.isNaN(value)).sort();
  return known[known.length >> 1];
}

function numberColumn(
  values: Float32Array,
  named: Named,
  how: { format: NumberColumn['format']; isWhole?: boolean; isGrowing?: boolean },
): NumberColumn {
  const { format, isWhole = false, isGrowing } = how;
  let [least, most, isEndless] = [Infinity, -Infinity, false];
  for (const value of values) {
    if (value === Infinity) isEndless = true;
    else if (!Number.isNaN(value)) [least, most] = [Math.min(least, value), Math.max(most, value)];
  }
  const grows = isGrowing ?? (least >= 0 && (isWhole || most > 100) && most > SKEWED * middleOf(values));
  let edges: number[] = [];
  if (least < most) edges = grows ? roundEdges(least, most) : linearEdges(least, most, isWhole);
  if (isEndless) edges = [...(edges.length > 0 ? edges : [0, Math.max(1, most)]), Infinity];
  return { kind: 'number', ...named, values, edges, bin: binned(values, edges), isWhole, format };
}

/** An empty name is none. */
function categoryColumn(nameOf: string[], named: Named): CategoryColumn {
  const counts = new Map<string, number>();
  for (const name of nameOf) if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
  const names = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([name]) => name);
  const place = new Map(names.map((name, i) => [name, i]));
  return {
    kind: 'category',
    ...named,
    names,
    bin: Uint16Array.from(nameOf, (name) => place.get(name) ?? names.length),
  };
}

/** Characters of each text, as a reader counts code points. */
function lengthsOf(texts: string[]): Float32Array {
  return Float32Array.from(texts, (text) => {
    let n = 0;
    for (const _ of text) n++;
    return n;
  });
}

/** How many queries are in the group of each. */
function groupSizes(clusters: Int32Array): Float32Array {
  const sizes = new Map<number, number>();
  for (const cluster of clusters) sizes.set(cluster, (sizes.get(cluster) ?? 0) + 1);
  return Float32Array.from(clusters, (cluster) => sizes.get(cluster) ?? 0);
}
