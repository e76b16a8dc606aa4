/** The map of the run with the query that was typed in, its documents linked to it. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ScatterChart } from '../charts/scatter';
import { type LiveAnswer, type Points, QUERY, ROLE_NAMES } from '../contract';
import { colour } from '../model/colouring';
import { counted, shorten } from '../model/format';
import { type Layout, mapOf } from '../model/live';
import type { Store } from '../state';
import { HoverCard, useStore, ZoomButtons } from './parts';
import { MapChoice } from './points';

export function LiveMap({ store, points, answer }: { store: Store; points: Points; answer: LiveAnswer }) {
  const { map } = useStore(store);
  const layout = useMemo(() => mapOf(store.page, points, map, answer), [store, points, map, answer]);
  if (!layout) return null;
  return (
    <section class="live-map" aria-label="Place on the map">
      <div class="map-tools">
        <MapChoice maps={points.maps} value={map} onChange={(next) => store.set({ map: next })} />
      </div>
      <Plot store={store} points={points} map={map} layout={layout} answer={answer} />
      <p class="note">
        The ringed point is the query, placed by the nearest points of the run; lines lead to its{' '}
        {counted(layout.found.length, 'document')} on the map.
      </p>
    </section>
  );
}

interface PlotProps {
  store: Store;
  points: Points;
  map: number;
  layout: Layout;
  answer: LiveAnswer;
}

function Plot({ store, points, map, layout, answer }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<ScatterChart | null>(null);
  const [hovered, setHovered] = useState<{ point: number; x: number; y: number } | null>(null);
  useEffect(() => {
    if (!box.current) return;
    const colouring = colour(store.page, points, 'role', map);
    const categories = new Uint8Array(points.n + 1);
    categories.set(colouring.of);
    const made = new ScatterChart(
      box.current,
      { n: points.n + 1, roles: layout.roles, layouts: [layout.xy], label: 'Map with the query that was typed in' },
      {
        onHover: (point, { x, y }) => setHovered(point < 0 ? null : { point, x, y }),
        onPick: (point) => open(store, points, point),
        onLasso: () => {},
        onMode: () => {},
        onSigns: () => {},
      },
    );
    const to = layout.found;
    made.update({
      layout: 0,
      categories,
      tints: colouring.categories.map(({ tint }) => tint),
      isLit: layout.isLit,
      isFaded: null,
      links: { from: to.map(() => layout.point), to, isCorrect: to.map(() => 1) },
      focus: layout.point,
      isLasso: false,
      hasSigns: false,
      neighbours: [],
      hasContours: false,
      labels: [],
    });
    chart.current = made;
    return () => {
      setHovered(null);
      made.destroy();
    };
  }, [store, points, map, layout]);
  return (
    <div class="map-canvas" ref={box}>
      {hovered && (
        <HoverCard x={hovered.x + 12} y={hovered.y + 12} box={box.current}>
          {cardOf(store, points, hovered.point, answer)}
        </HoverCard>
      )}
      <div class="map-zoom">
        <ZoomButtons chart={chart} />
      </div>
    </div>
  );
}

function open(store: Store, points: Points, point: number): void {
  if (point < 0 || point >= points.n) return;
  const isQuery = points.roles[point] === QUERY;
  const row = points.rows[point];
  store.set({ view: 'map', query: isQuery ? row : null, document: isQuery ? null : row });
}

function cardOf({ page }: Store, points: Points, point: number, answer: LiveAnswer) {
  const isTyped = point === points.n;
  const table = points.roles[point] === QUERY ? page.queries : page.documents;
  return (
    <>
      <p class="eyebrow">{isTyped ? 'typed in' : ROLE_NAMES[points.roles[point]]}</p>
      <p>
        <bdi>{shorten(isTyped ? answer.query : table.texts[points.rows[point]], 240)}</bdi>
      </p>
    </>
  );
}
