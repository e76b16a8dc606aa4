/** Lines and points over two axes, each linear or logarithmic; bands or bars are 95 % intervals. */
import { Band, Frame, LineKey, type Place, Polyline, RowTicks, type Series } from './axes';

export interface Axis {
  label: string;
  low: number;
  high: number;
  isLog?: boolean;
  ticks: number[];
  format: (value: number) => string;
}

export interface PlotSeries extends Series {
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

export function Plot(props: { title: string; x: Axis; y: Axis; series: PlotSeries[]; marks?: number[] }) {
  const bottom = HEIGHT - MARGIN.bottom;
  const y = (value: number) => bottom - along(value, props.y) * (bottom - MARGIN.top);
  return (
    <Frame name="plot" height={HEIGHT} title={props.title} role="img">
      {(width) => {
        const right = Math.max(MARGIN.left + 1, width - MARGIN.right);
        const x = (value: number) => MARGIN.left + along(value, props.x) * (right - MARGIN.left);
        return (
          <>
            <RowTicks ticks={props.y.ticks} y={y} left={MARGIN.left} right={right} format={props.y.format} />
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
              <g key={series.label}>
                {!series.hasDots && <Band series={series} x={x} y={y} />}
                <Polyline series={series} x={x} y={y} />
                {series.hasDots && <Dots series={series} x={x} y={y} />}
              </g>
            ))}
          </>
        );
      }}
    </Frame>
  );
}

/** Every point with its interval as a bar, and its name above it. */
function Dots({ series, x, y }: { series: PlotSeries; x: Place; y: Place }) {
  const stroke = `var(${series.colour})`;
  return series.y.map((value, i) => {
    if (value === null) return null;
    const [at, low, high] = [x(series.x[i]), series.low?.[i], series.high?.[i]];
    return (
      <g key={i}>
        {low != null && high != null && (
          <line x1={at} x2={at} y1={y(low)} y2={y(high)} stroke={stroke} stroke-width={1.5} stroke-opacity={0.6} />
        )}
        <circle cx={at} cy={y(value)} r={4.5} fill={stroke} stroke="var(--paper)" />
        {series.names && (
          <text class="tick" x={at} y={y(value) - 9}>
            {series.names[i]}
          </text>
        )}
      </g>
    );
  });
}

/** What the lines of a plot mean, each with a piece of its line. */
export function PlotKey({ series }: { series: Series[] }) {
  return (
    <ul class="plot-key">
      {series.map(({ label, colour, dash }) => (
        <li key={label}>
          <LineKey colour={colour} dash={dash} />
          <bdi>{label}</bdi>
        </li>
      ))}
    </ul>
  );
}
