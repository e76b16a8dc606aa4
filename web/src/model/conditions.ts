/** Conditions on columns of the queries: a range of numbers, some of the names, words that a text holds. */
import type { Page } from '../contract';
import { type CategoryColumn, columnsOf, leastOf, type NumberColumn, type QueryColumn } from './columns';

/** A range includes both ends; null among the names is a query without one. */
export type Condition = { column: string } & (
  | { low: number; high: number }
  | { names: (string | null)[] }
  | { words: string }
);

/** The condition on a column, if there is one. */
export const conditionOn = (conditions: readonly Condition[], column: string): Condition | undefined =>
  conditions.find((each) => each.column === column);

/** The names that a condition chooses: none where it is another one, or there is none. */
export const namesIn = (condition: Condition | undefined): (string | null)[] =>
  condition && 'names' in condition ? condition.names : [];

/** The range of a condition; null where it is another one, or there is none. */
export const rangeIn = (condition: Condition | undefined): { low: number; high: number } | null =>
  condition && 'low' in condition ? condition : null;

/** The conditions with another one on its column, or none, in their order. */
export function withCondition(
  conditions: readonly Condition[],
  column: string,
  condition: Condition | null,
): readonly Condition[] {
  if (!condition) return conditions.filter((each) => each.column !== column);
  if (!conditionOn(conditions, column)) return [...conditions, condition];
  return conditions.map((each) => (each.column === column ? condition : each));
}

/** A range; none where it holds every value of the column. */
export function rangeOf(column: NumberColumn, low: number, high: number): Condition | null {
  const { id, edges } = column;
  return low <= leastOf(column) && high >= edges[edges.length - 1] ? null : { column: id, low, high };
}

/** `2 to 10`, or one value. */
export function rangeText({ format }: NumberColumn, { low, high }: { low: number; high: number }): string {
  return low === high ? format(low) : `${format(low)} to ${format(high)}`;
}

/** The condition with a name added, or taken away; none where no name is left. */
export function withName(
  column: CategoryColumn,
  condition: Condition | undefined,
  name: string | null,
): Condition | null {
  const names = namesIn(condition);
  const next = names.includes(name) ? names.filter((each) => each !== name) : [...names, name];
  return next.length > 0 ? { column: column.id, names: next } : null;
}

/** Whether a page has the column of a condition, and of its kind; of names one at least that it knows. */
export function isKnown(page: Page, condition: Condition): boolean {
  const column = columnsOf(page).get(condition.column);
  if (!column) return false;
  if ('words' in condition) return column.kind === 'text';
  if ('low' in condition) return column.kind === 'number';
  return column.kind === 'category' && condition.names.some((name) => name === null || column.names.includes(name));
}

/** 1 for each query that meets a condition; all of them where the page does not have its column. */
export function meeting(page: Page, condition: Condition): Uint8Array {
  const mask = new Uint8Array(page.queries.n);
  const column = columnsOf(page).get(condition.column);
  if (!column || !isKnown(page, condition)) return mask.fill(1);
  const isMet = testOf(column, condition);
  for (let row = 0; row < mask.length; row++) mask[row] = isMet(row) ? 1 : 0;
  return mask;
}

function testOf(column: QueryColumn, condition: Condition): (row: number) => boolean {
  if (column.kind === 'text') return 'words' in condition ? column.matching(condition.words) : () => true;
  if (column.kind === 'category') {
    const { bin } = column;
    const names = namesIn(condition);
    const isWanted = [...column.names, null].map((name) => names.includes(name));
    return (row) => isWanted[bin[row]];
  }
  const { values } = column;
  // The values have the precision of 32 bits: 0.8 is among them what 0.8 rounds to.
  const [low, high] = 'low' in condition ? [condition.low, condition.high].map(Math.fround) : [-Infinity, Infinity];
  return (row) => values[row] >= low && values[row] <= high;
}
