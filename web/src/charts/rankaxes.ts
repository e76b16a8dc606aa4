/** Two logarithmic axes of ranks: where a rank lies, and the axes themselves. */
import { count } from '../model/format';
import type { Projection } from './camera';
import type { Surface } from './surface';

const MARGIN = { left: 58, right: 18, top: 14, bottom: 48 };

/** Ranks at which an axis is marked, 1, 10, 100 ... or finer where it is short. */
export function rankTicks(most: number): number[] {
  const ticks: number[] = [];
  for (let decade = 1; decade <= most; decade *= 10) {
    for (const step of most < 30 ? [1, 2, 5] : [1]) if (decade * step <= most) ticks.push(decade * step);
  }
  return ticks;
}

/** Decimal logarithms of ranks on a square; rank 1 stands `indent` off the axes, so that its bubble hides no label. */
export class RankAxes implements Projection {
  /** The logarithm at the end of both axes. */
  private readonly end: number;

  constructor(
    private readonly surface: Surface,
    private readonly mostRank: number,
    private readonly indent: number,
  ) {
    this.end = Math.log10(mostRank) * 1.03;
  }

  private get side(): number {
    const { width, height } = this.surface;
    return Math.max(1, Math.min(width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom));
  }

  /** Pixels for one decade. */
  private get decade(): number {
    return (this.side - this.indent) / this.end;
  }

  toX(x: number): number {
    return MARGIN.left + this.indent + x * this.decade;
  }

  toY(y: number): number {
    return MARGIN.top + (this.end - y) * this.decade;
  }

  fromX(px: number): number {
    return (px - MARGIN.left - this.indent) / this.decade;
  }

  fromY(py: number): number {
    return this.end - (py - MARGIN.top) / this.decade;
  }

  /** Lines at the ticks, the dashed line of equal ranks, and the names of the axes. */
  draw(before: string, after: string): void {
    const { surface } = this;
    const { pen } = surface;
    const [left, right] = [MARGIN.left, this.toX(this.end)];
    const [bottom, top] = [MARGIN.top + this.side, this.toY(this.end)];
    pen.font = `12px ${getComputedStyle(surface.canvas).fontFamily}`;
    pen.lineWidth = 1;
    pen.fillStyle = surface.colour('--muted');
    pen.strokeStyle = surface.colour('--line');
    for (const tick of rankTicks(this.mostRank)) {
      const [x, y] = [this.toX(Math.log10(tick)), this.toY(Math.log10(tick))];
      surface.line({ x, y: bottom + 6 }, { x, y: top });
      surface.line({ x: left - 6, y }, { x: right, y });
      pen.textAlign = 'center';
      pen.fillText(count(tick), x, bottom + 20);
      pen.textAlign = 'right';
      pen.fillText(count(tick), left - 10, y + 4);
    }
    pen.strokeStyle = surface.colour('--muted');
    pen.setLineDash([4, 4]);
    surface.line({ x: this.toX(0), y: this.toY(0) }, { x: right, y: top });
    pen.setLineDash([]);
    pen.textAlign = 'center';
    pen.fillText(before, (left + right) / 2, bottom + 40, right - left);
    pen.save();
    pen.translate(14, (bottom + top) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(after, 0, 0, bottom - top);
    pen.restore();
  }
}
