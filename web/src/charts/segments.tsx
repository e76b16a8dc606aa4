/** Queries gained upwards and lost downwards, between the two checkpoints that they moved between. */
import { count } from '../model/format';
import { EpochTicks, Frame, type Place } from './axes';

const MARGIN = { left: 44, right: 16, top: 22, bottom: 30 };
const HEIGHT = 200;
const BOTTOM = HEIGHT - MARGIN.bottom;
/** Below this width of a bar its number would stand on the next one. */
const NARROW = 22;

/** Lengths in pixels above and below zero, so that the longest of both kinds fill the height. */
export function barLengths(gained: number[], lost: number[], height: number): { up: number[]; down: number[] } {
  const [most, least] = [Math.max(0, ...gained), Math.max(0, ...lost)];
  const unit = height / Math.max(1, most + least);
  return { up: gained.map((n) => n * unit), down: lost.map((n) => n * unit) };
}

/** One pair of bars for each segment; segment i ends at epoch i + 1. */
export function SegmentBars(props: {
  epochs: number[];
  gained: number[];
  lost: number[];
  /** The checkpoint that is shown; the segment before it stands out. */
  shown: number;
  title: string;
  onEpoch: (index: number) => void;
}) {
  const { epochs, gained, lost, shown } = props;
  const [first, last] = [epochs[0], epochs[epochs.length - 1]];
  const innerOf = (width: number) => Math.max(1, width - MARGIN.left - MARGIN.right);
  const placing = (width: number) => (i: number) =>
    MARGIN.left + ((epochs[i] - first) / (last - first || 1)) * innerOf(width);
  const { up, down } = barLengths(gained, lost, BOTTOM - MARGIN.top - 16);
  const zero = MARGIN.top + Math.max(0, ...up);
  const pick = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const segment = gained.findIndex((_, i) => event.clientX - box.left < placing(box.width)(i + 1));
    props.onEpoch(segment < 0 ? epochs.length - 1 : segment + 1);
  };
  return (
    <Frame name="segments" height={HEIGHT} title={props.title} role="img" onPointerDown={pick}>
      {(width) => {
        const x = placing(width);
        return (
          <>
            {gained.map((n, i) => (
              <g key={epochs[i]} class={i === shown - 1 ? 'is-shown' : undefined}>
                {i === shown - 1 && (
                  <rect class="segment-shown" x={x(i)} width={x(i + 1) - x(i)} y={0} height={BOTTOM + 4} />
                )}
                <Bar kind="gained" n={n} i={i} x={x} y={zero - up[i]} height={up[i]} label={zero - up[i] - 5} />
                <Bar kind="lost" n={lost[i]} i={i} x={x} y={zero} height={down[i]} label={zero + down[i] + 14} />
              </g>
            ))}
            <line class="grid" x1={MARGIN.left} x2={width - MARGIN.right} y1={zero} y2={zero} />
            <EpochTicks epochs={epochs} x={x} y={BOTTOM + 20} width={innerOf(width)} />
          </>
        );
      }}
    </Frame>
  );
}

/** The bar of one segment, and beside its end how many queries it stands for. */
function Bar(props: {
  kind: 'gained' | 'lost';
  n: number;
  i: number;
  x: Place;
  y: number;
  height: number;
  label: number;
}) {
  const { n, i, x } = props;
  const full = x(i + 1) - x(i);
  const [left, width] = [x(i) + 0.15 * full, 0.7 * full];
  return (
    <>
      <rect class={`is-${props.kind}`} x={left} width={width} y={props.y} height={props.height} />
      {width >= NARROW && n > 0 && (
        <text class="tick" x={left + width / 2} y={props.label}>
          {count(n)}
        </text>
      )}
    </>
  );
}
