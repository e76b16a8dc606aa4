/** Every query in one table; opening a row shows the query in full. */
import { useMemo } from 'preact/hooks';
import type { Page } from '../contract';
import { counted, rank, shorten, signed } from '../model/format';
import { leadOf, modeOf, type SortKey, sorted, typeNamesOf } from '../model/queries';
import type { Store } from '../state';
import { Opened } from './document';
import { Mark, Tag, useStore } from './parts';
import type { Column } from './table';
import { VirtualTable } from './virtual';

export function QueriesView({ store }: { store: Store }) {
  const { query, document, sort, isDescending } = useStore(store);
  const { page } = store;
  const selection = store.selection();
  const rows = useMemo(() => sorted(page, selection.rows, sort, isDescending), [page, selection, sort, isDescending]);
  const columns = useMemo(() => columnsOf(page), [page]);
  const step = (by: number) => {
    const at = rows.indexOf(query as number);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next !== undefined) store.set({ query: next });
  };
  return (
    <div class={`queries ${query !== null || document !== null ? 'has-detail' : ''}`}>
      <VirtualTable
        className={`table ${page.failureModes.length > 0 ? 'has-why' : ''}`}
        label="Queries"
        columns={columns}
        rows={rows}
        sort={{ by: sort, isDescending }}
        onSort={(by) => store.set({ sort: by, isDescending: by === sort ? !isDescending : by === 'rank' })}
        open={query}
        onOpen={(row) => store.set({ query: row })}
        nameOf={(row) => page.queries.ids[row]}
        empty={<Nothing store={store} />}
      />
      <Opened store={store} onStep={step} />
    </div>
  );
}

/** The columns of a page: why a query fails only where somebody asked. */
function columnsOf(page: Page): (Column<number> & { id: SortKey })[] {
  const q = page.queries;
  const columns: ReturnType<typeof columnsOf> = [
    { id: 'row', header: '#', className: 'cell-mark', cell: (row) => <Mark isCorrect={q.isCorrect[row] === 1} /> },
    { id: 'text', header: 'Query', className: 'cell-text', cell: (row) => <bdi>{shorten(q.texts[row], 240)}</bdi> },
    { id: 'rank', header: 'Rank', className: 'cell-number', cell: (row) => rank(q.rank[row]) },
    {
      id: 'margin',
      header: 'To hard negative',
      className: 'cell-number cell-hard',
      emphasis: (row) => (q.margin[row] <= 0 ? 'is-negative' : ''),
      cell: (row) => signed(q.margin[row]),
    },
    {
      id: 'lead',
      header: 'To best wrong',
      className: 'cell-number',
      emphasis: (row) => (leadOf(page, row) <= 0 ? 'is-negative' : ''),
      cell: (row) => signed(leadOf(page, row)),
    },
    { id: 'wrong', header: 'Best wrong document', className: 'cell-wrong', cell: (row) => wrongText(page, row) },
    {
      id: 'type',
      header: 'Fell for',
      className: 'cell-type',
      cell: (row) => <TypeTags names={typeNamesOf(page, row)} />,
    },
  ];
  if (page.failureModes.length > 0) {
    columns.push({
      id: 'mode',
      header: 'Why',
      className: 'cell-why',
      cell: (row) => <bdi>{shorten(modeOf(page, row), 48)}</bdi>,
    });
  }
  return columns;
}

function wrongText({ queries, documents }: Page, row: number) {
  const wrong = queries.wrongDocument[row];
  return wrong >= 0 && <bdi>{shorten(documents.texts[wrong], 200)}</bdi>;
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
