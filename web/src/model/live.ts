/** The live view without its requests: what may be asked, what answers say, which points of a map stand out. */
import { type LiveAnswer, type LiveFacts, type LivePlace, type Page, type Points, QUERY } from '../contract';
import { count, fixed, rank, signed } from './format';
import { framedAlike } from './plane';

/** A request that had no answer, in words for the reader. */
export class LiveError extends Error {}

/** What is said of a request that was refused, by its status and the reason that the server states. */
export function refusalOf(status: number, reason: string): string {
  if (status === 401) return 'The server was started anew: open the address that it has printed.';
  if (status === 429) return `Too fast: ${reason}. Wait a moment and try again.`;
  if (status === 503) return `${sentence(reason)} Try again in a moment.`;
  return sentence(reason);
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

/** Why a text cannot be asked; null where it can. */
export function faultOf(text: string, most: number): string | null {
  if (text.trim() === '') return 'Type a text first.';
  const n = Array.from(text).length;
  return n > most ? `The text has ${count(n)} characters; ${count(most)} are taken at most.` : null;
}

/** `rank 4 → 1, score 0.310 → 0.420 (+0.110)`. */
export function movedWords(before: LivePlace, after: LivePlace): string {
  const scores = `${fixed(before.score)} → ${fixed(after.score)} (${signed(after.score - before.score)})`;
  return `rank ${rank(before.rank)} → ${rank(after.rank)}, score ${scores}`;
}

/** Which way a document moved: ▲ up, ▼ down, = not at all. */
export function directionOf(before: LivePlace, after: LivePlace): '▲' | '▼' | '=' {
  if (before.rank === after.rank) return '=';
  return after.rank < before.rank ? '▲' : '▼';
}

/** What the model does not read of a text, in words; null where it reads all. */
export function unreadWords(text: string, read: number | null, { max_length: most }: LiveFacts): string | null {
  if (read === null || most === null) return null;
  const end = `the last ${count(text.length - read)} of ${count(text.length)} characters`;
  return `Not seen: ${end}. The model reads ${count(most)} tokens.`;
}

/** The map of a run with the point of a query behind its own. */
export interface PlacedQuery {
  xy: Float32Array;
  roles: Uint8Array;
  /** The query, which is the last point. */
  point: number;
  /** 1 for the query, the documents of its answer and the nearest query of the test set. */
  isLit: Uint8Array;
  /** Points of the documents of the answer, the best first. */
  found: number[];
}

/** The map of a run with the query of an answer; null where it has no place there. */
export function mapOf(page: Page, points: Points, map: number, answer: LiveAnswer): PlacedQuery | null {
  const place = answer.places[points.maps[map].name];
  if (!place) return null;
  // A place is a mean of places of points, so that it widens no frame.
  const [frame, own] = framedAlike([points.maps[map].xy, Float32Array.from(place)]);
  const xy = new Float32Array(frame.length + 2);
  xy.set(frame);
  xy.set(own, frame.length);
  const roles = new Uint8Array(points.n + 1).fill(QUERY);
  roles.set(points.roles);
  const found = foundOn(page, points, answer);
  const isLit = new Uint8Array(points.n + 1);
  for (const point of [points.n, ...found]) isLit[point] = 1;
  const nearest = page.queries.ids.indexOf(answer.nearest?.id ?? '');
  for (let p = 0; p < points.n; p++) if (points.roles[p] === QUERY && points.rows[p] === nearest) isLit[p] = 1;
  return { xy, roles, point: points.n, isLit, found };
}

/** The points of the documents of an answer, the best first. */
function foundOn(page: Page, points: Points, { documents }: LiveAnswer): number[] {
  const places = new Map(documents.map(({ id }, place) => [id, place]));
  const found: [place: number, point: number][] = [];
  for (let p = 0; p < points.n; p++) {
    const place = points.roles[p] === QUERY ? undefined : places.get(page.documents.ids[points.rows[p]]);
    if (place !== undefined) found.push([place, p]);
  }
  return found.sort(([a], [b]) => a - b).map(([, point]) => point);
}
