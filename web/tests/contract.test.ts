import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { typesOfSchema } from '../scripts/types.mjs';
import { PayloadError, readNumbers, readPayload, readSets, readTexts } from '../src/contract';
import { costSeries, hasServing } from '../src/views/serving';
import { hasSpace } from '../src/views/space';
import { GOLDEN, golden, goldenOf } from './golden';

describe('the golden payload', () => {
  it('has the texts that Python wrote', async () => {
    const page = await golden();
    expect(page.queries.texts).toEqual(['phòng trọ quận 1', 'thuê nhà 3 tầng', 'can ho gan cho', 'chung cư']);
    expect(page.documents.texts[3]).toBe('nhà nguyên căn, 2 tầng');
    expect(page.types).toEqual(['location', 'price', 'untyped']);
  });

  it('has the numbers that Python wrote, NaN where there is no value', async () => {
    const { queries } = await golden();
    expect(Array.from(queries.rank)).toEqual([1, 3, 1.5, 1]);
    expect(queries.margin[1]).toBeCloseTo(-0.2);
    expect(queries.margin[3]).toBeNaN();
    expect(Array.from(queries.wrongDocument)).toEqual([2, 3, 4, -1]);
    expect(Array.from(queries.negativeTypeIndptr)).toEqual([0, 1, 3, 4, 5]);
    expect(queries.k).toBe(3);
  });

  it('has why queries fail, by codes that count from 1', async () => {
    const page = await golden();
    expect(page.failureModes).toEqual(['attribute ignored']);
    expect(Array.from(page.queries.failureMode)).toEqual([0, 1, 0, 0]);
    expect(page.report.findings[0].documents).toEqual(['d3']);
  });

  it('has what was measured of the space and of serving, null where there is no value', async () => {
    const { geometry, thresholds, robustness, deployment } = (await golden()).report;
    expect(Object.keys(geometry?.spaces ?? {})).toEqual(['model', 'base', 'PCA']);
    expect(geometry?.spaces.model.documents.spectrum).toEqual({ directions: [1, 2, 3, 4], shares: [0.6, 0.3, 0.1, 0] });
    expect(geometry?.spaces.model.hubness.hubs[0]).toMatchObject({ id: 'd2', occurrences: 3, wrong_occurrences: 2 });
    expect(thresholds?.precision_low).toEqual([0.1, 0.2, 0.5, null]);
    expect(thresholds?.choices[1]).toMatchObject({ wanted: 0.95, threshold: null, reason: 'too few' });
    expect(robustness?.effects.map(({ n_changed }) => n_changed)).toEqual([3, 0]);
    expect(deployment?.formats[2].reason).toBe('no direction');
  });

  it('has both maps, the links and the matrix', async () => {
    const page = await golden();
    expect(page.points?.maps.map(({ name }) => name)).toEqual(['tsne', 'umap']);
    expect(Array.from(page.points?.maps[1].xy.slice(0, 4) ?? [])).toEqual([-0, -0, -8, -0]);
    expect(page.points?.nLeftOut).toBe(3);
    expect(page.heatmap?.similarity[4]).toBeCloseTo(0.6);
  });
});

describe('the golden comparison', () => {
  it('has the runs with the reference apart, and each with its ranks', async () => {
    const { compare } = await goldenOf('compare');
    expect(compare?.reference.label).toBe('a/epoch3.pt');
    expect(compare?.candidates.map(({ label }) => label)).toEqual(['b/epoch3.pt', 'c/epoch9.pt']);
    expect(compare?.shown).toBe(0);
    expect(Array.from(compare?.reference.rank ?? [])).toEqual([1, 1, 40, 1]);
    expect(compare?.candidates[1].rank[3]).toBeNaN();
    expect(Array.from(compare?.moved[1].lost ?? [])).toEqual([1, 0]);
    expect(compare?.typeChanges[1]).toMatchObject({ type: 'untyped', value: null, reason: 'one pair' });
  });
});

describe('the golden training', () => {
  it('has outcomes and a frame of the map for every checkpoint', async () => {
    const { timeline, points } = await goldenOf('training');
    expect(timeline?.isCorrect?.map((row) => Array.from(row))).toEqual([
      [1, 1, 0, 1],
      [1, 1, 1, 1],
      [1, 0, 1, 1],
    ]);
    expect(timeline?.animations.map(({ name }) => name)).toEqual(['tsne']);
    expect(timeline?.animations[0].frames.map((frame) => frame.length)).toEqual(Array(3).fill(2 * (points?.n ?? 0)));
    expect(Array.from(timeline?.animations[0].frames[1].slice(2, 4) ?? [])).toEqual([2, 0]);
    expect(timeline?.unit).toBe('epoch');
    expect(timeline?.segments.map(({ gained, lost }) => [Array.from(gained), Array.from(lost)])).toEqual([
      [[2], []],
      [[], [1]],
    ]);
    expect(timeline?.violation.price[0]).toMatchObject({ value: null, reason: 'no such pair' });
  });
});

describe('the cost of fewer bytes', () => {
  it('is drawn for the formats that were measured, with the interval of the difference on the level of the reference', async () => {
    const { deployment } = (await golden()).report;
    const series = deployment ? costSeries(deployment) : [];
    expect(series.map(({ label, x, y }) => [label, x, y])).toEqual([
      ['float32', [1536], [0.7]],
      ['binary', [48], [0.5]],
    ]);
    expect(series[0].low).toEqual([null]);
    expect(series[1].low?.[0]).toBeCloseTo(0.4);
    expect(series[1].high?.[0]).toBeCloseTo(0.55);
  });
});

describe('reading', () => {
  it('takes a timeline from before it said what changed between checkpoints for one of epochs', async () => {
    const file = new URL('../../tests/golden/training.json', import.meta.url);
    const old = JSON.parse(readFileSync(file, 'utf8'));
    delete old.timeline.stretches;
    delete old.timeline.unit;
    const { timeline } = await readPayload(JSON.stringify(old));
    expect([timeline?.unit, timeline?.segments]).toEqual(['epoch', []]);
  });

  it('takes a page from before it said why queries fail, and from before the space was measured', async () => {
    const old = JSON.parse(GOLDEN);
    old.queries.failure_mode = undefined;
    for (const name of ['failure_modes', 'geometry', 'thresholds', 'robustness', 'deployment', 'not_measured']) {
      delete old.report[name];
    }
    const page = await readPayload(JSON.stringify(old));
    expect(page.failureModes).toEqual([]);
    expect(Array.from(page.queries.failureMode)).toEqual([0, 0, 0, 0]);
    expect([hasSpace(page.report), hasServing(page.report)]).toEqual([false, false]);
  });

  it('takes a page from before it could hold several runs', async () => {
    const { compare: _, timeline: __, ...old } = JSON.parse(GOLDEN);
    const page = await readPayload(JSON.stringify(old));
    expect([page.compare, page.timeline]).toEqual([null, null]);
  });

  it('refuses another version', async () => {
    const other = JSON.stringify({ ...JSON.parse(GOLDEN), page_version: 2 });
    await expect(readPayload(other)).rejects.toThrow(PayloadError);
  });

  it('refuses a column that was cut short', async () => {
    await expect(readNumbers({ dtype: 'float32', shape: [2], encoding: 'plain', data: 'AACAPw==' })).rejects.toThrow(
      'cut short',
    );
    await expect(readTexts({ ...JSON.parse(GOLDEN).queries.ids, n: 5 })).rejects.toThrow('holds 4');
  });

  it('reads little-endian numbers', async () => {
    const column = { dtype: 'float32' as const, shape: [1] as [number], encoding: 'plain' as const, data: 'AACAPw==' };
    expect(Array.from(await readNumbers(column))).toEqual([1]);
  });
});

describe('the types', () => {
  it('are those of the schema; run `npm run types` when this fails', async () => {
    const written = readFileSync(new URL('../src/schema.ts', import.meta.url), 'utf8');
    expect(await typesOfSchema()).toBe(written);
  });
});

describe('the payload of several sets', () => {
  const sets = (version: number) =>
    JSON.stringify({ kind: 'embedscope-sets', page_version: version, report: { checkpoint: 'new.pt' } });

  it('holds their report', () => {
    expect(readSets(sets(1))?.checkpoint).toBe('new.pt');
    expect(() => readSets(sets(2))).toThrow(PayloadError);
  });

  it('is not that of one run, whatever stands in its texts', () => {
    expect(readSets(GOLDEN)).toBeNull();
    expect(readSets(JSON.stringify({ kind: 'embedscope-page', types: ['"embedscope-sets"'] }))).toBeNull();
  });
});
