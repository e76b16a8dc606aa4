/** The map: where queries and documents lie, and how far the picture may be believed. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Label } from '../charts/labels';
import type { ScatterChart } from '../charts/scatter';
import type { MapColumns, Page, Points } from '../contract';
import { type Colouring, type ColouringId, colour, colouringsOf, colourOutcomes, tally } from '../model/colouring';
import { SHARES } from '../model/contours';
import { neighboursOf, pointOf } from '../model/documents';
import { count, counted, fixed, percent, percents, shorten, signed } from '../model/format';
import type { LinksShown } from '../model/hash';
import { layoutsOf, ownerOf } from '../model/layouts';
import { sorted } from '../model/order';
import { leadOf } from '../model/queries';
import type { State, Store } from '../state';
import { Opened } from './document';
import { QueryList } from './lists';
import { Link, Mark, Select, useStore, ZoomButtons } from './parts';
import { CategoryKey, MAP_NAMES, MapChoice, MapName, PointPlot, SignsNote, usePointLook, useSigns } from './points';
import { SaveMenu, type Seen } from './saving';

const LISTED = 100;

/** Trustworthiness below which the checks warn of a map too. */
const LEAST_TRUST = 0.8;

export function MapView({ store }: { store: Store }) {
  const { points } = store.page;
  if (!points || points.maps.length === 0) return <Absent store={store} />;
  return <Plane store={store} points={points} />;
}

function Absent({ store }: { store: Store }) {
  return (
    <div class="absent">
      <h2>No map</h2>
      {Object.entries(store.page.report.maps_absent).map(([name, reason]) => (
        <p key={name}>
          <MapName name={name} />: <bdi>{shorten(reason, 400)}</bdi>
        </p>
      ))}
    </div>
  );
}

function Plane({ store, points }: { store: Store; points: Points }) {
  const { page } = store;
  const [isLasso, setLasso] = useState(false);
  const [kind, setKind] = useState<ScatterChart['kind']>('webgl');
  const [hovered, setHovered] = useState(-1);
  const { map, beside, faith, query, document, ...state } = useStore(store);
  const colouring = useMemo(
    () => colouringAt(page, points, state.colouring, map),
    [page, points, state.colouring, map],
  );
  const isFaded = useFaded(points, map, faith);
  const signs = useSigns();
  const [first, second] = [useRef<ScatterChart | null>(null), useRef<ScatterChart | null>(null)];
  const own = useMemo(() => [...points.maps.keys()], [points]);
  const other = useMemo(() => (beside === null ? [] : [beside]), [beside]);
  const zoom = useZoomToSelection(store, points, [first, second]);
  useEffect(() => setKind(first.current?.kind ?? 'webgl'));
  const seen = [map, ...other].map((place, i) => ({
    ...named(page, place, beside !== null),
    chart: [first, second][i],
  }));
  const common = { store, points, isLasso, onLasso: setLasso, hovered, onHover: setHovered, onZoom: zoom, signs };
  return (
    <div class="map">
      <MapTools store={store} points={points} isLasso={isLasso} onLasso={setLasso}>
        <SaveMenu store={store} seen={seen} colouring={colouring} />
      </MapTools>
      <div class={`map-panes ${beside === null ? '' : 'is-double'}`}>
        <MapPane {...common} seen={seen[0]} layouts={own} place={map} />
        {beside !== null && <MapPane key={beside} {...common} seen={seen[1]} layouts={other} place={beside} />}
      </div>
      <aside class="map-side">
        <div>
          <Legend store={store} colouring={colouring} counts={tally(colouring, store.selection().isPoint)} />
          <SignsNote signs={signs} />
          {state.hasContours && (
            <p class="note">The lines hold {percents(SHARES)} of the points that stand out, where they are densest.</p>
          )}
        </div>
        <Faith store={store} points={points} isFaded={isFaded} kind={kind} />
        {query === null && document === null ? <Listed store={store} /> : <Opened store={store} />}
      </aside>
    </div>
  );
}

/** A map as it is named: by its method, and by whose it is where that may be in question. */
function named(page: Page, place: number, isBeside: boolean): Omit<Seen, 'chart'> {
  const layout = layoutsOf(page)[place];
  const method = MAP_NAMES[layout.method] ?? shorten(layout.method, 20);
  const owner = isBeside || layout.epoch !== null ? ownerOf(page, layout) : '';
  return { method: layout.method, title: owner ? `${method}, ${owner}` : method };
}

/** Colours of a map; that of another checkpoint or run tells what is right there. */
function colouringAt(page: Page, points: Points, id: ColouringId, place: number): Colouring {
  const { epoch } = layoutsOf(page)[place];
  const isCorrect = epoch === null ? null : page.timeline?.isCorrect?.[epoch];
  if (isCorrect && id === 'outcome') return colourOutcomes(page, points, isCorrect);
  return colour(page, points, id, Math.min(place, points.maps.length - 1));
}

/** Points that a map distorts; of the maps of other runs that is not known. */
function useFaded(points: Points, place: number, faith: number): Uint8Array | null {
  return useMemo(() => {
    const kept = points.maps[place]?.kept;
    return faith === 0 || !kept ? null : Uint8Array.from(kept, (share) => (share < faith ? 1 : 0));
  }, [points, place, faith]);
}

/** Zooms to what is selected, or to the open point and its neighbours, and back; by `Z` on every map that is seen. */
function useZoomToSelection(store: Store, points: Points, charts: { current: ScatterChart | null }[]) {
  const shown = () => {
    const { query, document, map } = store.get();
    const { isPoint } = store.selection();
    if (isPoint) return [...isPoint.keys()].filter((p) => isPoint[p]);
    const point = pointOf(points, document ?? query ?? -1, document === null);
    return point < 0 ? [] : [point, ...neighboursOf(store.page, map, point)];
  };
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const isTyping = (event.target as HTMLElement).matches('input, select, textarea');
      if (event.key.toLowerCase() !== 'z' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      for (const { current } of charts) current?.zoomTo(shown());
    };
    addEventListener('keydown', key);
    return () => removeEventListener('keydown', key);
  }, [store, points]);
  return (chart: ScatterChart | null) => chart?.zoomTo(shown());
}

interface MapPaneProps {
  store: Store;
  points: Points;
  seen: Seen;
  /** The layouts between which the points move, and the one where they are, by their places in `layoutsOf`. */
  layouts: number[];
  place: number;
  isLasso: boolean;
  onLasso: (isLasso: boolean) => void;
  hovered: number;
  onHover: (point: number) => void;
  onZoom: (chart: ScatterChart | null) => void;
  signs: ReturnType<typeof useSigns>;
}

function MapPane(props: MapPaneProps) {
  const { store, points, seen, layouts, place, isLasso, signs } = props;
  const { page } = store;
  const { chart, title } = seen;
  const { map, faith, beside, ...state } = useStore(store);
  const colouring = useMemo(
    () => colouringAt(page, points, state.colouring, place),
    [page, points, state.colouring, place],
  );
  const isFaded = useFaded(points, place, faith);
  const columns: MapColumns | undefined = points.maps[place];
  const labels = useMemo(
    () => (state.hasLabels && columns ? labelsOf(page, columns) : []),
    [page, columns, state.hasLabels],
  );
  const { epoch } = layoutsOf(page)[place];
  const isCorrect = epoch === null ? undefined : page.timeline?.isCorrect?.[epoch];
  const { links, hasContours } = state;
  const shown = { colouring, links, hasContours, isFaded, isLasso, labels, isCorrect };
  const look = usePointLook(store, points, { ...shown, layout: layouts.indexOf(place), map });
  const data = useMemo(
    () => ({
      layouts: layouts.map((own) => layoutsOf(page)[own].xy),
      label: `Map of ${counted(points.n, 'point')}, ${title}. Arrow keys move it, plus and minus zoom, 0 shows all, Z shows the selection, L draws a lasso. The list beside it names the selected queries.`,
    }),
    [page, points, layouts],
  );
  useEffect(() => {
    if (look.focus >= 0) chart.current?.reveal(look.focus);
  }, [look.focus]);
  const onLasso = (outline: number[], n: number) => {
    props.onLasso(false);
    if (n > 0) store.setFacets({ lasso: { map: layouts.length > 1 ? store.get().map : layouts[0], outline } });
  };
  const { hovered, onHover } = props;
  const on = { onLasso, onMode: props.onLasso, onHover, hovered };
  return (
    <PointPlot store={store} points={points} data={data} look={look} signs={signs} chart={chart} map={place} {...on}>
      {beside !== null && <p class="map-name">{title}</p>}
      <div class="map-zoom">
        <ZoomButtons chart={chart} />
        <button
          type="button"
          class="tool is-square"
          aria-label="Zoom to selection, and back"
          title="Zoom to what is selected or open, and back (Z)"
          onClick={() => props.onZoom(chart.current)}
        >
          <svg width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.6" aria-hidden="true">
            <path d="M1 5V1h4M11 1h4v4M15 11v4h-4M5 15H1v-4" />
            <circle cx="8" cy="8" r="2.4" fill="currentColor" stroke="none" />
          </svg>
        </button>
      </div>
    </PointPlot>
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

/** Which map stands beside the first. */
function BesideChoice(props: {
  page: Page;
  map: number;
  value: number | null;
  onChange: (change: Partial<State>) => void;
}) {
  const { page, map, value } = props;
  const others = [...layoutsOf(page).keys()].filter((place) => place !== map);
  const options = [
    { value: '', label: 'One map' },
    ...others.map((place) => ({ value: String(place), label: `Beside: ${named(page, place, true).title}` })),
  ];
  return (
    <Select
      label="Second map"
      isBare
      value={value === null ? '' : String(value)}
      options={options}
      onChange={(next) => props.onChange({ beside: next === '' ? null : Number(next) })}
    />
  );
}

interface MapToolsProps {
  store: Store;
  points: Points;
  isLasso: boolean;
  onLasso: (isLasso: boolean) => void;
  children: ComponentChildren;
}

function MapTools(props: MapToolsProps) {
  const { store, points, isLasso } = props;
  const { page } = store;
  const { map, colouring, links, hasLabels, hasContours, beside } = store.get();
  const set = (change: Partial<State>) => store.set(change);
  return (
    <div class="map-tools">
      <MapChoice
        maps={points.maps}
        value={map}
        onChange={(next) => set({ map: next, beside: next === beside ? map : beside })}
      />
      {layoutsOf(page).length > 1 && <BesideChoice page={page} map={map} value={beside} onChange={set} />}
      <Select
        label="Colour"
        value={colouring}
        options={colouringsOf(store.page).map(({ id, label }) => ({ value: id, label }))}
        onChange={(next) => set({ colouring: next })}
      />
      <Select label="Links" isBare value={links} options={LINK_OPTIONS} onChange={(next) => set({ links: next })} />
      <span class="map-buttons">
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
          aria-pressed={hasContours}
          onClick={() => set({ hasContours: !hasContours })}
          title="Lines around the areas where points are densest"
        >
          Contours
        </button>
        <button
          type="button"
          class="tool"
          aria-pressed={isLasso}
          onClick={() => props.onLasso(!isLasso)}
          title="Or hold Shift and drag"
        >
          Lasso
        </button>
        {props.children}
      </span>
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
          {(facts.trustworthiness ?? 0) < LEAST_TRUST &&
            ' Many neighbours on this map are none: read the figures instead.'}
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
