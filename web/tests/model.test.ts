import { describe, expect, it } from 'vitest';
import { classesOf, colour, colouringFrom, colouringsOf, tally } from '../src/model/colouring';
import { listOf, outlineOf, rankPairs, rankPlane } from '../src/model/compare';
import { difference, words } from '../src/model/diff';
import { record, toCsv, toJsonl } from '../src/model/export';
import {
  baseName,
  counted,
  decimalsOf,
  fixed,
  interval,
  percent,
  plain,
  pWords,
  rank,
  runLabel,
  shorten,
  signed,
  similarityName,
} from '../src/model/format';
import { sorted } from '../src/model/order';
import { framed, framedAlike, inside, makeGrid, nearest, simplified } from '../src/model/plane';
import { fallenFor, isBeatenBy, negativesOf, relevantOf, topOf } from '../src/model/queries';
import { fold, matcher } from '../src/model/search';
import { atThreshold, bestThreshold, shareAbove } from '../src/model/threshold';
import { writingOf } from '../src/model/writing';
import { golden, goldenOf } from './golden';

describe('numbers', () => {
  it('carry a true minus sign, and none on a rounded zero', () => {
    expect(fixed(-0.25, 2)).toBe('\u22120.25');
    expect(fixed(-0.0001)).toBe('0.000');
    expect(signed(0.5, 1)).toBe('+0.5');
    expect(signed(0, 1)).toBe('0.0');
  });

  it('that do not exist are a dash', () => {
    for (const value of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) expect(fixed(value)).toBe('–');
    expect(interval(null, 1)).toBe('');
    expect(rank(Number.NaN)).toBe('–');
  });

  it('are read easily', () => {
    expect(percent(0.034)).toBe('3.4 %');
    expect(percent(0.5)).toBe('50 %');
    expect(percent(0)).toBe('0 %');
    expect(counted(1, 'query', 'queries')).toBe('1 query');
    expect(counted(1480, 'query', 'queries')).toBe('1,480 queries');
    expect(rank(1.5)).toBe('1.5');
    expect(rank(1233.5)).toBe('1,233.5');
  });
});

describe('labels', () => {
  it('have nothing that reorders or hides', () => {
    expect(plain('a\u202eb\u2066c\u0000d\n e')).toBe('abcd e');
  });

  it('are cut between characters', () => {
    expect(shorten('a👍🏽b', 10)).toBe('a👍🏽b');
    expect(shorten('abcdef', 4)).toBe('abc…');
    expect(shorten('ấ'.repeat(100_000), 10)).toHaveLength(10);
  });

  it('of a p-value have one sign', () => {
    expect([0.004, 0.00001, null].map(pWords)).toEqual(['p = 0.004', 'p < 0.001', 'p = –']);
  });

  it('are the last part of a path', () => {
    expect(baseName('runs\\a/best.pt')).toBe('best.pt');
    expect(baseName('/m/minilm/')).toBe('minilm');
    expect(baseName('model')).toBe('model');
    expect(runLabel('/opt/models/minilm/')).toBe('models/minilm');
    expect(runLabel('BAAI/bge-m3')).toBe('BAAI/bge-m3');
  });
});

describe('search', () => {
  const isIn = (query: string, text: string) => matcher(query, [text])(0);

  it('without marks finds texts with marks', () => {
    expect(fold('Nhà TRỌ Đống Đa')).toBe('nha tro dong da');
    expect(isIn('nha tro', 'cho thuê NHÀ TRỌ')).toBe(true);
    expect(isIn('PLAIN', 'plain text')).toBe(true);
  });

  it('with marks wants those marks', () => {
    expect(isIn('trọ', 'nha tro')).toBe(false);
    expect(isIn('trọ', 'nhà tro\u0323')).toBe(true);
  });

  it('wants every word, in any order', () => {
    expect(isIn('gác quận', 'quận 1 có gác')).toBe(true);
    expect(isIn('gác chợ', 'quận 1 có gác')).toBe(false);
    expect(isIn('  ', 'anything')).toBe(true);
  });
});

describe('word differences', () => {
  const marked = (pieces: { text: string; isShared: boolean }[]) =>
    pieces.filter(({ isShared }) => !isShared).map(({ text }) => text.trim());

  it('are the words that the other text does not have there', () => {
    const [ours, theirs] = difference('phòng quận 1 có gác', 'phòng quận 2 có gác');
    expect(marked(ours)).toEqual(['1']);
    expect(marked(theirs)).toEqual(['2']);
  });

  it('leave both texts whole', () => {
    const [a, b] = ['một  hai\nba.', 'ba, hai bốn\u202e'];
    const [ours, theirs] = difference(a, b);
    expect(ours.map(({ text }) => text).join('')).toBe(a);
    expect(theirs.map(({ text }) => text).join('')).toBe(b);
    expect(words(a).join('')).toBe(a);
  });

  it('of equal texts are none, whatever their case', () => {
    expect(difference('Nhà trọ', 'nhà TRỌ').flatMap(marked)).toEqual([]);
    expect(difference('', '')).toEqual([[], []]);
  });

  it('of very long texts are found as well', () => {
    const long = Array.from({ length: 4000 }, (_, i) => `w${i}`).join(' ');
    expect(marked(difference(`${long} more`, long)[0])).toEqual(['more']);
  });
});

describe('a similarity', () => {
  it('has its name, and its thresholds the decimals that tell them apart', () => {
    expect([undefined, 'cosine', 'dot'].map(similarityName)).toEqual([
      'cosine similarity',
      'cosine similarity',
      'dot product',
    ]);
    expect([[0.3], [0, 0.01], [0, 0.2], [0, 0.002], [0, 5]].map(decimalsOf)).toEqual([2, 2, 2, 3, 0]);
  });
});

describe('a threshold', () => {
  const edges = [0, 0.5, 1];

  it('splits a bin evenly', () => {
    expect(shareAbove([1, 1], edges, 0.5)).toBeCloseTo(0.5);
    expect(shareAbove([1, 1], edges, 0.75)).toBeCloseTo(0.25);
    expect(shareAbove([1, 1], edges, -1)).toBe(1);
    expect(shareAbove([0, 0], edges, 0.5)).toBe(0);
  });

  it('has the precision, recall and F1 of the pairs above it', () => {
    const { precision, recall, f1 } = atThreshold({ n: 10, share: 0.8 }, { n: 8, share: 0.25 });
    expect(precision).toBeCloseTo(0.8);
    expect(recall).toBe(0.8);
    expect(f1).toBeCloseTo(0.8);
  });

  it('above everything has no precision', () => {
    expect(atThreshold({ n: 10, share: 0 }, { n: 8, share: 0 })).toEqual({ precision: null, recall: 0, f1: null });
  });

  it('is best where positives and negatives part', () => {
    expect(bestThreshold(edges, { n: 5, density: [0, 2] }, { n: 5, density: [2, 0] })).toBe(0.5);
  });
});

describe('points on a plane', () => {
  const xy = new Float32Array([0, 0, 10, 0, 0, 20, 10, 20]);

  it('are framed with both axes alike', () => {
    expect(Array.from(framed(xy))).toEqual([-0.5, -1, 0.5, -1, -0.5, 1, 0.5, 1]);
    expect(Array.from(framed(new Float32Array([3, 3, 3, 3])))).toEqual([0, 0, 0, 0]);
  });

  it('of an animation are framed alike, so that nothing moves but the points', () => {
    const [a, b] = framedAlike([new Float32Array([0, 0, 2, 0]), new Float32Array([0, 0, 4, 2])]);
    expect(Array.from(a)).toEqual([-1, -0.5, 0, -0.5]);
    expect(Array.from(b)).toEqual([-1, -0.5, 1, 0.5]);
  });

  it('are found as a plain search would find them', () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48271) % 2147483647;
      return (2 * seed) / 2147483647 - 1;
    };
    const cloud = Float32Array.from({ length: 2000 }, random);
    const grid = makeGrid(cloud);
    for (let trial = 0; trial < 200; trial++) {
      const [x, y, radius] = [random(), random(), 0.05];
      let best = -1;
      let least = radius ** 2;
      for (let i = 0; i < 1000; i++) {
        const d = (cloud[2 * i] - x) ** 2 + (cloud[2 * i + 1] - y) ** 2;
        if (d <= least) [best, least] = [i, d];
      }
      expect(nearest(cloud, grid, x, y, radius)).toBe(best);
    }
  });

  it('lie inside an outline or not', () => {
    const square = [-0.6, -1.5, 0, -1.5, 0, 1.5, -0.6, 1.5];
    expect(Array.from(inside(framed(xy), square))).toEqual([1, 0, 1, 0]);
    expect(Array.from(inside(framed(xy), []))).toEqual([0, 0, 0, 0]);
  });

  it('keep their outline short', () => {
    const circle = Array.from({ length: 1000 }, (_, i) => [Math.cos(i / 159), Math.sin(i / 159)]).flat();
    expect(simplified(circle).length).toBeLessThanOrEqual(122);
  });
});

describe('one query', () => {
  it('has its relevant documents, its negatives with types, its ranked list', async () => {
    const page = await golden();
    expect(relevantOf(page, 1).map(({ document }) => document)).toEqual([1]);
    expect(negativesOf(page, 1).map(({ document, types }) => [document, types])).toEqual([
      [3, [0, 1]],
      [2, [1]],
    ]);
    expect(topOf(page, 1).map(({ isRelevant }) => isRelevant)).toEqual([false, false, true]);
  });

  it('fell for the types of what stands above it, if it is wrong', async () => {
    const page = await golden();
    expect(fallenFor(page, 1)).toEqual([0, 1]);
    expect(fallenFor(page, 2)).toEqual([]);
  });

  it('is beaten by a negative that reaches its positive, ties included', async () => {
    const page = await golden();
    const beaten = (type: number) => [0, 1, 2, 3].filter((query) => isBeatenBy(page, query, type));
    expect(beaten(0)).toEqual([1]);
    expect(beaten(1)).toEqual([1]);
    expect(beaten(2)).toEqual([2]);
  });

  it('without a margin stands last in either direction', async () => {
    const page = await golden();
    const rows = Uint32Array.from([0, 1, 2, 3]);
    expect(Array.from(sorted(page, rows, 'margin', false))).toEqual([1, 2, 0, 3]);
    expect(Array.from(sorted(page, rows, 'margin', true))).toEqual([0, 2, 1, 3]);
    expect(Array.from(sorted(page, rows, 'text', false))).toEqual([2, 3, 0, 1]);
    expect(Array.from(sorted(page, rows, 'type', false))[0]).toBe(1);
  });
});

describe('ranks before and after', () => {
  it('share a place where both are the same; a query without a rank has no place', async () => {
    const { compare } = await goldenOf('compare');
    if (!compare) throw new Error('the golden comparison has runs');
    expect(rankPairs(compare, 0)).toEqual([
      { before: 1, after: 1, rows: [0, 3] },
      { before: 1, after: 3, rows: [1] },
      { before: 40, after: 1.5, rows: [2] },
    ]);
    expect(rankPairs(compare, 1).flatMap(({ rows }) => rows)).toEqual([0, 1, 2]);
  });

  it.each([
    [1, 1],
    [1.5, 1],
    [999.5, 3000],
    [80_000, 79_999.5],
  ])('%d and %d are selected without their neighbours', (before, after) => {
    const ranks = [0, 0.5, -0.5].flatMap((a) => [0, 0.5, -0.5].map((b) => [before + a, after + b]));
    const plane = new Float32Array(ranks.flatMap(([a, b]) => [Math.log10(a), Math.log10(b)]));
    const found = inside(plane, outlineOf({ before, after, rows: [] }));
    expect(Array.from(found)).toEqual([1, ...Array(8).fill(0)]);
  });

  it('are listed by what moved, or by what is selected', async () => {
    const { compare } = await goldenOf('compare');
    const all = { rows: Uint32Array.from([0, 1, 2, 3]), isQuery: new Uint8Array(4).fill(1) };
    expect(Array.from(listOf(compare, 1, 0, all))).toEqual([1, 0]);
    expect(Array.from(listOf(compare, 1, 3, all))).toEqual([0, 1, 2, 3]);
    const some = { rows: Uint32Array.from([0, 2]), isQuery: Uint8Array.from([1, 0, 1, 0]) };
    expect(Array.from(listOf(compare, 1, 0, some))).toEqual([0]);
    expect(Array.from(listOf(null, 0, 0, some))).toEqual([0, 2]);
  });

  it('are logarithms, computed once', async () => {
    const { compare } = await goldenOf('compare');
    if (!compare) throw new Error('the golden comparison has runs');
    expect(rankPlane(compare, 0)[4]).toBeCloseTo(Math.log10(40));
    expect(rankPlane(compare, 0)).toBe(rankPlane(compare, 0));
  });
});

describe('a colouring', () => {
  it('gives every point one category', async () => {
    const page = await golden();
    const points = page.points;
    if (!points) throw new Error('the golden run has points');
    for (const { id } of colouringsOf(page)) {
      const { categories, of } = colour(page, points, id, 0);
      expect(of).toHaveLength(points.n);
      expect(Math.max(...of)).toBeLessThan(categories.length);
      expect(tally({ id, categories, of }, null).reduce((a, b) => a + b)).toBe(points.n);
    }
  });

  it('puts a margin of zero with those that lost', async () => {
    const page = await golden();
    if (!page.points) throw new Error('the golden run has points');
    const { categories, of } = colour(page, page.points, 'margin', 0);
    const labels = [0, 1, 2, 3].map((query) => categories[of[query]].label);
    expect(labels).toEqual(['More than 0.2', '\u22120.1 or less', '\u22120.1 to 0', 'No hard negatives']);
  });

  it('is also by theme and by columns of the data file', async () => {
    const page = await golden();
    if (!page.points) throw new Error('the golden run has points');
    expect(colouringsOf(page).slice(-2)).toEqual([
      { id: 'theme', label: 'Theme' },
      { id: 'column0', label: 'source' },
    ]);
    const theme = colour(page, page.points, 'theme', 0);
    expect(theme.categories.map(({ label }) => label)).toEqual([
      'phòng trọ',
      'nhà nguyên căn',
      'Other themes',
      'No theme',
    ]);
    expect(Array.from(theme.of)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 3]);
    const source = colour(page, page.points, 'column0', 0);
    expect(Array.from(source.of.subarray(0, 5), (c) => source.categories[c].label)).toEqual([
      'web',
      'app',
      'web',
      'Not stated',
      'Document',
    ]);
  });

  it('by a column of numbers has few classes of about as many queries, in the order of the numbers', () => {
    const { ends, categories } = classesOf([...Array(100).keys(), undefined].map((i) => i && i / 10));
    expect(ends).toEqual([1.9, 3.9, 5.9, 7.9, 9.9]);
    expect(categories.map(({ label }) => label)).toEqual([
      '0 to 1.9',
      '2 to 3.9',
      '4 to 5.9',
      '6 to 7.9',
      '8 to 9.9',
      'Not stated',
      'Document',
    ]);
    const few = classesOf([3, 1, 1, 1, 1, 1, 1, -2]);
    expect(few.ends).toEqual([-2, 1, 3]);
    expect(few.categories.slice(0, 3)).toEqual([
      { label: '\u22122', tint: 'ramp0' },
      { label: '1', tint: 'ramp2' },
      { label: '3', tint: 'ramp4' },
    ]);
    expect(classesOf(Array(80).fill(7).concat([1, 2, 3, 4, 5])).categories[0].label).toBe('1 to 7');
  });

  it('of a column of numbers puts a query that states none apart', async () => {
    const page = await golden();
    if (!page.points) throw new Error('the golden run has points');
    page.queries.stated = [{ name: 'size', values: ['20', '5.5', '7'], of: Int32Array.from([0, 1, -1, 2]) }];
    const { of, categories } = colour(page, page.points, 'column0', 0);
    expect(Array.from(of.subarray(0, 5), (own) => categories[own].label)).toEqual([
      '20',
      '5.5',
      'Not stated',
      '7',
      'Document',
    ]);
  });

  it('is named in an address only where it can be', () => {
    expect(['theme', 'column12', 'rank', 'column', 'columnx', 'nothing', null].map(colouringFrom)).toEqual([
      'theme',
      'column12',
      'rank',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('counts only what is selected', async () => {
    const page = await golden();
    if (!page.points) throw new Error('the golden run has points');
    const mask = Uint8Array.from([1, 1, 0, 0, 1, 0, 0, 0, 0, 0]);
    expect(tally(colour(page, page.points, 'role', 0), mask)).toEqual([2, 1, 0, 0]);
  });
});

describe('writing', () => {
  it.each([
    ['phòng trọ', 'Latin, with marks'],
    ['phong tro', 'Latin, without marks'],
    ['Đ', 'Latin, with marks'],
    ['带阳台的公寓 lift 靠近地铁站', 'Chinese or Japanese'],
    ['شقة هادئة', 'Arabic'],
    ['квартира', 'Cyrillic'],
    ['도서관', 'Korean'],
    ['123 !', 'No letters'],
    ['', 'No letters'],
  ])('of %s', (text, label) => {
    expect(writingOf(text)).toBe(label);
  });
});

describe('an export', () => {
  it('is a training row with what went wrong', async () => {
    const page = await golden();
    expect(record(page, 1)).toMatchObject({
      id: 'q1',
      query: 'thuê nhà 3 tầng',
      is_correct: false,
      rank: 3,
      margin: -0.2,
      failure_mode: 'attribute ignored',
      pos: ['nhà nguyên căn, 3 tầng'],
      hard_neg: [
        { text: 'nhà nguyên căn, 2 tầng', type: ['location', 'price'], weight: 2, score: 0.8 },
        { text: 'phòng trọ quận 2, có gác', type: ['price'], weight: 1, score: 0.5 },
      ],
      top_wrong: { text: 'nhà nguyên căn, 2 tầng', score: 0.8, type: ['location', 'price'] },
    });
    const lines = toJsonl(page, [1, 3]).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(['q1', 'q3']);
    expect(JSON.parse(lines[1])).toMatchObject({ margin: null, top_wrong: null, hard_neg: [] });
  });

  it('quotes what a table would split, and starts no formula', async () => {
    const page = await golden();
    page.queries.texts[1] = '=1+1, "quoted"';
    const [head, row] = toCsv(page, [1]).split('\r\n');
    expect(head.split(',')[1]).toBe('query');
    expect(row).toContain(`"'=1+1, ""quoted"""`);
    expect(toCsv(page, [3]).split('\r\n')[1]).toBe('q3,chung cư,true,1,,chung cư mini,0.8,,,,');
  });
});
