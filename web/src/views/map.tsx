/** The map: where queries and documents lie, and how far the picture may be believed. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Label } from '../charts/labels';
import type { ScatterChart } from '../charts/scatter';
import type { MapColumns, Page, Points } from '../contract';
import { type Colouring, colour, colouringsOf, tally } from '../model/colouring';
import { count, counted, fixed, percent, shorten, signed } from '../model/format';
import type { LinksShown } from '../model/hash';
import { sorted } from '../model/order';
import { framed } from '../model/plane';
import { leadOf } from '../model/queries';
import type { State, Store } from '../state';
import { Opened } from './document';
import { QueryList } from './lists';
import { Link, Mark, Select, useStore, ZoomButtons } from './parts';
import { CategoryKey, MapChoice, MapName, PointPlot, SignsNote, usePointLook, useSigns } from './points';

const LISTED = 100;

export function MapView({ store }: { store: Store }) {
  const { points } = store.page;
  if (!points || points.maps.length === 0) return <Absent store={store} />;
  return <Plane store={store} points={points} />;
}

function Absent({ store }: { store: Store }) {
  return (
    <div class="absent">
      <h1>No map</h1>
      {Object.entries(store.page.report.maps_absent).map(([name, reason]) => (
        <p key={name}>
          <MapName name={name} />: <bdi>{shorten(reason, 400)}</bdi>
        </p>
      ))}
    </div>
  );
}

function Plane({ store, points }: { store: Store; points: Points }) {
  const [isLasso, setLasso] = useState(false);
  const [kind, setKind] = useState<ScatterChart['kind']>('webgl');
  const { map, faith, query, document, ...state } = useStore(store);
  const colouring = useMemo(
    () => colour(store.page, points, state.colouring, map),
    [store, points, state.colouring, map],
  );
  const isFaded = useMemo(
    () => (faith === 0 ? null : Uint8Array.from(points.maps[map].kept, (share) => (share < faith ? 1 : 0))),
    [points, faith, map],
  );
  const labels = useMemo(
    () => (state.hasLabels ? labelsOf(store.page, points.maps[map]) : []),
    [store, points, map, state.hasLabels],
  );
  const look = usePointLook(store, points, { layout: map, colouring, links: state.links, isFaded, isLasso, labels });
  const signs = useSigns();
  const chart = useRef<ScatterChart | null>(null);
  const data = useMemo(
    () => ({
      layouts: points.maps.map(({ xy }) => framed(xy)),
      label: `Map of ${counted(points.n, 'point')}. Arrow keys move it, plus and minus zoom, 0 shows all, L draws a lasso. The list beside it names the selected queries.`,
    }),
    [points],
  );
  useEffect(() => setKind(chart.current?.kind ?? 'webgl'));
  useEffect(() => {
    if (look.focus >= 0) chart.current?.reveal(look.focus);
  }, [look.focus]);
  const onLasso = (outline: number[], n: number) => {
    setLasso(false);
    if (n > 0) store.setFacets({ lasso: { map: store.get().map, outline } });
  };
  const on = { onLasso, onMode: setLasso };
  return (
    <div class="map">
      <MapTools store={store} points={points} isLasso={isLasso} onLasso={setLasso} />
      <PointPlot store={store} points={points} data={data} look={look} signs={signs} chart={chart} {...on}>
        <div class="map-zoom">
          <ZoomButtons chart={chart} />
        </div>
      </PointPlot>
      <aside class="map-side">
        <div>
          <Legend store={store} colouring={colouring} counts={tally(colouring, look.isLit)} />
          <SignsNote signs={signs} />
        </div>
        <Faith store={store} points={points} isFaded={isFaded} kind={kind} />
        {query === null && document === null ? <Listed store={store} /> : <Opened store={store} />}
      </aside>
    </div>
  );
}

/** The names of the themes that stand on a map: broad ones first, and the larger. */
function labelsOf(page: Page, { labelThemes, labelPoints }: MapColumns): Label[] {
  const themes = page.report.themes ?? [];
  const size = (place: number) => themes[place].n_queries + themes[place].n_documents;
  const places = [...(labelThemes ?? []).keys()].map((i) => ({
    theme: labelThemes?.[i] ?? 0,
    at: labelPoints?.[i] ?? 0,
  }));
  return places
    .sort((a, b) => themes[a.theme].level - themes[b.theme].level || size(b.theme) - size(a.theme))
    .map(({ theme, at }) => ({ text: shorten(themes[theme].name, 40), level: themes[theme].level, point: at }));
}

const LINK_OPTIONS: { value: LinksShown; label: string }[] = [
  { value: 'selected', label: 'Links: selected' },
  { value: 'all', label: 'Links: all' },
  { value: 'none', label: 'Links: none' },
];

function MapTools(props: { store: Store; points: Points; isLasso: boolean; onLasso: (isLasso: boolean) => void }) {
  const { store, points, isLasso } = props;
  const { map, colouring, links, hasLabels } = store.get();
  const set = (change: Partial<State>) => store.set(change);
  return (
    <div class="map-tools">
      <MapChoice maps={points.maps} value={map} onChange={(next) => set({ map: next })} />
      <Select
        label="Colour"
        value={colouring}
        options={colouringsOf(store.page).map(({ id, label }) => ({ value: id, label }))}
        onChange={(next) => set({ colouring: next })}
      />
      <Select label="Links" isBare value={links} options={LINK_OPTIONS} onChange={(next) => set({ links: next })} />
      {points.themes && (
        <button
          type="button"
          class="tool"
          aria-pressed={hasLabels}
          onClick={() => set({ hasLabels: !hasLabels })}
          title="Names of groups of queries and documents that lie close together; more of them as you zoom"
        >
          Themes
        </button>
      )}
      <button
        type="button"
        class="tool"
        aria-pressed={isLasso}
        onClick={() => props.onLasso(!isLasso)}
        title="Or hold Shift and drag"
      >
        Lasso
      </button>
    </div>
  );
}

function Legend(props: { store: Store; colouring: Colouring; counts: number[] }) {
  const { store, colouring, counts } = props;
  const { facets, map } = store.get();
  const chosen = facets.legend?.colouring === colouring.id && facets.legend.map === map ? facets.legend.categories : [];
  const toggle = (category: number) => {
    const categories = chosen.includes(category) ? chosen.filter((own) => own !== category) : [...chosen, category];
    store.setFacets({ legend: categories.length > 0 ? { colouring: colouring.id, map, categories } : null });
  };
  const all = useMemo(() => tally(colouring, null), [colouring]);
  return (
    <ul class="legend" aria-label="Legend">
      {colouring.categories.map(
        (_, category) =>
          all[category] > 0 && (
            <li key={category}>
              <button type="button" aria-pressed={chosen.includes(category)} onClick={() => toggle(category)}>
                <CategoryKey colouring={colouring} category={category} n={counts[category]} />
              </button>
            </li>
          ),
      )}
    </ul>
  );
}

function Faith(props: { store: Store; points: Points; isFaded: Uint8Array | null; kind: string }) {
  const { store, points, isFaded } = props;
  const { faith, map } = store.get();
  const { name } = points.maps[map];
  const facts = store.page.report.maps[name];
  const n = isFaded ? isFaded.reduce((sum, flag) => sum + flag, 0) : 0;
  return (
    <div class="faith">
      <label>
        <span>
          Fade what the map distorts
          <output class="number">{faith > 0 ? `${count(n)} under ${percent(faith)}` : 'off'}</output>
        </span>
        <input
          type="range"
          min={0}
          max={1}
          step={0.05}
          value={faith}
          aria-valuetext={faith > 0 ? `fades ${n} points that keep under ${percent(faith)} of their neighbours` : 'off'}
          onInput={(event) => store.set({ faith: Number(event.currentTarget.value) })}
        />
      </label>
      {facts && (
        <p class="note">
          Trustworthiness <b class="number">{fixed(facts.trustworthiness)}</b>, continuity{' '}
          <b class="number">{fixed(facts.continuity)}</b> (k = {facts.k}).
        </p>
      )}
      {store.page.report.model.similarity === 'dot' && (
        <p class="note">Laid out by direction: neighbours are those by cosine, ranks are by dot product.</p>
      )}
      {facts?.n_fitted !== undefined && (
        <p class="note">
          Fitted on {count(facts.n_fitted)} of {counted(facts.n, 'point')}, the rest placed by their neighbours among
          those.
        </p>
      )}
      {points.nLeftOut > 0 && (
        <p class="note">
          A stratified sample of {counted(points.n, 'point')}; {count(points.nLeftOut)} more exist and are not drawn.
          Every failing query that the run kept is here.
        </p>
      )}
      {props.kind === 'canvas' && <p class="note">Drawn without WebGL2; large maps move more slowly.</p>}
    </div>
  );
}

function Listed({ store }: { store: Store }) {
  const { page } = store;
  const selection = store.selection();
  const rows = useMemo(() => sorted(page, selection.rows, 'lead', false).subarray(0, LISTED), [page, selection]);
  return (
    <div class="listed">
      <h2>{selection.isAll ? 'Greatest losses' : 'Selected queries'}</h2>
      <QueryList
        store={store}
        rows={rows}
        before={(row) => <Mark isCorrect={page.queries.isCorrect[row] === 1} />}
        beside={(row) => <span class="number">{signed(leadOf(page, row), 2)}</span>}
      />
      {selection.rows.length > LISTED && (
        <Link onPress={() => store.set({ view: 'queries' })}>All {count(selection.rows.length)} in the table</Link>
      )}
    </div>
  );
}
