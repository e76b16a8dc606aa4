/** The points of a run on a canvas, in the map and in the animation of a training. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Label } from '../charts/labels';
import { ScatterChart, type ScatterData, type ScatterEvents, type ScatterLook } from '../charts/scatter';
import type { Position } from '../charts/surface';
import { HARD_NEGATIVE, type Points, QUERY, ROLE_NAMES } from '../contract';
import type { Colouring } from '../model/colouring';
import { neighboursOf, pointOf, textOf } from '../model/documents';
import { count, counted, fixed, percent, rank, shorten, signed } from '../model/format';
import type { LinksShown } from '../model/hash';
import { leadOf } from '../model/queries';
import type { Store } from '../state';
import { Choice, HoverCard, Link, Mark, Name, useStore } from './parts';

export const MAP_NAMES: Record<string, string> = { tsne: 't-SNE', umap: 'UMAP' };

export function MapName({ name }: { name: string }) {
  return MAP_NAMES[name] ?? <Name text={name} length={20} />;
}

/** Which of several maps is shown. */
export function MapChoice(props: { maps: { name: string }[]; value: number; onChange: (map: number) => void }) {
  if (props.maps.length < 2) return null;
  const options = props.maps.map(({ name }, value) => ({ value, label: <MapName name={name} /> }));
  return <Choice label="Map" value={props.value} options={options} onChange={props.onChange} />;
}

/** A sign in the colour and shape of the points of a category, with its name and how many there are. */
export function CategoryKey(props: { colouring: Colouring; category: number; n: number }) {
  const { id, categories } = props.colouring;
  const { label, tint } = categories[props.category];
  const shape = id === 'role' ? props.category : 0;
  return (
    <>
      <i class={`swatch shape-${shape}`} style={{ background: `var(--tint-${tint})` }} />{' '}
      <Name text={label} length={34} /> <span class="number">{count(props.n)}</span>
    </>
  );
}

/** Whether points are drawn large enough for the signs of their roles, and whether they shall be. */
export function useSigns() {
  const [areDrawn, setDrawn] = useState(true);
  const [areWanted, setWanted] = useState(false);
  return { areDrawn, setDrawn, areWanted, setWanted };
}
type Signs = ReturnType<typeof useSigns>;

/** Says where points are too small for signs, and draws them larger when asked. */
export function SignsNote({ signs }: { signs: Signs }) {
  const { areDrawn, areWanted, setWanted } = signs;
  if (areDrawn && !areWanted) return null;
  return (
    <p class="note map-signs">
      {areDrawn
        ? 'Points are drawn larger, so that each has its sign.'
        : 'Points are too small for signs: colour alone tells them apart.'}{' '}
      <Link onPress={() => setWanted(!areWanted)}>{areWanted ? 'Smaller points' : 'Draw signs'}</Link>
    </p>
  );
}

/** How points look, but for the size that the plot chooses. */
type PointsLook = Omit<ScatterLook, 'hasSigns'>;

/** Opens what a point is; closes what is open for -1. */
export function openPoint(store: Store, points: Points, point: number): void {
  const row = point < 0 ? null : points.rows[point];
  const isQuery = points.roles[point] === QUERY;
  store.set({ query: isQuery ? row : null, document: isQuery ? null : row });
}

interface PointPlotProps extends Partial<Pick<ScatterEvents, 'onLasso' | 'onMode'>> {
  store: Store;
  points: Points;
  /** The points are those of the run where `n` and `roles` are not said. */
  data: Pick<ScatterData, 'layouts' | 'label' | 'isAnimation'> & Partial<ScatterData>;
  look: PointsLook;
  signs: Signs;
  /** Holds the chart while it is there. */
  chart: { current: ScatterChart | null };
  /** The map that is drawn, by its place in `layoutsOf`, for the neighbours of a point; absent for an animation. */
  map?: number;
  /** The point that is hovered here or on another map, -1 for none; who is told when that changes here. */
  hovered?: number;
  onHover?: (point: number) => void;
  /** Opens what was pressed, -1 for nothing; the query or the document beside the plot where this is not said. */
  onPick?: (point: number) => void;
  /** What a point behind those of the run is. */
  ownCard?: ComponentChildren;
  className?: string;
  children?: ComponentChildren;
}

/** The canvas with the points; it is made anew when `data` changes, and pressing a point opens what it is. */
export function PointPlot(props: PointPlotProps) {
  const { store, points, data, chart, signs } = props;
  const [hovered, setHovered] = useState<HoveredPoint | null>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!box.current) return;
    signs.setDrawn(true);
    setHovered(null);
    const made = new ScatterChart(
      box.current,
      { n: points.n, roles: points.roles, ...data },
      {
        onHover(point, at, radius) {
          setHovered(point < 0 ? null : { point, at, radius });
          props.onHover?.(point);
        },
        onPick: (point) => (props.onPick ?? ((own) => openPoint(store, points, own)))(point),
        onLasso: (outline, n) => props.onLasso?.(outline, n),
        onMode: (isLasso) => props.onMode?.(isLasso),
        onSigns: signs.setDrawn,
      },
    );
    chart.current = made;
    return () => made.destroy();
  }, [store, points, data]);
  useEffect(() => chart.current?.update({ ...props.look, hasSigns: signs.areWanted }));
  useEffect(() => chart.current?.mark(props.hovered ?? -1), [props.hovered]);
  return (
    <div class={`map-canvas ${props.className ?? ''}`} ref={box}>
      {hovered && <PointCard {...props} hovered={hovered} box={box.current} />}
      {props.children}
    </div>
  );
}

const NO_LABELS: Label[] = [];

interface PointsShown
  extends Pick<ScatterLook, 'layout'>,
    Partial<Pick<ScatterLook, 'isFaded' | 'isLasso' | 'labels' | 'hasContours'>> {
  colouring: Colouring;
  links: LinksShown;
  /** The map of which the nearest points are joined to the open one. */
  map?: number;
  /** Whether queries are right, where the links shall say that of another checkpoint than the page's. */
  isCorrect?: Uint8Array;
}

/** How the points look under the present selection and with the open query. */
export function usePointLook(store: Store, points: Points, shown: PointsShown): PointsLook {
  const { query, document } = useStore(store);
  const { isPoint } = store.selection();
  const { colouring, isCorrect, isFaded = null, isLasso = false, labels = NO_LABELS, hasContours = false } = shown;
  const pointOfQuery = useMemo(() => {
    const found = new Int32Array(store.page.queries.n).fill(-1);
    for (let p = 0; p < points.n; p++) if (points.roles[p] === QUERY) found[points.rows[p]] = p;
    return found;
  }, [store, points]);
  const focus = useMemo(() => {
    if (document !== null) return pointOf(points, document);
    return query === null ? -1 : pointOfQuery[query];
  }, [points, pointOfQuery, query, document]);
  const neighbours = useMemo(
    () => (shown.map === undefined ? [] : neighboursOf(store.page, shown.map, focus)),
    [store, shown.map, focus],
  );
  const links = useMemo(
    () => shownLinks(points, shown.links, isPoint, focus, isCorrect),
    [points, shown.links, isPoint, focus, isCorrect],
  );
  const tints = colouring.categories.map(({ tint }) => tint);
  const categories = colouring.of;
  const drawn = { links, focus, neighbours, labels, hasContours };
  return { layout: shown.layout, categories, tints, isLit: isPoint, isFaded, isLasso, ...drawn };
}

/** Links from queries to their relevant documents, of all queries or of those that stand out. */
function shownLinks(
  points: Points,
  shown: LinksShown,
  isLit: Uint8Array | null,
  focus: number,
  isCorrect?: Uint8Array,
): ScatterLook['links'] {
  const isShown = (query: number, document: number) =>
    shown === 'all' || (shown === 'selected' && (query === focus || document === focus || isLit?.[query] === 1));
  const kept = [...points.linkQueries.keys()].filter((i) => isShown(points.linkQueries[i], points.linkDocuments[i]));
  return {
    from: kept.map((i) => points.linkQueries[i]),
    to: kept.map((i) => points.linkDocuments[i]),
    isCorrect: kept.map((i) => (isCorrect ? isCorrect[points.rows[points.linkQueries[i]]] : points.linkIsCorrect[i])),
  };
}

/** Neighbours on the map that the card names. */
const NAMED = 3;

interface HoveredPoint {
  point: number;
  at: Position;
  radius: number;
}

interface PointCardProps extends Pick<PointPlotProps, 'store' | 'points' | 'map' | 'ownCard'> {
  hovered: HoveredPoint;
  box: HTMLElement | null;
}

/** What a point of a map is, beside it. */
function PointCard(props: PointCardProps) {
  const { points, map, ownCard } = props;
  const { page } = props.store;
  const q = page.queries;
  const { point } = props.hovered;
  const [role, row] = [points.roles[point], points.rows[point]];
  const isQuery = role === QUERY;
  const wrong = isQuery ? q.wrongDocument[row] : -1;
  const place = { at: props.hovered.at, gap: props.hovered.radius + 12, box: props.box };
  if (point >= points.n) return <HoverCard {...place}>{ownCard}</HoverCard>;
  return (
    <HoverCard {...place}>
      <p class="eyebrow">
        {isQuery && <Mark isCorrect={q.isCorrect[row] === 1} />} {ROLE_NAMES[role]}
        {isQuery && !Number.isNaN(q.rank[row]) && <span class="number">rank {rank(q.rank[row])}</span>}
        {wrong >= 0 && <span class="number">to best wrong {signed(leadOf(page, row), 2)}</span>}
        {role === HARD_NEGATIVE && <span>of {counted(page.documents.nNegativeOf[row], 'query', 'queries')}</span>}
        {!isQuery && page.documents.nRelevantTo[row] > 0 && (
          <span>relevant to {counted(page.documents.nRelevantTo[row], 'query', 'queries')}</span>
        )}
      </p>
      <p>
        <bdi>{shorten(textOf(page, points, point), 240)}</bdi>
      </p>
      {wrong >= 0 && (
        <p class="card-wrong">
          <Mark isCorrect={false} /> <span class="number">{fixed(q.wrongSimilarity[row], 2)}</span>{' '}
          <bdi>{shorten(page.documents.texts[wrong], 140)}</bdi>
        </p>
      )}
      {map !== undefined && <CardNeighbours {...props} map={map} point={point} />}
    </HoverCard>
  );
}

function CardNeighbours(props: Pick<PointCardProps, 'store' | 'points'> & { map: number; point: number }) {
  const { points, map, point } = props;
  const { page } = props.store;
  const nearest = useMemo(() => neighboursOf(page, map, point).slice(0, NAMED), [page, map, point]);
  const kept = points.maps[map]?.kept[point];
  if (nearest.length === 0) return null;
  return (
    <div class="card-near">
      <p class="eyebrow">
        Nearest on the map {kept !== undefined && <span class="number">{percent(kept)} of its neighbours kept</span>}
      </p>
      <ul>
        {nearest.map((other) => (
          <li key={other}>
            <span class="muted">{ROLE_NAMES[points.roles[other]]}</span>{' '}
            <bdi>{shorten(textOf(page, points, other), 60) || '(empty)'}</bdi>
          </li>
        ))}
      </ul>
    </div>
  );
}
