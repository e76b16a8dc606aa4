/** Which words decide a failed query: what leaving out each of them does. */
import { type Page, TEXT_ROLES, type TextRole } from '../contract';
import { difference } from './diff';

export interface Deletion {
  role: TextRole;
  /** The characters of the text that are left out. */
  start: number;
  end: number;
  /** Of the difference right minus wrong: above 0 the right document gains. */
  change: number;
  putsRightFirst: boolean;
}

/** One failed query with its two documents, and what was left out of the three texts. */
export interface Explained {
  query: number;
  right: number;
  wrong: number;
  /** Similarity of the right document minus that of the wrong one, as the texts are. */
  difference: number | null;
  /** How much another spelling of a word of the query changes. */
  noise: number | null;
  /** Words of the query that the model does not see. */
  unseen: string[];
  deletions: Deletion[];
  /** The one that helps the right document most. */
  best: Deletion | null;
}

/** What was measured of a query; null where it was not looked at. */
export function explainedOf(page: Page, query: number): Explained | null {
  const row = page.explanations?.query.indexOf(query) ?? -1;
  return row < 0 ? null : explainedAt(page, row);
}

function explainedAt({ explanations: e, report }: Page, row: number): Explained | null {
  const written = report.explanations?.failures[row];
  if (!e || !written) return null;
  const deletions: Deletion[] = [];
  for (let i = e.indptr[row]; i < e.indptr[row + 1]; i++) {
    deletions.push({
      role: TEXT_ROLES[e.role[i]],
      start: e.start[i],
      end: e.end[i],
      change: e.change[i],
      putsRightFirst: e.putsRightFirst[i] === 1,
    });
  }
  return {
    query: e.query[row],
    right: e.right[row],
    wrong: e.wrong[row],
    difference: written.difference,
    noise: written.noise,
    unseen: written.unseen,
    deletions,
    best: deletions[e.best[row]] ?? null,
  };
}

/** One of the three texts of a failed query. */
export function textOf({ queries, documents }: Page, explained: Explained, role: TextRole): string {
  return role === 'query' ? queries.texts[explained.query] : documents.texts[explained[role]];
}

/** The characters that a deletion leaves out. */
export function leftOut(page: Page, explained: Explained, { role, start, end }: Deletion): string {
  return textOf(page, explained, role).slice(start, end);
}

/** Rows of the queries that a word decides, by its place in `report.explanations.deciding`. */
export function decidedBy(page: Page, word: number): number[] {
  const decides = page.report.explanations?.deciding[word];
  const rows: number[] = [];
  for (let row = 0; decides && row < (page.explanations?.query.length ?? 0); row++) {
    const explained = explainedAt(page, row);
    if (explained?.best?.role !== decides.role) continue;
    if (key(leftOut(page, explained, explained.best)) === key(decides.word)) rows.push(explained.query);
  }
  return rows;
}

/** Words are the same whatever their case. */
const key = (word: string) => word.normalize('NFC').toLowerCase();

/** A piece of a text: with `deletion` (a place in the list) it was left out; `inner` are parts left out one by one. */
export interface TextPiece {
  text: string;
  deletion: number | null;
  inner: TextPiece[];
}

/** A text cut at its deletions; a deletion that crosses the end of another has no piece. */
export function cutAt(text: string, role: TextRole, deletions: Deletion[]): TextPiece[] {
  const own = deletions
    .map(({ start, end }, place) => ({ start, end, place }))
    .filter(({ start, end, place }) => deletions[place].role === role && start < end && end <= text.length)
    .sort((a, b) => a.start - b.start || b.end - a.end);
  let next = 0;
  const within = (from: number, to: number): TextPiece[] => {
    const found: TextPiece[] = [];
    let at = from;
    for (; next < own.length && own[next].start < to; ) {
      const { start, end, place } = own[next++];
      if (start < at || end > to) continue;
      if (start > at) found.push({ text: text.slice(at, start), deletion: null, inner: [] });
      const inner = within(start, end);
      const isWhole = inner.every(({ deletion }) => deletion === null);
      found.push({ text: text.slice(start, end), deletion: place, inner: isWhole ? [] : inner });
      at = end;
    }
    if (at < to) found.push({ text: text.slice(at, to), deletion: null, inner: [] });
    return found;
  };
  return within(0, text.length);
}

/** The ends of the steps of the colour scale, as shares of the largest change: below the first there is no colour. */
export const STEPS = [0.1, 0.3, 0.6];

/** The largest change among the words of the three texts; of a span that is cut further only its words count. */
export function largestChange(pieces: TextPiece[], deletions: Deletion[]): number {
  const changes = pieces.map(({ deletion, inner }) => {
    if (inner.length > 0) return largestChange(inner, deletions);
    return deletion === null ? 0 : Math.abs(deletions[deletion].change);
  });
  return Math.max(0, ...changes);
}

/** From -3 (leaving it out helps the wrong document most) through 0 (it hardly matters) to 3 (it helps the right one). */
export function levelOf(change: number, most: number): number {
  const share = most > 0 ? Math.abs(change) / most : 0;
  return Math.sign(change) * STEPS.filter((step) => share >= step).length || 0;
}

/** What the changed text has in place of what the text had, with a little of what stands around it. */
export interface Excerpt {
  before: string;
  changed: string;
  after: string;
}

const AROUND = 40;

/** Where `text` differs from `other`, from the first word that differs to the last. */
export function excerptOf(text: string, other: string): Excerpt {
  const [pieces] = difference(text, other);
  const differs = pieces.map(({ isShared }) => !isShared);
  const [first, last] = [differs.indexOf(true), differs.lastIndexOf(true)];
  const joined = (from: number, to: number) =>
    pieces
      .slice(from, to)
      .map((piece) => piece.text)
      .join('');
  if (first < 0) return { before: '', changed: '', after: joined(0, pieces.length).slice(0, 2 * AROUND) };
  const [before, after] = [joined(0, first), joined(last + 1, pieces.length)];
  return {
    before: before.length > AROUND ? `…${before.slice(-AROUND)}` : before,
    changed: joined(first, last + 1),
    after: after.length > AROUND ? `${after.slice(0, AROUND)}…` : after,
  };
}
