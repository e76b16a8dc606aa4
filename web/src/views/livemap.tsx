/** The map of the run with the query that was typed in, its documents linked to it. */
import { useMemo, useRef } from 'preact/hooks';
import type { ScatterChart } from '../charts/scatter';
import type { LiveAnswer, Points } from '../contract';
import { colour } from '../model/colouring';
import { counted, shorten } from '../model/format';
import { mapOf, type PlacedQuery } from '../model/live';
import type { Store } from '../state';
import { useStore, ZoomButtons } from './parts';
import { MapChoice, openPoint, PointPlot, SignsNote, useSigns } from './points';

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
  layout: PlacedQuery;
  answer: LiveAnswer;
}

function Plot({ store, points, map, layout, answer }: PlotProps) {
  const chart = useRef<ScatterChart | null>(null);
  const signs = useSigns();
  const { roles, xy, isLit, point, found } = layout;
  const data = useMemo(
    () => ({ n: points.n + 1, roles, layouts: [xy], label: 'Map with the query that was typed in' }),
    [points, layout],
  );
  const look = useMemo(() => {
    const colouring = colour(store.page, points, 'role', map);
    const tints = colouring.categories.map(({ tint }) => tint);
    const links = { from: found.map(() => point), to: found, isCorrect: found.map(() => 1) };
    const plain = { isFaded: null, isLasso: false, neighbours: [], hasContours: false, labels: [] };
    return { ...plain, layout: 0, categories: roles, tints, isLit, links, focus: point };
  }, [store, points, map, layout]);
  const ownCard = (
    <>
      <p class="eyebrow">typed in</p>
      <p>
        <bdi>{shorten(answer.query, 240)}</bdi>
      </p>
    </>
  );
  const onPick = (pressed: number) => {
    if (pressed < 0 || pressed >= points.n) return;
    store.set({ view: 'map' });
    openPoint(store, points, pressed);
  };
  return (
    <>
      <PointPlot {...{ store, points, data, look, signs, chart, map, ownCard, onPick }}>
        <div class="map-zoom">
          <ZoomButtons chart={chart} />
        </div>
      </PointPlot>
      <SignsNote signs={signs} />
    </>
  );
}
