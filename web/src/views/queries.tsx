/** Every query in one table; opening a row shows the query in full. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Page } from '../contract';
import { counted, rank, shorten, signed } from '../model/format';
import { modeOf, type SortKey, sorted } from '../model/queries';
import type { Store } from '../state';
import { Detail, fellFor } from './detail';
import { Mark, Name, useSize, useStore } from './parts';

const ROW_HEIGHT = 44;
const EXTRA_ROWS = 6;
/** Browsers lay out no box taller than about this; beyond it the scroll bar is stretched. */
const MAX_HEIGHT = 12_000_000;

const COLUMNS: { key: SortKey; label: string; className: string }[] = [
  { key: 'row', label: '#', className: 'cell-mark' },
  { key: 'text', label: 'Query', className: 'cell-text' },
  { key: 'rank', label: 'Rank', className: 'cell-number' },
  { key: 'margin', label: 'Margin', className: 'cell-number' },
  { key: 'wrong', label: 'Best wrong document', className: 'cell-wrong' },
  { key: 'type', label: 'Fell for', className: 'cell-type' },
];
const WHY: (typeof COLUMNS)[number] = { key: 'mode', label: 'Why', className: 'cell-why' };

/** The columns of a page: why a query fails only where somebody asked. */
const columnsOf = ({ failureModes }: Page) => (failureModes.length > 0 ? [...COLUMNS, WHY] : COLUMNS);

export function QueriesView({ store }: { store: Store }) {
  const state = useStore(store);
  const selection = store.selection();
  const rows = useMemo(
    () => sorted(store.page, selection.rows, state.sort, state.isDescending),
    [store, selection, state.sort, state.isDescending],
  );
  const isOpen = state.query !== null;
  const step = (by: number) => {
    const at = rows.indexOf(state.query as number);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next !== undefined) store.set({ query: next });
  };
  return (
    <div class={`queries ${isOpen ? 'has-detail' : ''}`}>
      <Table store={store} rows={rows} />
      {state.query !== null && <Detail store={store} query={state.query} onStep={step} />}
    </div>
  );
}

function Table({ store, rows }: { store: Store; rows: Uint32Array }) {
  const state = useStore(store);
  const [box, { height }] = useSize<HTMLDivElement>();
  const [scrollTop, setScrollTop] = useState(0);
  const [active, setActive] = useState(0);
  const isKeyed = useRef(false);
  const hasWhy = store.page.failureModes.length > 0;

  const full = rows.length * ROW_HEIGHT;
  const laidOut = Math.min(full, MAX_HEIGHT);
  const stretch = laidOut > height ? (full - height) / (laidOut - height) : 1;
  const offset = scrollTop * stretch;
  const first = Math.max(0, Math.floor(offset / ROW_HEIGHT) - EXTRA_ROWS);
  const last = Math.min(rows.length, Math.ceil((offset + height) / ROW_HEIGHT) + EXTRA_ROWS);

  const show = (index: number) => {
    const element = box.current;
    if (!element) return;
    const top = index * ROW_HEIGHT;
    if (top < offset) element.scrollTop = top / stretch;
    else if (top + ROW_HEIGHT > offset + height) element.scrollTop = (top + ROW_HEIGHT - height) / stretch;
  };
  useEffect(() => {
    const at = state.query === null ? -1 : rows.indexOf(state.query);
    if (at >= 0) {
      setActive(at);
      show(at);
    } else setActive((before) => Math.min(before, Math.max(0, rows.length - 1)));
  }, [rows, state.query]);
  useEffect(() => {
    if (isKeyed.current) box.current?.querySelector<HTMLElement>('[data-active]')?.focus({ preventScroll: true });
    isKeyed.current = false;
  }, [active, first]);

  const key = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(height / ROW_HEIGHT) - 1);
    const moves: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: rows.length - 1,
    };
    if (event.key in moves) {
      event.preventDefault();
      const next = Math.min(rows.length - 1, Math.max(0, moves[event.key]));
      isKeyed.current = true;
      setActive(next);
      show(next);
      if (state.query !== null) store.set({ query: rows[next] });
    } else if (event.key === 'Enter' && rows.length > 0) store.set({ query: rows[active] });
  };

  const sort = (column: SortKey) => {
    const isSame = state.sort === column;
    store.set({ sort: column, isDescending: isSame ? !state.isDescending : column === 'rank' });
  };

  return (
    <div class={`table ${hasWhy ? 'has-why' : ''}`} role="table" aria-rowcount={rows.length + 1} aria-label="Queries">
      <div class="table-head" role="row">
        {columnsOf(store.page).map(({ key: column, label, className }) => (
          <div
            key={column}
            class={className}
            role="columnheader"
            aria-sort={state.sort !== column ? 'none' : state.isDescending ? 'descending' : 'ascending'}
          >
            <button type="button" onClick={() => sort(column)}>
              {label}
              <span aria-hidden="true">{state.sort !== column ? '' : state.isDescending ? ' ↓' : ' ↑'}</span>
            </button>
          </div>
        ))}
      </div>
      <div
        class="table-body"
        role="rowgroup"
        ref={box}
        onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
      >
        {rows.length === 0 && <Nothing store={store} />}
        <div class="table-space" style={{ height: `${laidOut}px` }}>
          {Array.from(rows.subarray(first, last), (row, i) => (
            <Row
              key={row}
              store={store}
              row={row}
              index={first + i}
              top={(first + i) * ROW_HEIGHT - offset + scrollTop}
              isActive={first + i === active}
              isOpen={row === state.query}
              onKeyDown={key}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

function Row(props: {
  store: Store;
  row: number;
  index: number;
  top: number;
  isActive: boolean;
  isOpen: boolean;
  onKeyDown: (event: KeyboardEvent) => void;
}) {
  const { store, row } = props;
  const { page } = store;
  const q = page.queries;
  const wrong = q.wrongDocument[row];
  const types = fellFor(page, row);
  return (
    <div
      class={`table-row ${props.isOpen ? 'is-open' : ''}`}
      role="row"
      aria-rowindex={props.index + 2}
      aria-selected={props.isOpen}
      tabIndex={props.isActive ? 0 : -1}
      data-active={props.isActive ? '' : undefined}
      data-query={q.ids[row]}
      style={{ transform: `translateY(${props.top}px)` }}
      onClick={() => store.set({ query: props.isOpen ? null : row })}
      onKeyDown={props.onKeyDown}
    >
      <div class="cell-mark" role="cell">
        <Mark isCorrect={q.isCorrect[row] === 1} />
      </div>
      <div class="cell-text" role="cell">
        <bdi>{shorten(q.texts[row], 240)}</bdi>
      </div>
      <div class="cell-number" role="cell">
        {rank(q.rank[row])}
      </div>
      <div class={`cell-number ${q.margin[row] <= 0 ? 'is-negative' : ''}`} role="cell">
        {signed(q.margin[row])}
      </div>
      <div class="cell-wrong" role="cell">
        {wrong >= 0 && <bdi>{shorten(page.documents.texts[wrong], 200)}</bdi>}
      </div>
      <div class="cell-type" role="cell">
        {types.slice(0, 2).map((name) => (
          <span key={name} class="tag">
            <Name text={name} length={22} />
          </span>
        ))}
        {types.length > 2 && <span class="muted">+{types.length - 2}</span>}
      </div>
      {page.failureModes.length > 0 && (
        <div class="cell-why" role="cell">
          <bdi>{shorten(modeOf(page, row), 48)}</bdi>
        </div>
      )}
    </div>
  );
}

function Nothing({ store }: { store: Store }) {
  const { nPoints, isPoint } = store.selection();
  return (
    <p class="nothing">
      No query passes every filter.
      {isPoint && nPoints > 0 && ` ${counted(nPoints, 'document')} on the map ${nPoints === 1 ? 'does' : 'do'}.`}
    </p>
  );
}
