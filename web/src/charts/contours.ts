/** The canvas under the points that shows how densely they lie. */
import type { Contour } from '../model/contours';
import { LINED, TINTED } from '../model/picture';
import { cssColour } from './palette';
import type { Frame } from './renderer';
import { addCanvas } from './surface';

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

  /** Draws the areas, but not while the points move; `line` is the width of a line in pixels of the canvas. */
  draw({ scale, centreX, centreY }: Frame, line: number, isMoving: boolean): void {
    const { pen, canvas } = this;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (isMoving) return;
    pen.setTransform(scale, 0, 0, -scale, centreX, centreY);
    pen.fillStyle = pen.strokeStyle = cssColour(canvas, '--ink');
    pen.lineWidth = line / scale;
    for (const area of this.areas) {
      pen.globalAlpha = TINTED;
      pen.fill(area, 'evenodd');
      pen.globalAlpha = LINED;
      pen.stroke(area);
    }
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
