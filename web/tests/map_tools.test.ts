import { describe, expect, it } from 'vitest';
import { Camera } from '../src/charts/camera';
import { nearestOf, neighboursOf, pointOf } from '../src/model/documents';
import { fromHash, toHash } from '../src/model/hash';
import { layoutsOf, ownerOf } from '../src/model/layouts';
import { cut, escaped, type Picture, sizeOf, toSvg } from '../src/model/picture';
import { boxOf } from '../src/model/plane';
import { initialState } from '../src/state';
import { golden, goldenOf } from './golden';

const camera = (width: number, height: number) => new Camera({ width, height }, () => 100);

describe('a camera fitted to a box', () => {
  it('shows all of it, in the middle, as large as fits beside a free edge', () => {
    for (const box of [
      { left: -1, right: 1, bottom: -0.1, top: 0.1 },
      { left: 0.2, right: 0.3, bottom: -1, top: 1 },
    ]) {
      const fitted = camera(800, 600);
      fitted.fit(box);
      const [left, right] = [fitted.toX(box.left), fitted.toX(box.right)];
      const [bottom, top] = [fitted.toY(box.bottom), fitted.toY(box.top)];
      expect(left + right).toBeCloseTo(800);
      expect(bottom + top).toBeCloseTo(600);
      expect(Math.min(left, top, 800 - right, 600 - bottom)).toBeCloseTo(40);
    }
  });

  it('of one place zooms, and not without end', () => {
    const fitted = camera(800, 600);
    fitted.fit({ left: 0.5, right: 0.5, bottom: 0.5, top: 0.5 });
    expect([fitted.x, fitted.y]).toEqual([0.5, 0.5]);
    expect(fitted.zoom).toBeGreaterThan(1);
    expect(fitted.zoom).toBeLessThan(400);
  });

  it('goes back to what was seen', () => {
    const fitted = camera(800, 600);
    fitted.zoomAt(3, 100, 100);
    const before = fitted.view;
    fitted.fit({ left: 0, right: 1, bottom: 0, top: 1 });
    expect(fitted.view).not.toEqual(before);
    fitted.view = before;
    expect(fitted.view).toEqual(before);
  });

  it('of no points has no box', () => {
    const xy = new Float32Array([0, 0, 1, 2, -1, 5]);
    expect(boxOf(xy, [])).toBe(null);
    expect(boxOf(xy, [1, 2])).toEqual({ left: -1, right: 1, bottom: 2, top: 5 });
  });
});

describe('the neighbours of a point', () => {
  it('are those of a plain sort by distance', () => {
    const xy = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i * i * 12.9898));
    const far = (p: number) => Math.hypot(xy[2 * p] - xy[14], xy[2 * p + 1] - xy[15]);
    const plain = [...Array(200).keys()].filter((p) => p !== 7).sort((a, b) => far(a) - far(b));
    expect(nearestOf(xy, 7, 8)).toEqual(plain.slice(0, 8));
    expect(nearestOf(new Float32Array([0, 0, 1, 1]), 0, 8)).toEqual([1]);
  });

  it('are none of a point that the map does not show', async () => {
    const page = await golden();
    if (!page.points) throw new Error('the golden run has points');
    expect(pointOf(page.points, 1, true)).toBe(1);
    expect(pointOf(page.points, 99)).toBe(-1);
    expect(neighboursOf(page, 0, -1)).toEqual([]);
  });
});

describe('layouts', () => {
  it('are the maps of the page, and those of the other checkpoints, framed alike', async () => {
    const page = await goldenOf('training');
    const layouts = layoutsOf(page);
    expect(layouts.map(({ method, epoch }) => [method, epoch])).toEqual([
      ['tsne', null],
      ['umap', null],
      ['tsne', 0],
      ['tsne', 1],
    ]);
    expect(layouts.map((layout) => ownerOf(page, layout))).toEqual(['epoch 3', 'epoch 3', 'epoch 1', 'epoch 2']);
    for (const { xy } of layouts) expect(Math.max(...xy.map(Math.abs))).toBeCloseTo(1);
    expect(layoutsOf(page)).toBe(layouts);
    expect(layoutsOf({ ...page, points: null })).toEqual([]);
    expect(layoutsOf(await golden()).map((layout) => layout.epoch)).toEqual([null, null]);
  });

  it('that stand beside, and contours, are kept in the address', async () => {
    const page = await golden();
    const initial = initialState(page);
    const ids = { queries: page.queries.ids, documents: page.documents.ids };
    const state = { ...initial, view: 'map' as const, beside: 1, hasContours: true };
    expect(toHash(state, initial, ids)).toBe('#map?contours=all&beside=1');
    expect(fromHash(toHash(state, initial, ids), initial, ids)).toEqual(state);
    const many = { ...initial, hasContours: true };
    expect(fromHash(toHash({ ...many, hasContours: false }, many, ids), many, ids).hasContours).toBe(false);
    expect(fromHash('#map', many, ids).hasContours).toBe(true);
  });
});

const PICTURE: Picture = {
  title: 'model on <data> & "more"',
  caption: ['one', 'two'],
  legend: [{ label: 'Query', n: '2', role: 0, fill: '#0072b2' }],
  panes: [
    {
      title: 't-SNE',
      width: 300,
      height: 200,
      areas: [[[0, 0, 10, 0, 10, 10]]],
      strokes: [{ kind: 'link', x1: 0, y1: 0, x2: 5, y2: 5, colour: '#00805d', width: 1, opacity: 0.5, dash: [4, 3] }],
      points: [0, 1, 2, 3].map((role) => ({ x: 10 * role, y: 5, radius: 4, role, fill: '#0072b2', opacity: 0.9 })),
      rings: [{ x: 1, y: 1, radius: 8, width: 2 }],
      words: [{ x: 50, y: 60, text: 'a theme', isFiner: false }],
    },
  ],
  ink: '#1a1f26',
  muted: '#5c6570',
  paper: '#ffffff',
};

describe('a picture', () => {
  it('as SVG has shapes for points, links as lines and words as text, each tag closed', () => {
    const svg = toSvg(PICTURE);
    expect(svg.match(/<circle [^>]*fill="#0072b2"/g)?.length).toBe(2); // the point and its key
    expect(svg).toContain('stroke-dasharray="4 3"');
    expect(svg).toContain('>a theme</text>');
    expect(svg).toContain('>model on &#60;data&#62; &#38; &#34;more&#34;</text>');
    for (const tag of ['svg', 'g', 'text', 'clipPath', 'title']) {
      expect(svg.match(new RegExp(`<${tag}[ >]`, 'g'))?.length, tag).toBe(
        svg.match(new RegExp(`</${tag}>`, 'g'))?.length,
      );
    }
    expect(svg).not.toContain('NaN');
  });

  it('has room for its maps, the legend and the caption', () => {
    const one = sizeOf(PICTURE);
    const two = sizeOf({ ...PICTURE, panes: [PICTURE.panes[0], PICTURE.panes[0]] });
    expect(two.width - one.width).toBe(324);
    expect(one.height).toBeGreaterThan(200);
    const long = Array(60).fill(PICTURE.legend[0]);
    expect(sizeOf({ ...PICTURE, legend: long }).height).toBeGreaterThan(60 * 20);
  });

  it('takes points that are too many as an image', () => {
    const [pane] = PICTURE.panes;
    const svg = toSvg({ ...PICTURE, panes: [{ ...pane, points: 'data:image/png;base64,AAAA' }] });
    expect(svg).toContain('href="data:image/png;base64,AAAA"');
  });

  it('holds no character that XML forbids', () => {
    expect(escaped('a\u0000b\ud800c\tđ\u{1f600}')).toBe('a\ufffdb\ufffdc\tđ\u{1f600}');
  });

  it('cuts a text where it gets too wide, sooner where its letters are wide', () => {
    expect(cut('short', 200, 12)).toBe('short');
    expect(cut('a'.repeat(50), 70, 12).length).toBeLessThan(12);
    expect(cut('字'.repeat(50), 70, 12).length).toBeLessThan(cut('a'.repeat(50), 70, 12).length);
  });
});
