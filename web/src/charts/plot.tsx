/** Lines and points over two axes, each linear or logarithmic; bands or bars are 95 % intervals. */
import { useSize } from '../views/parts';

export interface Axis {
  label: string;
  low: number;
  high: number;
  isLog?: boolean;
  ticks: number[];
  format: (value: number) => string;
}

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
  /** Marks every point; its intervals are then bars and not a band. */
  hasDots?: boolean;
  /** Words beside each point. */
  names?: string[];
}

const MARGIN = { left: 72, right: 20, top: 14, bottom: 46 };
const HEIGHT = 320;

/** Where a value stands on an axis, from 0 at its low end to 1 at its high one; values beyond an end stand at it. */
export function along(value: number, { low, high, isLog }: Axis): number {
  const scale = isLog ? Math.log : (v: number) => v;
  const share = (scale(isLog ? Math.max(value, low) : value) - scale(low)) / (scale(high) - scale(low) || 1);
  return Math.min(1, Math.max(0, share));
}

/** Powers of the base from the one at or below the least value to the one at or above the greatest. */
export function powers(least: number, most: number, base: number): number[] {
  const exponent = (value: number) => Math.log(value) / Math.log(base);
  const [first, last] = [Math.floor(exponent(least) + 1e-9), Math.ceil(exponent(most) - 1e-9)];
  return Array.from({ length: Math.max(last, first + 1) - first + 1 }, (_, i) => base ** (first + i));
}

/** Round values between the ends, about `n` of them. */
export function rounds(low: number, high: number, n = 5): number[] {
  const rough = (high - low || 1) / n;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5, 10].find((size) => size * unit >= rough) ?? 10);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

/** Runs of neighbouring points that have a value: a line is broken where there is none. */
function stretches(values: (number | null)[]): number[][] {
  const found: number[][] = [];
  values.forEach((value, i) => {
    if (value === null) return;
    const last = found.at(-1);
    if (last?.at(-1) === i - 1) last.push(i);
    else found.push([i]);
  });
  return found;
}

export function Plot(props: { title: string; x: Axis; y: Axis; series: Series[]; marks?: number[] }) {
  const [box, { width }] = useSize<HTMLDivElement>();
  const right = Math.max(MARGIN.left + 1, width - MARGIN.right);
  const bottom = HEIGHT - MARGIN.bottom;
  const x = (value: number) => MARGIN.left + along(value, props.x) * (right - MARGIN.left);
  const y = (value: number) => bottom - along(value, props.y) * (bottom - MARGIN.top);
  return (
    <div class="plot" ref={box}>
      {width > 0 && (
        <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img">
          <title>{props.title}</title>
          {props.y.ticks.map((tick) => (
            <g key={`y ${tick}`}>
              <line class="grid" x1={MARGIN.left} x2={right} y1={y(tick)} y2={y(tick)} />
              <text class="tick is-left" x={MARGIN.left - 8} y={y(tick) + 4}>
                {props.y.format(tick)}
              </text>
            </g>
          ))}
          {props.x.ticks.map((tick) => (
            <g key={`x ${tick}`}>
              <line class="grid" x1={x(tick)} x2={x(tick)} y1={MARGIN.top} y2={bottom} />
              <text class="tick" x={x(tick)} y={bottom + 18}>
                {props.x.format(tick)}
              </text>
            </g>
          ))}
          <text class="axis-name" x={(MARGIN.left + right) / 2} y={HEIGHT - 8}>
            {props.x.label}
          </text>
          {(props.marks ?? []).map((value) => (
            <line key={`m ${value}`} class="lines-shown" x1={x(value)} x2={x(value)} y1={MARGIN.top} y2={bottom} />
          ))}
          {props.series.map((series) => (
            <Drawn key={series.label} series={series} x={x} y={y} />
          ))}
        </svg>
      )}
    </div>
  );
}

function Drawn({ series, x, y }: { series: Series; x: (v: number) => number; y: (v: number) => number }) {
  const { low, high, hasDots } = series;
  const stroke = `var(${series.colour})`;
  const place = (i: number, value: number | null | undefined) =>
    `${x(series.x[i]).toFixed(1)},${y(value ?? 0).toFixed(1)}`;
  const hasEnds = (i: number) => typeof low?.[i] === 'number' && typeof high?.[i] === 'number';
  const known = stretches(series.y);
  const banded = low && high && !hasDots ? stretches(series.y.map((value, i) => (hasEnds(i) ? value : null))) : [];
  return (
    <g>
      {banded.map((run) => (
        <polygon
          key={run[0]}
          points={[...run.map((i) => place(i, high?.[i])), ...[...run].reverse().map((i) => place(i, low?.[i]))].join(
            ' ',
          )}
          fill={stroke}
          fill-opacity={0.14}
        />
      ))}
      {known.map((run) => (
        <polyline
          key={run[0]}
          points={run.map((i) => place(i, series.y[i])).join(' ')}
          fill="none"
          stroke={stroke}
          stroke-width={2}
          stroke-dasharray={series.dash}
          stroke-linejoin="round"
        />
      ))}
      {hasDots &&
        known.flat().map((i) => (
          <g key={i}>
            {hasEnds(i) && (
              <line
                x1={x(series.x[i])}
                x2={x(series.x[i])}
                y1={y(low?.[i] as number)}
                y2={y(high?.[i] as number)}
                stroke={stroke}
                stroke-width={1.5}
                stroke-opacity={0.6}
              />
            )}
            <circle cx={x(series.x[i])} cy={y(series.y[i] as number)} r={4.5} fill={stroke} stroke="var(--paper)" />
            {series.names && (
              <text class="tick" x={x(series.x[i])} y={y(series.y[i] as number) - 9}>
                {series.names[i]}
              </text>
            )}
          </g>
        ))}
    </g>
  );
}

/** What the lines of a plot mean, each with a piece of its line. */
export function PlotKey({ series }: { series: Series[] }) {
  return (
    <ul class="plot-key">
      {series.map(({ label, colour, dash }) => (
        <li key={label}>
          <svg width={26} height={8} aria-hidden="true">
            <line x1={1} x2={25} y1={4} y2={4} stroke={`var(${colour})`} stroke-width={2.5} stroke-dasharray={dash} />
          </svg>
          <bdi>{label}</bdi>
        </li>
      ))}
    </ul>
  );
}
