/** The map: pan, zoom, hover, click, lasso, and a moving change from one layout to another. */
import { inside } from '../model/plane';
import { Camera } from './camera';
import { Gestures } from './gestures';
import { type Label, LabelLayer } from './labels';
import { Lasso } from './lasso';
import { PointLayer, type PointLook } from './layer';
import { drawLasso, drawLinks, drawRing, type Links } from './overlay';
import { onThemeChange } from './palette';
import { Picker } from './picking';
import { diameterOf, type Renderer, SIGN_SIZE } from './renderer';
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
  /** Names on the map; the same array as long as they stay the same. */
  labels: Label[];
}

export interface ScatterEvents {
  /** x and y in pixels of the container; -1 where no point is near. */
  onHover(point: number, x: number, y: number): void;
  onPick(point: number): void;
  /** The outline in the frame of the map, and how many points it holds. */
  onLasso(outline: number[], n: number): void;
  onMode(isLasso: boolean): void;
  /** Whether the points are large enough for their signs; called when that changes. */
  onSigns(areDrawn: boolean): void;
}

/** Pixels around the pointer within which a point is found. */
const REACH = 10;

export class ScatterChart {
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
  private areSignsDrawn = true;
  /** The frame that is asked for; 0 for none. */
  private request = 0;

  constructor(
    container: HTMLElement,
    private readonly data: ScatterData,
    private readonly events: ScatterEvents,
  ) {
    this.layer = new PointLayer(container, data.roles, () => this.restore());
    this.overlay = new Surface(container, 'map-overlay', data.label);
    this.labels = new LabelLayer(container);
    this.transition = new Transition(data.layouts, data.isAnimation ?? false);
    this.camera = new Camera(this.overlay, () => this.transition.unitIn(this.overlay));
    this.lasso = new Lasso(this.camera);
    this.picker = new Picker(data.roles);
    new Gestures(this.overlay, this.camera, this.lasso, {
      isLasso: () => this.look?.isLasso ?? false,
      onHover: (at) => this.hover(at ? this.pointAt(at) : -1, at),
      onPick: (at) => events.onPick(this.pointAt(at)),
      onLasso: (outline) => events.onLasso(outline, sum(inside(this.transition.to, outline))),
      onToggleLasso: () => events.onMode(!this.look?.isLasso),
      onChange: () => this.moved(),
    });
    this.stopWatching = onThemeChange(() => this.repaint());
    this.overlay.fit(() => this.resize());
  }

  get kind(): Renderer['kind'] {
    return this.layer.kind;
  }

  update(next: ScatterLook): void {
    const before = this.look;
    this.look = next;
    this.overlay.canvas.classList.toggle('is-lasso', next.isLasso);
    if (before === null) this.transition.jumpTo(next.layout);
    else if (before.layout !== next.layout) this.transition.moveTo(next.layout);
    if (before?.layout !== next.layout) this.layer.setPositions(this.transition.from, this.transition.to);
    this.labels.set(next.labels);
    this.repaint();
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
    if (this.camera.reveal(to[2 * point], to[2 * point + 1])) this.schedule();
  }

  destroy(): void {
    cancelAnimationFrame(this.request);
    this.stopWatching();
    this.layer.destroy();
    this.labels.destroy();
    this.overlay.destroy();
  }

  private resize(): void {
    this.layer.resize(this.overlay.canvas.width, this.overlay.canvas.height);
    this.schedule();
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
    this.hover(-1, null);
    this.schedule();
  }

  private hover(point: number, at: Position | null): void {
    if (point === this.hovered && point < 0) return;
    this.hovered = point;
    this.events.onHover(point, at?.x ?? 0, at?.y ?? 0);
    this.schedule();
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
    this.layer.draw({
      scale: camera.scale * pixels,
      centreX: camera.toX(0) * pixels,
      centreY: camera.toY(0) * pixels,
      progress: transition.progress,
      size,
    });
    this.overlay.clear();
    if (this.look) {
      const { look, hovered, lasso } = this;
      const radius = this.diameter() / 2;
      drawLinks(this.overlay, look.links, (point) => this.placeOf(point));
      if (look.focus >= 0) drawRing(this.overlay, this.placeOf(look.focus), radius + 4, 2.5);
      if (hovered >= 0) drawRing(this.overlay, this.placeOf(hovered), radius + 3, 1.5);
      if (lasso.corners) drawLasso(this.overlay, lasso.corners, camera);
    }
    const isMoving = transition.progress < 1;
    this.labels.draw(isMoving ? null : (point) => this.placeOf(point), camera.zoom);
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

const sum = (mask: Uint8Array) => mask.reduce((total, flag) => total + flag, 0);
