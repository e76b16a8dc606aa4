/** Figures over the epochs of a training: lines with bands, and the epoch that is shown. */
import { fixed } from '../model/format';
import { Band, EpochTicks, Frame, Polyline, RowTicks, type Series } from './axes';

const MARGIN = { left: 44, right: 16, top: 12, bottom: 30 };
const HEIGHT = 260;
const BOTTOM = HEIGHT - MARGIN.bottom;

/** Round values from 0 up to the first at or above every value, at most 1 where all are shares. */
export function axisOf(lines: Pick<Series, 'y' | 'high'>[]): number[] {
  const known = lines.flatMap(({ y, high = [] }) => [...y, ...high]).filter((v): v is number => v !== null);
  const most = Math.max(0.01, ...known);
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10].find((size) => most / size <= 5) ?? most / 5;
  const ticks = [];
  for (let i = 0; i * step < most + step - 1e-9; i++) ticks.push(Number((i * step).toFixed(6)));
  return ticks;
}

/** Lines over epochs; the x of each is the place of a checkpoint in the list of epochs. */
export function Lines(props: {
  lines: Series[];
  epochs: number[];
  shown: number;
  title: string;
  onEpoch: (index: number) => void;
}) {
  const { lines, epochs, shown } = props;
  const ticks = axisOf(lines);
  const [first, last] = [epochs[0], epochs[epochs.length - 1]];
  const y = (value: number) => BOTTOM - (value / ticks[ticks.length - 1]) * (BOTTOM - MARGIN.top);
  const placing = (width: number) => (i: number) =>
    MARGIN.left + (last === first ? 0.5 : (epochs[i] - first) / (last - first)) * innerOf(width);
  const pick = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const x = placing(box.width);
    const distance = (i: number) => Math.abs(x(i) - (event.clientX - box.left));
    props.onEpoch(epochs.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0));
  };
  const format = (tick: number) => fixed(tick, ticks[1] < 0.1 ? 2 : 1);
  return (
    <Frame name="lines" height={HEIGHT} title={props.title} role="img" onPointerDown={pick}>
      {(width) => {
        const x = placing(width);
        return (
          <>
            <RowTicks ticks={ticks} y={y} left={MARGIN.left} right={width - MARGIN.right} format={format} />
            <EpochTicks epochs={epochs} x={x} y={BOTTOM + 20} width={innerOf(width)} />
            <line class="lines-shown" x1={x(shown)} x2={x(shown)} y1={MARGIN.top} y2={BOTTOM} />
            {[Band, Polyline].map((Part) => lines.map((line) => <Part key={line.label} series={line} x={x} y={y} />))}
            {lines.map((line) => (
              <Dots key={line.label} line={line} shown={shown} x={x} y={y} />
            ))}
          </>
        );
      }}
    </Frame>
  );
}

const innerOf = (width: number) => Math.max(1, width - MARGIN.left - MARGIN.right);

function Dots(props: { line: Series; shown: number; x: (i: number) => number; y: (value: number) => number }) {
  return props.line.y.map(
    (value, i) =>
      value !== null && (
        <circle
          key={i}
          cx={props.x(i)}
          cy={props.y(value)}
          r={i === props.shown ? 5 : 2.5}
          fill={`var(${props.line.colour})`}
          stroke="var(--paper)"
          stroke-width={i === props.shown ? 2 : 0}
        />
      ),
  );
}
