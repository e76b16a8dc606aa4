/** The map: where queries and documents lie, and how far the picture may be believed. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { create, type Scatter, type ScatterLook } from '../charts/scatter';
import { HARD_NEGATIVE, type Points, QUERY, ROLE_NAMES } from '../contract';
import { COLOURINGS, colour, tally } from '../model/colouring';
import { count, counted, fixed, percent, rank, shorten, signed } from '../model/format';
import type { LinksShown } from '../model/hash';
import { framed } from '../model/plane';
import { sorted } from '../model/queries';
import type { Store } from '../state';
import { Detail } from './detail';
import { Choice, FullText, Mark, Name, Select, useStore } from './parts';

export const MAP_NAMES: Record<string, string> = { tsne: 't-SNE', umap: 'UMAP' };
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
          {MAP_NAMES[name] ?? <Name text={name} />}: <bdi>{shorten(reason, 400)}</bdi>
        </p>
      ))}
    </div>
  );
}

/** What the canvas shows for the present state. */
function useLook(store: Store, points: Points, isLasso: boolean) {
  const state = useStore(store);
  const selection = store.selection();
  const colouring = useMemo(
    () => colour(store.page, points, state.colouring, state.map),
    [store, points, state.colouring, state.map],
  );
  const isFaded = useMemo(() => {
    if (state.faith === 0) return null;
    return Uint8Array.from(points.maps[state.map].kept, (share) => (share < state.faith ? 1 : 0));
  }, [points, state.faith, state.map]);
  const focus = usePointOf(store, points, state.query);
  const links = useMemo(
    () => shownLinks(points, state.links, selection.isPoint, focus),
    [points, state.links, selection, focus],
  );
  const look: ScatterLook = {
    layout: state.map,
    categories: colouring.of,
    tints: colouring.categories.map(({ tint }) => tint),
    isLit: selection.isPoint,
    isFaded,
    links,
    focus,
    isLasso,
  };
  return { state, selection, colouring, isFaded, look };
}

/** The point of a query; -1 where it has none. */
export function usePointOf(store: Store, points: Points, query: number | null): number {
  const pointOfQuery = useMemo(() => {
    const found = new Int32Array(store.page.queries.n).fill(-1);
    for (let p = 0; p < points.n; p++) if (points.roles[p] === QUERY) found[points.rows[p]] = p;
    return found;
  }, [store, points]);
  return query === null ? -1 : pointOfQuery[query];
}

/** Links from queries to their relevant documents, of all queries or of those that stand out. */
export function shownLinks(
  points: Points,
  shown: LinksShown,
  isLit: Uint8Array | null,
  focus: number,
): ScatterLook['links'] {
  const from: number[] = [];
  const to: number[] = [];
  const isCorrect: number[] = [];
  for (let i = 0; i < points.linkQueries.length; i++) {
    const query = points.linkQueries[i];
    const isShown =
      shown === 'all' || (shown === 'selected' && (query === focus || (isLit !== null && isLit[query] === 1)));
    if (!isShown) continue;
    from.push(query);
    to.push(points.linkDocuments[i]);
    isCorrect.push(points.linkIsCorrect[i]);
  }
  return { from, to, isCorrect };
}

function Plane({ store, points }: { store: Store; points: Points }) {
  const [isLasso, setLasso] = useState(false);
  const [hovered, setHovered] = useState<{ point: number; x: number; y: number } | null>(null);
  const [picked, setPicked] = useState(-1);
  const { state, selection, colouring, isFaded, look } = useLook(store, points, isLasso);
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<Scatter | null>(null);
  const [kind, setKind] = useState<'webgl' | 'canvas'>('webgl');

  useEffect(() => {
    if (!box.current) return;
    const made = create(
      box.current,
      {
        n: points.n,
        roles: points.roles,
        layouts: points.maps.map(({ xy }) => framed(xy)),
        label: `Map of ${counted(points.n, 'point')}. Arrow keys move it, plus and minus zoom, 0 shows all, L draws a lasso. The list beside it names the selected queries.`,
      },
      {
        onHover: (point, x, y) => setHovered(point < 0 ? null : { point, x, y }),
        onPick(point) {
          const isQuery = point >= 0 && points.roles[point] === QUERY;
          setPicked(isQuery ? -1 : point);
          store.set({ query: isQuery ? points.rows[point] : null });
        },
        onLasso(outline, n) {
          setLasso(false);
          if (n > 0) store.setFacets({ lasso: { map: store.get().map, outline } });
        },
        onMode: setLasso,
      },
    );
    chart.current = made;
    setKind(made.kind);
    return () => made.destroy();
  }, [store, points]);
  useEffect(() => {
    chart.current?.update(look);
    if (chart.current) setKind(chart.current.kind);
  });
  useEffect(() => {
    if (look.focus >= 0) chart.current?.reveal(look.focus);
  }, [look.focus]);

  const counts = tally(colouring, selection.isPoint);
  return (
    <div class="map">
      <div class="map-tools">
        {points.maps.length > 1 && (
          <Choice
            label="Map"
            value={state.map}
            options={points.maps.map(({ name }, i) => ({ value: i, label: MAP_NAMES[name] ?? shorten(name, 20) }))}
            onChange={(map) => store.set({ map })}
          />
        )}
        <Select
          label="Colour"
          value={state.colouring}
          options={COLOURINGS.map(({ id, label }) => ({ value: id, label }))}
          onChange={(colouring) => store.set({ colouring })}
        />
        <Select
          label="Links"
          isBare
          value={state.links}
          options={[
            { value: 'selected', label: 'Links: selected' },
            { value: 'all', label: 'Links: all' },
            { value: 'none', label: 'Links: none' },
          ]}
          onChange={(links) => store.set({ links })}
        />
        <button
          type="button"
          class="tool"
          aria-pressed={isLasso}
          onClick={() => setLasso(!isLasso)}
          title="Or hold Shift and drag"
        >
          Lasso
        </button>
      </div>
      <div class="map-canvas" ref={box}>
        {hovered && (
          <Card
            store={store}
            points={points}
            {...hovered}
            width={box.current?.clientWidth ?? 0}
            height={box.current?.clientHeight ?? 0}
          />
        )}
        <div class="map-zoom">
          <button type="button" class="tool is-square" aria-label="Zoom in" onClick={() => chart.current?.zoom(1.5)}>
            +
          </button>
          <button
            type="button"
            class="tool is-square"
            aria-label="Zoom out"
            onClick={() => chart.current?.zoom(1 / 1.5)}
          >
            −
          </button>
          <button type="button" class="tool" onClick={() => chart.current?.reset()}>
            All
          </button>
        </div>
      </div>
      <aside class="map-side">
        <Legend store={store} colouring={colouring} counts={counts} />
        <Faith store={store} points={points} isFaded={isFaded} kind={kind} />
        {state.query !== null ? (
          <Detail store={store} query={state.query} />
        ) : picked >= 0 ? (
          <Document store={store} document={points.rows[picked]} onClose={() => setPicked(-1)} />
        ) : (
          <Listed store={store} />
        )}
      </aside>
    </div>
  );
}

function Legend(props: { store: Store; colouring: ReturnType<typeof colour>; counts: number[] }) {
  const { store, colouring, counts } = props;
  const { facets, map } = store.get();
  const chosen = facets.legend?.colouring === colouring.id ? facets.legend.category : -1;
  const all = useMemo(() => tally(colouring, null), [colouring]);
  return (
    <ul class="legend" aria-label="Legend">
      {colouring.categories.map(
        ({ label, tint }, category) =>
          all[category] > 0 && (
            <li key={category}>
              <button
                type="button"
                aria-pressed={category === chosen}
                onClick={() =>
                  store.setFacets({
                    legend: category === chosen ? null : { colouring: colouring.id, map, category },
                  })
                }
              >
                <i
                  class={`swatch shape-${colouring.id === 'role' ? category : 0}`}
                  style={{ background: `var(--tint-${tint})` }}
                />
                <Name text={label} length={34} />
                <span class="number">{count(counts[category])}</span>
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
  const rows = useMemo(() => sorted(page, selection.rows, 'margin', false).subarray(0, LISTED), [page, selection]);
  return (
    <div class="listed">
      <h2>{selection.isAll ? 'Smallest margins' : 'Selected queries'}</h2>
      <ul>
        {Array.from(rows, (row) => (
          <li key={row}>
            <button type="button" onClick={() => store.set({ query: row })}>
              <Mark isCorrect={page.queries.isCorrect[row] === 1} />
              <bdi>{shorten(page.queries.texts[row], 90)}</bdi>
              <span class="number">{signed(page.queries.margin[row], 2)}</span>
            </button>
          </li>
        ))}
      </ul>
      {selection.rows.length > LISTED && (
        <button type="button" class="link" onClick={() => store.set({ view: 'queries' })}>
          All {count(selection.rows.length)} in the table
        </button>
      )}
    </div>
  );
}

function Document({ store, document, onClose }: { store: Store; document: number; onClose: () => void }) {
  const { page } = store;
  const q = page.queries;
  const related = useMemo(() => {
    const found: { row: number; isRelevant: boolean }[] = [];
    for (let row = 0; row < q.n && found.length < LISTED; row++) {
      const relevant = q.relevantDocuments.subarray(q.relevantIndptr[row], q.relevantIndptr[row + 1]);
      const negative = q.negativeDocuments.subarray(q.negativeIndptr[row], q.negativeIndptr[row + 1]);
      if (relevant.includes(document)) found.push({ row, isRelevant: true });
      else if (negative.includes(document)) found.push({ row, isRelevant: false });
    }
    return found.sort((a, b) => Number(b.isRelevant) - Number(a.isRelevant));
  }, [q, document]);
  return (
    <article class="detail" aria-label="Document">
      <header>
        <p class="detail-state">
          <strong>Document</strong>
          <span class="muted">
            <Name text={page.documents.ids[document]} length={24} />
          </span>
        </p>
        <button type="button" class="icon" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </header>
      <FullText key={document} text={page.documents.texts[document]} className="detail-query" />
      <div class="listed">
        {related.length === 0 && <p class="note">No query shown here names this document.</p>}
        <ul>
          {related.map(({ row, isRelevant }) => (
            <li key={row}>
              <button type="button" onClick={() => store.set({ query: row })}>
                <Mark isCorrect={isRelevant} />
                <bdi>{shorten(q.texts[row], 90)}</bdi>
                <span class="muted">{isRelevant ? 'relevant' : 'negative'}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </article>
  );
}

const CARD_WIDTH = 320;

/** What a point of a map is, beside the pointer. */
export function Card(props: {
  store: Store;
  points: Points;
  point: number;
  x: number;
  y: number;
  width: number;
  height: number;
}) {
  const { points, point } = props;
  const { page } = props.store;
  const q = page.queries;
  const role = points.roles[point];
  const row = points.rows[point];
  const isQuery = role === QUERY;
  const wrong = isQuery ? q.wrongDocument[row] : -1;
  const isLeft = props.x + CARD_WIDTH + 24 > props.width;
  const isAbove = props.y > props.height * 0.6;
  const place = {
    left: `${isLeft ? Math.max(8, props.x - CARD_WIDTH - 16) : props.x + 16}px`,
    ...(isAbove ? { bottom: `${props.height - props.y + 12}px` } : { top: `${props.y + 12}px` }),
  };
  return (
    <div class="card" style={place} role="tooltip">
      <p class="eyebrow">
        {isQuery && <Mark isCorrect={q.isCorrect[row] === 1} />} {ROLE_NAMES[role]}
        {isQuery && !Number.isNaN(q.rank[row]) && <span class="number">rank {rank(q.rank[row])}</span>}
        {isQuery && !Number.isNaN(q.margin[row]) && <span class="number">margin {signed(q.margin[row], 2)}</span>}
        {role === HARD_NEGATIVE && <span>of {counted(page.documents.nNegativeOf[row], 'query', 'queries')}</span>}
        {!isQuery && page.documents.nRelevantTo[row] > 0 && (
          <span>relevant to {counted(page.documents.nRelevantTo[row], 'query', 'queries')}</span>
        )}
      </p>
      <p>
        <bdi>{shorten((isQuery ? q : page.documents).texts[row], 240)}</bdi>
      </p>
      {wrong >= 0 && (
        <p class="card-wrong">
          <Mark isCorrect={false} /> <span class="number">{fixed(q.wrongSimilarity[row], 2)}</span>{' '}
          <bdi>{shorten(page.documents.texts[wrong], 140)}</bdi>
        </p>
      )}
    </div>
  );
}
