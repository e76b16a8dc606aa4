/** Rank before against rank after on logarithmic axes: a bubble for the queries that share both; click and lasso. */
import type { RankPair } from '../model/compare';
import { count } from '../model/format';
import { inside, simplified } from '../model/plane';
import { cssColour, onThemeChange } from './palette';

export interface RanksData {
  pairs: RankPair[];
  /** Names of the axes. */
  before: string;
  after: string;
  label: string;
}

export interface RanksEvents {
  /** x and y in pixels of the container; null where no bubble is near. */
  onHover(pair: RankPair | null, x: number, y: number): void;
  onPick(pair: RankPair | null): void;
  /** The outline in decimal logarithms of the ranks, and how many queries it holds. */
  onLasso(outline: number[], n: number): void;
}

export interface RanksChart {
  /** 1 for each query that stands out (null where all do), the row of the open query, and the outline drawn before. */
  update(isLit: Uint8Array | null, focus: number | null, outline: number[] | null): void;
  destroy(): void;
}

const MARGIN = { left: 58, right: 18, top: 14, bottom: 48 };
const SMALLEST = 3;
const LARGEST = 26;
const REACH = 8;

/** Radius of a bubble: its area grows with the number of queries. */
export function bubbleRadius(n: number, most: number): number {
  const growth = Math.min(SMALLEST, LARGEST / Math.sqrt(Math.max(most, 1)));
  return Math.max(SMALLEST, growth * Math.sqrt(n));
}

/** Ranks at which an axis is marked, 1, 10, 100 ... or finer where it is short. */
export function rankTicks(most: number): number[] {
  const ticks: number[] = [];
  for (let decade = 1; decade <= most; decade *= 10) {
    for (const step of most < 30 ? [1, 2, 5] : [1]) if (decade * step <= most) ticks.push(decade * step);
  }
  return ticks;
}

export function create(container: HTMLElement, data: RanksData, events: RanksEvents): RanksChart {
  const pixels = Math.min(window.devicePixelRatio || 1, 2);
  const canvas = document.createElement('canvas');
  canvas.className = 'ranks-canvas';
  canvas.tabIndex = 0;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', data.label);
  container.append(canvas);
  const pen = canvas.getContext('2d') as CanvasRenderingContext2D;
  const { pairs } = data;
  const mostRows = pairs[0]?.rows.length ?? 1;
  const mostRank = pairs.reduce((most, { before, after }) => Math.max(most, before, after), 10);
  const end = Math.log10(mostRank) * 1.03;
  const plane = new Float32Array(pairs.flatMap(({ before, after }) => [Math.log10(before), Math.log10(after)]));
  let size = { width: 1, height: 1 };
  let isLit: Uint8Array | null = null;
  let focus: number | null = null;
  let kept: number[] | null = null;
  let drawn: number[] | null = null;
  let moved = 0;
  let hovered = -1;

  const side = () =>
    Math.max(1, Math.min(size.width - MARGIN.left - MARGIN.right, size.height - MARGIN.top - MARGIN.bottom));
  // Rank 1 stands off the axes, so that its bubble, mostly the largest, hides no label.
  const toX = (x: number) => MARGIN.left + LARGEST + (x / end) * (side() - LARGEST);
  const toY = (y: number) => MARGIN.top + (1 - y / end) * (side() - LARGEST);
  const fromX = (px: number) => ((px - MARGIN.left - LARGEST) / (side() - LARGEST)) * end;
  const fromY = (py: number) => (1 - (py - MARGIN.top) / (side() - LARGEST)) * end;

  function draw() {
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    pen.clearRect(0, 0, size.width, size.height);
    drawAxes();
    const [right, wrong, same] = ['--tint-right', '--tint-wrong', '--tint-document'].map((n) => cssColour(canvas, n));
    const ink = cssColour(canvas, '--ink');
    for (let i = 0; i < pairs.length; i++) {
      const { before, after, rows } = pairs[i];
      const lit = isLit === null || rows.some((row) => (isLit as Uint8Array)[row]);
      pen.globalAlpha = lit ? 0.72 : 0.12;
      pen.fillStyle = after < before ? right : after > before ? wrong : same;
      bubble(i);
      pen.fill();
      const isFocus = focus !== null && rows.includes(focus);
      if (i !== hovered && !isFocus) continue;
      pen.globalAlpha = 1;
      pen.lineWidth = isFocus ? 2.5 : 1.5;
      pen.strokeStyle = ink;
      pen.stroke();
    }
    pen.globalAlpha = 1;
    for (const outline of [kept, drawn]) if (outline) drawOutline(outline);
  }

  function bubble(i: number) {
    pen.beginPath();
    pen.arc(toX(plane[2 * i]), toY(plane[2 * i + 1]), bubbleRadius(pairs[i].rows.length, mostRows), 0, 2 * Math.PI);
  }

  function drawAxes() {
    const [low, high] = [MARGIN.left, toX(end)];
    const [bottom, top] = [MARGIN.top + side(), toY(end)];
    pen.font = `12px ${getComputedStyle(canvas).fontFamily}`;
    pen.lineWidth = 1;
    pen.fillStyle = cssColour(canvas, '--muted');
    for (const tick of rankTicks(mostRank)) {
      const [x, y] = [toX(Math.log10(tick)), toY(Math.log10(tick))];
      pen.strokeStyle = cssColour(canvas, '--line');
      line(x, bottom + 6, x, top);
      line(low - 6, y, high, y);
      pen.textAlign = 'center';
      pen.fillText(count(tick), x, bottom + 20);
      pen.textAlign = 'right';
      pen.fillText(count(tick), low - 10, y + 4);
    }
    pen.strokeStyle = cssColour(canvas, '--muted');
    pen.setLineDash([4, 4]);
    line(toX(0), toY(0), high, top);
    pen.setLineDash([]);
    pen.textAlign = 'center';
    pen.fillText(data.before, (low + high) / 2, bottom + 40);
    pen.save();
    pen.translate(14, (bottom + top) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(data.after, 0, 0);
    pen.restore();
  }

  function line(x0: number, y0: number, x1: number, y1: number) {
    pen.beginPath();
    pen.moveTo(x0, y0);
    pen.lineTo(x1, y1);
    pen.stroke();
  }

  function drawOutline(path: number[]) {
    pen.beginPath();
    for (let i = 0; i < path.length; i += 2) pen.lineTo(toX(path[i]), toY(path[i + 1]));
    pen.closePath();
    pen.strokeStyle = cssColour(canvas, '--accent');
    pen.lineWidth = 1.5;
    pen.stroke();
  }

  /** The bubble under a place: the smallest that holds it, else the nearest within reach. */
  function pairAt(px: number, py: number): number {
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < pairs.length; i++) {
      const radius = bubbleRadius(pairs[i].rows.length, mostRows);
      const distance = Math.hypot(toX(plane[2 * i]) - px, toY(plane[2 * i + 1]) - py);
      const rating = distance <= radius ? radius : distance + LARGEST;
      if (distance <= Math.max(radius, REACH) && rating <= least) [best, least] = [i, rating];
    }
    return best;
  }

  function show(pair: number) {
    hovered = pair;
    if (pair < 0) events.onHover(null, 0, 0);
    else events.onHover(pairs[pair], toX(plane[2 * pair]), toY(plane[2 * pair + 1]));
    draw();
  }

  const local = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const at = local(event);
    canvas.setPointerCapture(event.pointerId);
    drawn = [fromX(at.x), fromY(at.y)];
    moved = 0;
  };
  const move = (event: PointerEvent) => {
    const at = local(event);
    if (!drawn) {
      const pair = pairAt(at.x, at.y);
      if (pair !== hovered) show(pair);
      return;
    }
    moved += Math.abs(event.movementX) + Math.abs(event.movementY);
    drawn.push(fromX(at.x), fromY(at.y));
    draw();
  };
  const up = (event: PointerEvent) => {
    if (!drawn) return;
    const at = local(event);
    const outline = simplified(drawn);
    const isClick = moved <= 4;
    drawn = null;
    if (isClick) events.onPick(pairs[pairAt(at.x, at.y)] ?? null);
    else {
      const held = inside(plane, outline);
      events.onLasso(
        outline,
        pairs.reduce((n, { rows }, i) => n + held[i] * rows.length, 0),
      );
    }
    draw();
  };
  const cancel = () => {
    drawn = null;
    draw();
  };
  const leave = () => {
    if (!drawn) show(-1);
  };
  /** Arrow keys go from bubble to bubble, from the one with most queries to those with one. */
  const key = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key === 'Enter' && hovered >= 0) events.onPick(pairs[hovered]);
    else if (event.key in steps && pairs.length > 0) {
      event.preventDefault();
      show((Math.max(hovered, steps[event.key] > 0 ? -1 : 0) + steps[event.key] + pairs.length) % pairs.length);
    }
  };
  const resize = () => {
    const box = container.getBoundingClientRect();
    size = { width: Math.max(1, box.width), height: Math.max(1, box.height) };
    canvas.width = Math.round(size.width * pixels);
    canvas.height = Math.round(size.height * pixels);
    draw();
  };
  canvas.addEventListener('pointerdown', down);
  canvas.addEventListener('pointermove', move);
  canvas.addEventListener('pointerup', up);
  canvas.addEventListener('pointercancel', cancel);
  canvas.addEventListener('pointerleave', leave);
  canvas.addEventListener('blur', leave);
  canvas.addEventListener('keydown', key);
  const observer = new ResizeObserver(resize);
  observer.observe(container);
  const unwatch = onThemeChange(draw);
  resize();

  return {
    update(lit, open, outline) {
      [isLit, focus, kept] = [lit, open, outline];
      draw();
    },
    destroy() {
      observer.disconnect();
      unwatch();
      canvas.remove();
    },
  };
}
