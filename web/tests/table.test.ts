import { type ComponentChildren, h, isValidElement, type VNode } from 'preact';
import { describe, expect, it } from 'vitest';
import { type Column, numbers, scales, Table } from '../src/views/table';

interface Row {
  group: string;
  name: string;
  n: number | null;
}

const ROWS: Row[] = [
  { group: 'a', name: 'one', n: 1 },
  { group: 'a', name: 'two', n: null },
  { group: 'b', name: 'three', n: 3 },
];
const COLUMNS: Column<Row>[] = [
  { id: 'Group', scope: 'rowgroup', cell: ({ group }) => group },
  { id: 'Name', scope: 'row', cell: ({ name }) => name },
  numbers('N', ({ n }) => n ?? 'not known', { emphasis: 'strong', span: ({ n }) => (n === null ? 2 : 1) }),
  numbers('Twice', ({ n }) => 2 * (n ?? 0)),
];

/** Every element of a kind, without a browser: the components of a table have no state. */
function elements(node: ComponentChildren, type: string): VNode<Record<string, unknown>>[] {
  if (Array.isArray(node)) return node.flatMap((child) => elements(child, type));
  if (!isValidElement(node)) return [];
  const vnode = node as VNode<Record<string, unknown>>;
  if (typeof vnode.type === 'function') {
    return elements((vnode.type as (props: unknown) => ComponentChildren)(vnode.props), type);
  }
  return [...(vnode.type === type ? [vnode] : []), ...elements(vnode.props.children as ComponentChildren, type)];
}

const table = (props: Partial<Parameters<typeof Table<Row>>[0]> = {}) =>
  h(Table<Row>, { className: 'test', columns: COLUMNS, rows: ROWS, ...props });
const texts = (nodes: VNode<Record<string, unknown>>[]) => nodes.map(({ props }) => props.children);

describe('a table', () => {
  it('names its columns in their order', () => {
    const [head] = elements(table(), 'thead');
    expect(texts(elements(head, 'th'))).toEqual(['Group', 'Name', 'N', 'Twice']);
    expect(elements(head, 'th').every(({ props }) => props.scope === 'col')).toBe(true);
  });

  it('has one body a group, with one header for all of its rows', () => {
    const bodies = elements(table({ groupOf: ({ group }) => group }), 'tbody');
    expect(bodies.map((body) => elements(body, 'tr').length)).toEqual([2, 1]);
    const headers = elements(bodies[0], 'th').map(({ props }) => [props.scope, props.rowSpan, props.children]);
    expect(headers).toEqual([
      ['rowgroup', 2, 'a'],
      ['row', undefined, 'one'],
      ['row', undefined, 'two'],
    ]);
  });

  it('lets a cell take the place of the numbers that are not there', () => {
    const rows = elements(table({ groupOf: ({ group }) => group }), 'tr').map((row) => elements(row, 'td'));
    expect(
      rows.slice(1).map((cells) => cells.map(({ props }) => [props.class, props.colSpan, props.children])),
    ).toEqual([
      [
        ['number strong', undefined, 1],
        ['number', undefined, 2],
      ],
      [['muted', 2, 'not known']],
      [
        ['number strong', undefined, 3],
        ['number', undefined, 6],
      ],
    ]);
  });

  it('draws a scale in the cells that have one, under its legend', () => {
    const domain = { low: 0, high: 4 };
    const column = scales<Row>({
      legend: ['0', '4'],
      scale: ({ n }) => (n === null ? null : { value: n, low: null, high: null, domain }),
    });
    const made = table({ columns: [COLUMNS[1], column] });
    expect(texts(elements(elements(made, 'thead')[0], 'span')).flat()).toContain('4');
    const values = elements(made, 'i').filter(({ props }) => props.class === 'scale-value');
    expect(values.map(({ props }) => props.style)).toEqual([{ left: '25%' }, { left: '75%' }]);
  });
});
