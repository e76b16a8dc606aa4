/** The selection that all views share: what narrows it, how much is left, and a way to take it along. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import type { Page } from '../contract';
import { colour } from '../model/colouring';
import { columnsOf } from '../model/columns';
import { runNames } from '../model/compare';
import { type Condition, rangeText } from '../model/conditions';
import { toCsv, toJsonl } from '../model/export';
import { count, counted, shorten } from '../model/format';
import { type Facets, NO_FACETS } from '../model/selection';
import type { Store } from '../state';
import { download, fileStem } from './download';
import { NOT_STATED, setCondition } from './filters';
import { FileMenu } from './menu';
import { Choice, Link, Name, useStore } from './parts';

export function SelectionBar({ store }: { store: Store }) {
  const { facets } = useStore(store);
  const { page } = store;
  const selection = store.selection();
  const nRight = page.queries.isCorrect.reduce((sum, flag) => sum + flag, 0);
  return (
    <div class="selection" role="search" aria-label="Selection">
      <input
        type="search"
        id="search"
        placeholder="Search texts"
        aria-label="Search texts"
        value={facets.search}
        onInput={(event) => store.setFacets({ search: event.currentTarget.value })}
      />
      <Choice
        label="Outcome"
        value={facets.outcome}
        options={[
          { value: 'all', label: 'All' },
          { value: 'failing', label: ['Failing ', <small key={0}>{count(page.queries.n - nRight)}</small>] },
          { value: 'right', label: ['Right ', <small key={0}>{count(nRight)}</small>] },
        ]}
        onChange={(outcome) => store.setFacets({ outcome })}
      />
      <Chips store={store} />
      <span class="selection-count" aria-live="polite">
        <strong class="number">{count(selection.rows.length)}</strong> of {count(page.queries.n)}{' '}
        <span class="wide">queries</span>
      </span>
      <Export store={store} />
      {!selection.isAll && <Link onPress={() => store.set({ facets: NO_FACETS })}>Clear all</Link>}
    </div>
  );
}

/** What narrows the selection; each part can be taken away. */
function Chips({ store }: { store: Store }) {
  const { page } = store;
  const { facets } = store.get();
  const labels = labelsOf(page, facets);
  return (
    <span class="chips">
      {(Object.keys(labels) as (keyof Facets)[]).map(
        (name) =>
          labels[name] && (
            <Chip key={name} onRemove={() => store.setFacets({ [name]: NO_FACETS[name] })}>
              {labels[name]}
            </Chip>
          ),
      )}
      {facets.conditions.map((condition) => (
        <Chip key={condition.column} onRemove={() => setCondition(store, condition.column, null)}>
          <ConditionText page={page} condition={condition} />
        </Chip>
      ))}
    </span>
  );
}

function Chip({ onRemove, children }: { onRemove: () => void; children: ComponentChildren }) {
  const id = useId();
  return (
    <span class="chip">
      <span id={id}>{children}</span>
      <button type="button" aria-label="Remove this filter" aria-describedby={id} onClick={onRemove}>
        ×
      </button>
    </span>
  );
}

/** What each facet selects by, for those that are set; conditions have words of their own. */
function labelsOf(page: Page, facets: Facets): { [name in keyof Facets]?: ComponentChildren } {
  const { search, outcome, type, mode, word, finding, moved, segment, ranks, lasso, legend, like, ids } = facets;
  const came = ({ kind }: { kind: 'gained' | 'lost' }) => (kind === 'gained' ? 'came right' : 'went wrong');
  const labelOf = (candidate: number) =>
    page.compare && (
      <Name text={page.compare.candidates[candidate].label} shown={runNames(page.compare, 24)[candidate + 1]} />
    );
  return {
    search: search.trim() && ['search ', <Quoted key={0} text={search} />],
    outcome: outcome !== 'all' && outcome,
    type: type !== null && ['beaten by ', <Name key={0} text={page.types[type]} length={28} />],
    mode: mode !== null && <Name text={page.failureModes[mode - 1]} length={36} />,
    word: word !== null && ['decided by ', <Name key={0} text={decidingWord(page, word)} length={28} />],
    finding: finding !== null && <Name text={page.report.findings[finding].title} length={36} />,
    moved: moved && [came(moved), ' with ', labelOf(moved.candidate)],
    segment: segment && `${came(segment)} from ${epochsOf(page, segment.place)}`,
    ranks: ranks && ['ranks with ', labelOf(ranks.candidate)],
    lasso: lasso && 'lasso',
    legend: legend && <Name text={categoryOf(page, legend)} length={32} />,
    like: like && [
      like.kind === 'query' ? 'like ' : 'about documents like ',
      <Quoted key={0} text={(like.kind === 'query' ? page.queries : page.documents).texts[like.row]} />,
    ],
    ids: ids && `${counted(ids.length, 'query', 'queries')} from the notebook`,
  };
}

const Quoted = ({ text }: { text: string }) => <Name text={text} shown={`“${shorten(text, 26)}”`} />;

/** Names shown of a condition; the others are counted. */
const NAMED = 3;

function ConditionText({ page, condition }: { page: Page; condition: Condition }) {
  const column = columnsOf(page).get(condition.column);
  if (!column) return null;
  const label = <Name text={column.label} length={20} />;
  if ('words' in condition) return [label, ' contains ', <Quoted key={0} text={condition.words} />];
  if ('low' in condition) return [label, ' ', column.kind === 'number' && rangeText(column, condition)];
  const names = condition.names.map((name) => name ?? NOT_STATED);
  const shown = names.slice(0, NAMED).flatMap((name, i) => [i > 0 && ', ', <Name key={i} text={name} length={20} />]);
  return [label, ': ', ...shown, names.length > NAMED && ` and ${names.length - NAMED} more`];
}

function decidingWord({ report }: Page, word: number): string {
  return `“${report.explanations?.deciding[word].word}”`;
}

function epochsOf({ timeline }: Page, segment: number): string {
  return `epoch ${timeline?.epochs[segment]} to ${timeline?.epochs[segment + 1]}`;
}

function categoryOf(page: Page, { colouring, map, categories }: NonNullable<Facets['legend']>): string {
  const known = page.points ? colour(page, page.points, colouring, map).categories : [];
  const [first, ...others] = categories.map((category) => known[category]?.label ?? '–');
  return others.length > 0 ? `${shorten(first, 20)} and ${others.length} more` : first;
}

function Export({ store }: { store: Store }) {
  const save = (ending: 'csv' | 'jsonl') => {
    const { rows } = store.selection();
    const name = `${fileStem(store.page)}-${rows.length}.${ending}`;
    // A spreadsheet takes UTF-8 for what it is only behind a byte order mark.
    if (ending === 'csv') download(name, `\ufeff${toCsv(store.page, rows)}`, 'text/csv;charset=utf-8');
    else download(name, toJsonl(store.page, rows), 'application/x-ndjson;charset=utf-8');
  };
  return (
    <FileMenu
      sign="Export"
      files={[
        { ending: 'jsonl', note: 'training rows with scores' },
        { ending: 'csv', note: 'for a spreadsheet' },
      ]}
      onSave={save}
    />
  );
}
