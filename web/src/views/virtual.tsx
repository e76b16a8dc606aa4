/** A table of any number of rows that draws only those in view; keys go from row to row. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useSize } from '../charts/axes';
import { Menu } from './menu';
import { type Column, classOf } from './table';

const ROW_HEIGHT = 44;
const EXTRA_ROWS = 6;
/** Browsers lay out no box taller than about this; beyond it one pixel of the scroll bar is several of the table. */
const MAX_HEIGHT = 12_000_000;

export interface VirtualColumn extends Column<number> {
  /** What the header means, where it does not say. */
  title?: string;
  /** Pixels that it needs. */
  least: number;
  /** Its part of the width that is left; none where this is not said. */
  growth?: number;
}

interface VirtualTableProps {
  className: string;
  label: string;
  /** The first one is a sign, without a filter. */
  columns: VirtualColumn[];
  rows: Uint32Array;
  sort: { by: string; isDescending: boolean };
  onSort: (by: string) => void;
  /** What the menus of the headers filter by, and whether one does. */
  filter: { isSet: (id: string) => boolean; form: (id: string) => ComponentChildren };
  /** The row that is open; null for none. */
  open: number | null;
  onOpen: (row: number | null) => void;
  nameOf: (row: number) => string;
  /** Shown where there are no rows. */
  empty: ComponentChildren;
}

export function VirtualTable(props: VirtualTableProps) {
  const { columns, rows, open } = props;
  const view = useVisibleRows(rows.length);
  const [active, setActive] = useState(0);
  const isKeyed = useRef(false);
  useEffect(() => {
    const at = open === null ? -1 : rows.indexOf(open);
    if (at >= 0) {
      setActive(at);
      view.reveal(at);
    } else setActive((before) => Math.min(before, Math.max(0, rows.length - 1)));
  }, [rows, open]);
  useEffect(() => {
    if (isKeyed.current) view.box.current?.querySelector<HTMLElement>('[data-active]')?.focus({ preventScroll: true });
    isKeyed.current = false;
  }, [active, view.first]);
  const key = (event: KeyboardEvent) => {
    const next = rowAfter(event.key, active, view.nInView, rows.length);
    if (next !== null) {
      event.preventDefault();
      isKeyed.current = true;
      setActive(next);
      view.reveal(next);
      if (open !== null) props.onOpen(rows[next]);
    } else if (event.key === 'Enter' && rows.length > 0) props.onOpen(rows[active]);
  };
  const tracks = columns.map(({ least, growth }) => (growth ? `minmax(${least}px, ${growth}fr)` : `${least}px`));
  const least = columns.reduce((sum, column) => sum + column.least, 0);
  return (
    <div
      class={props.className}
      role="grid"
      aria-rowcount={rows.length + 1}
      aria-label={props.label}
      style={{ '--tracks': tracks.join(' '), '--least': `${least}px`, '--gaps': columns.length - 1 }}
    >
      <Head {...props} />
      <div class="table-body" role="rowgroup" ref={view.box} onScroll={view.onScroll}>
        {rows.length === 0 && props.empty}
        <div class="table-space" style={{ height: `${view.height}px` }}>
          {Array.from(rows.subarray(view.first, view.last), (row, i) => (
            <VirtualRow
              key={row}
              {...props}
              row={row}
              index={view.first + i}
              top={view.topOf(view.first + i)}
              isActive={view.first + i === active}
              onKeyDown={key}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

/** Which rows are in view, where they lie, and how to bring one there. */
function useVisibleRows(n: number) {
  const [box, { height }] = useSize<HTMLDivElement>();
  const [scrollTop, setScrollTop] = useState(0);
  const full = n * ROW_HEIGHT;
  const laidOut = Math.min(full, MAX_HEIGHT);
  const ratio = laidOut > height ? (full - height) / (laidOut - height) : 1;
  const offset = scrollTop * ratio;
  return {
    box,
    height: laidOut,
    first: Math.max(0, Math.floor(offset / ROW_HEIGHT) - EXTRA_ROWS),
    last: Math.min(n, Math.ceil((offset + height) / ROW_HEIGHT) + EXTRA_ROWS),
    nInView: Math.max(1, Math.floor(height / ROW_HEIGHT) - 1),
    topOf: (index: number) => index * ROW_HEIGHT - offset + scrollTop,
    onScroll: (event: { currentTarget: HTMLElement }) => setScrollTop(event.currentTarget.scrollTop),
    reveal(index: number) {
      const top = index * ROW_HEIGHT;
      if (!box.current) return;
      if (top < offset) box.current.scrollTop = top / ratio;
      else if (top + ROW_HEIGHT > offset + height) box.current.scrollTop = (top + ROW_HEIGHT - height) / ratio;
    },
  };
}

/** The row to which a key goes, kept among the rows; null for a key that goes nowhere. */
function rowAfter(key: string, from: number, nInView: number, n: number): number | null {
  const moves: Record<string, number> = {
    ArrowDown: from + 1,
    ArrowUp: from - 1,
    PageDown: from + nInView,
    PageUp: from - nInView,
    Home: 0,
    End: n - 1,
  };
  return key in moves ? Math.min(n - 1, Math.max(0, moves[key])) : null;
}

function Head({ columns, sort, onSort, filter }: VirtualTableProps) {
  const { by, isDescending } = sort;
  return (
    <div class="table-head" role="row">
      {columns.map(({ id, header, className, title }, i) => (
        <div
          key={id}
          class={className}
          role="columnheader"
          aria-sort={by !== id ? 'none' : isDescending ? 'descending' : 'ascending'}
        >
          <button type="button" title={title} onClick={() => onSort(id)}>
            {header}
            <span aria-hidden="true">{by !== id ? '' : isDescending ? ' ↓' : ' ↑'}</span>
          </button>
          {i > 0 && (
            <Menu
              className={filter.isSet(id) ? 'is-set' : ''}
              label={`Filter ${header}${filter.isSet(id) ? ' (set)' : ''}`}
              sign={<Funnel />}
            >
              {() => filter.form(id)}
            </Menu>
          )}
        </div>
      ))}
    </div>
  );
}

const Funnel = () => (
  <svg width={12} height={12} viewBox="0 0 12 12" aria-hidden="true">
    <path d="M1 1.5h10L7.2 6.2V10.5L4.8 9V6.2Z" />
  </svg>
);

interface VirtualRowProps extends Pick<VirtualTableProps, 'open' | 'onOpen' | 'nameOf'> {
  columns: Column<number>[];
  row: number;
  index: number;
  top: number;
  isActive: boolean;
  onKeyDown: (event: KeyboardEvent) => void;
}

function VirtualRow(props: VirtualRowProps) {
  const { row, isActive } = props;
  const isOpen = row === props.open;
  return (
    <div
      class={`table-row ${isOpen ? 'is-open' : ''}`}
      role="row"
      aria-rowindex={props.index + 2}
      aria-selected={isOpen}
      tabIndex={isActive ? 0 : -1}
      data-active={isActive ? '' : undefined}
      data-query={props.nameOf(row)}
      style={{ transform: `translateY(${props.top}px)` }}
      onClick={() => props.onOpen(isOpen ? null : row)}
      onKeyDown={props.onKeyDown}
    >
      {props.columns.map((column) => (
        <div key={column.id} class={classOf(column, row)} role="gridcell">
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
}
