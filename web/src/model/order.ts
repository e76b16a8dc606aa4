/** In which order queries stand in a table. */
import type { Page } from '../contract';
import { columnsOf } from './columns';

/** Characters by which texts are compared. */
const COMPARED = 200;

/** The last order of a page: brushing changes which rows are shown, not how they follow each other. */
const known = new WeakMap<Page, { by: string; isDescending: boolean; order: Uint32Array }>();

/**
 * Rows in the order of a column, or as they stand in the data (`row`); values that do not exist stand last in either
 * direction. By `lead` the failing ones stand before the right ones, and a relevant document that a run did not return
 * is the greatest loss.
 */
export function sorted(page: Page, rows: Uint32Array, by: string, isDescending: boolean): Uint32Array {
  const last = known.get(page);
  const isKnown = last?.by === by && last.isDescending === isDescending;
  const order = isKnown ? last.order : orderOf(page, by, isDescending);
  if (!isKnown) known.set(page, { by, isDescending, order });
  const isWanted = new Uint8Array(page.queries.n);
  for (const row of rows) isWanted[row] = 1;
  return order.filter((row) => isWanted[row]);
}

/** All rows of a page in an order. */
function orderOf(page: Page, by: string, isDescending: boolean): Uint32Array {
  const { n } = page.queries;
  const rows = Uint32Array.from({ length: n }, (_, row) => row);
  const column = columnsOf(page).get(by);
  if (!column) return isDescending ? rows.reverse() : rows;
  const direction = isDescending ? -1 : 1;
  if (column.kind === 'number') {
    const { rank, isCorrect } = page.queries;
    const isLoss = by === 'lead';
    const values = isLoss ? column.values.map((own, row) => (rank[row] === Infinity ? -Infinity : own)) : column.values;
    return rows.sort((a, b) => {
      if (isLoss && isCorrect[a] !== isCorrect[b]) return direction * (isCorrect[a] - isCorrect[b]);
      const [x, y] = [values[a], values[b]];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
      return x === y ? a - b : direction * (x - y);
    });
  }
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  const words = Array.from(rows, (row) =>
    column.kind === 'text' ? column.textOf(row).slice(0, COMPARED) : (column.names[column.bin[row]] ?? ''),
  );
  return rows.sort((a, b) => {
    if (!words[a] || !words[b]) return Number(!words[a]) - Number(!words[b]) || a - b;
    return direction * compare(words[a], words[b]) || a - b;
  });
}
