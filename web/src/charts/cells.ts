/** Which cells of a matrix are seen, and where they lie on the canvas. */
import type { Position } from './surface';

export interface Cell {
  row: number;
  column: number;
}

export class CellCamera {
  zoom = 1;
  /** The cell at the left upper corner, with fractions. */
  private column = 0;
  private row = 0;

  constructor(
    private readonly view: { width: number; height: number },
    private readonly nRows: number,
    private readonly nColumns: number,
  ) {}

  get cellWidth(): number {
    return (this.view.width / this.nColumns) * this.zoom;
  }

  get cellHeight(): number {
    return (this.view.height / this.nRows) * this.zoom;
  }

  /** Pixels of a place in cells; whole numbers are the left upper corners of cells. */
  toPixels(column: number, row: number): Position {
    return { x: (column - this.column) * this.cellWidth, y: (row - this.row) * this.cellHeight };
  }

  cellAt({ x, y }: Position): Cell | null {
    const [column, row] = [Math.floor(this.column + x / this.cellWidth), Math.floor(this.row + y / this.cellHeight)];
    return row >= 0 && column >= 0 && row < this.nRows && column < this.nColumns ? { row, column } : null;
  }

  /** The nearest cell that exists. */
  nearest({ row, column }: Cell): Cell {
    return {
      row: Math.min(this.nRows - 1, Math.max(0, row)),
      column: Math.min(this.nColumns - 1, Math.max(0, column)),
    };
  }

  drag(dx: number, dy: number): void {
    this.column -= dx / this.cellWidth;
    this.row -= dy / this.cellHeight;
    this.clamp();
  }

  /** Zooms so that the cell under a pixel (the middle, if none is named) stays there. */
  zoomAt(factor: number, at: Position = { x: this.view.width / 2, y: this.view.height / 2 }): void {
    const [column, row] = [this.column + at.x / this.cellWidth, this.row + at.y / this.cellHeight];
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), Math.max(1, this.nRows / 4));
    this.column = column - at.x / this.cellWidth;
    this.row = row - at.y / this.cellHeight;
    this.clamp();
  }

  reset(): void {
    [this.column, this.row, this.zoom] = [0, 0, 1];
  }

  /** Nothing beyond the edges of the matrix is shown. */
  private clamp(): void {
    this.column = Math.min(Math.max(this.column, 0), this.nColumns * (1 - 1 / this.zoom));
    this.row = Math.min(Math.max(this.row, 0), this.nRows * (1 - 1 / this.zoom));
  }
}
