/** What is drawn over the points of a map: links, rings around points, the lasso. */
import type { Projection } from './camera';
import type { Position, Surface } from './surface';

/** Pairs of points, and whether the link is a right one. */
export interface Links {
  from: ArrayLike<number>;
  to: ArrayLike<number>;
  isCorrect: ArrayLike<number>;
}

const MAX_LINKS = 6000;
/** Dashes are the second sign of a wrong link, dots of a neighbour. */
export const DASHED = [4, 3];
export const DOTTED = [1.5, 3];

/** How many of the links are drawn, and how: thinner and paler where there are many. */
export function shownLinks(links: Links): { n: number; width: number; opacity: number } {
  const n = Math.min(links.from.length, MAX_LINKS);
  return { n, width: n > 300 ? 0.6 : 1.1, opacity: Math.min(0.6, 32 / n ** 0.8) };
}

/** Lines between linked points, the wrong ones over the right ones. */
export function drawLinks(surface: Surface, links: Links, placeOf: (point: number) => Position): void {
  const { pen } = surface;
  const { n, width, opacity } = shownLinks(links);
  pen.lineWidth = width;
  pen.globalAlpha = opacity;
  for (const isCorrect of [1, 0]) {
    pen.strokeStyle = surface.colour(isCorrect ? '--right' : '--wrong');
    pen.setLineDash(isCorrect ? [] : DASHED);
    pen.beginPath();
    for (let i = 0; i < n; i++) {
      if (links.isCorrect[i] !== isCorrect) continue;
      const [start, end] = [placeOf(links.from[i]), placeOf(links.to[i])];
      pen.moveTo(start.x, start.y);
      pen.lineTo(end.x, end.y);
    }
    pen.stroke();
  }
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

/** Dotted lines from a point to its neighbours, each of which has a ring. */
export function drawNeighbours(surface: Surface, from: Position, neighbours: Position[], radius: number): void {
  const { pen } = surface;
  pen.globalAlpha = 0.8;
  pen.strokeStyle = surface.colour('--ink');
  pen.lineWidth = 1.4;
  pen.setLineDash(DOTTED);
  for (const to of neighbours) surface.line(from, to);
  pen.setLineDash([]);
  for (const to of neighbours) drawRing(surface, to, radius + 2, 1.2);
  pen.globalAlpha = 1;
}

export function drawRing(surface: Surface, at: Position, radius: number, width: number): void {
  surface.circle(at, radius);
  surface.pen.strokeStyle = surface.colour('--ink');
  surface.pen.lineWidth = width;
  surface.pen.stroke();
}

/** The outline that is being drawn, and a tint over what it holds. */
export function drawLasso(surface: Surface, corners: number[], plane: Projection): void {
  const { pen } = surface;
  surface.outline(corners, plane);
  pen.globalAlpha = 0.1;
  pen.fillStyle = surface.colour('--accent');
  pen.fill();
  pen.globalAlpha = 1;
}
