/** Which part of a plane is seen, and where its points lie on the canvas. */

import type { Box } from '../model/plane';

/** Between a plane, whose y points up, and the pixels of a canvas, whose y points down. */
export interface Projection {
  toX(x: number): number;
  toY(y: number): number;
  fromX(px: number): number;
  fromY(py: number): number;
}

const MIN_ZOOM = 0.5;
const MAX_ZOOM = 400;
/** Pixels left free around what is fitted, and the least width of that, in units of the plane. */
const FREE = 40;
const LEAST = 0.03;

/** The middle of what is seen, and how large. */
export interface View {
  x: number;
  y: number;
  zoom: number;
}

export class Camera implements Projection, View {
  x = 0;
  y = 0;
  zoom = 1;

  /** `unit` is how many pixels are one unit of the plane before any zoom. */
  constructor(
    private readonly box: { width: number; height: number },
    private readonly unit: () => number,
  ) {}

  get view(): View {
    const { x, y, zoom } = this;
    return { x, y, zoom };
  }

  set view({ x, y, zoom }: View) {
    [this.x, this.y, this.zoom] = [x, y, zoom];
  }

  /** Pixels for one unit. */
  get scale(): number {
    return this.unit() * this.zoom;
  }

  toX(x: number): number {
    return this.box.width / 2 + (x - this.x) * this.scale;
  }

  toY(y: number): number {
    return this.box.height / 2 - (y - this.y) * this.scale;
  }

  fromX(px: number): number {
    return this.x + (px - this.box.width / 2) / this.scale;
  }

  fromY(py: number): number {
    return this.y - (py - this.box.height / 2) / this.scale;
  }

  /** Moves what is seen by so many pixels, as a hand moves a sheet of paper. */
  drag(dx: number, dy: number): void {
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  /** Zooms so that what lies under a pixel (the middle, if none is named) stays there. */
  zoomAt(factor: number, px = this.box.width / 2, py = this.box.height / 2): void {
    const [x, y] = [this.fromX(px), this.fromY(py)];
    this.zoom = clamped(this.zoom * factor);
    this.x += x - this.fromX(px);
    this.y += y - this.fromY(py);
  }

  /** Brings a place to the middle, if it is outside the picture or at its edge. */
  reveal(x: number, y: number, edge = 10): boolean {
    const [px, py] = [this.toX(x), this.toY(y)];
    const isSeen = px > edge && py > edge && px < this.box.width - edge && py < this.box.height - edge;
    if (!isSeen) [this.x, this.y] = [x, y];
    return !isSeen;
  }

  /** Shows a part of the plane as large as fits. */
  fit({ left, right, bottom, top }: Box): void {
    const { width, height } = this.box;
    const across = Math.max(1, width - 2 * FREE) / Math.max(right - left, LEAST);
    const upright = Math.max(1, height - 2 * FREE) / Math.max(top - bottom, LEAST);
    this.zoom = clamped(Math.min(across, upright) / this.unit());
    [this.x, this.y] = [(left + right) / 2, (bottom + top) / 2];
  }

  reset(): void {
    [this.x, this.y, this.zoom] = [0, 0, 1];
  }
}

const clamped = (zoom: number) => Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, zoom));
