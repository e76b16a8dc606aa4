/** The points that stand nearest to a query or a document on the chosen map. */
import { useMemo } from 'preact/hooks';
import { type Points, QUERY, ROLE_NAMES } from '../contract';
import { neighboursOf, pointOf, textOf } from '../model/documents';
import { percent, shorten } from '../model/format';
import type { Store } from '../state';
import { useStore } from './parts';
import { MapName } from './points';

interface NearestProps {
  store: Store;
  /** Row of the query or of the document. */
  row: number;
  isQuery: boolean;
}

export function Nearest(props: NearestProps) {
  const { points } = props.store.page;
  return points && points.maps.length > 0 ? <Listed {...props} points={points} /> : null;
}

function Listed({ store, row, isQuery, points }: NearestProps & { points: Points }) {
  const { page } = store;
  const { map } = useStore(store);
  const point = useMemo(() => pointOf(points, row, isQuery), [points, row, isQuery]);
  const nearest = useMemo(() => neighboursOf(page, map, point), [page, map, point]);
  if (point < 0) return <p class="note">The map does not show this {isQuery ? 'query' : 'document'}.</p>;
  const { name, kept } = points.maps[map];
  const open = (other: number) => {
    const isOther = points.roles[other] === QUERY;
    store.set(isOther ? { query: points.rows[other] } : { document: points.rows[other] });
  };
  return (
    <section class="listed" aria-label="Nearest on the map">
      <h3>
        Nearest on the map (<MapName name={name} />)
      </h3>
      <p class="note">Of its neighbours in the space, the map keeps {percent(kept[point])}.</p>
      <ul>
        {nearest.map((other) => (
          <li key={other}>
            <button type="button" onClick={() => open(other)}>
              <bdi>{shorten(textOf(page, points, other), 90) || '(empty)'}</bdi>
              <span class="muted">{ROLE_NAMES[points.roles[other]]}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
