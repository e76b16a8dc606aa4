/** Tables: columns described as data, one header of every row, and scales in cells. */
import type { ComponentChildren } from 'preact';
import { Scale, type ScaleProps } from '../charts/interval';
import { groupsOf } from '../model/groups';

export interface Column<Row> {
  /** Names the column for the program; shown where there is no `header`. */
  id: string;
  header?: ComponentChildren;
  cell: (row: Row) => ComponentChildren;
  /** Class of the header and of every cell, which aligns it or says how wide it is: `number`, `type-scale`, `links`. */
  className?: string;
  /** Class of the cells alone. */
  emphasis?: string | ((row: Row) => string);
  /** Whether its cells are the headers of their rows, or of a group of rows, drawn once for the group. */
  scope?: 'row' | 'rowgroup';
  /** How many columns, from this one on, the cell of a row takes; one that takes several holds words, not numbers. */
  span?: (row: Row) => number;
}

interface TableProps<Row> {
  className: string;
  columns: Column<Row>[];
  rows: Row[];
  rowClass?: (row: Row) => string;
  /** Rows with the same name follow each other as one group. */
  groupOf?: (row: Row) => string;
  caption?: ComponentChildren;
  /** Whether changes are read out. */
  isLive?: boolean;
}

export function Table<Row>(props: TableProps<Row>) {
  const { columns, rows, rowClass, groupOf } = props;
  const groups = groupOf ? [...groupsOf(rows, groupOf).values()] : [rows];
  return (
    <div class="scroll-x" ref={reachable}>
      <table class={props.className} aria-live={props.isLive ? 'polite' : undefined}>
        {props.caption && <caption>{props.caption}</caption>}
        <thead>
          <tr>
            {columns.map(({ id, header = id, className }) =>
              header ? (
                <th key={id} scope="col" class={className}>
                  {header}
                </th>
              ) : (
                <td key={id} class={className} />
              ),
            )}
          </tr>
        </thead>
        {groups.map((group, i) => (
          <tbody key={i}>
            {group.map((row, place) => (
              <tr key={place} class={rowClass?.(row)}>
                <Cells columns={columns} row={row} groupSize={place === 0 ? group.length : 0} />
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

const SCROLLS = { tabindex: '0', role: 'group', 'aria-label': 'Table, scrolls sideways' };

/** Lets the keyboard reach the box of a table for as long as it is too narrow for it. */
function reachable(box: HTMLElement | null) {
  if (!box) return;
  const observer = new ResizeObserver(() => {
    const isCut = box.scrollWidth > box.clientWidth;
    for (const [name, value] of Object.entries(SCROLLS)) {
      if (isCut) box.setAttribute(name, value);
      else box.removeAttribute(name);
    }
  });
  for (const element of [box, ...box.children]) observer.observe(element);
  return () => observer.disconnect();
}

/** The cells of a row; `groupSize` is 0 but for the first row of a group, which has the header of all of them. */
function Cells<Row>({ columns, row, groupSize }: { columns: Column<Row>[]; row: Row; groupSize: number }) {
  const cells: ComponentChildren[] = [];
  for (let i = 0; i < columns.length; ) {
    const { id, cell, scope, span } = columns[i];
    const width = span?.(row) ?? 1;
    const classes = width > 1 ? 'muted' : classOf(columns[i], row);
    if (!scope) {
      cells.push(
        <td key={id} class={classes} colSpan={width > 1 ? width : undefined}>
          {cell(row)}
        </td>,
      );
    } else if (scope === 'row' || groupSize > 0) {
      cells.push(
        <th key={id} scope={scope} class={classes} rowSpan={scope === 'rowgroup' ? groupSize : undefined}>
          {cell(row)}
        </th>,
      );
    }
    i += width;
  }
  return cells;
}

/** The classes of a cell. */
export function classOf<Row>({ className, emphasis }: Column<Row>, row: Row): string | undefined {
  const own = typeof emphasis === 'function' ? emphasis(row) : emphasis;
  return [className, own].filter(Boolean).join(' ') || undefined;
}

/** A column of numbers. */
export function numbers<Row>(id: string, cell: Column<Row>['cell'], others: Partial<Column<Row>> = {}): Column<Row> {
  return { id, cell, className: 'number', ...others };
}

/** A column of values on one scale, with words along the scale for a header. */
export function scales<Row>(props: {
  legend: ComponentChildren[];
  scale: (row: Row) => ScaleProps | null;
  className?: string;
}): Column<Row> {
  const { legend, scale, className = 'type-scale' } = props;
  const header = legend.length > 0 && (
    <span class="scale-legend">
      {legend.map((part, i) => (
        <span key={i}>{part}</span>
      ))}
    </span>
  );
  const cell = (row: Row) => {
    const shown = scale(row);
    return shown && <Scale {...shown} />;
  };
  return { id: 'scale', header, className, cell };
}
