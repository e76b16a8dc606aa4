/** The map: pan, zoom, hover, click, lasso, and a moving change from one layout to another. */
import { type Contour, contoursOf, MANY, SHARES } from '../model/contours';
import type { Pane } from '../model/picture';
import { boxOf, inside } from '../model/plane';
import { Camera, type View } from './camera';
import { ContourLayer } from './contours';
import { Gestures } from './gestures';
import { type Label, LabelLayer } from './labels';
import { Lasso } from './lasso';
import { PointLayer, type PointLook } from './layer';
import { drawLasso, drawLinks, drawNeighbours, drawRing, type Links } from './overlay';
import { onThemeChange } from './palette';
import { Picker } from './picking';
import { diameterOf, type Renderer, SIGN_SIZE } from './renderer';
import { snapshot } from './snapshot';
import { type Position, Surface } from './surface';
import { Transition } from './transition';

export interface ScatterData {
  n: number;
  /** 0 query, 1 positive, 2 hard negative, 3 document. */
  roles: Uint8Array;
  /** Positions in [-1, 1], x and y in turn; one array a map. */
  layouts: Float32Array[];
  label: string;
  /** Whether the layouts are the frames of an animation, which keep one scale. */
  isAnimation?: boolean;
}

export interface ScatterLook extends PointLook {
  layout: number;
  links: Links;
  /** The point of the open query, -1 for none. */
  focus: number;
  isLasso: boolean;
  /** Whether points shall be large enough for their signs, however many they are. */
  hasSigns: boolean;
  /** Points that lines join to the one in focus. */
  neighbours: number[];
  /** Whether lines around the densest areas are drawn. */
  hasContours: boolean;
  /** Names on the map; the same array as long as they stay the same. */
  labels: Label[];
}

export interface ScatterEvents {
  /** Where the point is, in pixels of the container, and its radius; -1 where no point is near the pointer. */
  onHover(point: number, at: Position, radius: number): void;
  onPick(point: number): void;
  /** The outline in the frame of the map, and how many points it holds. */
  onLasso(outline: number[], n: number): void;
  onMode(isLasso: boolean): void;
  /** Whether the points are large enough for their signs; called when that changes. */
  onSigns(areDrawn: boolean): void;
}

/** Pixels around the pointer within which a point is found. */
const REACH = 10;
/** Milliseconds after which contours are computed: at first when the points are seen, then after the last quick change. */
const OPENING_MS = 1000;
const REST_MS = 150;

export class ScatterChart {
  private readonly under: ContourLayer;
  private readonly layer: PointLayer;
  private readonly overlay: Surface;
  private readonly labels: LabelLayer;
  private readonly transition: Transition;
  private readonly camera: Camera;
  private readonly lasso: Lasso;
  private readonly picker: Picker;
  private readonly stopWatching: () => void;
  private look: ScatterLook | null = null;
  private hovered = -1;
  /** A point that is hovered on another map. */
  private marked = -1;
  private contours: Contour[] = [];
  private contouring: ReturnType<typeof setTimeout> | undefined;
  /** What was seen before a zoom to some points, and what since. */
  private zoomed: { before: View; since: View } | null = null;
  private areSignsDrawn = true;
  /** The frame that is asked for; 0 for none. */
  private request = 0;

  constructor(
    container: HTMLElement,
    private readonly data: ScatterData,
    private readonly events: ScatterEvents,
  ) {
    this.under = new ContourLayer(container, data.n <= MANY);
    this.layer = new PointLayer(container, data.roles, () => this.restore());
    this.overlay = new Surface(container, 'map-overlay', data.label);
    this.labels = new LabelLayer(container);
    this.transition = new Transition(data.layouts, data.isAnimation ?? false);
    this.camera = new Camera(this.overlay, () => this.transition.unitIn(this.overlay));
    this.lasso = new Lasso(this.camera);
    this.picker = new Picker(data.roles);
    new Gestures(this.overlay, this.camera, this.lasso, {
      isLasso: () => this.look?.isLasso ?? false,
      onHover: (at) => this.hover(at ? this.pointAt(at) : -1),
      onPick: (at, isTouch) => {
        const point = this.pointAt(at);
        events.onPick(point);
        if (isTouch) this.hover(point);
      },
      onLasso: (outline) => events.onLasso(outline, sum(inside(this.transition.to, outline))),
      onToggleLasso: () => events.onMode(!this.look?.isLasso),
      onChange: () => this.moved(),
    });
    this.stopWatching = onThemeChange(() => this.repaint());
    addEventListener('pointerdown', this.leave, true);
    addEventListener('keydown', this.leave, true);
    this.overlay.fit(() => this.resize());
  }

  get kind(): Renderer['kind'] {
    return this.layer.kind;
  }

  /** An element whose colours are those of the map. */
  get element(): Element {
    return this.overlay.canvas;
  }

  update(next: ScatterLook): void {
    const before = this.look;
    this.look = next;
    this.overlay.canvas.classList.toggle('is-lasso', next.isLasso);
    if (before === null) this.transition.jumpTo(next.layout);
    else if (before.layout !== next.layout) this.transition.moveTo(next.layout);
    if (before?.layout !== next.layout) this.layer.setPositions(this.transition.from, this.transition.to);
    this.labels.set(next.labels);
    if (before?.layout !== next.layout) this.hover(-1);
    const isSame = (name: keyof ScatterLook) => before?.[name] === next[name];
    const areAsBefore = isSame('isLit') && isSame('isFaded');
    if (!areAsBefore || !isSame('layout') || !isSame('hasContours')) this.contour();
    if (areAsBefore && isSame('categories')) this.schedule();
    else this.repaint();
  }

  /** Rings a point that is hovered elsewhere; -1 for none. */
  mark(point: number): void {
    if (point === this.marked) return;
    this.marked = point;
    this.schedule();
  }

  /** Shows some points as large as fits; what was seen before, where they are shown so already. */
  zoomTo(points: Iterable<number>): void {
    const { camera, zoomed } = this;
    const box = boxOf(this.transition.to, points);
    const [before, { since }] = [camera.view, zoomed ?? { since: null }];
    if (box) camera.fit(box);
    const isShown = zoomed !== null && isSameView(camera.view, since) && isSameView(before, since);
    if (isShown) camera.view = zoomed.before;
    this.zoomed = isShown ? null : { before, since: camera.view };
    this.moved();
  }

  zoom(factor: number): void {
    this.camera.zoomAt(factor);
    this.moved();
  }

  reset(): void {
    this.camera.reset();
    this.moved();
  }

  /** Brings a point to the middle, if it is outside the picture. */
  reveal(point: number): void {
    const { to } = this.transition;
    if (this.camera.reveal(to[2 * point], to[2 * point + 1])) this.moved();
  }

  /** What is seen now, as shapes of a picture. */
  picture(): Omit<Pane, 'title'> | null {
    const { overlay: surface, camera: plane, transition, look, contours } = this;
    if (!look) return null;
    const shown = { surface, plane, xy: transition.to, roles: this.data.roles, look, contours };
    return { ...snapshot({ ...shown, diameter: this.diameter() }), words: this.labels.shown() };
  }

  destroy(): void {
    cancelAnimationFrame(this.request);
    clearTimeout(this.contouring);
    removeEventListener('pointerdown', this.leave, true);
    removeEventListener('keydown', this.leave, true);
    this.stopWatching();
    this.under.destroy();
    this.layer.destroy();
    this.labels.destroy();
    this.overlay.destroy();
  }

  private resize(): void {
    const { width, height } = this.overlay.canvas;
    this.under.resize(width, height);
    this.layer.resize(width, height);
    this.moved();
  }

  /** Sets everything anew on a canvas that took the place of another. */
  private restore(): void {
    this.resize();
    this.layer.setPositions(this.transition.from, this.transition.to);
    this.repaint();
  }

  private repaint(): void {
    if (!this.look) return;
    this.layer.setLook(this.look);
    this.schedule();
  }

  private schedule(): void {
    if (!this.request) this.request = requestAnimationFrame((now) => this.draw(now));
  }

  /** Diameter of a query in CSS pixels: smaller for many points, growing slowly with the zoom. */
  private diameter(): number {
    const { width, height, pixels } = this.overlay;
    const base = diameterOf(this.data.n, Math.min(width, height), pixels, this.look?.hasSigns || undefined);
    return Math.min(base * this.camera.zoom ** 0.25, 22);
  }

  private pointAt({ x, y }: Position): number {
    if (this.transition.progress < 1) return -1;
    const { camera } = this;
    const radius = Math.max(REACH, this.diameter()) / camera.scale;
    const isLit = this.look?.isLit ?? null;
    return this.picker.pointAt(this.transition.to, camera.fromX(x), camera.fromY(y), radius, isLit);
  }

  /** What was under the pointer is there no longer. */
  private moved(): void {
    this.hover(-1);
    this.schedule();
  }

  /** A press beside the map, and Esc, take the name of a point away that a finger has left there. */
  private readonly leave = (event: Event) => {
    if (event instanceof KeyboardEvent ? event.key === 'Escape' : event.target !== this.overlay.canvas) this.hover(-1);
  };

  private hover(point: number): void {
    if (point === this.hovered) return;
    this.hovered = point;
    this.events.onHover(point, point < 0 ? { x: 0, y: 0 } : this.placeOf(point), this.diameter() / 2);
    this.schedule();
  }

  /** Computes the contours of the points that stand out, after a rest; they vanish where none are wanted. */
  private contour(): void {
    clearTimeout(this.contouring);
    const set = (contours: Contour[]) => {
      this.contours = contours;
      this.under.set(contours);
      this.schedule();
    };
    if (!this.look?.hasContours) {
      if (this.contours.length > 0) set([]);
      return;
    }
    const { isLit, isFaded } = this.look;
    const isCounted = isFaded ? isFaded.map((own, p) => (own || isLit?.[p] === 0 ? 0 : 1)) : isLit;
    const rest = this.contours.length > 0 || this.data.n <= MANY ? REST_MS : OPENING_MS;
    this.contouring = setTimeout(() => set(contoursOf(this.transition.to, isCounted, SHARES)), rest);
  }

  private draw(now: number): void {
    this.request = 0;
    const { camera, transition } = this;
    const { pixels } = this.overlay;
    transition.advance(now);
    const size = this.diameter() * pixels;
    if (size >= SIGN_SIZE - 0.01 !== this.areSignsDrawn) {
      this.areSignsDrawn = !this.areSignsDrawn;
      this.events.onSigns(this.areSignsDrawn);
    }
    const frame = {
      scale: camera.scale * pixels,
      centreX: camera.toX(0) * pixels,
      centreY: camera.toY(0) * pixels,
      progress: transition.progress,
      size,
    };
    const isMoving = transition.progress < 1;
    this.under.draw(frame);
    this.layer.draw(frame);
    this.overlay.clear();
    this.under.drawLines(this.overlay, frame);
    if (this.look) {
      const { look, hovered, marked, lasso } = this;
      const radius = this.diameter() / 2;
      drawLinks(this.overlay, look.links, (point) => this.placeOf(point));
      if (look.focus >= 0) {
        const neighbours = look.neighbours.map((point) => this.placeOf(point));
        drawNeighbours(this.overlay, this.placeOf(look.focus), neighbours, radius);
        drawRing(this.overlay, this.placeOf(look.focus), radius + 4, 2.5);
      }
      if (marked >= 0) drawRing(this.overlay, this.placeOf(marked), radius + 3, 1.5);
      if (hovered >= 0) drawRing(this.overlay, this.placeOf(hovered), radius + 3, 1.5);
      if (lasso.corners) drawLasso(this.overlay, lasso.corners, camera);
    }
    this.labels.draw(isMoving ? null : (point) => this.placeOf(point), camera.zoom, this.overlay.width);
    if (isMoving) this.schedule();
  }

  /** Where a point is now, in pixels. */
  private placeOf(point: number): Position {
    const { camera, transition } = this;
    return {
      x: camera.toX(transition.coordinate(2 * point)),
      y: camera.toY(transition.coordinate(2 * point + 1)),
    };
  }
}

const isSameView = (a: View, b: View | null) => b !== null && a.x === b.x && a.y === b.y && a.zoom === b.zoom;

const sum = (mask: Uint8Array) => mask.reduce((total, flag) => total + flag, 0);
