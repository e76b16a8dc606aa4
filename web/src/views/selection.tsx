/** The selection that all views share: what narrows it, how much is left, and a way to take it along. */
import { useRef } from 'preact/hooks';
import { colour } from '../model/colouring';
import { toCsv, toJsonl } from '../model/export';
import { baseName, count, shorten } from '../model/format';
import { NO_FACETS } from '../model/selection';
import type { Store } from '../state';
import { Choice, Name, useStore } from './parts';

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
          {
            value: 'failing',
            label: (
              <>
                Failing <small>{count(page.queries.n - nRight)}</small>
              </>
            ),
          },
          {
            value: 'right',
            label: (
              <>
                Right <small>{count(nRight)}</small>
              </>
            ),
          },
        ]}
        onChange={(outcome) => store.setFacets({ outcome })}
      />
      <Chips store={store} />
      <span class="selection-count" aria-live="polite">
        <strong class="number">{count(selection.rows.length)}</strong> of {count(page.queries.n)}{' '}
        <span class="wide">queries</span>
      </span>
      <Export store={store} />
      {!selection.isAll && (
        <button type="button" class="link" onClick={() => store.set({ facets: NO_FACETS })}>
          Clear
        </button>
      )}
    </div>
  );
}

function Chips({ store }: { store: Store }) {
  const { facets } = store.get();
  const { page } = store;
  return (
    <span class="chips">
      {facets.type !== null && (
        <Chip onRemove={() => store.setFacets({ type: null })}>
          beaten by <Name text={page.types[facets.type]} length={28} />
        </Chip>
      )}
      {facets.mode !== null && (
        <Chip onRemove={() => store.setFacets({ mode: null })}>
          <Name text={page.failureModes[facets.mode - 1]} length={36} />
        </Chip>
      )}
      {facets.finding !== null && (
        <Chip onRemove={() => store.setFacets({ finding: null })}>
          <Name text={page.report.findings[facets.finding].title} length={36} />
        </Chip>
      )}
      {facets.moved && page.compare && (
        <Chip onRemove={() => store.setFacets({ moved: null })}>
          {facets.moved.kind === 'gained' ? 'came right' : 'went wrong'} with{' '}
          <Name text={page.compare.candidates[facets.moved.candidate].label} length={24} />
        </Chip>
      )}
      {facets.segment && page.timeline && (
        <Chip onRemove={() => store.setFacets({ segment: null })}>
          {facets.segment.kind === 'gained' ? 'came right' : 'went wrong'} from epoch{' '}
          {page.timeline.epochs[facets.segment.place]} to {page.timeline.epochs[facets.segment.place + 1]}
        </Chip>
      )}
      {facets.ranks && page.compare && (
        <Chip onRemove={() => store.setFacets({ ranks: null })}>
          ranks with <Name text={page.compare.candidates[facets.ranks.candidate].label} length={24} />
        </Chip>
      )}
      {facets.lasso && <Chip onRemove={() => store.setFacets({ lasso: null })}>lasso</Chip>}
      {facets.legend && page.points && (
        <Chip onRemove={() => store.setFacets({ legend: null })}>
          <Name
            text={
              colour(page, page.points, facets.legend.colouring, facets.legend.map).categories[facets.legend.category]
                ?.label ?? '–'
            }
            length={32}
          />
        </Chip>
      )}
    </span>
  );
}

function Chip({ children, onRemove }: { children: preact.ComponentChildren; onRemove: () => void }) {
  return (
    <span class="chip">
      <span>{children}</span>
      <button type="button" aria-label="Remove this filter" onClick={onRemove}>
        ×
      </button>
    </span>
  );
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
