/** The similarity matrix as a picture to hover and to zoom. */
import { cssColour, onThemeChange, type Rgb, rgb } from './palette';

export interface HeatmapData {
  rows: number;
  columns: number;
  /** Row after row; NaN where there is no value. */
  values: Float32Array;
  isRelevant: Uint8Array;
  label: string;
}

export interface HeatmapEvents {
  onHover(cell: { row: number; column: number } | null, x: number, y: number): void;
  onPick(row: number): void;
}

export interface HeatmapChart {
  update(isRowLit: Uint8Array | null): void;
  zoom(factor: number): void;
  reset(): void;
  destroy(): void;
}

const STEPS = 64;

export function create(container: HTMLElement, data: HeatmapData, events: HeatmapEvents): HeatmapChart {
  const pixels = Math.min(window.devicePixelRatio || 1, 2);
  const canvas = document.createElement('canvas');
  canvas.className = 'heatmap-canvas';
  canvas.tabIndex = 0;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', data.label);
  container.append(canvas);
  const pen = canvas.getContext('2d') as CanvasRenderingContext2D;
  const [least, most] = range(data.values);
  let image = document.createElement('canvas');
  let view = { x: 0, y: 0, zoom: 1 };
  let size = { width: 1, height: 1 };
  let cursor: { row: number; column: number } | null = null;
  let isRowLit: Uint8Array | null = null;
  let grabbed: { x: number; y: number; moved: number } | null = null;

  const cellWidth = () => (size.width / data.columns) * view.zoom;
  const cellHeight = () => (size.height / data.rows) * view.zoom;
  const left = () => -view.x * cellWidth();
  const top = () => -view.y * cellHeight();

  function recolour() {
    const ramp = Array.from({ length: STEPS }, (_, i) => rampColour(container, i / (STEPS - 1)));
    image = painted(data, ramp, least, most, isRowLit);
    draw();
  }

  function draw() {
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    pen.clearRect(0, 0, size.width, size.height);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(image, left(), top(), data.columns * cellWidth(), data.rows * cellHeight());
    drawRelevant();
    if (!cursor) return;
    pen.strokeStyle = cssColour(container, '--ink');
    pen.lineWidth = 2;
    pen.strokeRect(left() + cursor.column * cellWidth(), top() + cursor.row * cellHeight(), cellWidth(), cellHeight());
  }

  /** A ring on every relevant cell, where cells are large enough to hold one. */
  function drawRelevant() {
    const [w, h] = [cellWidth(), cellHeight()];
    const radius = Math.min(w, h) * 0.3;
    if (radius < 1) return;
    pen.lineWidth = Math.min(2, Math.max(0.8, radius / 3));
    pen.strokeStyle = cssColour(container, '--heat-mark');
    pen.beginPath();
    for (let cell = 0; cell < data.isRelevant.length; cell++) {
      if (!data.isRelevant[cell]) continue;
      const x = left() + ((cell % data.columns) + 0.5) * w;
      const y = top() + (Math.floor(cell / data.columns) + 0.5) * h;
      pen.moveTo(x + radius, y);
      pen.arc(x, y, radius, 0, 2 * Math.PI);
    }
    pen.stroke();
  }

  function clamp() {
    view.zoom = Math.min(Math.max(view.zoom, 1), Math.max(1, data.rows / 4));
    view.x = Math.min(Math.max(view.x, 0), data.columns * (1 - 1 / view.zoom));
    view.y = Math.min(Math.max(view.y, 0), data.rows * (1 - 1 / view.zoom));
  }

  function zoomAt(factor: number, px: number, py: number) {
    const [column, row] = [(px - left()) / cellWidth(), (py - top()) / cellHeight()];
    view.zoom *= factor;
    view.zoom = Math.min(Math.max(view.zoom, 1), Math.max(1, data.rows / 4));
    view.x = column - px / cellWidth();
    view.y = row - py / cellHeight();
    clamp();
    draw();
  }

  const cellAt = (px: number, py: number) => {
    const [column, row] = [Math.floor((px - left()) / cellWidth()), Math.floor((py - top()) / cellHeight())];
    return row >= 0 && column >= 0 && row < data.rows && column < data.columns ? { row, column } : null;
  };
  const local = (event: MouseEvent) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const show = (cell: typeof cursor) => {
    cursor = cell;
    draw();
    if (!cell) events.onHover(null, 0, 0);
    else events.onHover(cell, left() + (cell.column + 0.5) * cellWidth(), top() + (cell.row + 0.5) * cellHeight());
  };
  const listeners: Partial<{ [K in keyof HTMLElementEventMap]: (event: HTMLElementEventMap[K]) => void }> = {
    pointerdown: (event) => {
      canvas.setPointerCapture(event.pointerId);
      grabbed = { ...local(event), moved: 0 };
    },
    pointermove: (event) => {
      const at = local(event);
      if (grabbed && view.zoom > 1) {
        view.x -= (at.x - grabbed.x) / cellWidth();
        view.y -= (at.y - grabbed.y) / cellHeight();
        grabbed = { ...at, moved: grabbed.moved + Math.abs(at.x - grabbed.x) + Math.abs(at.y - grabbed.y) };
        clamp();
      }
      show(cellAt(at.x, at.y));
    },
    pointerup: (event) => {
      const at = local(event);
      const cell = cellAt(at.x, at.y);
      if (grabbed && grabbed.moved < 5 && cell) events.onPick(cell.row);
      grabbed = null;
    },
    pointerleave: () => show(null),
    wheel: (event) => {
      event.preventDefault();
      const at = local(event);
      zoomAt(Math.exp(-event.deltaY * 0.0018), at.x, at.y);
    },
    keydown: (event) => {
      const moves: Record<string, [number, number]> = {
        ArrowLeft: [0, -1],
        ArrowRight: [0, 1],
        ArrowUp: [-1, 0],
        ArrowDown: [1, 0],
      };
      if (event.key === '+' || event.key === '=') zoomAt(1.4, size.width / 2, size.height / 2);
      else if (event.key === '-') zoomAt(1 / 1.4, size.width / 2, size.height / 2);
      else if (event.key === 'Enter' && cursor) events.onPick(cursor.row);
      else if (event.key in moves) {
        event.preventDefault();
        const [dr, dc] = moves[event.key];
        const at = cursor ?? { row: 0, column: -dc };
        show({
          row: Math.min(data.rows - 1, Math.max(0, at.row + dr)),
          column: Math.min(data.columns - 1, Math.max(0, at.column + dc)),
        });
      }
    },
    blur: () => show(null),
  };
  for (const [name, listener] of Object.entries(listeners)) {
    canvas.addEventListener(name, listener as EventListener, { passive: false });
  }
  const resize = () => {
    const box = container.getBoundingClientRect();
    size = { width: Math.max(1, box.width), height: Math.max(1, box.height) };
    canvas.width = Math.round(size.width * pixels);
    canvas.height = Math.round(size.height * pixels);
    draw();
  };
  const observer = new ResizeObserver(resize);
  observer.observe(container);
  resize();
  const unwatch = onThemeChange(recolour);
  recolour();

  return {
    update(lit) {
      isRowLit = lit;
      recolour();
    },
    zoom: (factor) => zoomAt(factor, size.width / 2, size.height / 2),
    reset() {
      view = { x: 0, y: 0, zoom: 1 };
      draw();
    },
    destroy() {
      observer.disconnect();
      unwatch();
      canvas.remove();
    },
  };
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

/** The ramp of the style sheet between its three colours; `share` in [0, 1]. */
function rampColour(element: Element, share: number): Rgb {
  const stops = ['--heat-low', '--heat-middle', '--heat-high'].map((name) => rgb(cssColour(element, name)));
  const at = share * 2;
  const [a, b] = at < 1 ? [stops[0], stops[1]] : [stops[1], stops[2]];
  const t = at < 1 ? at : at - 1;
  return [0, 1, 2].map((i) => a[i] + (b[i] - a[i]) * t) as Rgb;
}

/** The matrix with one pixel a cell; rows that are not lit are paler. */
function painted(
  data: HeatmapData,
  ramp: Rgb[],
  least: number,
  most: number,
  lit: Uint8Array | null,
): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = data.columns;
  canvas.height = data.rows;
  const pen = canvas.getContext('2d') as CanvasRenderingContext2D;
  const picture = pen.createImageData(data.columns, data.rows);
  for (let cell = 0; cell < data.values.length; cell++) {
    const value = data.values[cell];
    if (Number.isNaN(value)) continue;
    const step = Math.round(((value - least) / (most - least)) * (ramp.length - 1));
    const [r, g, b] = ramp[Math.min(ramp.length - 1, Math.max(0, step))];
    const isLit = !lit || lit[Math.floor(cell / data.columns)];
    picture.data.set([r * 255, g * 255, b * 255, isLit ? 255 : 60], 4 * cell);
  }
  pen.putImageData(picture, 0, 0);
  return canvas;
}
