/** One document in full: the queries that list it, and what stands beside it in the lists and on the map. */
import { useMemo } from 'preact/hooks';
import { type Points, QUERY, ROLE_NAMES } from '../contract';
import { listingsOf, nearestOf, pointOf } from '../model/documents';
import { count, counted, percent, shorten } from '../model/format';
import type { Store } from '../state';
import { MoreLikeThis } from './alike';
import { Detail } from './detail';
import { QueryList } from './lists';
import { FullText, IconButton, Mark, Name, useStore } from './parts';
import { MapName } from './points';

const LISTED = 100;
const NEIGHBOURS = 8;

/** The open document, else the open query; nothing where neither is. */
export function Opened({ store, onStep }: { store: Store; onStep?: (by: number) => void }) {
  const { query, document } = useStore(store);
  if (document !== null) return <Document key={document} store={store} document={document} />;
  return query === null ? null : <Detail store={store} query={query} onStep={onStep} />;
}

function Document({ store, document }: { store: Store; document: number }) {
  const { documents, points } = store.page;
  return (
    <article class="detail" aria-label="Document">
      <header>
        <p class="detail-state">
          <strong>Document</strong>
          <span class="muted">
            <Name text={documents.ids[document]} length={24} />
          </span>
        </p>
        <IconButton label="Close" sign="×" onPress={() => store.set({ document: null })} />
      </header>
      <FullText text={documents.texts[document]} className="detail-query" />
      <Listings store={store} document={document} />
      <MoreLikeThis store={store} kind="document" row={document} />
      {points && points.maps.length > 0 && <Nearest store={store} points={points} document={document} />}
    </article>
  );
}

/** The queries that name a document or have it in their lists. */
function Listings({ store, document }: { store: Store; document: number }) {
  const { page } = store;
  const listings = useMemo(() => new Map(listingsOf(page, document).map((each) => [each.row, each])), [page, document]);
  const wordsOf = (row: number) => {
    const { kind, place } = listings.get(row) ?? { kind: null, place: 0 };
    return [kind, place > 0 && `rank ${place}`].filter(Boolean).join(', ');
  };
  return (
    <section class="listed" aria-label="Queries">
      <h3>
        {listings.size > 0
          ? counted(listings.size, 'query names or lists it', 'queries name or list it')
          : 'No query shown here names or lists it'}
      </h3>
      <QueryList
        store={store}
        rows={[...listings.keys()].slice(0, LISTED)}
        before={(row) => <Mark isCorrect={listings.get(row)?.kind === 'relevant'} />}
        beside={(row) => <span class="muted">{wordsOf(row)}</span>}
      />
      {listings.size > LISTED && <p class="note">{count(listings.size - LISTED)} more are not shown.</p>}
    </section>
  );
}

/** The points that stand nearest to a document on the map that is chosen. */
function Nearest({ store, points, document }: { store: Store; points: Points; document: number }) {
  const { page } = store;
  const { map } = useStore(store);
  const point = useMemo(() => pointOf(points, document), [points, document]);
  const nearest = useMemo(() => (point < 0 ? [] : nearestOf(points, map, point, NEIGHBOURS)), [points, map, point]);
  if (point < 0) return <p class="note">The map does not show this document.</p>;
  const { name, kept } = points.maps[map];
  return (
    <section class="listed" aria-label="Nearest on the map">
      <h3>
        Nearest on the map (<MapName name={name} />)
      </h3>
      <p class="note">Of its neighbours in the space, the map keeps {percent(kept[point])}.</p>
      <ul>
        {nearest.map((other) => {
          const [role, row] = [points.roles[other], points.rows[other]];
          const isQuery = role === QUERY;
          return (
            <li key={other}>
              <button type="button" onClick={() => store.set(isQuery ? { query: row } : { document: row })}>
                <bdi>{shorten((isQuery ? page.queries : page.documents).texts[row], 90) || '(empty)'}</bdi>
                <span class="muted">{ROLE_NAMES[role]}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
