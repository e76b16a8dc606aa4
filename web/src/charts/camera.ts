/** Which part of a plane is seen, and where its points lie on the canvas. */

/** Between a plane, whose y points up, and the pixels of a canvas, whose y points down. */
export interface Projection {
  toX(x: number): number;
  toY(y: number): number;
  fromX(px: number): number;
  fromY(py: number): number;
}

const MIN_ZOOM = 0.5;
const MAX_ZOOM = 400;

export class Camera implements Projection {
  /** The middle of what is seen. */
  x = 0;
  y = 0;
  zoom = 1;

  /** `unit` is how many pixels are one unit of the plane before any zoom. */
  constructor(
    private readonly view: { width: number; height: number },
    private readonly unit: () => number,
  ) {}

  /** Pixels for one unit. */
  get scale(): number {
    return this.unit() * this.zoom;
  }

  toX(x: number): number {
    return this.view.width / 2 + (x - this.x) * this.scale;
  }

  toY(y: number): number {
    return this.view.height / 2 - (y - this.y) * this.scale;
  }

  fromX(px: number): number {
    return this.x + (px - this.view.width / 2) / this.scale;
  }

  fromY(py: number): number {
    return this.y - (py - this.view.height / 2) / this.scale;
  }

  /** Moves what is seen by so many pixels, as a hand moves a sheet of paper. */
  drag(dx: number, dy: number): void {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  /** Zooms so that what lies under a pixel (the middle, if none is named) stays there. */
  zoomAt(factor: number, px = this.view.width / 2, py = this.view.height / 2): void {
    const [x, y] = [this.fromX(px), this.fromY(py)];
    this.zoom = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, this.zoom * factor));
    this.x += x - this.fromX(px);
    this.y += y - this.fromY(py);
  }

  /** Brings a place to the middle, if it is outside the picture or at its edge. */
  reveal(x: number, y: number, edge = 20): boolean {
    const [px, py] = [this.toX(x), this.toY(y)];
    const isSeen = px > edge && py > edge && px < this.view.width - edge && py < this.view.height - edge;
    if (!isSeen) [this.x, this.y] = [x, y];
    return !isSeen;
  }

  reset(): void {
    [this.x, this.y, this.zoom] = [0, 0, 1];
  }
}
