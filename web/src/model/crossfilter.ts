/** Counts of queries by the bins of each column, each among the queries that pass all filters but those of the column. */
import type { Page } from '../contract';
import { type BinnedColumn, binnedColumns, countsOf } from './columns';
import { conditionOn } from './conditions';
import { type Facets, meetingOf, passing } from './selection';

/** Bits of a query, one a column; the last is for every other filter. */
const MOST_COLUMNS = 31;
const OTHERS = 1 << MOST_COLUMNS;

/**
 * Counts that a brush moves. Of each query a bit says for each column whether it fails the condition there; a step
 * costs one pass over the bits, and counting only for the queries whose bits changed.
 */
export class Crossfilter {
  readonly columns: BinnedColumn[];
  /** Queries of each bin of each column, with one more entry for those without a value. */
  readonly whole: Uint32Array[];
  /** As `whole`, of the queries that pass every filter but those of the column. */
  readonly counts: Uint32Array[];
  private readonly page: Page;
  private readonly failed: Uint32Array;
  private facets: Facets | null = null;

  constructor(page: Page) {
    this.page = page;
    this.columns = binnedColumns(page).slice(0, MOST_COLUMNS);
    this.failed = new Uint32Array(page.queries.n);
    this.whole = this.columns.map(countsOf);
    this.counts = this.whole.map((counts) => counts.slice());
  }

  /** Brings the counts to what these facets select. */
  update(facets: Facets): void {
    if (facets === this.facets) return;
    this.facets = facets;
    const own = this.columns.map(({ id }) => conditionOn(facets.conditions, id));
    const shared = facets.conditions.filter((condition) => !own.includes(condition));
    const failed = new Uint32Array(this.failed.length);
    addBit(failed, passing(this.page, { ...facets, conditions: shared }), OTHERS);
    own.forEach((condition, i) => {
      if (condition) addBit(failed, meetingOf(this.page, condition), 1 << i);
    });
    for (let row = 0; row < failed.length; row++) {
      if (failed[row] !== this.failed[row]) this.move(row, failed[row]);
    }
  }

  private move(row: number, bits: number): void {
    const before = this.failed[row];
    for (let i = 0; i < this.columns.length; i++) {
      const change = Number((bits & ~(1 << i)) === 0) - Number((before & ~(1 << i)) === 0);
      if (change !== 0) this.counts[i][this.columns[i].bin[row]] += change;
    }
    this.failed[row] = bits;
  }
}

/** Sets a bit for each query that the mask leaves out. */
function addBit(failed: Uint32Array, mask: Uint8Array, bit: number): void {
  for (let row = 0; row < failed.length; row++) if (!mask[row]) failed[row] |= bit;
}
