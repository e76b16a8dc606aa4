/** The similarity matrix as a picture to hover and to zoom. */
import { type Cell, CellCamera } from './cells';
import { onThemeChange, type Rgb, rgb } from './palette';
import { isReleased, type Position, Surface } from './surface';

export interface HeatmapData {
  rows: number;
  columns: number;
  /** Row after row; NaN where there is no value. */
  values: Float32Array;
  isRelevant: Uint8Array;
  label: string;
}

export interface HeatmapEvents {
  onHover(cell: Cell | null, x: number, y: number): void;
  onPick(row: number): void;
}

const STEPS = 64;
/** Pixels that a pointer may travel and still press a cell. */
const PRESSED = 5;
/** Rows and columns by which an arrow key moves. */
const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
};

export class HeatmapChart {
  private readonly surface: Surface;
  private readonly camera: CellCamera;
  private readonly stopWatching: () => void;
  private image = document.createElement('canvas');
  private isRowLit: Uint8Array | null = null;
  private cursor: Cell | null = null;
  /** Where the pointer holds the matrix, and how far it has travelled. */
  private grabbed: { at: Position; travelled: number } | null = null;

  constructor(
    container: HTMLElement,
    private readonly data: HeatmapData,
    private readonly events: HeatmapEvents,
  ) {
    this.surface = new Surface(container, 'heatmap-canvas', data.label);
    this.camera = new CellCamera(this.surface, data.rows, data.columns);
    this.surface.listen({
      pointerdown: (event) => this.press(event),
      pointermove: (event) => this.move(event),
      pointerup: (event) => this.release(event),
      pointerleave: () => this.show(null),
      blur: () => this.show(null),
      wheel: (event) => this.wheel(event),
      keydown: (event) => this.key(event),
    });
    this.surface.fit(() => this.draw());
    this.stopWatching = onThemeChange(() => this.repaint());
    this.repaint();
  }

  update(isRowLit: Uint8Array | null): void {
    this.isRowLit = isRowLit;
    this.repaint();
  }

  zoom(factor: number): void {
    this.camera.zoomAt(factor);
    this.draw();
  }

  reset(): void {
    this.camera.reset();
    this.draw();
  }

  destroy(): void {
    this.stopWatching();
    this.surface.destroy();
  }

  private repaint(): void {
    this.image = painted(this.data, rampOf(this.surface), this.isRowLit);
    this.draw();
  }

  private draw(): void {
    const { surface, camera, cursor, data } = this;
    const { pen } = surface;
    surface.clear();
    pen.imageSmoothingEnabled = false;
    const [start, end] = [camera.toPixels(0, 0), camera.toPixels(data.columns, data.rows)];
    pen.drawImage(this.image, start.x, start.y, end.x - start.x, end.y - start.y);
    drawRelevant(surface, camera, data);
    if (!cursor) return;
    const { x, y } = camera.toPixels(cursor.column, cursor.row);
    pen.strokeStyle = surface.colour('--ink');
    pen.lineWidth = 2;
    pen.strokeRect(x, y, camera.cellWidth, camera.cellHeight);
  }

  private show(cell: Cell | null): void {
    this.cursor = cell;
    this.draw();
    const { x, y } = cell ? this.camera.toPixels(cell.column + 0.5, cell.row + 0.5) : { x: 0, y: 0 };
    this.events.onHover(cell, x, y);
  }

  private press(event: PointerEvent): void {
    this.surface.canvas.setPointerCapture(event.pointerId);
    this.grabbed = { at: this.surface.positionOf(event), travelled: 0 };
  }

  private move(event: PointerEvent): void {
    const at = this.surface.positionOf(event);
    if (isReleased(event)) this.grabbed = null;
    if (this.grabbed && this.camera.zoom > 1) {
      const [dx, dy] = [at.x - this.grabbed.at.x, at.y - this.grabbed.at.y];
      this.camera.drag(dx, dy);
      this.grabbed = { at, travelled: this.grabbed.travelled + Math.abs(dx) + Math.abs(dy) };
    }
    this.show(this.camera.cellAt(at));
  }

  private release(event: PointerEvent): void {
    const cell = this.camera.cellAt(this.surface.positionOf(event));
    if (this.grabbed && this.grabbed.travelled < PRESSED && cell) this.events.onPick(cell.row);
    this.grabbed = null;
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    this.camera.zoomAt(Math.exp(-event.deltaY * 0.0018), this.surface.positionOf(event));
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    if (event.key === '+' || event.key === '=') this.zoom(1.4);
    else if (event.key === '-') this.zoom(1 / 1.4);
    else if (event.key === 'Enter' && this.cursor) this.events.onPick(this.cursor.row);
    else if (event.key in ARROWS) {
      event.preventDefault();
      const [rows, columns] = ARROWS[event.key];
      const from = this.cursor ?? { row: 0, column: -columns };
      this.show(this.camera.nearest({ row: from.row + rows, column: from.column + columns }));
    }
  }
}

/** A ring on every relevant cell, where cells are large enough to hold one. */
function drawRelevant(surface: Surface, camera: CellCamera, { isRelevant, columns }: HeatmapData): void {
  const { pen } = surface;
  const radius = Math.min(camera.cellWidth, camera.cellHeight) * 0.3;
  if (radius < 1) return;
  pen.lineWidth = Math.min(2, Math.max(0.8, radius / 3));
  pen.strokeStyle = surface.colour('--heat-mark');
  pen.beginPath();
  for (let cell = 0; cell < isRelevant.length; cell++) {
    if (!isRelevant[cell]) continue;
    const { x, y } = camera.toPixels((cell % columns) + 0.5, Math.floor(cell / columns) + 0.5);
    pen.moveTo(x + radius, y);
    pen.arc(x, y, radius, 0, 2 * Math.PI);
  }
  pen.stroke();
}

/** Least and greatest value. */
export function range(values: Float32Array): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return most > least ? [least, most] : [Math.min(least, 0), Math.max(most, 1)];
}

/** The ramp of the style sheet between its three colours, in steps. */
function rampOf(surface: Surface): Rgb[] {
  const stops = ['--heat-low', '--heat-middle', '--heat-high'].map((name) => rgb(surface.colour(name)));
  return Array.from({ length: STEPS }, (_, step) => {
    const at = (2 * step) / (STEPS - 1);
    const [a, b] = at < 1 ? [stops[0], stops[1]] : [stops[1], stops[2]];
    const share = at < 1 ? at : at - 1;
    return [0, 1, 2].map((i) => a[i] + (b[i] - a[i]) * share) as Rgb;
  });
}

/** The matrix with one pixel a cell; rows that are not lit are paler. */
function painted({ rows, columns, values }: HeatmapData, ramp: Rgb[], isRowLit: Uint8Array | null): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [columns, rows];
  const pen = canvas.getContext('2d') as CanvasRenderingContext2D;
  const picture = pen.createImageData(columns, rows);
  const [least, most] = range(values);
  for (let cell = 0; cell < values.length; cell++) {
    const value = values[cell];
    if (Number.isNaN(value)) continue;
    const step = Math.round(((value - least) / (most - least)) * (ramp.length - 1));
    const [r, g, b] = ramp[Math.min(ramp.length - 1, Math.max(0, step))];
    const isLit = !isRowLit || isRowLit[Math.floor(cell / columns)];
    picture.data.set([r * 255, g * 255, b * 255, isLit ? 255 : 60], 4 * cell);
  }
  pen.putImageData(picture, 0, 0);
  return canvas;
}
