/** The frame of the page: name, views, selection. */
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import type { Page, Report } from '../contract';
import { listOf } from '../model/compare';
import { baseName, shorten } from '../model/format';
import type { ViewId } from '../model/hash';
import { NO_FACETS } from '../model/selection';
import type { Store } from '../state';
import { CompareView, hasComparisons } from './compare';
import { Detail } from './detail';
import { FailuresView, hasFailures } from './failures';
import { MapView } from './map';
import { useStore } from './parts';
import { PrintedQueries } from './printed';
import { QueriesView } from './queries';
import { SelectionBar } from './selection';
import { hasServing, ServingView } from './serving';
import { SimilarityView } from './similarity';
import { hasSpace, SpaceView } from './space';
import { TrainingView } from './training';
import { VerdictView } from './verdict';

const TITLES: Record<ViewId, string> = {
  verdict: 'Verdict',
  map: 'Map',
  queries: 'Queries',
  similarity: 'Similarity',
  failures: 'Failures',
  space: 'Space',
  serving: 'Serving',
  compare: 'Compare',
  training: 'Training',
};

/** The animation of a comparison may show runs that are no epochs of one training. */
const titleOf = (view: ViewId, { timeline }: Page) =>
  view === 'training' && timeline?.unit === 'run' ? 'Runs' : TITLES[view];

/** Views in which an open query stands beside the page, in a drawer. */
const WITH_DRAWER: ViewId[] = ['compare', 'training'];

/** Views for which the report has something to show. */
export function shownViews(page: Page): ViewId[] {
  const { report, points, timeline } = page;
  return (Object.keys(TITLES) as ViewId[]).filter((view) => {
    if (view === 'map') return (points?.maps.length ?? 0) > 0 || Object.keys(report.maps_absent).length > 0;
    if (view === 'failures') return hasFailures(report);
    if (view === 'space') return hasSpace(report);
    if (view === 'serving') return hasServing(report);
    if (view === 'training') return timeline !== null;
    return view === 'compare' ? hasComparisons(page) : true;
  });
}

/** Whether a view has something to select by, so that the bar stands there from the start. */
function selectsIn(view: ViewId, { report, failureModes, compare, timeline }: Page): boolean {
  if (view === 'map' || view === 'queries') return true;
  if (view === 'failures') return report.findings.length > 0 || failureModes.length > 0;
  if (view === 'training') return (timeline?.animations.length ?? 0) > 0;
  return view === 'compare' && compare !== null;
}

export function App({ store, isPrinting }: { store: Store; isPrinting: boolean }) {
  const state = useStore(store);
  const { report } = store.page;
  const views = shownViews(store.page);
  const view = views.includes(state.view) ? state.view : 'verdict';
  useKeys(store, views);
  if (isPrinting) return <Printed store={store} views={views} />;
  const isSelecting = selectsIn(view, store.page) || !store.selection().isAll;
  const hasDrawer = state.query !== null && WITH_DRAWER.includes(view);
  return (
    <div class={`page view-${view}`}>
      <header class="top">
        <p class="brand">
          <bdi>{shorten(baseName(report.model.checkpoint), 36)}</bdi>
        </p>
        <nav aria-label="Views">
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
      {isSelecting && <SelectionBar store={store} />}
      <main tabIndex={-1} aria-label={titleOf(view, store.page)}>
        {view === 'verdict' && <VerdictView store={store} />}
        {view === 'map' && <MapView store={store} />}
        {view === 'queries' && <QueriesView store={store} />}
        {view === 'similarity' && <SimilarityView store={store} />}
        {view === 'failures' && <FailuresView store={store} />}
        {view === 'space' && <SpaceView store={store} />}
        {view === 'serving' && <ServingView store={store} />}
        {view === 'compare' && <CompareView store={store} />}
        {view === 'training' && <TrainingView store={store} />}
      </main>
      {hasDrawer && state.query !== null && <Drawer store={store} query={state.query} />}
      {view !== 'map' && view !== 'queries' && <Foot report={report} nViews={views.length} />}
    </div>
  );
}

/** The open query beside the page; its arrows go through the list in which it stands. */
function Drawer({ store, query }: { store: Store; query: number }) {
  const step = (by: number) => {
    const rows = Array.from(listOf(store.page.compare, store.get().candidate, query, store.selection()));
    const at = rows.indexOf(query);
    const next = at < 0 ? rows[0] : rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next !== undefined) store.set({ query: next });
  };
  return (
    <aside class="drawer" aria-label="Open query">
      <Detail store={store} query={query} onStep={step} />
    </aside>
  );
}

function Foot({ report, nViews }: { report: Report; nViews: number }) {
  return (
    <footer class="foot">
      <span>
        embedscope {shorten(report.embedscope_version, 20)}, seed {report.seed}
      </span>
      <span class="wide">Keys: 1 to {nViews} views, / search, arrows and Enter in the table, Esc back</span>
    </footer>
  );
}

/** Everything on paper, one view after the other; of the queries the failing ones. */
function Printed({ store, views }: { store: Store; views: ViewId[] }) {
  return (
    <div class="page is-printed">
      <VerdictView store={store} />
      <SimilarityView store={store} />
      {views.includes('failures') && <FailuresView store={store} />}
      {views.includes('space') && <SpaceView store={store} />}
      {views.includes('serving') && <ServingView store={store} />}
      {views.includes('compare') && <CompareView store={store} />}
      {views.includes('training') && <TrainingView store={store} isPrinted />}
      <PrintedQueries store={store} />
      <Foot report={store.page.report} nViews={views.length} />
    </div>
  );
}

function useKeys(store: Store, views: ViewId[]): void {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const isTyping = target.matches('input, select, textarea');
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === 'Escape') {
        const { query } = store.get();
        if (isTyping) target.blur();
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

function ThemeButton() {
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
