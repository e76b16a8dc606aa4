/** One document in full: the queries that list it, and what stands beside it in the lists and on the map. */
import { useMemo } from 'preact/hooks';
import { listingsOf } from '../model/documents';
import { count, counted } from '../model/format';
import type { Store } from '../state';
import { MoreLikeThis } from './alike';
import { Detail } from './detail';
import { QueryList } from './lists';
import { Nearest } from './nearest';
import { FullText, IconButton, Mark, Name, useStore } from './parts';

const LISTED = 100;

/** The open document, else the open query; nothing where neither is. */
export function Opened({ store, onStep }: { store: Store; onStep?: (by: number) => void }) {
  const { query, document } = useStore(store);
  if (document !== null) return <Document key={document} store={store} document={document} />;
  return query === null ? null : <Detail store={store} query={query} onStep={onStep} />;
}

function Document({ store, document }: { store: Store; document: number }) {
  const { documents } = store.page;
  return (
    <article class="detail" aria-label="Document">
      <h2 class="unseen">Document</h2>
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
      <Nearest store={store} row={document} isQuery={false} />
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
