/** Filters by looking: bins and brushes, conditions, counts that cross, likeness. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Page } from '../src/contract';
import { binned, linearEdges, placesOf, rangeBetween, roundEdges, stepped, valueAt } from '../src/model/bins';
import { binnedColumns, columnsOf, type NumberColumn, nBins } from '../src/model/columns';
import { type Condition, rangeOf, withCondition, withName } from '../src/model/conditions';
import { Crossfilter } from '../src/model/crossfilter';
import { alike } from '../src/model/likeness';
import { sorted } from '../src/model/order';
import { type Facets, NO_FACETS, select } from '../src/model/selection';
import { golden } from './golden';

/** The same numbers between 0 and 1 every time (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A page of `n` queries with values at random; some have no rank, no hard negative, no stated value. */
function randomPage(base: Page, n: number, seed = 1): Page {
  const random = randomOf(seed);
  const floats = (value: () => number) => Float32Array.from({ length: n }, value);
  const k = 5;
  const rank = floats(() => [1, 1, 2, 7.5, 40, 4000, Infinity, Number.NaN][Math.floor(random() * 8)]);
  const documents = Int32Array.from({ length: n * k }, (_, i) => (Math.floor(i / k) * 3 + (i % k)) % base.documents.n);
  const empty = new Int32Array(n + 1);
  const queries: Page['queries'] = {
    ...base.queries,
    ...{ n, k, rank, topDocuments: documents, topScores: floats(random), topIsRelevant: new Uint8Array(n * k) },
    ids: Array.from({ length: n }, (_, row) => `q${row}`),
    texts: Array.from({ length: n }, (_, row) => 'nhà trọ '.repeat(1 + (row % 9))),
    positiveSimilarity: floats(random),
    wrongSimilarity: floats(random),
    margin: floats(() => (random() < 0.1 ? Number.NaN : random() - 0.5)),
    clusters: Int32Array.from({ length: n }, () => Math.floor(random() * n * 0.4)),
    nTied: new Int32Array(n),
    isCorrect: Uint8Array.from(rank, (own) => Number(own === 1)),
    wrongDocument: Int32Array.from({ length: n }, () => Math.floor(random() * base.documents.n)),
    failureMode: new Uint8Array(n),
    ...{ relevantIndptr: empty, negativeIndptr: empty, relevantDocuments: new Int32Array(0) },
    negativeDocuments: new Int32Array(0),
    stated: [
      {
        name: 'city',
        values: ['Rome', 'Oslo', 'Hue'],
        of: Int32Array.from({ length: n }, () => Math.floor(random() * 4) - 1),
      },
      {
        name: 'year',
        values: ['2020', '2021', '2022'],
        of: Int32Array.from({ length: n }, () => Math.floor(random() * 3)),
      },
    ],
  };
  return { ...base, queries, points: null };
}

let base: Page;
beforeAll(async () => {
  base = await golden();
});

const numberColumn = (page: Page, id: string) => columnsOf(page).get(id) as NumberColumn;

describe('bins', () => {
  it('have round edges that hold every value', () => {
    expect(linearEdges(0.123, 0.871, false).slice(0, 2)).toEqual([0.1, 0.15]);
    expect(linearEdges(2019, 2024, true)).toEqual([2018, 2019, 2020, 2021, 2022, 2023, 2024]);
    expect(roundEdges(1, 40)).toEqual([0, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50]);
    expect(roundEdges(8, 160)).toEqual([7, 10, 15, 20, 30, 50, 70, 100, 150, 200]);
  });

  it('hold a value at their upper edge, as a cutoff does', () => {
    const values = Float32Array.from([1, 2, 3, 3.5, 5, 6, 99, Infinity, Number.NaN]);
    expect(Array.from(binned(values, [0, 1, 2, 3, 5, 100, Infinity]))).toEqual([0, 1, 2, 3, 3, 4, 4, 5, 6]);
    expect(Array.from(binned(Float32Array.from([0.1, 0.2, 0.3]), [0, 0.1, 0.2, 0.3]))).toEqual([0, 1, 2]);
  });

  it('of whole numbers give ranges of whole numbers', () => {
    const ranks = { edges: [0, 1, 2, 3, 5, 10, Infinity], isWhole: true };
    expect(rangeBetween(1, 5, ranks)).toEqual({ low: 2, high: 10 });
    expect(rangeBetween(4, 3, ranks)).toEqual({ low: 4, high: 5 });
    expect(rangeBetween(5, 6, ranks)).toEqual({ low: 11, high: Infinity });
    expect(placesOf({ low: 2, high: 10 }, ranks)).toEqual([1, 5]);
    expect(placesOf({ low: 11, high: Infinity }, ranks)).toEqual([5, 6]);
    expect(placesOf(rangeBetween(3, 3.4, ranks), ranks)).toEqual([3, 3.5]);
  });

  it('are gone through by keys, in steps that end at their edges', () => {
    const scores = { edges: [0, 0.5, 1], isWhole: false };
    expect([valueAt(0.2, scores.edges), stepped(0, 1, scores), stepped(0.93, 1, scores)]).toEqual([0.1, 0.2, 1.2]);
    expect([stepped(0, -1, scores), stepped(2, 1, scores), stepped(1, -1, scores)]).toEqual([0, 2, 0.8]);
    expect(stepped(0, 1, { edges: [0, 1, 3], isWhole: true })).toBe(1);
    expect(stepped(1, 1, { edges: [0, 1, 3], isWhole: true })).toBe(1.5);
  });
});

describe('columns', () => {
  it('are those that tell queries apart, and names before places', () => {
    const page = randomPage(base, 200);
    const shapes = binnedColumns(page).map(({ id }) => id);
    expect(shapes).toEqual(
      expect.arrayContaining(['rank', 'similarity', 'wrong-similarity', 'margin', 'lead', 'length', 'group-size']),
    );
    expect(shapes).toEqual(expect.arrayContaining(['field city', 'field year']));
    expect(columnsOf(page).get('field year')?.kind).toBe('number');
    expect(columnsOf(page).get('field city')?.kind).toBe('category');
    expect(numberColumn(page, 'length').values[3]).toBe(4 * 8);
  });

  it('of many numbers in the data file are scales', () => {
    const values = Float32Array.from([1.5, 2.5, Number.NaN, -4]);
    const page = { ...base, queries: { ...base.queries, measured: [{ name: 'price', values }] } };
    const price = numberColumn(page, 'field price');
    expect([price.kind, price.isWhole, price.format(-4)]).toEqual(['number', false, '\u22124']);
  });

  it('with one value only have no shape', () => {
    const page = { ...base, queries: { ...base.queries, clusters: Int32Array.from([0, 1, 2, 3]) } };
    expect(binnedColumns(page).map(({ id }) => id)).not.toContain('group-size');
  });

  it('sort rows, those without a value last in both directions, and keep their order when fewer are shown', () => {
    const page = randomPage(base, 300);
    const { values } = numberColumn(page, 'margin');
    const all = Uint32Array.from({ length: 300 }, (_, row) => row);
    for (const isDescending of [false, true]) {
      const order = Array.from(sorted(page, all, 'margin', isDescending));
      const known = order.filter((row) => !Number.isNaN(values[row]));
      expect(order.slice(known.length).every((row) => Number.isNaN(values[row]))).toBe(true);
      expect(
        known.every(
          (row, i) =>
            i === 0 || values[row] >= values[known[i - 1]] !== isDescending || values[row] === values[known[i - 1]],
        ),
      ).toBe(true);
      const some = all.filter((row) => row % 3 === 0);
      expect(Array.from(sorted(page, some, 'margin', isDescending))).toEqual(order.filter((row) => row % 3 === 0));
    }
  });
});

describe('conditions', () => {
  const rowsOf = (page: Page, ...conditions: Condition[]) =>
    Array.from(select(page, { ...NO_FACETS, conditions }).rows);

  it('include both ends of a range, at the precision of the values', () => {
    const page = {
      ...base,
      queries: { ...base.queries, positiveSimilarity: Float32Array.from([0.1, 0.2, 0.3, Number.NaN]) },
    };
    expect(rowsOf(page, { column: 'similarity', low: 0.1, high: 0.2 })).toEqual([0, 1]);
    expect(rowsOf(page, { column: 'similarity', low: -1, high: 1 })).toEqual([0, 1, 2]);
  });

  it('by names take any of them, and queries without one where that is asked', () => {
    // The column says web, app, web and nothing.
    expect(rowsOf(base, { column: 'field source', names: ['web'] })).toEqual([0, 2]);
    expect(rowsOf(base, { column: 'field source', names: ['app', null] })).toEqual([1, 3]);
  });

  it('by words look into one column', () => {
    const { texts } = base.documents;
    const wanted = Array.from(base.queries.wrongDocument.keys()).filter((row) =>
      texts[base.queries.wrongDocument[row]]?.includes(texts[base.queries.wrongDocument[0]]),
    );
    expect(rowsOf(base, { column: 'wrong', words: texts[base.queries.wrongDocument[0]] })).toEqual(wanted);
  });

  it('hold all at once, and are changed one by one', () => {
    const first: Condition = { column: 'rank', low: 1, high: 3 };
    const second: Condition = { column: 'field source', names: ['web'] };
    const both = withCondition(withCondition([], 'rank', first), 'field source', second);
    expect(both).toEqual([first, second]);
    expect(withCondition(both, 'rank', { ...first, high: 2 })[0]).toEqual({ ...first, high: 2 });
    expect(withCondition(both, 'rank', null)).toEqual([second]);
    expect(withCondition(both, 'rank', first)[1]).toBe(second);
  });

  it('that hold every value are none', () => {
    const page = randomPage(base, 100);
    const rank = numberColumn(page, 'rank');
    expect(rangeOf(rank, 1, Infinity)).toBeNull();
    expect(rangeOf(rank, 2, Infinity)).toEqual({ column: 'rank', low: 2, high: Infinity });
    const city = columnsOf(page).get('field city');
    if (city?.kind !== 'category') throw new Error('a column of names');
    const one = withName(city, undefined, 'Rome');
    expect(one).toEqual({ column: 'field city', names: ['Rome'] });
    expect(withName(city, one ?? undefined, 'Rome')).toBeNull();
  });
});

describe('counts that cross', () => {
  /** Counted query by query: the bins of a column among the queries that pass all but its own condition. */
  function plain(page: Page, facets: Facets, id: string): number[] {
    const column = binnedColumns(page).find((each) => each.id === id);
    if (!column) throw new Error(id);
    const counts = new Array<number>(nBins(column) + 1).fill(0);
    const others = { ...facets, conditions: withCondition(facets.conditions, id, null) };
    for (const row of select(page, others).rows) counts[column.bin[row]]++;
    return counts;
  }

  it('are those of the selection without the own filter, whatever is brushed after what', () => {
    const page = randomPage(base, 500);
    const crossfilter = new Crossfilter(page);
    const random = randomOf(7);
    let facets: Facets = NO_FACETS;
    for (let step = 0; step < 60; step++) {
      const column = crossfilter.columns[Math.floor(random() * crossfilter.columns.length)];
      const next =
        column.kind === 'category'
          ? withName(column, undefined, column.names[Math.floor(random() * column.names.length)])
          : rangeOf(
              column,
              ...(Object.values(rangeBetween(random() * nBins(column), random() * nBins(column), column)) as [
                number,
                number,
              ]),
            );
      facets = {
        ...facets,
        conditions: withCondition(facets.conditions, column.id, random() < 0.3 ? null : next),
        outcome: (['all', 'failing', 'right'] as const)[Math.floor(random() * 3)],
      };
      crossfilter.update(facets);
      for (const [i, { id }] of crossfilter.columns.entries()) {
        expect(Array.from(crossfilter.counts[i]), `step ${step}, ${id}`).toEqual(plain(page, facets, id));
      }
    }
  });

  it('of a search and words in a column follow them', () => {
    const page = randomPage(base, 90);
    const crossfilter = new Crossfilter(page);
    const facets: Facets = { ...NO_FACETS, search: 'q1', conditions: [{ column: 'id', words: '7' }] };
    crossfilter.update(facets);
    expect(crossfilter.counts.map((counts) => counts.reduce((sum, n) => sum + n, 0))).toEqual(
      crossfilter.columns.map(() => select(page, facets).rows.length),
    );
  });

  it('come back when the filters are gone', () => {
    const crossfilter = new Crossfilter(randomPage(base, 200));
    crossfilter.update({
      ...NO_FACETS,
      outcome: 'failing',
      conditions: [{ column: 'similarity', low: 0.2, high: 0.4 }],
    });
    crossfilter.update(NO_FACETS);
    expect(crossfilter.counts).toEqual(crossfilter.whole);
  });

  it('of 100,000 queries take less than 50 ms a step, with the selection and its order', () => {
    const page = randomPage(base, 100_000);
    const crossfilter = new Crossfilter(page);
    const shared: Facets = { ...NO_FACETS, outcome: 'failing', conditions: [{ column: 'rank', low: 2, high: 5000 }] };
    sorted(page, select(page, shared).rows, 'lead', false);
    const step = (i: number) => {
      const condition = { column: 'similarity', low: 0.01 * i, high: 0.5 + 0.01 * i };
      const facets = { ...shared, conditions: [...shared.conditions, condition] };
      sorted(page, select(page, facets).rows, 'lead', false);
      crossfilter.update(facets);
    };
    step(0);
    // Of the processor, not of the clock: other programs may run beside this one.
    const before = process.cpuUsage();
    for (let i = 1; i <= 30; i++) step(i);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000 / 30).toBeLessThan(50);
  });
});

describe('likeness', () => {
  /** Every pair compared in full. */
  function cosine(page: Page, a: number, b: number): number {
    const { topDocuments, k } = page.queries;
    const vector = (row: number) => {
      const weights = new Array<number>(page.documents.n).fill(0);
      for (let r = 0; r < k; r++)
        if (topDocuments[row * k + r] >= 0) weights[topDocuments[row * k + r]] = 1 / Math.log2(2 + r);
      return weights;
    };
    const [x, y] = [vector(a), vector(b)];
    const dot = (u: number[], v: number[]) => u.reduce((sum, own, i) => sum + own * v[i], 0);
    return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
  }

  it('of queries is the cosine of their lists', () => {
    for (let row = 0; row < base.queries.n; row++) {
      for (const { row: other, likeness } of alike(base, { kind: 'query', row })) {
        expect(likeness).toBeCloseTo(cosine(base, row, other), 5);
      }
    }
  });

  it('is 1 for equal lists, and lists only what shares something', () => {
    const page = randomPage(base, 12);
    const found = alike(page, { kind: 'query', row: 0 });
    const { topDocuments, k } = page.queries;
    const listOf = (row: number) => topDocuments.subarray(row * k, (row + 1) * k).join();
    const equal = found.filter(({ likeness }) => likeness > 1 - 1e-6).map(({ row }) => row);
    expect(equal).toEqual([...Array(12).keys()].filter((row) => row > 0 && listOf(row) === listOf(0)));
    expect(found.every(({ nShared, row }) => nShared > 0 && row !== 0)).toBe(true);
  });

  it('is the same both ways', () => {
    const of = (a: number, b: number) =>
      alike(base, { kind: 'document', row: a }).find(({ row }) => row === b)?.likeness ?? 0;
    for (let a = 0; a < base.documents.n; a++) for (let b = 0; b < a; b++) expect(of(a, b)).toBeCloseTo(of(b, a), 6);
  });

  it('selects a query with those like it, and the queries of documents like one', () => {
    const like = alike(base, { kind: 'query', row: 1 }).map(({ row }) => row);
    const { rows } = select(base, { ...NO_FACETS, like: { kind: 'query', row: 1 } });
    expect(Array.from(rows)).toEqual([...like, 1].sort((a, b) => a - b));
    const documents = [2, ...alike(base, { kind: 'document', row: 2 }).map(({ row }) => row)];
    const selected = select(base, { ...NO_FACETS, like: { kind: 'document', row: 2 } });
    const points = base.points;
    if (!points || !selected.isPoint) throw new Error('a page with points');
    const lit = Array.from(points.rows.keys()).filter((p) => selected.isPoint?.[p] && points.roles[p] !== 0);
    expect(new Set(lit.map((p) => points.rows[p]))).toEqual(
      new Set(documents.filter((d) => Array.from(points.rows).some((row, p) => row === d && points.roles[p] !== 0))),
    );
  });
});
