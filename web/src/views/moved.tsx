/** A list of queries that came right or went wrong: each opens, and all of them can be selected. */
import { count, shorten } from '../model/format';
import type { Store } from '../state';
import { useStore } from './parts';

const LISTED = 100;

export function MovedList(props: {
  store: Store;
  kind: 'gained' | 'lost';
  title: string;
  rows: Int32Array;
  /** Whether these queries are what is selected by. */
  isChosen: boolean;
  /** Selects by these queries, or no longer. */
  onChoose: (isChosen: boolean) => void;
  /** A few words beside a query, such as its ranks. */
  beside?: (row: number) => string;
}) {
  const { store, isChosen, onChoose } = props;
  const { query } = useStore(store);
  const { isQuery } = store.selection();
  const { texts } = store.page.queries;
  const rows = props.rows.filter((row) => isQuery[row]);
  return (
    <section class={`listed is-${props.kind}`} aria-label={props.title}>
      <header>
        <h3>
          {props.title} <span class="number">{count(props.rows.length)}</span>
          {rows.length < props.rows.length && <small class="number"> {count(rows.length)} selected</small>}
        </h3>
        {props.rows.length > 0 && (
          <button type="button" class="link" aria-pressed={isChosen} onClick={() => onChoose(!isChosen)}>
            {isChosen ? 'all' : 'select'}
          </button>
        )}
      </header>
      <ul>
        {Array.from(rows.subarray(0, LISTED), (row) => (
          <li key={row}>
            <button type="button" class={row === query ? 'is-open' : ''} onClick={() => store.set({ query: row })}>
              <bdi>{shorten(texts[row], 120)}</bdi>
              {props.beside && <span class="number">{props.beside(row)}</span>}
            </button>
          </li>
        ))}
      </ul>
      {rows.length > LISTED && (
        <button
          type="button"
          class="link"
          onClick={() => {
            onChoose(true);
            store.set({ view: 'queries' });
          }}
        >
          All {count(rows.length)} in the table
        </button>
      )}
    </section>
  );
}
