/** More like this: queries by the documents in their lists, documents by the lists that hold them. */
import { useMemo } from 'preact/hooks';
import { counted, fixed, shorten } from '../model/format';
import { alike } from '../model/likeness';
import type { Store } from '../state';
import { QueryList } from './lists';
import { Link, Mark, useStore } from './parts';

const SHOWN = 8;

interface AlikeProps {
  store: Store;
  kind: 'query' | 'document';
  row: number;
}

export function MoreLikeThis({ store, kind, row }: AlikeProps) {
  const { page } = store;
  const { facets } = useStore(store);
  const found = useMemo(() => alike(page, { kind, row }), [page, kind, row]);
  const isChosen = facets.like?.kind === kind && facets.like.row === row;
  const shown = new Map(found.slice(0, SHOWN).map((each) => [each.row, each]));
  const beside = (other: number) => {
    const { likeness, nShared } = shown.get(other) ?? { likeness: 0, nShared: 0 };
    return (
      <span class="number">
        {fixed(likeness, 2)} <small>{counted(nShared, kind === 'query' ? 'document' : 'list')}</small>
      </span>
    );
  };
  return (
    <section class="listed" aria-label="More like this">
      <header>
        <h3>More like this</h3>
        {found.length > 0 && (
          <Link isPressed={isChosen} onPress={() => store.setFacets({ like: isChosen ? null : { kind, row } })}>
            {isChosen ? 'selected' : `select ${kind === 'query' ? 'these' : 'their queries'}`}
          </Link>
        )}
      </header>
      <p class="note">{noteOf(kind, found.length > 0)}</p>
      {kind === 'query' ? (
        <QueryList
          store={store}
          rows={[...shown.keys()]}
          before={(other) => <Mark isCorrect={page.queries.isCorrect[other] === 1} />}
          beside={beside}
        />
      ) : (
        <ul>
          {[...shown.keys()].map((other) => (
            <li key={other}>
              <button type="button" onClick={() => store.set({ document: other })}>
                <bdi>{shorten(page.documents.texts[other], 90) || '(empty)'}</bdi>
                {beside(other)}
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** What likeness means. */
function noteOf(kind: AlikeProps['kind'], isFound: boolean): string {
  if (kind === 'query') {
    return isFound
      ? 'Likeness is the cosine of the top lists, where a document at rank r weighs 1 / log2(1 + r): 1 for equal lists, 0 where none is shared.'
      : 'No other query has a document of its top list.';
  }
  return isFound
    ? 'Likeness is the cosine over all top lists, where a document at rank r weighs 1 / log2(1 + r): 1 for the same places in the same lists.'
    : 'No other document stands in a list with it.';
}
