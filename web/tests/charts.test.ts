import { describe, expect, it } from 'vitest';
import { contiguous } from '../src/charts/axes';
import { outline, shownRange, ticks } from '../src/charts/density';
import { range } from '../src/charts/heatmap';
import { differenceDomain, domainOf, position, shareDomain } from '../src/charts/interval';
import { fitting } from '../src/charts/labels';
import { drawingOrder } from '../src/charts/layer';
import { axisOf } from '../src/charts/lines';
import { rgb } from '../src/charts/palette';
import { along, powers, rounds } from '../src/charts/plot';
import { rankTicks } from '../src/charts/rankaxes';
import { bubbleRadius } from '../src/charts/ranks';
import { binned, ridgeDomain } from '../src/charts/ridge';
import { barLengths } from '../src/charts/segments';

describe('a scale', () => {
  it('of shares runs from 0 to 1, of cosines from -1, of others to round ends', () => {
    expect(domainOf([0.2, null, 0.9])).toEqual({ low: 0, high: 1 });
    expect(domainOf([-0.2, 0.9])).toEqual({ low: -1, high: 1 });
    expect(domainOf([2.4, 2])).toEqual({ low: 0, high: 3 });
  });

  it('of shares comes closer where all of them are small', () => {
    expect(shareDomain([0.05, null, undefined])).toEqual({ low: 0, high: 0.1 });
    expect(shareDomain([0.4, 0.41])).toEqual({ low: 0, high: 0.5 });
    expect(shareDomain([0.3, 0.61]).high).toBe(1);
  });

  it('of differences is the same on both sides of zero and holds all', () => {
    const { low, high } = differenceDomain([0.02, -0.034, null]);
    expect(low).toBe(-high);
    expect(high).toBeGreaterThanOrEqual(0.034);
    expect(differenceDomain([0]).high).toBeGreaterThan(0);
  });

  it('keeps what lies beyond it at its end', () => {
    expect(position(0.25, { low: 0, high: 1 })).toBe(25);
    expect(position(7, { low: 0, high: 1 })).toBe(100);
    expect(position(1, { low: 1, high: 1 })).toBe(0);
  });
});

describe('a colour', () => {
  it('may be written short', () => {
    expect(rgb('#fff')).toEqual([1, 1, 1]);
    expect(rgb('#0072b2')).toEqual([0, 114 / 255, 178 / 255]);
  });
});

describe('a drawing', () => {
  it('puts queries on top of documents', () => {
    expect(Array.from(drawingOrder(Uint8Array.from([0, 3, 1, 2, 0])))).toEqual([1, 3, 2, 0, 4]);
  });

  it('of a matrix of one value has a range', () => {
    const [least, most] = range(new Float32Array([0.5, 0.5]));
    expect(most).toBeGreaterThan(least);
    expect(range(new Float32Array([0.25, Number.NaN, 0.75]))).toEqual([0.25, 0.75]);
  });

  it('of margins counts every value', () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => (i - 300) / 100);
    const domain = ridgeDomain([values]);
    expect(domain.low).toBeCloseTo(-2.9, 1);
    expect(binned(values, domain).reduce((a, b) => a + b)).toBe(1000);
  });

  it('of densities shows where something is', () => {
    const curve = { id: 'a', density: [0, 0, 1, 0], colour: '--ink', isFilled: false };
    const [low, high] = shownRange([-1, -0.5, 0, 0.5, 1], [curve]);
    expect(low).toBeCloseTo(-0.015);
    expect(high).toBeCloseTo(0.515);
    expect(shownRange([0, 1], [{ ...curve, density: [0] }])).toEqual([0, 1]);
    expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(shownRange([-60, -30, 0, 30, 60], [{ ...curve, density: [0, 0, 1, 1] }], 60)[0]).toBeCloseTo(-1.8);
    expect(ticks(-3, 42, 5, 60)).toEqual([0, 10, 20, 30, 40]);
  });

  it('of a histogram is its steps, from edge to edge', () => {
    const curve = { id: 'a', density: [1, 2], colour: '--ink', isFilled: true };
    const path = outline([0, 0.5, 1], curve, (value) => 100 * value, 50, 40);
    expect(path).toBe('M0.0,50V30.0H50.0V10.0H100.0V50Z');
  });

  it('of ranks marks decades, and more where the axis is short', () => {
    expect(rankTicks(4000)).toEqual([1, 10, 100, 1000]);
    expect(rankTicks(12)).toEqual([1, 2, 5, 10]);
  });

  it('of bubbles has an area that grows with their queries, and a largest one', () => {
    expect(bubbleRadius(100, 10_000) / bubbleRadius(10_000, 10_000)).toBeCloseTo(3 / 26); // the smallest that is seen
    expect(bubbleRadius(400, 1000) / bubbleRadius(100, 1000)).toBeCloseTo(2);
    expect(bubbleRadius(1, 1)).toBe(3);
  });

  it('of two axes stands by logarithms where an axis is logarithmic, and never beyond its ends', () => {
    const axis = { label: '', low: 1, high: 100, isLog: true, ticks: [], format: String };
    expect([1, 10, 100, 1000, 0].map((value) => along(value, axis))).toEqual([0, 0.5, 1, 1, 0]);
    expect(along(25, { ...axis, low: 0, isLog: false })).toBe(0.25);
    expect(along(3, { ...axis, low: 3, high: 3, isLog: false })).toBe(0);
  });

  it('of two axes is marked at powers that hold every value, or at round values between the ends', () => {
    expect(powers(3, 500, 10)).toEqual([1, 10, 100, 1000]);
    expect(powers(48, 1536, 2)).toEqual([32, 64, 128, 256, 512, 1024, 2048]);
    expect(powers(16, 16, 2)).toEqual([16, 32]);
    expect(rounds(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(rounds(-0.57, 1, 8)).toEqual([-0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(rounds(0, 0.0103)).toEqual([0, 0.005, 0.01]);
  });

  it('over epochs starts at zero, holds every interval, and breaks where there is no value', () => {
    expect(axisOf([{ y: [0.2, null, 0.62], high: [0.3, null, 0.71] }])).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
    expect(axisOf([])[0]).toBe(0);
    expect(contiguous([0.2, 0.3, null, null, 0.6])).toEqual([[0, 1], [4]]);
  });
});

describe('the bars of a training', () => {
  it('share one scale up and down, and fill the height', () => {
    expect(barLengths([6, 2], [1, 2], 80)).toEqual({ up: [60, 20], down: [10, 20] });
  });

  it('are flat where nothing moved', () => {
    expect(barLengths([0], [0], 80)).toEqual({ up: [0], down: [0] });
  });
});

describe('names on a map', () => {
  const box = (left: number, top: number) => ({ left, top, right: left + 60, bottom: top + 16 });
  const label = (point: number, level = 0) => ({ text: `theme ${point}`, level, point });

  it('lie over no other, and the first come first', () => {
    expect(fitting([label(0), label(1), label(2)], [box(0, 0), box(30, 8), box(0, 40)], 1)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('of finer themes keep away from the others', () => {
    expect(fitting([label(0), label(1)], [box(0, 0), box(0, 22)], 1)).toEqual([true, true]);
    expect(fitting([label(0), label(1, 1)], [box(0, 0), box(0, 22)], 1)).toEqual([true, false]);
  });

  it('grow in number as the map is enlarged', () => {
    const labels = Array.from({ length: 80 }, (_, i) => label(i));
    const boxes = labels.map((_, i) => box(0, 30 * i));
    const shown = (zoom: number) => fitting(labels, boxes, zoom).filter(Boolean).length;
    expect([shown(0.5), shown(1), shown(2), shown(4)]).toEqual([12, 12, 48, 80]);
  });
});
