/** One store: what is shown, what is selected; kept in the URL hash. */
import type { Page } from './contract';
import { type ColouringId, colouringsOf } from './model/colouring';
import { columnsOf } from './model/columns';
import { isKnown } from './model/conditions';
import { MANY } from './model/contours';
import { fromHash, type State, toHash } from './model/hash';
import { layoutsOf } from './model/layouts';
import { type Facets, NO_FACETS, type Selection, select } from './model/selection';

export type { State } from './model/hash';

export interface Store {
  page: Page;
  get(): State;
  /** The selection of the present facets; computed once for each change of them. */
  selection(): Selection;
  set(change: Partial<State>): void;
  setFacets(change: Partial<Facets>): void;
  subscribe(listener: () => void): () => void;
}

/** The state in which a page without an address opens. */
export function initialState(page: Page): State {
  return {
    view: 'verdict',
    query: null,
    document: null,
    facets: NO_FACETS,
    map: 0,
    colouring: 'role',
    links: 'selected',
    hasLabels: true,
    hasContours: (page.points?.n ?? 0) > MANY,
    beside: null,
    faith: 0,
    sort: page.queries.n > 0 ? 'lead' : 'row',
    isDescending: false,
    columns: null,
    threshold: null,
    candidate: page.compare?.shown ?? 0,
    epoch: page.timeline?.shown ?? 0,
  };
}

/** A store whose state follows the address of the window, and the address the state. */
export function createStore(page: Page, window: Window): Store {
  const initial = initialState(page);
  const ids = { queries: page.queries.ids, documents: page.documents.ids };
  const listeners = new Set<() => void>();
  const write = addressWriter(window);
  let state = repaired(page, fromHash(window.location.hash, initial, ids));
  let selection = select(page, state.facets);

  const change = (next: State) => {
    if (next.facets !== state.facets) selection = select(page, next.facets);
    state = next;
    for (const listener of listeners) listener();
  };

  const store: Store = {
    page,
    get: () => state,
    selection: () => selection,
    set(patch) {
      const isNewView = patch.view !== undefined && patch.view !== state.view;
      // A query that is opened stands before the document from which one came.
      const isQuery = patch.query !== undefined && patch.query !== null && patch.document === undefined;
      change({ ...state, ...patch, ...(isQuery ? { document: null } : {}) });
      write(toHash(state, initial, ids), isNewView);
    },
    setFacets(patch) {
      store.set({ facets: { ...state.facets, ...patch } });
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  window.addEventListener('hashchange', () => {
    if (window.location.hash === toHash(state, initial, ids)) return;
    change(repaired(page, fromHash(window.location.hash, initial, ids)));
    write(toHash(state, initial, ids), false); // in the place of what waits to be written
  });
  return store;
}

/** Browsers refuse an address that changes more than 100 times in 30 s: so many at once, then one in so long. */
const BURST = 20;
const PAUSE_MS = 400;

/** A writer of addresses: a new view is a step of the history; a drag writes now and then, and at its end. */
function addressWriter(window: Window): (hash: string, isStep: boolean) => void {
  let [left, since] = [BURST, performance.now()];
  let waiting: string | null = null;
  const write = (hash: string, isStep: boolean) => {
    waiting = null;
    left--;
    try {
      if (isStep) window.history.pushState(null, '', hash);
      else window.history.replaceState(null, '', hash);
    } catch {
      // Some browsers refuse this for a file: the page works without an address.
    }
  };
  const later = () => {
    if (waiting !== null) write(waiting, false);
  };
  return (hash, isStep) => {
    const now = performance.now();
    [left, since] = [Math.min(BURST, left + (now - since) / PAUSE_MS), now];
    if (isStep || left >= 1) return write(hash, isStep);
    if (waiting === null) setTimeout(later, PAUSE_MS);
    waiting = hash;
  };
}

/** An address made for another report may name what this one does not have. */
function repaired(page: Page, state: State): State {
  const nMaps = page.points?.maps.length ?? 0;
  const nLayouts = layoutsOf(page).length;
  const nCandidates = page.compare?.candidates.length ?? 0;
  const nEpochs = page.timeline?.labels.length ?? 0;
  const nSegments = page.timeline?.segments.length ?? 0;
  const hasColouring = (id: ColouringId) => colouringsOf(page).some((known) => known.id === id);
  const { lasso, legend, type, mode, word, finding, moved, segment, ranks, conditions } = state.facets;
  const initial = initialState(page);
  const map = Math.min(state.map, Math.max(nMaps - 1, 0));
  // Columns are made when an address names one: they take time on a page of many queries.
  const hasColumn = (id: string) => columnsOf(page).has(id);
  const columns = state.columns?.filter(hasColumn) ?? [];
  const facets = {
    ...state.facets,
    lasso: lasso && lasso.map < nLayouts ? lasso : null,
    legend: legend && legend.map < nMaps && hasColouring(legend.colouring) ? legend : null,
    type: type !== null && type < page.types.length ? type : null,
    mode: mode !== null && mode >= 1 && mode <= page.failureModes.length ? mode : null,
    word: word !== null && word < (page.report.explanations?.deciding.length ?? 0) ? word : null,
    finding: finding !== null && finding < page.report.findings.length ? finding : null,
    moved: moved && moved.candidate < nCandidates ? moved : null,
    segment: segment && segment.place < nSegments ? segment : null,
    ranks: ranks && ranks.candidate < nCandidates ? ranks : null,
    conditions: conditions.every((each) => isKnown(page, each))
      ? conditions
      : conditions.filter((each) => isKnown(page, each)),
  };
  const isSortable = ['row', initial.sort].includes(state.sort) || hasColumn(state.sort);
  return {
    ...state,
    facets,
    columns: columns.length > 0 ? columns : null,
    ...(isSortable ? {} : { sort: initial.sort, isDescending: initial.isDescending }),
    colouring: hasColouring(state.colouring) ? state.colouring : ('role' as const),
    beside: state.beside !== null && state.beside < nLayouts && state.beside !== map ? state.beside : null,
    map,
    candidate: Math.min(state.candidate, Math.max(nCandidates - 1, 0)),
    epoch: Math.min(state.epoch, Math.max(nEpochs - 1, 0)),
  };
}
