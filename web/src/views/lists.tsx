/** Lists of queries, each of which opens when it is pressed. */
import type { ComponentChildren } from 'preact';
import { count, shorten } from '../model/format';
import type { Store } from '../state';
import { Link, useStore } from './parts';

const LISTED = 100;

/** Texts of queries, with something before and beside each. */
export function QueryList(props: {
  store: Store;
  rows: ArrayLike<number>;
  length?: number;
  before?: (row: number) => ComponentChildren;
  beside: (row: number) => ComponentChildren;
}) {
  const { store, rows, length = 90 } = props;
  const { query } = useStore(store);
  return (
    <ul>
      {Array.from(rows, (row) => (
        <li key={row}>
          <button type="button" class={row === query ? 'is-open' : ''} onClick={() => store.set({ query: row })}>
            {props.before?.(row)}
            <bdi>{shorten(store.page.queries.texts[row], length)}</bdi>
            {props.beside(row)}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The queries that came right or went wrong, all of which can be selected at once. */
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
  const { isQuery } = store.selection();
  const rows = props.rows.filter((row) => isQuery[row]);
  return (
    <section class={`listed is-${props.kind}`} aria-label={props.title}>
      <header>
        <h3>
          {props.title} <span class="number">{count(props.rows.length)}</span>
          {rows.length < props.rows.length && <small class="number"> {count(rows.length)} selected</small>}
        </h3>
        {props.rows.length > 0 && (
          <Link isPressed={isChosen} onPress={() => onChoose(!isChosen)}>
            {isChosen ? 'all' : 'select'}
          </Link>
        )}
      </header>
      <QueryList
        store={store}
        rows={rows.subarray(0, LISTED)}
        length={120}
        beside={(row) => props.beside && <span class="number">{props.beside(row)}</span>}
      />
      {rows.length > LISTED && (
        <Link
          onPress={() => {
            onChoose(true);
            store.set({ view: 'queries' });
          }}
        >
          All {count(rows.length)} in the table
        </Link>
      )}
    </section>
  );
}
