/** The points of a map on their way from one layout to another. */

const MOVE_MS = 900;
/** Share of the smaller side of the picture that a layout fills. */
const FILLED = 0.92;

/** Half the width and half the height of a layout around the middle of its frame. */
type Extent = [number, number];

const mix = (from: number, to: number, share: number) => from + (to - from) * share;
const mixed = (a: Extent, b: Extent, share: number): Extent => [mix(a[0], b[0], share), mix(a[1], b[1], share)];

export class Transition {
  from: Float32Array;
  to: Float32Array;
  /** 0 at the start, 1 where the points have arrived. */
  progress = 1;
  private readonly extents: Extent[];
  private fromExtent: Extent;
  private toExtent: Extent;
  private startedAt = -Infinity;

  /** Layouts are x and y in turn; those of an animation keep one scale. */
  constructor(
    private readonly layouts: Float32Array[],
    isAnimation: boolean,
  ) {
    this.extents = extentsOf(layouts, isAnimation);
    this.from = this.to = layouts[0];
    this.fromExtent = this.toExtent = this.extents[0];
  }

  /** Puts the points into a layout at once. */
  jumpTo(layout: number): void {
    this.from = this.to = this.layouts[layout];
    this.fromExtent = this.toExtent = this.extents[layout];
  }

  /** Sends the points to a layout; if they are still on their way, from where they are now. */
  moveTo(layout: number): void {
    const isUnderway = this.progress < 1;
    this.fromExtent = isUnderway ? mixed(this.fromExtent, this.toExtent, this.progress) : this.toExtent;
    this.from = isUnderway ? this.to.map((_, i) => this.coordinate(i)) : this.to;
    this.to = this.layouts[layout];
    this.toExtent = this.extents[layout];
    this.progress = 0;
    this.startedAt = matchMedia('(prefers-reduced-motion: reduce)').matches ? -Infinity : performance.now();
  }

  /** Moves the points to where they are at a time: slowly, fast, slowly. */
  advance(now: number): void {
    const share = Math.min(1, Math.max(0, (now - this.startedAt) / MOVE_MS));
    this.progress = share < 0.5 ? 4 * share ** 3 : 1 - (-2 * share + 2) ** 3 / 2;
  }

  /** Entry i of the present positions, which are x and y in turn. */
  coordinate(i: number): number {
    return mix(this.from[i], this.to[i], this.progress);
  }

  /** Pixels for one unit, so that the layout fills a picture of this size. */
  unitIn({ width, height }: { width: number; height: number }): number {
    const filling = ([x, y]: Extent) => (Math.min(width / x, height / y) / 2) * FILLED;
    return mix(filling(this.fromExtent), filling(this.toExtent), this.progress);
  }
}

function extentsOf(layouts: Float32Array[], isAnimation: boolean): Extent[] {
  const extents = layouts.map((xy): Extent => {
    let [x, y] = [0, 0];
    for (let i = 0; i < xy.length; i += 2) {
      x = Math.max(x, Math.abs(xy[i]));
      y = Math.max(y, Math.abs(xy[i + 1]));
    }
    return x === 0 && y === 0 ? [1, 1] : [x, y];
  });
  if (!isAnimation) return extents;
  const all: Extent = [Math.max(...extents.map(([x]) => x)), Math.max(...extents.map(([, y]) => y))];
  return extents.map(() => all);
}
