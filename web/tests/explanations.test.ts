import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readPayload } from '../src/contract';
import {
  cutAt,
  type Deletion,
  decidedBy,
  excerptOf,
  explainedOf,
  largestChange,
  leftOut,
  levelOf,
  type TextPiece,
} from '../src/model/explanations';
import { GOLDEN, golden } from './golden';

const deletion = (start: number, end: number, change = 0.1): Deletion => ({
  role: 'query',
  start,
  end,
  change,
  putsRightFirst: false,
});

/** Pieces with square brackets around what was left out. */
const bracketed = (pieces: TextPiece[]): string =>
  pieces
    .map(({ text, deletion: place, inner }) =>
      place === null ? text : `[${inner.length > 0 ? bracketed(inner) : text}]`,
    )
    .join('');

const cut = (text: string, ...spans: [number, number][]) =>
  bracketed(
    cutAt(
      text,
      'query',
      spans.map(([start, end]) => deletion(start, end)),
    ),
  );

describe('an explained failure', () => {
  it('has its documents, its figures and the words that Python left out', async () => {
    const page = await golden();
    const explained = explainedOf(page, 1);
    expect(explained).toMatchObject({ query: 1, right: 1, wrong: 3, difference: -0.2, noise: 0.004, unseen: ['3'] });
    const shown = explained?.deletions.map((each) => leftOut(page, explained, each));
    expect(shown?.slice(0, 4)).toEqual(['thuê', 'nhà', '3', 'tầng']);
    expect(explained?.best).toMatchObject({ role: 'wrong', start: 16, end: 17, putsRightFirst: true });
    expect(explained?.best?.change).toBeCloseTo(0.25);
  });

  it('is null for a query that was not looked at, and on a page from before words were left out', async () => {
    expect(explainedOf(await golden(), 0)).toBeNull();
    const { explanations: _, ...old } = JSON.parse(GOLDEN);
    delete old.report.explanations;
    const page = await readPayload(JSON.stringify(old));
    expect(page.explanations).toBeNull();
    expect(explainedOf(page, 1)).toBeNull();
    expect(decidedBy(page, 0)).toEqual([]);
  });

  it('is decided by the word whose deletion helps most, whatever its case', async () => {
    const payload = JSON.parse(GOLDEN);
    expect(decidedBy(await golden(), 0)).toEqual([1]);
    payload.report.explanations.deciding = [
      { word: '2', role: 'query', n_failures: 1 },
      { word: '3', role: 'wrong', n_failures: 1 },
    ];
    const page = await readPayload(JSON.stringify(payload));
    expect([decidedBy(page, 0), decidedBy(page, 1)]).toEqual([[], []]);
  });
});

describe('a text cut at its deletions', () => {
  it('is the text again when its pieces are joined', () => {
    const text = '🏠 nhà x̂ 👨‍👩‍👧!';
    const spans: [number, number][] = [
      [0, 2],
      [3, 6],
      [7, 9],
      [10, 18],
    ];
    expect(cut(text, ...spans)).toBe('[🏠] [nhà] [x̂] [👨‍👩‍👧]!');
  });

  it('keeps the words of a passage within it', () => {
    expect(cut('a b. c d.', [0, 4], [0, 1], [2, 3], [5, 9])).toBe('[[a] [b].] [c d.]');
  });

  it('leaves out what crosses the end of another, what is empty and what lies beyond the text', () => {
    expect(cut('abcdef', [0, 3], [2, 5], [4, 4], [5, 9])).toBe('[abc]def');
  });

  it('takes only the deletions of its own text', () => {
    expect(bracketed(cutAt('ab', 'right', [deletion(0, 1)]))).toBe('ab');
  });
});

describe('the scale of colours', () => {
  it('has three steps either way and none near 0', () => {
    expect([0, 0.05, -0.05, 0.1, 0.3, 0.6, 1, -0.2, -0.4, -1].map((change) => levelOf(change, 1))).toEqual([
      0, 0, 0, 1, 2, 3, 3, -1, -2, -3,
    ]);
    expect(levelOf(0, 0)).toBe(0);
  });

  it('ends at the largest change of a word, not of a passage that is cut further', () => {
    const deletions = [deletion(0, 4, 0.9), deletion(0, 1, -0.2), deletion(2, 3, 0.1)];
    expect(largestChange(cutAt('a b.', 'query', deletions), deletions)).toBe(0.2);
    expect(largestChange([], [])).toBe(0);
  });

  it('leaves every word readable: 4.5 to 1 in both themes', () => {
    const css = readFileSync(new URL('../src/style.css', import.meta.url), 'utf8');
    const colours = (name: string) =>
      (css.match(new RegExp(`--${name}: light-dark\\(#(\\w{6}), #(\\w{6})\\)`)) ?? []).slice(1, 3).map(rgb);
    const shares = [...css.matchAll(/color-mix\(in srgb, var\(--tone\) (\d+)%, transparent\)/g)].map(
      ([, n]) => +n / 100,
    );
    expect(shares.length).toBeGreaterThanOrEqual(3);
    for (const theme of [0, 1]) {
      const [ink, paper] = [colours('ink')[theme], colours('wash')[theme]];
      for (const tone of ['right', 'wrong']) {
        for (const share of shares) {
          const mixed = colours(tone)[theme].map((part, i) => share * part + (1 - share) * paper[i]);
          expect(contrast(ink, mixed), `${tone} ${share} ${theme}`).toBeGreaterThan(4.5);
        }
      }
    }
  });
});

const rgb = (hex: string) => [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);

/** The contrast of two colours (WCAG 2.2, relative luminance). */
function contrast(a: number[], b: number[]): number {
  const luminance = (colour: number[]) => {
    const [r, g, blue] = colour.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

describe('an excerpt', () => {
  it('marks what differs, from the first word to the last', () => {
    expect(excerptOf('rent 3 rooms now', 'rent 4 rooms now')).toEqual({
      before: 'rent ',
      changed: '3',
      after: ' rooms now',
    });
  });

  it('is short on either side', () => {
    const { before, after } = excerptOf(
      `${'a '.repeat(99)}x${' b'.repeat(99)}`,
      `${'a '.repeat(99)}y${' b'.repeat(99)}`,
    );
    expect([before.length, after.length]).toEqual([41, 41]);
  });

  it('of equal texts marks nothing', () => {
    expect(excerptOf('same', 'same')).toEqual({ before: '', changed: '', after: 'same' });
  });
});
