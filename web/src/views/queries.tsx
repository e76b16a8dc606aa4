/** Every query in one table; opening a row shows the query in full. */
import { useMemo } from 'preact/hooks';
import { useSize } from '../charts/axes';
import type { Page } from '../contract';
import { columnsOf, hasValues, MODE, type QueryColumn } from '../model/columns';
import { conditionOn } from '../model/conditions';
import { counted, shorten } from '../model/format';
import { sorted } from '../model/order';
import { typeNamesOf } from '../model/queries';
import type { Store } from '../state';
import { Opened } from './document';
import { ColumnFilter, Filters } from './filters';
import { Choices, Menu } from './menu';
import { Link, Mark, Tag, useStore } from './parts';
import { type VirtualColumn, VirtualTable } from './virtual';

export function QueriesView({ store }: { store: Store }) {
  const { query, document, sort, isDescending, columns: chosen, facets } = useStore(store);
  const { page } = store;
  const [box, { width }] = useSize<HTMLDivElement>();
  const selection = store.selection();
  const rows = useMemo(() => sorted(page, selection.rows, sort, isDescending), [page, selection, sort, isDescending]);
  const columns = useMemo(() => {
    const own = (chosen ?? defaultsOf(page)).map((id) => tableColumn(page, id)).filter((column) => column !== null);
    return [markColumn(page), ...(chosen ? own : fitting(own, width))];
  }, [page, chosen, width]);
  const step = (by: number) => {
    const at = rows.indexOf(query as number);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next !== undefined) store.set({ query: next });
  };
  const isFiltered = (id: string) => (id === MODE ? facets.mode !== null : Boolean(conditionOn(facets.conditions, id)));
  return (
    <div class={`queries ${query !== null || document !== null ? 'has-detail' : ''}`}>
      <div class="query-table" ref={box}>
        <div class="table-tools">
          <Filters store={store} />
          <ColumnMenu store={store} />
        </div>
        <VirtualTable
          className="table"
          label="Queries"
          columns={columns}
          rows={rows}
          sort={{ by: sort, isDescending }}
          onSort={(by) => store.set({ sort: by, isDescending: by === sort ? !isDescending : by === 'rank' })}
          filter={{ isSet: isFiltered, form: (id) => <ColumnFilter store={store} id={id} /> }}
          open={query}
          onOpen={(row) => store.set({ query: row })}
          nameOf={(row) => page.queries.ids[row]}
          empty={<Nothing store={store} />}
        />
      </div>
      <Opened store={store} onStep={step} />
    </div>
  );
}

/** Columns that are shown where nobody chose any. */
const DEFAULTS = ['text', 'rank', 'margin', 'lead', 'wrong', 'type', MODE];
/** Those of them that give way where there is no room, in this order. */
const GIVING_WAY = ['margin', 'wrong', 'type', MODE];

/** The columns that can be chosen: those that say something. */
const offered = (page: Page) => [...columnsOf(page).values()].filter((column) => hasValues(column, page.queries.n));

const defaultsOf = (page: Page) => {
  const ids = offered(page).map(({ id }) => id);
  return DEFAULTS.filter((id) => ids.includes(id));
};

/** Room for the mark, between columns and at the sides. */
const MARK = 36;
const GAP = 16;
const SIDES = 56;
/** Under this width the window is narrow, and so is the room between columns. */
const NARROW = 600;

/** The columns for which there is room. */
function fitting(columns: VirtualColumn[], width: number): VirtualColumn[] {
  const isNarrow = width < NARROW;
  const widthOf = (shown: VirtualColumn[]) =>
    shown.reduce((sum, { least }) => sum + least + (isNarrow ? 10 : GAP), isNarrow ? 60 : MARK + SIDES);
  const shown = isNarrow ? columns.map((own) => (own.id === 'text' ? { ...own, least: 100 } : own)) : columns;
  return GIVING_WAY.reduce((left, id) => (widthOf(left) > width ? left.filter((own) => own.id !== id) : left), shown);
}

function markColumn({ queries: q }: Page): VirtualColumn {
  return {
    ...{ id: 'row', header: '#', className: 'cell-mark', least: 24 },
    cell: (row) => <Mark isCorrect={q.isCorrect[row] === 1} />,
  };
}

/** Pixels of a letter of a header, and of the signs beside it. */
const LETTER = 6.6;
const SIGNS = 38;

/** A column of the page as one of the table. */
function tableColumn(page: Page, id: string): VirtualColumn | null {
  const column = columnsOf(page).get(id);
  if (!column) return null;
  const { label: header, title } = column;
  const least = Math.min(190, Math.max(64, header.length * LETTER + SIGNS));
  if (column.kind === 'number') {
    const isLoss = id === 'lead' || id === 'margin';
    return {
      ...{ id, header, title, least, className: 'cell-number' },
      emphasis: (row) => (isLoss && column.values[row] <= 0 ? 'is-negative' : ''),
      cell: (row) => column.format(column.values[row]),
    };
  }
  if (id === 'type') {
    const cell = (row: number) => <TypeTags names={typeNamesOf(page, row)} />;
    return { id, header, className: 'cell-type', least: 150, cell };
  }
  const isLong = column.kind === 'text' && id !== 'id';
  return {
    ...{ id, header, title, className: CLASSES[id] ?? 'cell-why', growth: id === 'text' ? 1.5 : isLong ? 1 : 0.3 },
    least: isLong ? 180 : Math.max(id === MODE ? 160 : 130, least),
    cell: (row) => <bdi>{shorten(wordOf(column, row), 240)}</bdi>,
  };
}

const CLASSES: Record<string, string> = { text: 'cell-text', wrong: 'cell-wrong', relevant: 'cell-wrong' };

function wordOf(column: QueryColumn, row: number): string {
  if (column.kind === 'text') return column.textOf(row);
  return column.kind === 'category' ? (column.names[column.bin[row]] ?? '') : '';
}

/** Which columns the table shows. */
function ColumnMenu({ store }: { store: Store }) {
  const { page } = store;
  const { columns } = useStore(store);
  const usual = useMemo(() => defaultsOf(page), [page]);
  const shown = columns ?? usual;
  const all = useMemo(() => offered(page), [page]);
  const toggle = (id: string) => {
    const next = all.map((column) => column.id).filter((own) => (own === id) !== shown.includes(own));
    const isDefault = next.join('\n') === usual.join('\n');
    if (next.length > 0) store.set({ columns: isDefault ? null : next });
  };
  return (
    <Menu sign="Columns" className="columns" width={240}>
      {() => (
        <>
          <Choices
            label="Columns"
            options={all.map(({ id, label }) => ({ value: id, label: shorten(label, 28) }))}
            isChosen={(id) => shown.includes(id)}
            onToggle={toggle}
          />
          {columns && <Link onPress={() => store.set({ columns: null })}>Usual columns</Link>}
        </>
      )}
    </Menu>
  );
}

function TypeTags({ names }: { names: string[] }) {
  return (
    <>
      {names.slice(0, 2).map((name) => (
        <Tag key={name} name={name} length={22} />
      ))}
      {names.length > 2 && <span class="muted">+{names.length - 2}</span>}
    </>
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
