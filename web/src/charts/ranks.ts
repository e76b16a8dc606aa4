/** Rank before against rank after on logarithmic axes: a bubble for the queries that share both; click and lasso. */
import type { RankPair } from '../model/compare';
import { inside } from '../model/plane';
import { Lasso } from './lasso';
import { onThemeChange } from './palette';
import { RankAxes } from './rankaxes';
import { isReleased, type Position, Surface } from './surface';

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

const SMALLEST = 3;
const LARGEST = 26;
/** Pixels around a bubble within which it is found. */
const REACH = 8;
/** Pixels that a pointer may travel and still press a bubble. */
const PRESSED = 4;
const STEPS: Record<string, number> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** Radius of a bubble: its area grows with the number of queries. */
export function bubbleRadius(n: number, most: number): number {
  const growth = Math.min(SMALLEST, LARGEST / Math.sqrt(Math.max(most, 1)));
  return Math.max(SMALLEST, growth * Math.sqrt(n));
}

export class RanksChart {
  private readonly surface: Surface;
  private readonly axes: RankAxes;
  private readonly lasso: Lasso;
  /** Logarithms of both ranks of each pair, in turn. */
  private readonly plane: Float32Array;
  private readonly stopWatching: () => void;
  private isLit: Uint8Array | null = null;
  private focus: number | null = null;
  private outline: number[] | null = null;
  private hovered = -1;
  private travelled = 0;

  constructor(
    container: HTMLElement,
    private readonly data: RanksData,
    private readonly events: RanksEvents,
  ) {
    const { pairs } = data;
    this.surface = new Surface(container, 'ranks-canvas', data.label);
    const mostRank = pairs.reduce((most, { before, after }) => Math.max(most, before, after), 10);
    this.axes = new RankAxes(this.surface, mostRank, LARGEST);
    this.lasso = new Lasso(this.axes);
    this.plane = new Float32Array(pairs.flatMap(({ before, after }) => [Math.log10(before), Math.log10(after)]));
    this.surface.listen({
      pointerdown: (event) => this.press(event),
      pointermove: (event) => this.move(event),
      pointerup: (event) => this.release(event),
      pointercancel: () => this.cancel(),
      pointerleave: () => this.leave(),
      blur: () => this.leave(),
      keydown: (event) => this.key(event),
    });
    this.stopWatching = onThemeChange(() => this.draw());
    this.surface.fit(() => this.draw());
  }

  /** 1 for each query that stands out (null where all do), the row of the open query, and the outline drawn before. */
  update(isLit: Uint8Array | null, focus: number | null, outline: number[] | null): void {
    Object.assign(this, { isLit, focus, outline });
    this.draw();
  }

  destroy(): void {
    this.stopWatching();
    this.surface.destroy();
  }

  private draw(): void {
    this.surface.clear();
    this.axes.draw(this.data.before, this.data.after);
    const [better, worse, same] = ['right', 'wrong', 'document'].map((tint) => this.surface.colour(`--tint-${tint}`));
    for (const [i, { before, after }] of this.data.pairs.entries()) {
      this.drawBubble(i, after < before ? better : after > before ? worse : same);
    }
    for (const corners of [this.outline, this.lasso.corners]) if (corners) this.surface.outline(corners, this.axes);
  }

  private drawBubble(i: number, colour: string): void {
    const { surface, isLit } = this;
    const { pen } = surface;
    const { rows } = this.data.pairs[i];
    const isFocus = this.focus !== null && rows.includes(this.focus);
    pen.globalAlpha = isLit === null || rows.some((row) => isLit[row]) ? 0.72 : 0.12;
    pen.fillStyle = colour;
    surface.circle(this.placeOf(i), this.radiusOf(i));
    pen.fill();
    pen.globalAlpha = 1;
    if (i !== this.hovered && !isFocus) return;
    pen.lineWidth = isFocus ? 2.5 : 1.5;
    pen.strokeStyle = surface.colour('--ink');
    pen.stroke();
  }

  private placeOf(i: number): Position {
    return { x: this.axes.toX(this.plane[2 * i]), y: this.axes.toY(this.plane[2 * i + 1]) };
  }

  private radiusOf(i: number): number {
    const { pairs } = this.data;
    return bubbleRadius(pairs[i].rows.length, pairs[0].rows.length); // the pair of most queries stands first
  }

  /** The bubble under a place: the smallest that holds it, else the nearest within reach; -1 for none. */
  private bubbleAt({ x, y }: Position): number {
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < this.data.pairs.length; i++) {
      const radius = this.radiusOf(i);
      const centre = this.placeOf(i);
      const distance = Math.hypot(centre.x - x, centre.y - y);
      const rating = distance <= radius ? radius : distance + LARGEST;
      if (distance <= Math.max(radius, REACH) && rating <= least) [best, least] = [i, rating];
    }
    return best;
  }

  private show(i: number): void {
    this.hovered = i;
    const { x, y } = i < 0 ? { x: 0, y: 0 } : this.placeOf(i);
    this.events.onHover(this.data.pairs[i] ?? null, x, y);
    this.draw();
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.surface.canvas.setPointerCapture(event.pointerId);
    this.lasso.start(this.surface.positionOf(event));
    this.travelled = 0;
  }

  private move(event: PointerEvent): void {
    const at = this.surface.positionOf(event);
    if (isReleased(event)) this.lasso.end();
    if (!this.lasso.corners) {
      const bubble = this.bubbleAt(at);
      if (bubble !== this.hovered) this.show(bubble);
      return;
    }
    this.travelled += Math.abs(event.movementX) + Math.abs(event.movementY);
    this.lasso.extend(at);
    this.draw();
  }

  private release(event: PointerEvent): void {
    if (!this.lasso.corners) return;
    const { pairs } = this.data;
    const outline = this.lasso.end();
    if (this.travelled <= PRESSED) this.events.onPick(pairs[this.bubbleAt(this.surface.positionOf(event))] ?? null);
    else {
      const held = inside(this.plane, outline);
      const n = pairs.reduce((sum, { rows }, i) => sum + held[i] * rows.length, 0);
      this.events.onLasso(outline, n);
    }
    this.draw();
  }

  private cancel(): void {
    this.lasso.end();
    this.draw();
  }

  private leave(): void {
    if (!this.lasso.corners) this.show(-1);
  }

  /** Arrow keys go from bubble to bubble, from the one with most queries to those with one. */
  private key(event: KeyboardEvent): void {
    const n = this.data.pairs.length;
    const step = STEPS[event.key];
    if (event.key === 'Enter' && this.hovered >= 0) this.events.onPick(this.data.pairs[this.hovered]);
    else if (step && n > 0) {
      event.preventDefault();
      this.show((Math.max(this.hovered, step > 0 ? -1 : 0) + step + n) % n);
    }
  }
}
