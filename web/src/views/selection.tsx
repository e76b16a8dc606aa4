/** The selection that all views share: what narrows it, how much is left, and a way to take it along. */
import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import type { Page } from '../contract';
import { colour } from '../model/colouring';
import { runNames } from '../model/compare';
import { toCsv, toJsonl } from '../model/export';
import { baseName, count, counted, shorten } from '../model/format';
import { type Facets, NO_FACETS } from '../model/selection';
import type { Store } from '../state';
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
      {!selection.isAll && <Link onPress={() => store.set({ facets: NO_FACETS })}>Clear</Link>}
    </div>
  );
}

/** What narrows the selection; each part can be taken away. */
function Chips({ store }: { store: Store }) {
  const { page } = store;
  const { facets } = store.get();
  const { type, mode, word, finding, moved, segment, ranks, lasso, legend, ids } = facets;
  const came = ({ kind }: { kind: 'gained' | 'lost' }) => (kind === 'gained' ? 'came right' : 'went wrong');
  const labelOf = (candidate: number) =>
    page.compare && (
      <Name text={page.compare.candidates[candidate].label} shown={runNames(page.compare, 24)[candidate + 1]} />
    );
  const chips: { [name in keyof Facets]?: ComponentChildren } = {
    type: type !== null && ['beaten by ', <Name key={0} text={page.types[type]} length={28} />],
    mode: mode !== null && <Name text={page.failureModes[mode - 1]} length={36} />,
    word: word !== null && ['decided by ', <Name key={0} text={decidingWord(page, word)} length={28} />],
    finding: finding !== null && <Name text={page.report.findings[finding].title} length={36} />,
    moved: moved && [came(moved), ' with ', labelOf(moved.candidate)],
    segment: segment && `${came(segment)} from ${epochsOf(page, segment.place)}`,
    ranks: ranks && ['ranks with ', labelOf(ranks.candidate)],
    lasso: lasso && 'lasso',
    legend: legend && <Name text={categoryOf(page, legend)} length={32} />,
    ids: ids && `${counted(ids.length, 'query', 'queries')} from the notebook`,
  };
  return (
    <span class="chips">
      {(Object.keys(chips) as (keyof Facets)[]).map(
        (name) =>
          chips[name] && (
            <span key={name} class="chip">
              <span>{chips[name]}</span>
              <button
                type="button"
                aria-label="Remove this filter"
                onClick={() => store.setFacets({ [name]: NO_FACETS[name] })}
              >
                ×
              </button>
            </span>
          ),
      )}
    </span>
  );
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
  const menu = useRef<HTMLDetailsElement>(null);
  const save = (ending: 'csv' | 'jsonl') => {
    const { rows } = store.selection();
    const name = shorten(baseName(store.page.report.model.checkpoint), 40).replace(/[^\p{L}\p{N}._-]+/gu, '-');
    const text = ending === 'csv' ? toCsv(store.page, rows) : toJsonl(store.page, rows);
    download(
      `${name || 'queries'}-${rows.length}.${ending}`,
      text,
      ending === 'csv' ? 'text/csv' : 'application/x-ndjson',
    );
    menu.current?.removeAttribute('open');
  };
  return (
    <details class="export" ref={menu}>
      <summary>Export</summary>
      <div class="export-menu">
        <button type="button" onClick={() => save('jsonl')}>
          JSONL <small>training rows with scores</small>
        </button>
        <button type="button" onClick={() => save('csv')}>
          CSV <small>for a spreadsheet</small>
        </button>
      </div>
    </details>
  );
}

/** Hands a text to the reader as a file; nothing leaves the machine. */
function download(name: string, text: string, type: string): void {
  // A spreadsheet takes UTF-8 for what it is only behind a byte order mark.
  const content = type === 'text/csv' ? `\ufeff${text}` : text;
  const url = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
