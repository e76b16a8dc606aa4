/** The frame of the page: name, views, selection. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Page } from '../contract';
import { listOf } from '../model/compare';
import { runLabel, shorten } from '../model/format';
import type { ViewId } from '../model/hash';
import { NO_FACETS } from '../model/selection';
import type { Store } from '../state';
import { CompareView, hasComparisons } from './compare';
import { Opened } from './document';
import { FailuresView, hasFailures } from './failures';
import { LiveView } from './live';
import { MapView } from './map';
import { Foot, Printing, useStore } from './parts';
import { PrintedMaps, PrintedQueries } from './printed';
import { QueriesView } from './queries';
import { SelectionBar } from './selection';
import { hasServing, ServingView } from './serving';
import { SimilarityView } from './similarity';
import { hasSpace, SpaceView } from './space';
import { TrainingView } from './training';
import { VerdictView } from './verdict';

interface View {
  title: string;
  Body: (props: { store: Store; isPrinted?: boolean }) => ComponentChildren;
  /** Whether the report has something to show there; it has, where this is not said. */
  isShown?: (page: Page) => boolean;
  /** Whether there is something to select by, so that the bar stands there from the start. */
  isSelecting?: (page: Page) => boolean;
  isPrinted?: boolean;
}

const VIEWS: Record<ViewId, View> = {
  verdict: { title: 'Verdict', Body: VerdictView, isPrinted: true },
  map: {
    title: 'Map',
    Body: MapView,
    isShown: ({ points, report }) => (points?.maps.length ?? 0) > 0 || Object.keys(report.maps_absent).length > 0,
    isSelecting: () => true,
  },
  queries: { title: 'Queries', Body: QueriesView, isSelecting: () => true },
  similarity: {
    title: 'Similarity',
    Body: SimilarityView,
    isShown: ({ similarity }) => similarity !== null,
    isPrinted: true,
  },
  failures: {
    title: 'Failures',
    Body: FailuresView,
    isShown: ({ report }) => hasFailures(report),
    isSelecting: ({ report, failureModes }) => report.findings.length > 0 || failureModes.length > 0,
    isPrinted: true,
  },
  space: { title: 'Space', Body: SpaceView, isShown: ({ report }) => hasSpace(report), isPrinted: true },
  serving: { title: 'Serving', Body: ServingView, isShown: ({ report }) => hasServing(report), isPrinted: true },
  compare: {
    title: 'Compare',
    Body: CompareView,
    isShown: hasComparisons,
    isSelecting: ({ compare }) => compare !== null,
    isPrinted: true,
  },
  training: {
    title: 'Training',
    Body: TrainingView,
    isShown: ({ timeline }) => timeline !== null,
    isSelecting: ({ timeline }) => (timeline?.animations.length ?? 0) > 0,
    isPrinted: true,
  },
  live: { title: 'Try', Body: LiveView, isShown: ({ live }) => live !== null },
};

/** The animation of a comparison may show runs that are no epochs of one training. */
const titleOf = (view: ViewId, { timeline }: Page) =>
  view === 'training' && timeline?.unit === 'run' ? 'Runs' : VIEWS[view].title;

/** Views in which an open query, or document, stands beside the page, in a drawer. */
const WITH_DRAWER: ViewId[] = ['compare', 'training'];

/** Views for which the report has something to show. */
const shownViews = (page: Page) =>
  (Object.keys(VIEWS) as ViewId[]).filter((view) => VIEWS[view].isShown?.(page) ?? true);

export function App({ store, isPrinting }: { store: Store; isPrinting: boolean }) {
  const state = useStore(store);
  const { report } = store.page;
  const views = shownViews(store.page);
  const view = views.includes(state.view) ? state.view : 'verdict';
  useKeys(store, views);
  const nav = useShownTab(view);
  if (isPrinting) {
    return (
      <Printing.Provider value>
        <Printed store={store} views={views} />
      </Printing.Provider>
    );
  }
  const { Body, isSelecting } = VIEWS[view];
  const hasDrawer = (state.query !== null || state.document !== null) && WITH_DRAWER.includes(view);
  return (
    <div class={`page view-${view}`}>
      <SkipLink />
      <header class="top">
        <p class="brand">
          <bdi>{shorten(runLabel(report.model.checkpoint), 48)}</bdi>
        </p>
        <nav aria-label="Views" ref={nav}>
          {views.map((id) => (
            <a
              key={id}
              href={`#${id}`}
              aria-current={id === view ? 'page' : undefined}
              onClick={(event) => {
                event.preventDefault();
                store.set({ view: id });
                scrollTo(0, 0);
              }}
            >
              {titleOf(id, store.page)}
            </a>
          ))}
        </nav>
        <ThemeButton />
      </header>
      {(isSelecting?.(store.page) || !store.selection().isAll) && <SelectionBar store={store} />}
      <main tabIndex={-1} aria-label={titleOf(view, store.page)}>
        {view !== 'verdict' && <h1 class="unseen">{titleOf(view, store.page)}</h1>}
        <Body store={store} />
      </main>
      {hasDrawer && <Drawer store={store} query={state.query} />}
      {view !== 'map' && view !== 'queries' && <Foot report={report} nViews={views.length} />}
    </div>
  );
}

/** The first stop of the Tab key, past the tabs. The address says where the page stands, so that it is no link. */
function SkipLink() {
  return (
    <button type="button" class="skip" onClick={() => document.querySelector('main')?.focus()}>
      Skip to the content
    </button>
  );
}

/** Scrolls a row of tabs that is too long for the window to the active one. */
function useShownTab(view: ViewId) {
  const nav = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const tab = nav.current?.querySelector('[aria-current]')?.getBoundingClientRect();
    const row = nav.current?.getBoundingClientRect();
    if (nav.current && tab && row) nav.current.scrollLeft += tab.left - row.left - (row.width - tab.width) / 2;
  }, [view]);
  return nav;
}

/** The open query or document beside the page; its arrows go through the list in which it stands. */
function Drawer({ store, query }: { store: Store; query: number | null }) {
  const step = (by: number) => {
    if (query === null) return;
    const rows = Array.from(listOf(store.page.compare, store.get().candidate, query, store.selection()));
    const at = rows.indexOf(query);
    const next = at < 0 ? rows[0] : rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next !== undefined) store.set({ query: next });
  };
  return (
    <aside class="drawer" aria-label="Open">
      <Opened store={store} onStep={step} />
    </aside>
  );
}

/** Everything on paper, one view after the other; of the queries the failing ones. */
function Printed({ store, views }: { store: Store; views: ViewId[] }) {
  return (
    <div class="page is-printed">
      {views.map((view) => {
        const { Body, isPrinted } = VIEWS[view];
        return isPrinted && <Body key={view} store={store} isPrinted />;
      })}
      <PrintedMaps store={store} />
      <PrintedQueries store={store} />
      <Foot report={store.page.report} nViews={views.length} />
    </div>
  );
}

function useKeys(store: Store, views: ViewId[]): void {
  useLayoutEffect(() => {
    const key = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const isTyping = target.matches('input, select, textarea');
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === 'Escape') {
        const { query, document } = store.get();
        if (isTyping) target.blur();
        else if (document !== null) store.set({ document: null });
        else if (query !== null) store.set({ query: null });
        else if (!store.selection().isAll) store.set({ facets: NO_FACETS });
        return;
      }
      if (isTyping) return;
      const view = views[Number(event.key) - 1];
      // On the map 0 shows all; the other digits go from view to view.
      if (view) store.set({ view });
      else if (event.key === '/') {
        event.preventDefault();
        if (!document.getElementById('search')) store.set({ view: 'queries' });
        requestAnimationFrame(() => document.getElementById('search')?.focus());
      }
    };
    addEventListener('keydown', key);
    return () => removeEventListener('keydown', key);
  }, [store, views.join()]);
}

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const STORED = 'embedscope-theme';

function storedTheme(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(STORED)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

/** The button that goes from the theme of the system to light and dark. */
export function ThemeButton() {
  const [theme, setTheme] = useState(storedTheme);
  useLayoutEffect(() => {
    if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.setAttribute('data-theme', theme);
    try {
      localStorage.setItem(STORED, theme);
    } catch {
      // A page opened from a file may have no storage: the choice lasts as long as the page.
    }
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  return (
    <button
      type="button"
      class="theme"
      aria-label={`Theme: ${theme}. Switch to ${next}`}
      title={`Theme: ${theme}`}
      onClick={() => setTheme(next)}
    >
      <span aria-hidden="true">{theme === 'auto' ? '◐' : theme === 'light' ? '○' : '●'}</span>
    </button>
  );
}
