/** The map: pan, zoom, hover, click, lasso, and a moving change from one layout to another. */
import type { Tint } from '../model/colouring';
import { type Grid, inside, makeGrid, nearest, simplified } from '../model/plane';
import { createCanvas } from './canvas';
import { cssColour, onThemeChange, rgb, tintColours } from './palette';
import { DIMMED, FADED, type Frame, type Renderer } from './renderer';
import { createWebgl } from './webgl';

export interface ScatterData {
  n: number;
  /** 0 query, 1 positive, 2 hard negative, 3 document. */
  roles: Uint8Array;
  /** Positions in [-1, 1], x and y in turn; one array a map. */
  layouts: Float32Array[];
  label: string;
  /** Whether all layouts keep one scale, as the frames of an animation do. */
  isAnimation?: boolean;
}

export interface ScatterLook {
  layout: number;
  categories: Uint8Array;
  tints: Tint[];
  /** 1 for points that stand out; null where all do. */
  isLit: Uint8Array | null;
  /** 1 for points that the map distorts. */
  isFaded: Uint8Array | null;
  /** Pairs of points, and whether the link is a right one. */
  links: { from: ArrayLike<number>; to: ArrayLike<number>; isCorrect: ArrayLike<number> };
  /** The point of the open query, -1 for none. */
  focus: number;
  isLasso: boolean;
}

export interface ScatterEvents {
  /** x and y in pixels of the container; -1 where no point is near. */
  onHover(point: number, x: number, y: number): void;
  onPick(point: number): void;
  /** The outline in the frame of the map, and how many points it holds. */
  onLasso(outline: number[], n: number): void;
  onMode(isLasso: boolean): void;
}

export interface Scatter {
  kind: 'webgl' | 'canvas';
  update(look: ScatterLook): void;
  zoom(factor: number): void;
  reset(): void;
  /** Brings a point to the middle, if it is outside the picture. */
  reveal(point: number): void;
  destroy(): void;
}

const MOVE_MS = 900;
const MARGIN = 0.92;
const MAX_ZOOM = 400;
const MAX_LINKS = 6000;
const REACH = 10;

export function create(container: HTMLElement, data: ScatterData, events: ScatterEvents): Scatter {
  const pixels = Math.min(window.devicePixelRatio || 1, 2);
  const order = drawingOrder(data.roles);
  let surface = addCanvas(container, 'map-points');
  const overlay = addCanvas(container, 'map-overlay');
  const pen = overlay.getContext('2d') as CanvasRenderingContext2D;
  const useCanvas = () => {
    const old = surface;
    surface = addCanvas(container, 'map-points');
    old.replaceWith(surface);
    renderer = createCanvas(surface, data.n);
    resize();
    refresh();
  };
  let renderer: Renderer = createWebgl(surface, data.n, useCanvas) ?? createCanvas(surface, data.n);

  let look: ScatterLook | null = null;
  let camera = { x: 0, y: 0, zoom: 1 };
  let size = { width: 1, height: 1 };
  let [source, target] = [data.layouts[0], data.layouts[0]];
  const extents = extentsOf(data);
  let [sourceExtent, targetExtent] = [extents[0], extents[0]];
  let start = -Infinity;
  let progress = 1;
  let hovered = -1;
  let outline: number[] | null = null;
  let grid: Grid | null = null;
  let request = 0;

  /** Pixels for one unit, so that a layout of this extent fills the picture. */
  const filling = ([x, y]: Extent) => (Math.min(size.width / x, size.height / y) / 2) * MARGIN;
  const scale = () => mix(filling(sourceExtent), filling(targetExtent), progress) * camera.zoom;
  const toX = (x: number) => size.width / 2 + (x - camera.x) * scale();
  const toY = (y: number) => size.height / 2 - (y - camera.y) * scale();
  const fromX = (px: number) => camera.x + (px - size.width / 2) / scale();
  const fromY = (py: number) => camera.y - (py - size.height / 2) / scale();
  const place = (i: number) => mix(source[i], target[i], progress);

  /** Diameter of a query in CSS pixels: smaller for many points, growing slowly with the zoom. */
  const diameter = () => {
    const base = Math.max(2, Math.min(12, 36 * data.n ** -0.2 * Math.min(1, Math.min(size.width, size.height) / 520)));
    return Math.min(base * camera.zoom ** 0.25, 22);
  };

  function refresh() {
    if (!look) return;
    renderer.setPositions(gather(source, order, 2), gather(target, order, 2));
    paint();
  }

  function paint() {
    if (!look) return;
    renderer.setLook(lookBytes(look, data.roles, order));
    renderer.setColours(tintColours(container, look.tints), rgb(cssColour(container, '--paper')));
    schedule();
  }

  function schedule() {
    if (!request) request = requestAnimationFrame(drawFrame);
  }

  function drawFrame(now: number) {
    request = 0;
    progress = Math.min(1, Math.max(0, (now - start) / MOVE_MS));
    progress = progress < 0.5 ? 4 * progress ** 3 : 1 - (-2 * progress + 2) ** 3 / 2;
    const frame: Frame = {
      scale: scale() * pixels,
      centreX: toX(0) * pixels,
      centreY: toY(0) * pixels,
      progress,
      size: diameter() * pixels,
    };
    renderer.draw(frame);
    drawOverlay();
    if (progress < 1) schedule();
  }

  function drawOverlay() {
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    pen.clearRect(0, 0, size.width, size.height);
    if (!look) return;
    drawLinks(look);
    const ink = cssColour(container, '--ink');
    if (look.focus >= 0) ring(look.focus, diameter() / 2 + 4, ink, 2.5);
    if (hovered >= 0) ring(hovered, diameter() / 2 + 3, ink, 1.5);
    if (outline) drawOutline(outline, cssColour(container, '--accent'));
  }

  function drawLinks({ links }: ScatterLook) {
    const n = Math.min(links.from.length, MAX_LINKS);
    const colours = [cssColour(container, '--wrong'), cssColour(container, '--right')];
    pen.lineWidth = n > 300 ? 0.6 : 1.1;
    pen.globalAlpha = Math.min(0.6, 32 / n ** 0.8);
    for (const isCorrect of [1, 0]) {
      pen.strokeStyle = colours[isCorrect];
      // Dashes are the second sign of a wrong one.
      pen.setLineDash(isCorrect ? [] : [4, 3]);
      pen.beginPath();
      for (let i = 0; i < n; i++) {
        if (links.isCorrect[i] !== isCorrect) continue;
        pen.moveTo(toX(place(2 * links.from[i])), toY(place(2 * links.from[i] + 1)));
        pen.lineTo(toX(place(2 * links.to[i])), toY(place(2 * links.to[i] + 1)));
      }
      pen.stroke();
    }
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  function ring(point: number, radius: number, colour: string, width: number) {
    pen.beginPath();
    pen.arc(toX(place(2 * point)), toY(place(2 * point + 1)), radius, 0, 2 * Math.PI);
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.stroke();
  }

  function drawOutline(path: number[], colour: string) {
    pen.beginPath();
    for (let i = 0; i < path.length; i += 2) pen.lineTo(toX(path[i]), toY(path[i + 1]));
    pen.closePath();
    pen.strokeStyle = colour;
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.globalAlpha = 0.1;
    pen.fillStyle = colour;
    pen.fill();
    pen.globalAlpha = 1;
  }

  function resize() {
    const box = container.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return;
    size = { width: box.width, height: box.height };
    for (const canvas of [surface, overlay]) {
      canvas.width = Math.round(box.width * pixels);
      canvas.height = Math.round(box.height * pixels);
    }
    schedule();
  }

  function pointAt(px: number, py: number): number {
    if (progress < 1) return -1;
    grid ??= makeGrid(target);
    const radius = Math.max(REACH, diameter()) / scale();
    const [x, y] = [fromX(px), fromY(py)];
    const isLit = (point: number) => !look?.isLit || look.isLit[point] === 1;
    const query = nearest(target, grid, x, y, radius * 0.7, (p) => data.roles[p] === 0 && isLit(p));
    if (query >= 0) return query;
    const lit = nearest(target, grid, x, y, radius, isLit);
    return lit >= 0 || !look?.isLit ? lit : nearest(target, grid, x, y, radius * 0.7);
  }

  function zoomAt(factor: number, px: number, py: number) {
    const [x, y] = [fromX(px), fromY(py)];
    camera.zoom = Math.min(MAX_ZOOM, Math.max(0.5, camera.zoom * factor));
    camera.x += x - fromX(px);
    camera.y += y - fromY(py);
    schedule();
  }

  function hover(point: number, px: number, py: number) {
    if (point === hovered && point < 0) return;
    hovered = point;
    events.onHover(point, px, py);
    schedule();
  }

  // Pointers: one drags or draws, two zoom.
  const pointers = new Map<number, { x: number; y: number }>();
  let moved = 0;
  const local = (event: PointerEvent | WheelEvent) => {
    const box = overlay.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const at = local(event);
    pointers.set(event.pointerId, at);
    overlay.setPointerCapture(event.pointerId);
    moved = 0;
    outline = pointers.size === 1 && (look?.isLasso || event.shiftKey) ? [fromX(at.x), fromY(at.y)] : null;
  };
  const move = (event: PointerEvent) => {
    const at = local(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      hover(pointAt(at.x, at.y), at.x, at.y);
      return;
    }
    moved += Math.abs(at.x - before.x) + Math.abs(at.y - before.y);
    if (outline) outline.push(fromX(at.x), fromY(at.y));
    else if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      const distance = (p: { x: number; y: number }) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
      zoomAt(distance(at) / distance(before), (at.x + other.x) / 2, (at.y + other.y) / 2);
    } else {
      camera.x -= (at.x - before.x) / scale();
      camera.y += (at.y - before.y) / scale();
    }
    pointers.set(event.pointerId, at);
    hover(-1, 0, 0);
    schedule();
  };
  const up = (event: PointerEvent) => {
    const at = local(event);
    if (!pointers.delete(event.pointerId)) return;
    if (outline && moved > 12) {
      const path = simplified(outline);
      events.onLasso(
        path,
        inside(target, path).reduce((sum, flag) => sum + flag, 0),
      );
    } else if (moved <= 4) events.onPick(pointAt(at.x, at.y));
    outline = null;
    schedule();
  };
  const leave = () => hover(-1, 0, 0);
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const at = local(event);
    const unit = event.deltaMode === 1 ? 24 : 1;
    zoomAt(Math.exp(-event.deltaY * unit * 0.0016), at.x, at.y);
  };
  const doubled = (event: MouseEvent) => {
    const box = overlay.getBoundingClientRect();
    zoomAt(2, event.clientX - box.left, event.clientY - box.top);
  };
  const key = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 60 / scale();
    const actions: Record<string, () => void> = {
      ArrowLeft: () => {
        camera.x -= step;
      },
      ArrowRight: () => {
        camera.x += step;
      },
      ArrowUp: () => {
        camera.y += step;
      },
      ArrowDown: () => {
        camera.y -= step;
      },
      '+': () => zoomAt(1.3, size.width / 2, size.height / 2),
      '=': () => zoomAt(1.3, size.width / 2, size.height / 2),
      '-': () => zoomAt(1 / 1.3, size.width / 2, size.height / 2),
      '0': () => {
        camera = { x: 0, y: 0, zoom: 1 };
      },
      l: () => events.onMode(!look?.isLasso),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
    schedule();
  };

  overlay.tabIndex = 0;
  overlay.setAttribute('role', 'img');
  overlay.setAttribute('aria-label', data.label);
  overlay.addEventListener('pointerdown', down);
  overlay.addEventListener('pointermove', move);
  overlay.addEventListener('pointerup', up);
  overlay.addEventListener('pointercancel', up);
  overlay.addEventListener('pointerleave', leave);
  overlay.addEventListener('wheel', wheel, { passive: false });
  overlay.addEventListener('dblclick', doubled);
  overlay.addEventListener('keydown', key);
  const observer = new ResizeObserver(resize);
  observer.observe(container);
  const unwatch = onThemeChange(paint);
  resize();

  return {
    get kind() {
      return renderer.kind;
    },
    update(next) {
      const isFirst = look === null;
      const isMoved = !isFirst && next.layout !== look?.layout;
      look = next;
      overlay.classList.toggle('is-lasso', next.isLasso);
      if (isFirst || isMoved) {
        // A change that comes before the last one has ended starts where the points are now.
        const isUnderway = progress < 1;
        source = isFirst ? data.layouts[next.layout] : isUnderway ? target.map((_, i) => place(i)) : target;
        sourceExtent = isFirst
          ? extents[next.layout]
          : isUnderway
            ? mixed(sourceExtent, targetExtent, progress)
            : targetExtent;
        target = data.layouts[next.layout];
        targetExtent = extents[next.layout];
        grid = null;
        progress = isFirst ? 1 : 0;
        start = isFirst || matchMedia('(prefers-reduced-motion: reduce)').matches ? -Infinity : performance.now();
        refresh();
      } else paint();
    },
    zoom: (factor) => zoomAt(factor, size.width / 2, size.height / 2),
    reset() {
      camera = { x: 0, y: 0, zoom: 1 };
      schedule();
    },
    reveal(point) {
      const [x, y] = [toX(target[2 * point]), toY(target[2 * point + 1])];
      if (x > 20 && y > 20 && x < size.width - 20 && y < size.height - 20) return;
      camera = { ...camera, x: target[2 * point], y: target[2 * point + 1] };
      schedule();
    },
    destroy() {
      cancelAnimationFrame(request);
      observer.disconnect();
      unwatch();
      renderer.destroy();
      surface.remove();
      overlay.remove();
    },
  };
}

/** Half the width and half the height of a layout around the middle of its frame. */
type Extent = [number, number];

function extentsOf({ layouts, isAnimation }: ScatterData): Extent[] {
  const extents = layouts.map((xy): Extent => {
    let [x, y] = [0, 0];
    for (let i = 0; i < xy.length; i += 2) {
      x = Math.max(x, Math.abs(xy[i]));
      y = Math.max(y, Math.abs(xy[i + 1]));
    }
    return x === 0 && y === 0 ? [1, 1] : [x, y];
  });
  if (!isAnimation) return extents;
  const all: Extent = [Math.max(...extents.map(([x]) => x)), Math.max(...extents.map(([, y]) => y))];
  return extents.map(() => all);
}

const mixed = (a: Extent, b: Extent, share: number): Extent => [mix(a[0], b[0], share), mix(a[1], b[1], share)];
const mix = (from: number, to: number, share: number) => from + (to - from) * share;

function addCanvas(container: HTMLElement, className: string): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.className = className;
  container.append(canvas);
  return canvas;
}

/** Documents first, queries last, so that the few stand on the many. */
export function drawingOrder(roles: Uint8Array): Uint32Array {
  const order = new Uint32Array(roles.length);
  let next = 0;
  for (const role of [3, 2, 1, 0]) for (let i = 0; i < roles.length; i++) if (roles[i] === role) order[next++] = i;
  return order;
}

function gather(values: Float32Array, order: Uint32Array, width: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < order.length; i++)
    for (let j = 0; j < width; j++) out[width * i + j] = values[width * order[i] + j];
  return out;
}

function lookBytes(look: ScatterLook, roles: Uint8Array, order: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * order.length);
  for (let i = 0; i < order.length; i++) {
    const point = order[i];
    bytes[4 * i] = look.categories[point];
    bytes[4 * i + 1] = roles[point];
    bytes[4 * i + 2] = (look.isLit && !look.isLit[point] ? DIMMED : 0) | (look.isFaded?.[point] ? FADED : 0);
  }
  return bytes;
}
