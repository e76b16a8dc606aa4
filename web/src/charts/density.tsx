/** Densities over the cosine similarity, and a threshold that can be dragged. */
import { useRef } from 'preact/hooks';
import { fixed } from '../model/format';
import { useSize } from '../views/parts';

export interface Curve {
  id: string;
  label: string;
  density: ArrayLike<number>;
  /** A custom property that holds its colour. */
  colour: string;
  isFilled: boolean;
  dash?: string;
}

const MARGIN = { left: 12, right: 12, top: 14, bottom: 34 };

/** The part of the edges where any curve is above nothing, with a little room. */
export function shownRange(edges: ArrayLike<number>, curves: Curve[]): [number, number] {
  let [first, last] = [Infinity, -1];
  for (const { density } of curves) {
    for (let i = 0; i < density.length; i++) {
      if (density[i] <= 0) continue;
      first = Math.min(first, i);
      last = Math.max(last, i);
    }
  }
  if (last < 0) return [edges[0], edges[edges.length - 1]];
  const room = (edges[last + 1] - edges[first]) * 0.03;
  return [Math.max(-1, edges[first] - room), Math.min(1, edges[last + 1] + room)];
}

export function Density(props: {
  edges: ArrayLike<number>;
  curves: Curve[];
  threshold: number;
  onThreshold: (threshold: number) => void;
  height?: number;
}) {
  const [box, { width }] = useSize<HTMLDivElement>();
  const isDragging = useRef(false);
  const height = props.height ?? 300;
  const [low, high] = shownRange(props.edges, props.curves);
  const inner = Math.max(1, width - MARGIN.left - MARGIN.right);
  const x = (value: number) => MARGIN.left + ((value - low) / (high - low)) * inner;
  const value = (px: number) => Math.min(high, Math.max(low, low + ((px - MARGIN.left) / inner) * (high - low)));
  const bottom = height - MARGIN.bottom;
  const threshold = Math.min(high, Math.max(low, props.threshold));

  const drag = (event: PointerEvent) => {
    const svg = event.currentTarget as SVGSVGElement;
    if (event.type === 'pointerdown') {
      svg.setPointerCapture(event.pointerId);
      isDragging.current = true;
    }
    if (isDragging.current) props.onThreshold(value(event.clientX - svg.getBoundingClientRect().left));
    if (event.type === 'pointerup' || event.type === 'pointercancel') isDragging.current = false;
  };
  const key = (event: KeyboardEvent) => {
    const steps: Record<string, number> = {
      ArrowLeft: -0.01,
      ArrowDown: -0.01,
      ArrowRight: 0.01,
      ArrowUp: 0.01,
      PageDown: -0.1,
      PageUp: 0.1,
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    props.onThreshold(Math.min(high, Math.max(low, threshold + steps[event.key])));
  };

  return (
    <div class="density" ref={box}>
      {width > 0 && (
        <svg
          width={width}
          height={height}
          viewBox={`0 0 ${width} ${height}`}
          onPointerDown={drag}
          onPointerMove={drag}
          onPointerUp={drag}
          onPointerCancel={drag}
        >
          <title>Densities of the similarities</title>
          <rect
            class="density-accepted"
            x={x(threshold)}
            y={MARGIN.top}
            width={x(high) - x(threshold)}
            height={bottom - MARGIN.top}
          />
          {props.curves.map((curve) => (
            <path
              key={curve.id}
              d={outline(props.edges, curve, x, bottom, bottom - MARGIN.top - 10)}
              fill={curve.isFilled ? `var(${curve.colour})` : 'none'}
              fill-opacity={0.22}
              stroke={`var(${curve.colour})`}
              stroke-width={1.8}
              stroke-dasharray={curve.dash}
              stroke-linejoin="round"
            />
          ))}
          <line class="axis" x1={MARGIN.left} x2={width - MARGIN.right} y1={bottom} y2={bottom} />
          {ticks(low, high, inner / 70).map((tick) => (
            <g key={tick} transform={`translate(${x(tick)} ${bottom})`}>
              <line class="axis" y2={5} />
              <text class="tick" y={19}>
                {fixed(tick, 1)}
              </text>
            </g>
          ))}
          <g
            class="threshold"
            role="slider"
            tabindex={0}
            aria-label="Similarity threshold"
            aria-valuemin={low}
            aria-valuemax={high}
            aria-valuenow={Number(threshold.toFixed(3))}
            onKeyDown={key}
            transform={`translate(${x(threshold)} 0)`}
          >
            <rect x={-14} width={28} y={0} height={bottom} fill="transparent" />
            <line y1={MARGIN.top} y2={bottom} />
            <circle cy={bottom} r={7} />
          </g>
        </svg>
      )}
    </div>
  );
}

/** The steps of a histogram, each scaled to its own peak so that all shapes are visible. */
export function outline(
  edges: ArrayLike<number>,
  curve: Curve,
  x: (v: number) => number,
  bottom: number,
  height: number,
): string {
  const peak = Math.max(...Array.from(curve.density), Number.EPSILON);
  const parts: string[] = [`M${x(edges[0]).toFixed(1)},${bottom}`];
  for (let i = 0; i < curve.density.length; i++) {
    parts.push(`V${(bottom - (curve.density[i] / peak) * height).toFixed(1)}H${x(edges[i + 1]).toFixed(1)}`);
  }
  parts.push(`V${bottom}`);
  return parts.join('') + (curve.isFilled ? 'Z' : '');
}

/** Round values between `low` and `high`, about so many. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const step = [0.1, 0.2, 0.5, 1].find((size) => (high - low) / size <= Math.max(2, wanted)) ?? 1;
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9; tick += step) found.push(Number(tick.toFixed(6)));
  return found;
}
