/** Figures over the epochs of a training: lines with bands, and the epoch that is shown. */
import { fixed } from '../model/format';
import { useSize } from '../views/parts';

export interface Line {
  label: string;
  /** One entry an epoch; null where there is no value. */
  values: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  /** A custom property that holds its colour. */
  colour: string;
  dash?: string;
}

const MARGIN = { left: 44, right: 16, top: 12, bottom: 30 };
const HEIGHT = 260;

/** Round values from 0 up to the first at or above every given one, at most 1 where all are shares. */
export function axisOf(lines: Line[]): number[] {
  const known = lines.flatMap(({ values, high }) => [...values, ...high]).filter((v): v is number => v !== null);
  const most = Math.max(0.01, ...known);
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10].find((size) => most / size <= 5) ?? most / 5;
  const ticks = [];
  for (let i = 0; i * step < most + step - 1e-9; i++) ticks.push(Number((i * step).toFixed(6)));
  return ticks;
}

/** Runs of neighbouring epochs that have a value: a line is broken where there is none. */
export function stretches(values: (number | null)[]): number[][] {
  const found: number[][] = [];
  values.forEach((value, i) => {
    if (value === null) return;
    const last = found.at(-1);
    if (last?.at(-1) === i - 1) last.push(i);
    else found.push([i]);
  });
  return found;
}

export function Lines(props: {
  lines: Line[];
  epochs: number[];
  shown: number;
  title: string;
  onEpoch: (index: number) => void;
}) {
  const { lines, epochs } = props;
  const [box, { width }] = useSize<HTMLDivElement>();
  const ticks = axisOf(lines);
  const top = ticks[ticks.length - 1];
  const [first, last] = [epochs[0], epochs[epochs.length - 1]];
  const inner = Math.max(1, width - MARGIN.left - MARGIN.right);
  const bottom = HEIGHT - MARGIN.bottom;
  const x = (i: number) => MARGIN.left + (last === first ? 0.5 : (epochs[i] - first) / (last - first)) * inner;
  const y = (value: number) => bottom - (value / top) * (bottom - MARGIN.top);
  const point = (i: number, value: number | null) => `${x(i).toFixed(1)},${y(value ?? 0).toFixed(1)}`;
  const every = Math.max(1, Math.ceil((epochs.length * 34) / inner));
  const pick = (event: MouseEvent) => {
    const at = event.clientX - (event.currentTarget as Element).getBoundingClientRect().left;
    const nearest = epochs.reduce((best, _, i) => (Math.abs(x(i) - at) < Math.abs(x(best) - at) ? i : best), 0);
    props.onEpoch(nearest);
  };
  return (
    <div class="lines" ref={box}>
      {width > 0 && (
        <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" onPointerDown={pick}>
          <title>{props.title}</title>
          {ticks.map((tick) => (
            <g key={tick}>
              <line class="grid" x1={MARGIN.left} x2={width - MARGIN.right} y1={y(tick)} y2={y(tick)} />
              <text class="tick is-left" x={MARGIN.left - 8} y={y(tick) + 4}>
                {fixed(tick, ticks[1] < 0.1 ? 2 : 1)}
              </text>
            </g>
          ))}
          {epochs.map(
            (epoch, i) =>
              i % every === 0 && (
                <text key={epoch} class="tick" x={x(i)} y={bottom + 20}>
                  {epoch}
                </text>
              ),
          )}
          <line class="lines-shown" x1={x(props.shown)} x2={x(props.shown)} y1={MARGIN.top} y2={bottom} />
          {lines.map((line) =>
            stretches(
              line.values.map((value, i) => (line.low[i] === null || line.high[i] === null ? null : value)),
            ).map((run) => (
              <polygon
                key={`${line.label} ${run[0]}`}
                points={[
                  ...run.map((i) => point(i, line.high[i])),
                  ...[...run].reverse().map((i) => point(i, line.low[i])),
                ].join(' ')}
                fill={`var(${line.colour})`}
                fill-opacity={0.13}
              />
            )),
          )}
          {lines.map((line) =>
            stretches(line.values).map((run) => (
              <polyline
                key={`${line.label} ${run[0]}`}
                points={run.map((i) => point(i, line.values[i])).join(' ')}
                fill="none"
                stroke={`var(${line.colour})`}
                stroke-width={2}
                stroke-dasharray={line.dash}
                stroke-linejoin="round"
              />
            )),
          )}
          {lines.map((line) =>
            line.values.map(
              (value, i) =>
                value !== null && (
                  <circle
                    key={`${line.label} ${epochs[i]}`}
                    cx={x(i)}
                    cy={y(value)}
                    r={i === props.shown ? 5 : 2.5}
                    fill={`var(${line.colour})`}
                    stroke="var(--paper)"
                    stroke-width={i === props.shown ? 2 : 0}
                  />
                ),
            ),
          )}
        </svg>
      )}
    </div>
  );
}
