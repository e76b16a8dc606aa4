/** Densities over the similarity, and a threshold that can be dragged. */
import { useRef } from 'preact/hooks';
import { decimalsOf, fixed } from '../model/format';
import { Frame, type Place } from './axes';
import { rounds } from './plot';
import { isReleased } from './surface';

export interface Curve {
  id: string;
  density: ArrayLike<number>;
  /** A custom property that holds its colour. */
  colour: string;
  isFilled: boolean;
  dash?: string;
}

const MARGIN = { left: 12, right: 12, top: 14, bottom: 34 };

/** The part of the edges where any curve is above nothing, with a little padding, within the bound of the scores. */
export function shownRange(edges: ArrayLike<number>, curves: Curve[], bound = 1): [number, number] {
  let [first, last] = [Infinity, -1];
  for (const { density } of curves) {
    for (let i = 0; i < density.length; i++) {
      if (density[i] <= 0) continue;
      first = Math.min(first, i);
      last = Math.max(last, i);
    }
  }
  if (last < 0) return [edges[0], edges[edges.length - 1]];
  const padding = (edges[last + 1] - edges[first]) * 0.03;
  return [Math.max(-bound, edges[first] - padding), Math.min(bound, edges[last + 1] + padding)];
}

const HEIGHT = 300;
const BOTTOM = HEIGHT - MARGIN.bottom;

export function Density(props: {
  edges: ArrayLike<number>;
  curves: Curve[];
  /** Scores lie between this and its negative: 1 for cosines. */
  bound: number;
  threshold: number;
  onThreshold: (threshold: number) => void;
}) {
  const { edges, curves, bound } = props;
  const isDragging = useRef(false);
  const [low, high] = shownRange(edges, curves, bound);
  const innerOf = (width: number) => Math.max(1, width - MARGIN.left - MARGIN.right);
  const clamp = (value: number) => Math.min(high, Math.max(low, value));
  const threshold = clamp(props.threshold);
  const drag = (event: PointerEvent) => {
    const svg = event.currentTarget as SVGSVGElement;
    if (event.type === 'pointerdown') svg.setPointerCapture(event.pointerId);
    isDragging.current = event.type === 'pointerdown' || (isDragging.current && event.type === 'pointermove');
    if (isReleased(event)) isDragging.current = false;
    const { left, width } = svg.getBoundingClientRect();
    const at = low + ((event.clientX - left - MARGIN.left) / innerOf(width)) * (high - low);
    if (isDragging.current) props.onThreshold(clamp(at));
  };
  const on = { onPointerDown: drag, onPointerMove: drag, onPointerUp: drag, onPointerCancel: drag };
  return (
    <Frame name="density" height={HEIGHT} title="Densities of the similarities" {...on}>
      {(width) => {
        const x = (value: number) => MARGIN.left + ((value - low) / (high - low)) * innerOf(width);
        const accepted = { x: x(threshold), width: x(high) - x(threshold), y: MARGIN.top };
        return (
          <>
            <rect class="density-accepted" {...accepted} height={BOTTOM - MARGIN.top} />
            {curves.map((curve) => (
              <CurvePath key={curve.id} edges={edges} curve={curve} x={x} />
            ))}
            <line class="axis" x1={MARGIN.left} x2={width - MARGIN.right} y1={BOTTOM} y2={BOTTOM} />
            {ticks(low, high, innerOf(width) / 70, bound).map((tick, _, all) => (
              <g key={tick} transform={`translate(${x(tick)} ${BOTTOM})`}>
                <line class="axis" y2={5} />
                <text class="tick" y={19}>
                  {fixed(tick, bound === 1 ? 1 : decimalsOf(all))}
                </text>
              </g>
            ))}
            <Threshold
              x={x(threshold)}
              value={threshold}
              low={low}
              high={high}
              bound={bound}
              onChange={(v) => props.onThreshold(clamp(v))}
            />
          </>
        );
      }}
    </Frame>
  );
}

function CurvePath({ edges, curve, x }: { edges: ArrayLike<number>; curve: Curve; x: Place }) {
  return (
    <path
      d={outline(edges, curve, x, BOTTOM, BOTTOM - MARGIN.top - 10)}
      fill={curve.isFilled ? `var(${curve.colour})` : 'none'}
      fill-opacity={0.22}
      stroke={`var(${curve.colour})`}
      stroke-width={1.8}
      stroke-dasharray={curve.dash}
      stroke-linejoin="round"
    />
  );
}

/** What an arrow key adds to the threshold, of the bound of the scores. */
const STEPS: Record<string, number> = {
  ArrowLeft: -0.01,
  ArrowDown: -0.01,
  ArrowRight: 0.01,
  ArrowUp: 0.01,
  PageDown: -0.1,
  PageUp: 0.1,
};

/** The line to drag, which is a slider for the keyboard and for screen readers. */
function Threshold(props: {
  x: number;
  value: number;
  low: number;
  high: number;
  bound: number;
  onChange: (value: number) => void;
}) {
  const key = (event: KeyboardEvent) => {
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    props.onChange(props.value + STEPS[event.key] * props.bound);
  };
  return (
    <g
      class="threshold"
      role="slider"
      tabindex={0}
      aria-label="Similarity threshold"
      aria-valuemin={props.low}
      aria-valuemax={props.high}
      aria-valuenow={Number(props.value.toFixed(3))}
      onKeyDown={key}
      transform={`translate(${props.x} 0)`}
    >
      <rect x={-14} width={28} y={0} height={BOTTOM} fill="transparent" />
      <line y1={MARGIN.top} y2={BOTTOM} />
      <circle cy={BOTTOM} r={7} />
    </g>
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

/** Round values between `low` and `high`, about so many; of cosines no closer than 0.1. */
export function ticks(low: number, high: number, wanted: number, bound = 1): number[] {
  if (bound !== 1) return rounds(low, high, Math.max(2, wanted));
  const step = [0.1, 0.2, 0.5, 1].find((size) => (high - low) / size <= Math.max(2, wanted)) ?? 1;
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9; tick += step) found.push(Number(tick.toFixed(6)));
  return found;
}
