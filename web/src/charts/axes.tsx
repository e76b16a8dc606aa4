/** What the pictures of lines and bars share: a frame as wide as its place, ticks, lines with their bands. */
import type { ComponentChildren, SVGAttributes } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** From a value to its place in pixels. */
export type Place = (value: number) => number;

export interface Series {
  label: string;
  /** One entry a point; null where there is no value. */
  x: number[];
  y: (number | null)[];
  low?: (number | null)[];
  high?: (number | null)[];
  /** A custom property that holds its colour. */
  colour: string;
  dash?: string;
}

/** Width and height of an element, in CSS pixels. */
export function useSize<E extends HTMLElement>(): [preact.RefObject<E | null>, { width: number; height: number }] {
  const ref = useRef<E | null>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  // Measured at once, too: before printing there is no time to wait for an observer.
  useLayoutEffect(() => {
    if (!ref.current) return;
    const { width, height } = ref.current.getBoundingClientRect();
    setSize({ width, height });
    const observer = new ResizeObserver(([{ contentRect }]) => {
      setSize({ width: contentRect.width, height: contentRect.height });
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, size];
}

interface FrameProps extends Omit<SVGAttributes<SVGSVGElement>, 'children' | 'height' | 'name' | 'title'> {
  /** Class of the element that says how wide the picture is. */
  name: string;
  height: number;
  title: string;
  children: (width: number) => ComponentChildren;
}

/** A picture as wide as its place; nothing is drawn before the width is known. */
export function Frame({ name, height, title, children, ...attributes }: FrameProps) {
  const [box, { width }] = useSize<HTMLDivElement>();
  return (
    <div class={name} ref={box}>
      {width > 0 && (
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} {...attributes}>
          <title>{title}</title>
          {children(width)}
        </svg>
      )}
    </div>
  );
}

/** A line across the picture for each tick, with its value on the left. */
export function RowTicks(props: {
  ticks: number[];
  y: Place;
  left: number;
  right: number;
  format: (value: number) => string;
}) {
  return props.ticks.map((tick) => (
    <g key={`y ${tick}`}>
      <line class="grid" x1={props.left} x2={props.right} y1={props.y(tick)} y2={props.y(tick)} />
      <text class="tick is-left" x={props.left - 8} y={props.y(tick) + 4}>
        {props.format(tick)}
      </text>
    </g>
  ));
}

/** Epochs under an axis, as many as have room; `x` takes their places in the list. */
export function EpochTicks({ epochs, x, y, width }: { epochs: number[]; x: Place; y: number; width: number }) {
  const every = Math.max(1, Math.ceil((epochs.length * 34) / width));
  return epochs.map(
    (epoch, i) =>
      i % every === 0 && (
        <text key={epoch} class="tick" x={x(i)} y={y}>
          {epoch}
        </text>
      ),
  );
}

/** Groups of neighbouring places that have a value: a line is broken where there is none. */
export function contiguous(values: (number | null)[]): number[][] {
  const found: number[][] = [];
  values.forEach((value, i) => {
    if (value === null) return;
    const last = found.at(-1);
    if (last?.at(-1) === i - 1) last.push(i);
    else found.push([i]);
  });
  return found;
}

const corner = (x: number, y: number) => `${x.toFixed(1)},${y.toFixed(1)}`;

/** The interval around a line, wherever both of its ends are known. */
export function Band({ series, x, y }: { series: Series; x: Place; y: Place }) {
  const { low = [], high = [] } = series;
  const known = series.y.map((value, i) => (low[i] == null || high[i] == null ? null : value));
  const edge = (places: number[], values: (number | null)[]) =>
    places.map((i) => corner(x(series.x[i]), y(values[i] ?? 0)));
  return contiguous(known).map((places) => (
    <polygon
      key={places[0]}
      points={[...edge(places, high), ...edge([...places].reverse(), low)].join(' ')}
      fill={`var(${series.colour})`}
      fill-opacity={0.14}
    />
  ));
}

export function Polyline({ series, x, y }: { series: Series; x: Place; y: Place }) {
  return contiguous(series.y).map((places) => (
    <polyline
      key={places[0]}
      points={places.map((i) => corner(x(series.x[i]), y(series.y[i] ?? 0))).join(' ')}
      fill="none"
      stroke={`var(${series.colour})`}
      stroke-width={2}
      stroke-dasharray={series.dash}
      stroke-linejoin="round"
    />
  ));
}

/** A piece of a line as it is drawn, for a legend. */
export function LineKey({ colour, dash }: Pick<Series, 'colour' | 'dash'>) {
  return (
    <svg width={26} height={10} aria-hidden="true">
      <line x2={26} y1={5} y2={5} stroke={`var(${colour})`} stroke-width={2.5} stroke-dasharray={dash} />
    </svg>
  );
}
