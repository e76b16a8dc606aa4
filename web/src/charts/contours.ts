/** How densely the points lie: tints under them, and lines over them, which they would hide. */
import type { Contour } from '../model/contours';
import { LINED, TINTED } from '../model/picture';
import { cssColour } from './palette';
import type { Frame } from './renderer';
import { addCanvas, type Surface } from './surface';

export class ContourLayer {
  private readonly canvas: HTMLCanvasElement;
  private readonly pen: CanvasRenderingContext2D;
  /** What is tinted. */
  private areas: Path2D[] = [];
  /** All lines in one: a stroke of a long path is slow. */
  private lines = new Path2D();

  /** `isTinted` is for maps of points so few that the tint is seen between them. */
  constructor(
    container: HTMLElement,
    private readonly isTinted: boolean,
  ) {
    this.canvas = addCanvas(container, 'map-contours');
    this.canvas.hidden = true;
    this.pen = this.canvas.getContext('2d') as CanvasRenderingContext2D;
  }

  set(contours: Contour[]): void {
    this.areas = this.isTinted ? contours.map(({ rings }) => pathOf(rings)) : [];
    this.lines = pathOf(contours.flatMap(({ rings }) => rings));
    this.canvas.hidden = this.areas.length === 0;
  }

  resize(width: number, height: number): void {
    [this.canvas.width, this.canvas.height] = [width, height];
  }

  /** Draws the tints, but not while the points move. */
  draw({ scale, centreX, centreY, progress }: Frame): void {
    const { pen, canvas } = this;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (progress < 1 || canvas.hidden) return;
    pen.setTransform(scale, 0, 0, -scale, centreX, centreY);
    pen.fillStyle = cssColour(canvas, '--ink');
    pen.globalAlpha = TINTED;
    for (const area of this.areas) pen.fill(area, 'evenodd');
  }

  /** Draws the lines over the points. */
  drawLines({ pen, pixels, canvas }: Surface, { scale, centreX, centreY, progress }: Frame): void {
    if (progress < 1) return;
    pen.save();
    pen.setTransform(scale, 0, 0, -scale, centreX, centreY);
    pen.strokeStyle = cssColour(canvas, '--ink');
    pen.lineWidth = pixels / scale;
    pen.globalAlpha = LINED;
    pen.stroke(this.lines);
    pen.restore();
  }

  destroy(): void {
    this.canvas.remove();
  }
}

function pathOf(rings: Float32Array[]): Path2D {
  const path = new Path2D();
  for (const ring of rings) {
    path.moveTo(ring[0], ring[1]);
    for (let i = 2; i < ring.length; i += 2) path.lineTo(ring[i], ring[i + 1]);
    path.closePath();
  }
  return path;
}
