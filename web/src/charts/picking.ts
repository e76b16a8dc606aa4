/** Which point lies under the pointer. */
import { QUERY } from '../contract';
import { type Grid, makeGrid, nearest } from '../model/plane';

/** A point that is not lit, or that a query lies beside, must be nearer by this factor. */
const CLOSER = 0.7;

/** Finds points of one layout. */
export class Picker {
  private grid: Grid | null = null;
  private xy: Float32Array | null = null;

  constructor(private readonly roles: Uint8Array) {}

  /** The point of `xy` within `radius` of a place: a query before others, lit points before the rest; -1 if none. */
  pointAt(xy: Float32Array, x: number, y: number, radius: number, isLit: Uint8Array | null): number {
    if (!this.grid || xy !== this.xy) this.grid = makeGrid(xy);
    this.xy = xy;
    const { grid, roles } = this;
    const accepts = (point: number) => !isLit || isLit[point] === 1;
    const query = nearest(xy, grid, x, y, radius * CLOSER, (point) => roles[point] === QUERY && accepts(point));
    if (query >= 0) return query;
    const lit = nearest(xy, grid, x, y, radius, accepts);
    return lit >= 0 || !isLit ? lit : nearest(xy, grid, x, y, radius * CLOSER);
  }
}
