/** What the live view says of answers and refusals, and where it draws a query. */
import { describe, expect, it } from 'vitest';
import type { LiveAnswer, LiveDocument, LiveFacts } from '../src/contract';
import { directionOf, faultOf, mapOf, movedWords, refusalOf, unreadWords } from '../src/model/live';
import { golden } from './golden';

const page = await golden();
const facts: LiveFacts = {
  model: 'best.pt',
  n_documents: 6,
  max_length: 8,
  similarity: 'cosine',
  most_query_characters: 10,
  most_document_characters: 20,
};

const documentOf = (id: string): LiveDocument => ({
  row: 0,
  id,
  text: id,
  score: 0.5,
  rank: 1,
  n_relevant_to: 0,
  is_relevant: null,
  read: null,
});

const answerOf = (ids: string[], places: LiveAnswer['places']): LiveAnswer => ({
  query: 'typed',
  read: null,
  documents: ids.map(documentOf),
  test_query: null,
  relevant: [],
  nearest: null,
  places,
});

describe('a text', () => {
  it('is refused where it is empty or too long, counted in characters', () => {
    expect(faultOf(' \n', 10)).toBe('Type a text first.');
    expect(faultOf('🏠'.repeat(10), 10)).toBeNull();
    expect(faultOf('a'.repeat(1200), 1000)).toBe('The text has 1,200 characters; 1,000 are taken at most.');
  });

  it('says how much of it the model does not read', () => {
    expect(unreadWords('a long text', 6, facts)).toBe(
      'Not seen: the last 5 of 11 characters. The model reads 8 tokens.',
    );
    expect(unreadWords('a long text', null, facts)).toBeNull();
  });
});

describe('a place in a ranking', () => {
  it('moves up or down, or stays', () => {
    const [high, low] = [
      { rank: 1, score: 0.5 },
      { rank: 4, score: 0.25 },
    ];
    expect([directionOf(low, high), directionOf(high, low), directionOf(low, low)]).toEqual(['▲', '▼', '=']);
    expect(movedWords(low, high)).toBe('rank 4 → 1, score 0.250 → 0.500 (+0.250)');
  });
});

describe('a refusal', () => {
  it('says what to do where there is something', () => {
    expect(refusalOf(401, 'the token is missing')).toContain('open the address');
    expect(refusalOf(429, 'more than 20 requests a second')).toBe(
      'Too fast: more than 20 requests a second. Wait a moment and try again.',
    );
    expect(refusalOf(503, 'the model is busy')).toBe('The model is busy. Try again in a moment.');
    expect(refusalOf(422, 'no vector for this text')).toBe('No vector for this text.');
  });
});

describe('the map of an answer', () => {
  const points = page.points;
  if (!points) throw new Error('the golden page has a map');
  const place = [points.maps[0].xy[0], points.maps[0].xy[1]];

  it('keeps its frame and has the query behind its points', () => {
    const layout = mapOf(page, points, 0, answerOf([], { [points.maps[0].name]: place }));
    expect(layout?.point).toBe(points.n);
    expect(layout?.roles.length).toBe(points.n + 1);
    expect([...(layout?.xy.slice(-2) ?? [])]).toEqual([...(layout?.xy.slice(0, 2) ?? [0])]);
  });

  it('lights the documents that were found, the best first, and nothing else', () => {
    const [first, second] = [page.documents.ids[1], page.documents.ids[0]];
    const layout = mapOf(page, points, 0, answerOf([first, second, 'not here'], { [points.maps[0].name]: place }));
    expect(layout?.found.map((point) => page.documents.ids[points.rows[point]])).toEqual([first, second]);
    expect(layout?.isLit.reduce((sum, flag) => sum + flag, 0)).toBe(3);
  });

  it('is none where the server has no place on it', () => {
    expect(mapOf(page, points, 0, answerOf([], {}))).toBeNull();
  });
});
