/** How densely the points lie: tints under them, and lines over them, which they would hide. */
import type { Contour } from '../model/contours';
import { CONTOUR_LINES, TINTED } from '../model/picture';
import { cssColour } from './palette';
import type { Frame } from './renderer';
import { addCanvas, type Surface } from './surface';

export class ContourLayer {
  private readonly canvas: HTMLCanvasElement;
  private readonly pen: CanvasRenderingContext2D;
  private areas: Path2D[] = [];

  constructor(container: HTMLElement) {
    this.canvas = addCanvas(container, 'map-contours');
    this.pen = this.canvas.getContext('2d') as CanvasRenderingContext2D;
  }

  set(contours: Contour[]): void {
    this.areas = contours.map(({ rings }) => areaOf(rings));
  }

  resize(width: number, height: number): void {
    [this.canvas.width, this.canvas.height] = [width, height];
  }

  /** Draws the tints, but not while the points move. */
  draw({ scale, centreX, centreY, progress }: Frame): void {
    const { pen, canvas } = this;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (progress < 1) return;
    pen.setTransform(scale, 0, 0, -scale, centreX, centreY);
    pen.fillStyle = cssColour(canvas, '--ink');
    pen.globalAlpha = TINTED;
    for (const area of this.areas) pen.fill(area, 'evenodd');
  }

  /** Draws the lines over the points, in front of a paler one that parts them from those. */
  drawLines({ pen, pixels, canvas }: Surface, { scale, centreX, centreY, progress }: Frame): void {
    if (progress < 1) return;
    pen.save();
    pen.setTransform(scale, 0, 0, -scale, centreX, centreY);
    for (const { name, width, opacity } of CONTOUR_LINES) {
      pen.strokeStyle = cssColour(canvas, name);
      pen.lineWidth = (width * pixels) / scale;
      pen.globalAlpha = opacity;
      for (const area of this.areas) pen.stroke(area);
    }
    pen.restore();
  }

  destroy(): void {
    this.canvas.remove();
  }
}

function areaOf(rings: Float32Array[]): Path2D {
  const area = new Path2D();
  for (const ring of rings) {
    area.moveTo(ring[0], ring[1]);
    for (let i = 2; i < ring.length; i += 2) area.lineTo(ring[i], ring[i + 1]);
    area.closePath();
  }
  return area;
}
