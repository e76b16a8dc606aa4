/** Filters by looking: the shape of every column, each among the queries that pass the other filters. */
import { useMemo, useState } from 'preact/hooks';
import { Histogram } from '../charts/histogram';
import type { CategoryColumn, NumberColumn, TextColumn } from '../model/columns';
import { columnsOf, countsOf, MODE } from '../model/columns';
import { type Condition, conditionOn, namesIn, rangeIn, rangeOf, withCondition, withName } from '../model/conditions';
import { Crossfilter } from '../model/crossfilter';
import { count } from '../model/format';
import type { Store } from '../state';
import { Choices } from './menu';
import { IconButton, Link, Name, useStore } from './parts';

/** Where the histograms leave room for a table. */
const ROOMY = '(min-width: 901px) and (min-height: 640px)';

/** Sets the condition on a column, or takes it away. */
export function setCondition(store: Store, column: string, condition: Condition | null): void {
  store.setFacets({ conditions: withCondition(store.get().facets.conditions, column, condition) });
}

export function Filters({ store }: { store: Store }) {
  const { facets } = useStore(store);
  const [isOpen, setOpen] = useState(() => matchMedia(ROOMY).matches);
  const crossfilter = useMemo(() => new Crossfilter(store.page), [store]);
  if (crossfilter.columns.length === 0) return null;
  if (isOpen) crossfilter.update(facets);
  return (
    <section class="filters" aria-label="Filter by looking">
      <button type="button" class="unfold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Filter by looking
      </button>
      {isOpen && (
        <div class="filters-row scroll-x">
          {crossfilter.columns.map((column, i) => {
            const shared = { store, whole: crossfilter.whole[i], counts: crossfilter.counts[i] };
            return column.kind === 'number' ? (
              <RangeFilter key={column.id} column={column} {...shared} />
            ) : (
              <NameFilter key={column.id} column={column} {...shared} />
            );
          })}
        </div>
      )}
    </section>
  );
}

interface FilterProps<Column> {
  store: Store;
  column: Column;
  whole: Uint32Array;
  counts: Uint32Array;
}

function FilterHead({ store, column }: { store: Store; column: NumberColumn | CategoryColumn }) {
  const isSet = conditionOn(store.get().facets.conditions, column.id) !== undefined;
  return (
    <header title={column.title}>
      <h2>
        <Name text={column.label} length={24} />
      </h2>
      {isSet && (
        <IconButton label={`Clear ${column.label}`} sign="×" onPress={() => setCondition(store, column.id, null)} />
      )}
    </header>
  );
}

function RangeFilter({ store, column, whole, counts }: FilterProps<NumberColumn>) {
  const condition = conditionOn(store.get().facets.conditions, column.id);
  const range = rangeIn(condition);
  return (
    <section class="filter" aria-label={column.label}>
      <FilterHead store={store} column={column} />
      <Histogram
        {...{ column, whole, counts, range }}
        onRange={(low, high) => setCondition(store, column.id, rangeOf(column, low, high))}
      />
    </section>
  );
}

function NameFilter({ store, column, whole, counts }: FilterProps<CategoryColumn>) {
  const condition = conditionOn(store.get().facets.conditions, column.id);
  const chosen = namesIn(condition);
  const most = Math.max(1, ...whole.subarray(0, column.names.length));
  const shares = (i: number) => [whole[i], counts[i]].map((n) => `${Math.min(100, (100 * n) / most)}%`);
  return (
    <section class="filter" aria-label={column.label}>
      <FilterHead store={store} column={column} />
      <ul class="filter-names">
        {namesOf(column, whole).map(([name, i]) => {
          const [back, front] = shares(i);
          return (
            <li key={name}>
              <button
                type="button"
                aria-pressed={chosen.includes(name)}
                onClick={() => setCondition(store, column.id, withName(column, condition, name))}
              >
                <Name text={name ?? NOT_STATED} length={24} />
                <small class="number">{count(counts[i])}</small>
                <i class="bar-whole" style={{ width: back }} />
                <i class="bar-shown" style={{ width: front }} />
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

export const NOT_STATED = 'none';

/** The names of a column with their bins, and none of them where a query has none. */
function namesOf({ names }: CategoryColumn, whole: Uint32Array): [name: string | null, bin: number][] {
  const all = names.map((name, i): [string | null, number] => [name, i]);
  return whole[names.length] > 0 ? [...all, [null, names.length]] : all;
}

/** What the menu of a column in the table filters by. */
export function ColumnFilter({ store, id }: { store: Store; id: string }) {
  const column = columnsOf(store.page).get(id);
  const condition = conditionOn(store.get().facets.conditions, id);
  if (!column) return null;
  return (
    <div class="column-filter">
      {column.kind === 'text' && <WordsForm store={store} column={column} condition={condition} />}
      {column.kind === 'number' && <RangeForm store={store} column={column} condition={condition} />}
      {column.kind === 'category' &&
        (id === MODE ? (
          <ModeForm store={store} column={column} />
        ) : (
          <NamesForm store={store} column={column} condition={condition} />
        ))}
      {condition && <Link onPress={() => setCondition(store, id, null)}>Clear</Link>}
    </div>
  );
}

interface FormProps<Column> {
  store: Store;
  column: Column;
  condition: Condition | undefined;
}

function WordsForm({ store, column, condition }: FormProps<TextColumn>) {
  const change = (words: string) => setCondition(store, column.id, words.trim() ? { column: column.id, words } : null);
  return (
    <input
      type="search"
      aria-label={`${column.label} contains`}
      placeholder="contains"
      value={condition && 'words' in condition ? condition.words : ''}
      onInput={(event) => change(event.currentTarget.value)}
    />
  );
}

function RangeForm({ store, column, condition }: FormProps<NumberColumn>) {
  const [first, last] = [column.edges[0] ?? 0, column.edges[column.edges.length - 1] ?? 0];
  const least = column.isWhole ? first + 1 : first;
  const range = rangeIn(condition);
  const change = (text: [low: string, high: string]) => {
    const [low, high] = text.map((own, i) => (own.trim() === '' ? [least, last][i] : Number(own)));
    if (low <= high) setCondition(store, column.id, rangeOf(column, low, high));
  };
  // An end that the range leaves open has no number.
  const low = range && range.low > least ? String(range.low) : '';
  const high = range && range.high < last ? String(range.high) : '';
  const input = (label: string, value: string, placeholder: number, onChange: (text: string) => void) => (
    <label>
      <span>{label}</span>
      <input
        type="number"
        step="any"
        aria-label={`${column.label}, ${label}`}
        value={value}
        placeholder={column.format(placeholder)}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </label>
  );
  return (
    <>
      {input('at least', low, least, (text) => change([text, high]))}
      {input('at most', high, last, (text) => change([low, text]))}
    </>
  );
}

function NamesForm({ store, column, condition }: FormProps<CategoryColumn>) {
  const whole = useMemo(() => countsOf(column), [column]);
  const chosen = namesIn(condition);
  return (
    <Choices
      label={column.label}
      options={namesOf(column, whole).map(([name, i]) => ({
        ...{ value: name, note: count(whole[i]) },
        label: <Name text={name ?? NOT_STATED} length={32} />,
      }))}
      isChosen={(name) => chosen.includes(name)}
      onToggle={(name) => setCondition(store, column.id, withName(column, condition, name))}
    />
  );
}

/** Why queries fail: one reason, as in the view of failures. */
function ModeForm({ store, column }: { store: Store; column: CategoryColumn }) {
  const { failureModes } = store.page;
  const { mode } = store.get().facets;
  return (
    <Choices
      label={column.label}
      options={failureModes.map((name, i) => ({ value: i + 1, label: <Name text={name} length={36} /> }))}
      isChosen={(code) => code === mode}
      onToggle={(code) => store.setFacets({ mode: code === mode ? null : code })}
    />
  );
}
