/** Names over a map: none over another, more of them the nearer one looks. */
import type { Word } from '../model/picture';
import type { Position } from './surface';

export interface Label {
  text: string;
  /** 0 for a name that is shown first. */
  level: number;
  /** The point at which it stands. */
  point: number;
}

/** Names at most before any zoom; with the zoom their number grows as the area of the map. */
const MOST = 12;
/** Pixels between two names; around the finer ones, which say little more beside a broad one. */
const GAP = 4;
const FINER_GAP = 18;
/** Pixels that a name keeps to the sides of the map. */
const EDGE = 4;

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/**
 * Which of the names, in the order of their importance, find room: those outside of the picture count, so that nothing
 * comes and goes while the map is dragged.
 */
export function fitting(labels: Label[], boxes: Box[], zoom: number): boolean[] {
  const shown: Box[] = [];
  return labels.map(({ level }, i) => {
    const gap = level > 0 ? FINER_GAP : GAP;
    const { left, top, right, bottom } = boxes[i];
    const isFree = shown.every(
      (other) =>
        right + gap <= other.left ||
        other.right + gap <= left ||
        bottom + gap <= other.top ||
        other.bottom + gap <= top,
    );
    const isShown = isFree && shown.length < MOST * Math.max(1, zoom) ** 2;
    if (isShown) shown.push(boxes[i]);
    return isShown;
  });
}

/** The left end of a name around x, moved as far as it takes to be seen whole. */
export const keptIn = (x: number, width: number, across: number) => {
  const most = across - width - EDGE;
  return Math.max(Math.min(EDGE, most), Math.min(x - width / 2, most));
};

/** Elements over a canvas that show the names; they are no part of what a screen reader reads, nor of a press. */
export class LabelLayer {
  private readonly box = document.createElement('div');
  private labels: Label[] = [];
  private elements: HTMLElement[] = [];
  private sizes: { width: number; height: number }[] = [];

  constructor(container: HTMLElement) {
    this.box.className = 'map-labels';
    this.box.setAttribute('aria-hidden', 'true');
    container.append(this.box);
  }

  set(labels: Label[]): void {
    if (labels === this.labels) return;
    this.labels = labels;
    this.elements = labels.map(({ text, level }) => {
      const element = document.createElement('bdi');
      element.className = level > 0 ? 'is-finer' : '';
      element.textContent = text;
      return element;
    });
    this.box.replaceChildren(...this.elements);
    this.sizes = this.elements.map(({ offsetWidth: width, offsetHeight: height }) => ({ width, height }));
  }

  /** Puts every name to its point, on a map so wide; `placeOf` is null while the points move. */
  draw(placeOf: ((point: number) => Position) | null, zoom: number, across: number): void {
    this.box.hidden = placeOf === null;
    if (placeOf === null) return;
    const places = this.labels.map(({ point }) => placeOf(point));
    const isSeen = ({ x }: Position) => x >= 0 && x <= across;
    const boxes = places.map((at, i) => {
      const { width, height } = this.sizes[i];
      const left = isSeen(at) ? keptIn(at.x, width, across) : at.x - width / 2;
      const top = at.y - height / 2;
      return { left, top, right: left + width, bottom: top + height };
    });
    fitting(this.labels, boxes, zoom).forEach((isShown, i) => {
      const { style } = this.elements[i];
      style.visibility = isShown && isSeen(places[i]) ? 'visible' : 'hidden';
      style.transform = `translate(${boxes[i].left.toFixed(1)}px, ${boxes[i].top.toFixed(1)}px)`;
    });
  }

  /** The names that are seen, each by its middle. */
  shown(): Word[] {
    if (this.box.hidden) return [];
    const seen = this.labels.map(({ text, level }, i) => {
      const { style } = this.elements[i];
      const [x, y] = (style.transform.match(/-?[\d.]+/g) ?? []).map(Number);
      const { width, height } = this.sizes[i];
      return style.visibility === 'visible' && { text, isFiner: level > 0, x: x + width / 2, y: y + height / 2 };
    });
    return seen.filter((word) => word !== false);
  }

  destroy(): void {
    this.box.remove();
  }
}
