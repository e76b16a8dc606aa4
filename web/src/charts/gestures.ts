/** What pointers and keys do to a map: one pointer drags or draws an outline, two zoom. */
import type { Camera } from './camera';
import type { Lasso } from './lasso';
import { isReleased, type Position, type Surface } from './surface';

/** Pixels that a pointer may travel and still press a point, and that it must travel to draw an outline. */
const PRESSED = 4;
const DRAWN = 12;
/** Pixels by which an arrow key moves the map. */
const STEP = 60;

export interface GestureEvents {
  /** Whether a pointer draws an outline rather than drags. */
  isLasso(): boolean;
  /** Where the pointer is; null where it has left, or drags. */
  onHover(at: Position | null): void;
  onPick(at: Position, isTouch: boolean): void;
  onLasso(outline: number[]): void;
  /** The key for the lasso was pressed. */
  onToggleLasso(): void;
  /** The camera or the outline has changed. */
  onChange(): void;
}

export class Gestures {
  private readonly pointers = new Map<number, Position>();
  /** Pixels that the pointer has travelled since it was pressed. */
  private travelled = 0;

  constructor(
    private readonly surface: Surface,
    private readonly camera: Camera,
    private readonly lasso: Lasso,
    private readonly events: GestureEvents,
  ) {
    surface.listen({
      pointerdown: (event) => this.press(event),
      pointermove: (event) => this.move(event),
      pointerup: (event) => this.release(event),
      pointercancel: (event) => this.release(event),
      // A finger leaves when it is lifted: what it has pressed stays named.
      pointerleave: (event) => event.pointerType !== 'touch' && events.onHover(null),
      wheel: (event) => this.wheel(event),
      dblclick: (event) => this.zoom(2, surface.positionOf(event)),
      keydown: (event) => this.key(event),
    });
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    const at = this.surface.positionOf(event);
    this.pointers.set(event.pointerId, at);
    this.surface.canvas.setPointerCapture(event.pointerId);
    // What two pointers do is no press.
    this.travelled = this.pointers.size > 1 ? Number.POSITIVE_INFINITY : 0;
    this.lasso.corners = null;
    if (this.pointers.size === 1 && (this.events.isLasso() || event.shiftKey)) this.lasso.start(at);
  }

  private move(event: PointerEvent): void {
    const at = this.surface.positionOf(event);
    if (isReleased(event) && this.pointers.delete(event.pointerId)) this.lasso.end();
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.events.onHover(at);
      return;
    }
    this.travelled += Math.abs(at.x - before.x) + Math.abs(at.y - before.y);
    if (this.lasso.corners) this.lasso.extend(at);
    else if (this.pointers.size === 2) this.pinch(event.pointerId, before, at);
    else this.camera.drag(at.x - before.x, at.y - before.y);
    this.pointers.set(event.pointerId, at);
    this.events.onHover(null);
    this.events.onChange();
  }

  /** Two pointers zoom by how far they move apart, around the middle between them. */
  private pinch(id: number, before: Position, at: Position): void {
    const [other] = [...this.pointers].filter(([known]) => known !== id).map(([, position]) => position);
    const distance = (p: Position) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
    this.camera.zoomAt(distance(at) / distance(before), (at.x + other.x) / 2, (at.y + other.y) / 2);
  }

  private release(event: PointerEvent): void {
    if (!this.pointers.delete(event.pointerId)) return;
    const isDrawn = this.lasso.corners !== null && this.travelled > DRAWN;
    const outline = this.lasso.end();
    this.events.onChange();
    if (isDrawn) this.events.onLasso(outline);
    else if (this.travelled <= PRESSED) {
      this.events.onPick(this.surface.positionOf(event), event.pointerType === 'touch');
    }
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 24 : 1);
    this.zoom(Math.exp(-pixels * 0.0016), this.surface.positionOf(event));
  }

  private zoom(factor: number, { x, y }: Position): void {
    this.camera.zoomAt(factor, x, y);
    this.events.onChange();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { camera } = this;
    const actions: Record<string, () => void> = {
      ArrowLeft: () => camera.drag(STEP, 0),
      ArrowRight: () => camera.drag(-STEP, 0),
      ArrowUp: () => camera.drag(0, STEP),
      ArrowDown: () => camera.drag(0, -STEP),
      '+': () => camera.zoomAt(1.3),
      '=': () => camera.zoomAt(1.3),
      '-': () => camera.zoomAt(1 / 1.3),
      '0': () => camera.reset(),
      l: () => this.events.onToggleLasso(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    this.events.onChange();
  }
}
