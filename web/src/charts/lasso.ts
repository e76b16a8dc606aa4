/** An outline drawn with the pointer, in the coordinates of the plane that it is drawn on. */
import { simplified } from '../model/plane';
import type { Projection } from './camera';
import type { Position } from './surface';

export class Lasso {
  /** Its corners so far, x and y in turn; null while none is drawn. */
  corners: number[] | null = null;

  constructor(private readonly plane: Projection) {}

  start(at: Position): void {
    this.corners = [];
    this.extend(at);
  }

  extend({ x, y }: Position): void {
    this.corners?.push(this.plane.fromX(x), this.plane.fromY(y));
  }

  /** Ends the drawing; the outline with few enough corners for an address. */
  end(): number[] {
    const outline = simplified(this.corners ?? []);
    this.corners = null;
    return outline;
  }
}
