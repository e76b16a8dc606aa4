/** Queries gained upwards and lost downwards, between the two checkpoints that they moved between. */
import { count } from '../model/format';
import { useSize } from '../views/parts';

const MARGIN = { left: 44, right: 16, top: 22, bottom: 30 };
const HEIGHT = 200;
/** Below this width of a bar its number would stand on the next one. */
const NARROW = 22;

/** Heights in pixels above and below zero, so that the largest of both kinds fill the room between them. */
export function heights(gained: number[], lost: number[], room: number): { up: number[]; down: number[] } {
  const [most, least] = [Math.max(0, ...gained), Math.max(0, ...lost)];
  const unit = room / Math.max(1, most + least);
  return { up: gained.map((n) => n * unit), down: lost.map((n) => n * unit) };
}

export function StretchBars(props: {
  epochs: number[];
  gained: number[];
  lost: number[];
  /** The checkpoint that is shown; the stretch before it stands out. */
  shown: number;
  title: string;
  onEpoch: (index: number) => void;
}) {
  const { epochs, gained, lost, shown } = props;
  const [box, { width }] = useSize<HTMLDivElement>();
  const [first, last] = [epochs[0], epochs[epochs.length - 1]];
  const inner = Math.max(1, width - MARGIN.left - MARGIN.right);
  const x = (i: number) => MARGIN.left + ((epochs[i] - first) / (last - first || 1)) * inner;
  const bottom = HEIGHT - MARGIN.bottom;
  const { up, down } = heights(gained, lost, bottom - MARGIN.top - 16);
  const zero = MARGIN.top + Math.max(0, ...up);
  const every = Math.max(1, Math.ceil((epochs.length * 34) / inner));
  const pick = (event: MouseEvent) => {
    const at = event.clientX - (event.currentTarget as Element).getBoundingClientRect().left;
    const stretch = gained.findIndex((_, i) => at < x(i + 1));
    props.onEpoch(stretch < 0 ? epochs.length - 1 : stretch + 1);
  };
  return (
    <div class="stretches" ref={box}>
      {width > 0 && (
        <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" onPointerDown={pick}>
          <title>{props.title}</title>
          {gained.map((n, i) => {
            const [left, wide] = [x(i) + 0.15 * (x(i + 1) - x(i)), 0.7 * (x(i + 1) - x(i))];
            const isShown = i === shown - 1;
            return (
              <g key={epochs[i]} class={isShown ? 'is-shown' : undefined}>
                {isShown && <rect class="stretch-shown" x={x(i)} width={x(i + 1) - x(i)} y={0} height={bottom + 4} />}
                <rect class="is-gained" x={left} width={wide} y={zero - up[i]} height={up[i]} />
                <rect class="is-lost" x={left} width={wide} y={zero} height={down[i]} />
                {wide >= NARROW && n > 0 && (
                  <text class="tick" x={left + wide / 2} y={zero - up[i] - 5}>
                    {count(n)}
                  </text>
                )}
                {wide >= NARROW && lost[i] > 0 && (
                  <text class="tick" x={left + wide / 2} y={zero + down[i] + 14}>
                    {count(lost[i])}
                  </text>
                )}
              </g>
            );
          })}
          <line class="grid" x1={MARGIN.left} x2={width - MARGIN.right} y1={zero} y2={zero} />
          {epochs.map(
            (epoch, i) =>
              i % every === 0 && (
                <text key={epoch} class="tick" x={x(i)} y={bottom + 20}>
                  {epoch}
                </text>
              ),
          )}
        </svg>
      )}
    </div>
  );
}
