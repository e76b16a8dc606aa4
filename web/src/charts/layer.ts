/** The canvas under the map that shows every point, drawn by WebGL2 or without it. */
import type { Tint } from '../model/colouring';
import { createCanvas } from './canvas';
import { cssColour, rgb, tintColours } from './palette';
import { DIMMED, diameterOf, FADED, type Frame, type Renderer } from './renderer';
import { addCanvas } from './surface';
import { createWebgl } from './webgl';

/** CSS pixels that a picture on paper is as wide as. */
const WIDTH = 700;
const CLASS_NAME = 'map-points';

/** How the points look; one entry a point. */
export interface PointLook {
  categories: Uint8Array;
  /** The colour of each category. */
  tints: Tint[];
  /** 1 for points that stand out; null where all do. */
  isLit: Uint8Array | null;
  /** 1 for points that the map distorts. */
  isFaded: Uint8Array | null;
}

export class PointLayer {
  private canvas: HTMLCanvasElement;
  private renderer: Renderer;
  private readonly order: Uint32Array;

  /** `onReplaced` is called when the device took WebGL2 away, and everything has to be set anew. */
  constructor(
    private readonly container: HTMLElement,
    private readonly roles: Uint8Array,
    onReplaced: () => void,
  ) {
    this.order = drawingOrder(roles);
    this.canvas = addCanvas(container, CLASS_NAME);
    const replace = () => {
      const old = this.canvas;
      this.canvas = addCanvas(container, CLASS_NAME);
      old.replaceWith(this.canvas);
      this.renderer = createCanvas(this.canvas, roles.length);
      onReplaced();
    };
    this.renderer = createWebgl(this.canvas, roles.length, replace) ?? createCanvas(this.canvas, roles.length);
  }

  get kind(): Renderer['kind'] {
    return this.renderer.kind;
  }

  resize(width: number, height: number): void {
    [this.canvas.width, this.canvas.height] = [width, height];
  }

  setPositions(from: Float32Array, to: Float32Array): void {
    this.renderer.setPositions(inOrder(from, this.order), inOrder(to, this.order));
  }

  setLook(look: PointLook): void {
    this.renderer.setLook(lookBytes(look, this.roles, this.order));
    this.renderer.setColours(tintColours(this.container, look.tints), rgb(cssColour(this.container, '--paper')));
  }

  draw(frame: Frame): void {
    this.renderer.draw(frame);
  }

  destroy(): void {
    this.renderer.destroy();
    this.canvas.remove();
  }
}

/** Draws all points on a plain canvas once; the colours are those of `element`. */
export function drawPoints(
  canvas: HTMLCanvasElement,
  xy: Float32Array,
  roles: Uint8Array,
  look: PointLook,
  frame: Frame,
  element: Element = canvas,
): void {
  const order = drawingOrder(roles);
  const renderer = createCanvas(canvas, roles.length);
  const placed = inOrder(xy, order);
  renderer.setPositions(placed, placed);
  renderer.setLook(lookBytes(look, roles, order));
  renderer.setColours(tintColours(element, look.tints), rgb(cssColour(element, '--paper')));
  renderer.draw(frame);
}

/** The frame of a picture on paper that shows all of `n` points. */
export function printedFrame({ width, height }: HTMLCanvasElement, n: number): Frame {
  const finer = width / WIDTH;
  const size = finer * diameterOf(n, WIDTH, finer);
  return { scale: (width / 2) * 0.96, centreX: width / 2, centreY: height / 2, progress: 1, size };
}

/** Documents first, queries last, so that the few stand on the many. */
export function drawingOrder(roles: Uint8Array): Uint32Array {
  const order = new Uint32Array(roles.length);
  let next = 0;
  for (const role of [3, 2, 1, 0]) for (let i = 0; i < roles.length; i++) if (roles[i] === role) order[next++] = i;
  return order;
}

function inOrder(xy: Float32Array, order: Uint32Array): Float32Array {
  const out = new Float32Array(xy.length);
  for (let i = 0; i < order.length; i++) {
    out[2 * i] = xy[2 * order[i]];
    out[2 * i + 1] = xy[2 * order[i] + 1];
  }
  return out;
}

function lookBytes(look: PointLook, roles: Uint8Array, order: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * order.length);
  for (let i = 0; i < order.length; i++) {
    const point = order[i];
    bytes[4 * i] = look.categories[point];
    bytes[4 * i + 1] = roles[point];
    bytes[4 * i + 2] = (look.isLit && !look.isLit[point] ? DIMMED : 0) | (look.isFaded?.[point] ? FADED : 0);
  }
  return bytes;
}
