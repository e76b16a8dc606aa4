/** The selected queries as a file: what to repair in the next training file. */
import type { Page } from '../contract';
import { modeOf, negativesOf, relevantOf, topOf, typeNamesOf } from './queries';

const value = (number: number) => (Number.isFinite(number) ? Number(number.toPrecision(7)) : null);

/** One query with everything that a training row needs: texts, typed negatives with scores, what stood above. */
export function record(page: Page, row: number): Record<string, unknown> {
  const q = page.queries;
  const text = (document: number) => page.documents.texts[document];
  const wrong = q.wrongDocument[row];
  return {
    id: q.ids[row],
    query: q.texts[row],
    is_correct: q.isCorrect[row] === 1,
    rank: value(q.rank[row]),
    margin: value(q.margin[row]),
    ...(page.failureModes.length > 0 ? { failure_mode: modeOf(page, row) || null } : {}),
    pos: relevantOf(page, row).map(({ document }) => text(document)),
    hard_neg: negativesOf(page, row).map((negative) => ({
      text: text(negative.document),
      type: negative.types.map((type) => page.types[type]),
      weight: value(negative.weight),
      score: value(negative.score),
    })),
    top_wrong:
      wrong < 0 ? null : { text: text(wrong), score: value(q.wrongSimilarity[row]), type: typeNamesOf(page, row) },
    top: topOf(page, row).map((entry) => ({
      id: page.documents.ids[entry.document],
      score: value(entry.score),
      is_relevant: entry.isRelevant,
    })),
  };
}

/** One JSON object a line. */
export function toJsonl(page: Page, rows: ArrayLike<number>): string {
  return Array.from(rows, (row) => `${JSON.stringify(record(page, row))}\n`).join('');
}

const COLUMNS = [
  'id',
  'query',
  'is_correct',
  'rank',
  'margin',
  'positive',
  'positive_score',
  'wrong',
  'wrong_score',
  'fell_for',
  'failure_mode',
];

/** A table for a spreadsheet (RFC 4180), one row a query. */
export function toCsv(page: Page, rows: ArrayLike<number>): string {
  const q = page.queries;
  const lines = Array.from(rows, (row) => {
    const [best] = relevantOf(page, row);
    const wrong = q.wrongDocument[row];
    return [
      q.ids[row],
      q.texts[row],
      q.isCorrect[row] === 1,
      value(q.rank[row]),
      value(q.margin[row]),
      best ? page.documents.texts[best.document] : null,
      best ? value(best.score) : null,
      wrong < 0 ? null : page.documents.texts[wrong],
      value(q.wrongSimilarity[row]),
      typeNamesOf(page, row).join(' + '),
      modeOf(page, row),
    ];
  });
  return [COLUMNS, ...lines].map((cells) => `${cells.map(cell).join(',')}\r\n`).join('');
}

/** A text that a spreadsheet would run as a formula is kept from it by an apostrophe. */
function cell(content: string | number | boolean | null): string {
  if (content === null) return '';
  if (typeof content !== 'string') return String(content);
  const safe = /^[=+\-@\t\r]/.test(content) ? `'${content}` : content;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
