/** A canvas that fills its container and is drawn on in CSS pixels, however fine the screen. */
import type { Projection } from './camera';
import { cssColour } from './palette';

export interface Position {
  x: number;
  y: number;
}

/** Whether a pointer that was pressed has been released where no one was told of it: outside the window, in a menu. */
export const isReleased = (event: PointerEvent) => event.type === 'pointermove' && event.buttons === 0;

type Listeners = Partial<{ [K in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[K]) => void }>;

export function addCanvas(container: HTMLElement, className: string): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.className = className;
  container.append(canvas);
  return canvas;
}

export class Surface {
  readonly canvas: HTMLCanvasElement;
  readonly pen: CanvasRenderingContext2D;
  /** Pixels of the screen for one CSS pixel. */
  readonly pixels = Math.min(window.devicePixelRatio || 1, 2);
  width = 1;
  height = 1;
  private observer: ResizeObserver | null = null;

  constructor(
    private readonly container: HTMLElement,
    className: string,
    label: string,
  ) {
    this.canvas = addCanvas(container, className);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', label);
    this.pen = this.canvas.getContext('2d') as CanvasRenderingContext2D;
  }

  /** Fits the canvas to its container, now and whenever that changes its size, and calls back. */
  fit(onResize: () => void): void {
    const resize = () => {
      const { width, height } = this.container.getBoundingClientRect();
      if (width === 0 || height === 0) return;
      [this.width, this.height] = [width, height];
      this.canvas.width = Math.round(width * this.pixels);
      this.canvas.height = Math.round(height * this.pixels);
      onResize();
    };
    this.observer = new ResizeObserver(resize);
    this.observer.observe(this.container);
    resize();
  }

  /** Listeners may prevent what the browser would do, so none is passive. */
  listen(listeners: Listeners): void {
    for (const [name, listener] of Object.entries(listeners)) {
      this.canvas.addEventListener(name, listener as EventListener, { passive: false });
    }
  }

  positionOf(event: MouseEvent): Position {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /** A colour of the style sheet under the present theme. */
  colour(name: string): string {
    return cssColour(this.canvas, name);
  }

  clear(): void {
    this.pen.setTransform(this.pixels, 0, 0, this.pixels, 0, 0);
    // Chromium may leave the last picture in sight where a frame does nothing but clearRect.
    this.pen.globalCompositeOperation = 'copy';
    this.pen.fillStyle = 'transparent';
    this.pen.fillRect(0, 0, this.width, this.height);
    this.pen.globalCompositeOperation = 'source-over';
  }

  line(from: Position, to: Position): void {
    this.pen.beginPath();
    this.pen.moveTo(from.x, from.y);
    this.pen.lineTo(to.x, to.y);
    this.pen.stroke();
  }

  circle({ x, y }: Position, radius: number): void {
    this.pen.beginPath();
    this.pen.arc(x, y, radius, 0, 2 * Math.PI);
  }

  /** The line of a lasso; its corners are x and y in turn. */
  outline(corners: number[], plane: Projection): void {
    this.pen.beginPath();
    for (let i = 0; i < corners.length; i += 2) this.pen.lineTo(plane.toX(corners[i]), plane.toY(corners[i + 1]));
    this.pen.closePath();
    this.pen.strokeStyle = this.colour('--accent');
    this.pen.lineWidth = 1.5;
    this.pen.stroke();
  }

  destroy(): void {
    this.observer?.disconnect();
    this.canvas.remove();
  }
}
