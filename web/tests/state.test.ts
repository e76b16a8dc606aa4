import { describe, expect, it, vi } from 'vitest';
import type { Page } from '../src/contract';
import { fromHash, toHash } from '../src/model/hash';
import { type Facets, NO_FACETS, select } from '../src/model/selection';
import { createStore, initialState } from '../src/state';
import { golden, goldenOf } from './golden';

const picked = (page: Page, facets: Partial<Facets>) => {
  const { rows, isPoint } = select(page, { ...NO_FACETS, ...facets });
  const points = isPoint ? Array.from(isPoint.keys()).filter((p) => isPoint[p]) : null;
  return { rows: Array.from(rows), points };
};

describe('the selection', () => {
  it('without a facet is everything, and no point stands out', async () => {
    expect(picked(await golden(), {})).toEqual({ rows: [0, 1, 2, 3], points: null });
  });

  it('of failing queries takes their documents along', async () => {
    // Query 1, its relevant document (point 5), and the document that stands above it (point 7).
    expect(picked(await golden(), { outcome: 'failing' })).toEqual({ rows: [1], points: [1, 5, 7] });
  });

  it('by type is the queries that such a negative beats, and those negatives', async () => {
    expect(picked(await golden(), { type: 1 })).toEqual({ rows: [1], points: [1, 5, 6, 7] });
  });

  it('by search finds queries in the table, and documents too on the map', async () => {
    expect(picked(await golden(), { search: 'nha 3' })).toEqual({ rows: [1], points: [1, 5] });
    expect(picked(await golden(), { search: 'q2' })).toEqual({ rows: [2], points: [2] });
  });

  it('by lasso is the queries inside it', async () => {
    const left = [-1.1, -1.1, -0.9, -1.1, -0.9, 1.1, -1.1, 1.1];
    expect(picked(await golden(), { lasso: { map: 0, outline: left } })).toEqual({ rows: [0, 2], points: [0, 2, 4] });
  });

  it('by a lasso around documents is the queries that they belong to', async () => {
    const middle = [-0.2, -0.2, 0.2, -0.2, 0.2, 0.2, -0.2, 0.2];
    expect(picked(await golden(), { lasso: { map: 0, outline: middle } })).toEqual({ rows: [2, 3], points: [9] });
  });

  it('by legend is one category', async () => {
    const legend = { colouring: 'outcome' as const, map: 0, categories: [1] };
    expect(picked(await golden(), { legend })).toEqual({ rows: [1], points: [1] });
  });

  it('by failure mode is the queries that fail for that reason, and their documents', async () => {
    expect(picked(await golden(), { mode: 1 })).toEqual({ rows: [1], points: [1, 5, 7] });
    expect(picked(await golden(), { mode: 2 }).rows).toEqual([]);
  });

  it('of a word holds the queries that it decides', async () => {
    expect(picked(await golden(), { word: 0 }).rows).toEqual([1]);
    expect(picked(await golden(), { word: 1 }).rows).toEqual([]);
  });

  it('by finding is the queries that it names, and their documents', async () => {
    expect(picked(await golden(), { finding: 0 })).toEqual({ rows: [1], points: [1, 5, 7] });
    expect(picked(await golden(), { finding: 1 }).rows).toEqual([0, 2]);
  });

  it('by a finding that names rows beyond the table is those within it', async () => {
    const page = await golden();
    page.report.findings[0].rows = [3, 9999];
    expect(picked(page, { finding: 0 }).rows).toEqual([3]);
  });

  it('by change is what came right or went wrong with one candidate', async () => {
    const page = await goldenOf('compare');
    expect(picked(page, { moved: { candidate: 0, kind: 'gained' } }).rows).toEqual([2]);
    expect(picked(page, { moved: { candidate: 1, kind: 'lost' } }).rows).toEqual([0, 1]);
  });

  it('by a segment of a training is what came right or went wrong in it', async () => {
    const page = await goldenOf('training');
    expect(picked(page, { segment: { place: 0, kind: 'gained' } }).rows).toEqual([2]);
    expect(picked(page, { segment: { place: 1, kind: 'lost' } }).rows).toEqual([1]);
    expect(picked(page, { segment: { place: 1, kind: 'gained' } }).rows).toEqual([]);
  });

  it('by an outline among the ranks is the queries with those ranks', async () => {
    const page = await goldenOf('compare');
    const ranks = (outline: number[]) => picked(page, { ranks: { candidate: 0, outline } }).rows;
    expect(ranks([1, -0.1, 2, -0.1, 2, 1, 1, 1])).toEqual([2]); // from rank 10 to 100 before, to rank 10 after
    expect(ranks([-0.1, -0.1, 0.1, -0.1, 0.1, 0.1, -0.1, 0.1])).toEqual([0, 3]);
  });

  it('passes every facet at once', async () => {
    const left = [-1.1, -1.1, -0.9, -1.1, -0.9, 1.1, -1.1, 1.1];
    const facets = { lasso: { map: 0, outline: left }, search: 'phòng', outcome: 'right' } as const;
    expect(picked(await golden(), facets)).toEqual({ rows: [0], points: [0, 4] });
  });
});

describe('the address', () => {
  it('brings back the state that it was made from', async () => {
    const page = await golden();
    const initial = initialState(page);
    const ids = { queries: page.queries.ids, documents: page.documents.ids };
    const state = {
      ...initial,
      view: 'map' as const,
      query: 2,
      document: 4,
      map: 1,
      colouring: 'rank' as const,
      links: 'all' as const,
      faith: 0.35,
      sort: 'text' as const,
      isDescending: true,
      threshold: 0.5,
      facets: {
        search: 'nhà & trọ #?',
        outcome: 'failing' as const,
        type: 1,
        mode: 1,
        word: 0,
        lasso: { map: 0, outline: [0, 0.125, 1, 0, 0.5, -1] },
        legend: { colouring: 'margin' as const, map: 1, categories: [2, 0] },
        finding: 1,
        moved: { candidate: 1, kind: 'lost' as const },
        segment: { place: 1, kind: 'gained' as const },
        ranks: { candidate: 1, outline: [0, 0, 1.5, 0, 1.5, 0.25] },
        conditions: [
          { column: 'rank', low: 2, high: 10 },
          { column: 'field source & = %', names: ['a b', null, '', 'is=c'] },
          { column: 'wrong', words: 'nhà  trọ' },
          { column: 'field 2 3', low: -0.5, high: Infinity },
        ],
        like: { kind: 'document' as const, row: 3 },
        ids: null,
      },
      columns: ['text', 'field source & = %', 'rank'],
      candidate: 1,
      epoch: 2,
    };
    expect(fromHash(toHash(state, initial, ids), initial, ids)).toEqual(state);
    expect(toHash(initial, initial, ids)).toBe('#verdict');
  });

  it('that makes no sense is taken for none', async () => {
    const page = await golden();
    const initial = initialState(page);
    const nonsense =
      '#nowhere?query=zzz&document=zzz&type=-1&mode=z&lasso=0 1 2&legend=x y z&map=1e9&colour=pink&links=some&faith=7&sort=-&threshold=NaN&show=maybe&finding=x&moved=0 up&stretch=-1 gained&ranks=0 1&candidate=-1&epoch=1.5&range=rank&range=rank x 2&range=rank 3 2&contains=text&is=web&like=query zzz&like=all';
    expect(fromHash(nonsense, initial, { queries: page.queries.ids, documents: page.documents.ids })).toEqual(initial);
  });
});

describe('the store', () => {
  const fakeWindow = (hash: string) => {
    const listeners: (() => void)[] = [];
    const location = { hash };
    const write = (_state: unknown, _title: string, next: string) => {
      location.hash = next;
    };
    return {
      location,
      history: { pushState: write, replaceState: write },
      addEventListener: (_name: string, listener: () => void) => listeners.push(listener),
      go(next: string) {
        location.hash = next;
        for (const listener of listeners) listener();
      },
    };
  };

  it('follows the address, and the address follows it', async () => {
    const window = fakeWindow('#queries?show=failing');
    const store = createStore(await golden(), window as unknown as Window);
    expect(store.get().view).toBe('queries');
    expect(Array.from(store.selection().rows)).toEqual([1]);
    store.setFacets({ outcome: 'right' });
    expect(window.location.hash).toBe('#queries?show=right');
    window.go('#map?map=1');
    expect([store.get().view, store.get().map, store.selection().isAll]).toEqual(['map', 1, true]);
  });

  it('computes a selection once for each change of facets', async () => {
    const store = createStore(await golden(), fakeWindow('') as unknown as Window);
    const before = store.selection();
    store.set({ view: 'map', query: 1 });
    expect(store.selection()).toBe(before);
  });

  it('leaves out of an address what this report does not have', async () => {
    const conditions = 'range=price 1 2&range=text 1 2&where=field city&is=Rome&where=field source&is=Rome';
    const gone = `${conditions}&sort=-price&column=price&finding=2&moved=0 gained&ranks=0 0 0 1 0 1 1&candidate=3&epoch=4`;
    const hash = `#map?map=7&type=99&lasso=5 0 0 1 0 1 1&legend=role 4 0&${gone}`;
    const store = createStore(await golden(), fakeWindow(hash) as unknown as Window);
    expect(store.get()).toMatchObject({ map: 1, candidate: 0, epoch: 0, facets: NO_FACETS });
    expect(store.get()).toMatchObject({ sort: 'lead', isDescending: false, columns: null });
  });

  it('writes the address of a long drag now and then, and where it ends', async () => {
    vi.useFakeTimers();
    const window = fakeWindow('');
    const store = createStore(await golden(), window as unknown as Window);
    const written = vi.spyOn(window.history, 'replaceState');
    for (let i = 0; i < 200; i++) {
      store.set({ threshold: i / 200 });
      vi.advanceTimersByTime(16);
    }
    expect(written.mock.calls.length).toBeLessThan(40);
    vi.runAllTimers();
    expect(window.location.hash).toBe('#verdict?threshold=0.995');
    vi.useRealTimers();
  });

  it('works where the browser refuses an address', async () => {
    const window = fakeWindow('');
    window.history.replaceState = () => {
      throw new Error('refused');
    };
    const store = createStore(await golden(), window as unknown as Window);
    store.setFacets({ search: 'nhà' });
    expect(store.get().facets.search).toBe('nhà');
  });
});
