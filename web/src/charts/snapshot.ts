/** What a map shows now, as shapes of a picture. */
import type { Contour } from '../model/contours';
import { MOST_SIGNS, type Pane, type Sign, type Stroke } from '../model/picture';
import type { Projection } from './camera';
import { drawingOrder, drawPoints, type PointLook } from './layer';
import { DASHED, DOTTED, type Links, shownLinks } from './overlay';
import { cssColour } from './palette';
import { type Frame, OPACITY, ROLE_SIZES } from './renderer';
import type { Position, Surface } from './surface';

/** What of a chart the picture is made of. */
interface Shown {
  surface: Surface;
  plane: Projection & { scale: number };
  xy: Float32Array;
  roles: Uint8Array;
  look: PointLook & { links: Links; focus: number; neighbours: number[] };
  contours: Contour[];
  /** Diameter of a query in CSS pixels. */
  diameter: number;
}

/** Pixels of a picture for one CSS pixel. */
export const FINER = 2;

export function snapshot(shown: Shown): Omit<Pane, 'title' | 'words'> {
  const { surface, plane, xy, contours, look, diameter } = shown;
  const placeOf = (point: number): Position => ({ x: plane.toX(xy[2 * point]), y: plane.toY(xy[2 * point + 1]) });
  const areas = contours.map(({ rings }) =>
    rings.map((ring) => Array.from(ring, (value, i) => (i % 2 === 0 ? plane.toX(value) : plane.toY(value)))),
  );
  const focus = look.focus < 0 ? [] : [look.focus];
  const around = focus.length > 0 ? look.neighbours : [];
  const rings = [
    ...focus.map((point) => ({ ...placeOf(point), radius: diameter / 2 + 4, width: 2.5 })),
    ...around.map((point) => ({ ...placeOf(point), radius: diameter / 2 + 2, width: 1.2 })),
  ];
  const { width, height } = surface;
  return { width, height, areas, rings, strokes: strokesOf(shown, placeOf), points: pointsOf(shown, placeOf) };
}

/** Links, the wrong ones over the right ones, and the lines to the neighbours of the open point. */
function strokesOf({ surface, look }: Shown, placeOf: (point: number) => Position): Stroke[] {
  const stroke = (from: number, to: number, rest: Omit<Stroke, 'x1' | 'y1' | 'x2' | 'y2'>): Stroke => {
    const [start, end] = [placeOf(from), placeOf(to)];
    return { x1: start.x, y1: start.y, x2: end.x, y2: end.y, ...rest };
  };
  const { n, width, opacity } = shownLinks(look.links);
  const { from, to } = look.links;
  const links = [1, 0].flatMap((isCorrect) => {
    const rest = { kind: 'link' as const, colour: surface.colour(isCorrect ? '--right' : '--wrong'), width, opacity };
    return [...Array(n).keys()]
      .filter((i) => look.links.isCorrect[i] === isCorrect)
      .map((i) => stroke(from[i], to[i], { ...rest, dash: isCorrect ? [] : DASHED }));
  });
  const near = { kind: 'neighbour' as const, colour: surface.colour('--ink'), width: 1.4, opacity: 0.8, dash: DOTTED };
  return look.focus < 0 ? links : [...links, ...look.neighbours.map((point) => stroke(look.focus, point, near))];
}

/** The points in view as signs, or all of them as a picture where those are too many. */
function pointsOf(shown: Shown, placeOf: (point: number) => Position): Sign[] | string {
  const { surface, roles, look, diameter } = shown;
  const fills = look.tints.map((tint) => cssColour(surface.canvas, `--tint-${tint}`));
  const layers: Sign[][] = [[], []];
  for (const point of drawingOrder(roles)) {
    const { x, y } = placeOf(point);
    const role = roles[point];
    const radius = Math.max(diameter * ROLE_SIZES[role], 1.5) / 2;
    if (x < -radius || y < -radius || x > surface.width + radius || y > surface.height + radius) continue;
    const isFaded = look.isFaded?.[point] === 1;
    const isDimmed = look.isLit?.[point] === 0;
    const opacity = isFaded ? OPACITY.faded : isDimmed ? OPACITY.dimmed : OPACITY.full;
    layers[isFaded || isDimmed ? 0 : 1].push({ x, y, radius, role, fill: fills[look.categories[point]], opacity });
  }
  const signs = layers.flat();
  return signs.length > MOST_SIGNS ? rasterOf(shown) : signs;
}

function rasterOf({ surface, plane, xy, roles, look, diameter }: Shown): string {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [Math.round(surface.width * FINER), Math.round(surface.height * FINER)];
  const frame: Frame = {
    scale: plane.scale * FINER,
    centreX: plane.toX(0) * FINER,
    centreY: plane.toY(0) * FINER,
    progress: 1,
    size: diameter * FINER,
  };
  drawPoints(canvas, xy, roles, look, frame, surface.canvas);
  return canvas.toDataURL('image/png');
}
