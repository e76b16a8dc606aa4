/** The shape of a set of values on a common scale; what lies at or left of zero has another colour. */
import { useMemo } from 'preact/hooks';
import { useSize } from './axes';
import { type Domain, position } from './interval';

const HEIGHT = 40;
const BINS = 60;

/** A domain that holds 98 of 100 values of each set, and zero; the few beyond it stand in the outermost bins. */
export function ridgeDomain(sets: Float32Array[]): Domain {
  const ends = sets.flatMap((values) => {
    const ordered = values.slice().sort();
    const at = (share: number) => ordered[Math.round(share * (ordered.length - 1))] ?? 0;
    return [at(0.01), at(0.99)];
  });
  return { low: Math.min(-0.05, ...ends), high: Math.max(0.05, ...ends) };
}

/** Counts of values in equal bins over the domain; what lies beyond an end counts in the bin there. */
export function binned(values: ArrayLike<number>, { low, high }: Domain, bins = BINS): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor(((values[i] - low) / (high - low)) * bins);
    counts[Math.min(Math.max(bin, 0), bins - 1)]++;
  }
  return counts;
}

export function Ridge({ values, domain }: { values: ArrayLike<number>; domain: Domain }) {
  const [box, { width }] = useSize<HTMLDivElement>();
  const counts = useMemo(() => binned(values, domain), [values, domain.low, domain.high]);
  const most = Math.max(1, ...counts);
  const bar = width / BINS;
  const zero = (position(0, domain) / 100) * width;
  return (
    <div class="ridge" ref={box} aria-hidden="true">
      {width > 0 && (
        <svg
          width={width}
          height={HEIGHT}
          viewBox={`0 0 ${width} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="presentation"
        >
          {counts.map((n, i) => {
            const height = n === 0 ? 0 : Math.max(1.5, (n / most) * (HEIGHT - 4));
            const isLost = (i + 0.5) * bar < zero;
            return (
              n > 0 && (
                <rect
                  key={i}
                  class={isLost ? 'is-wrong' : 'is-right'}
                  x={i * bar + 0.5}
                  y={HEIGHT - height}
                  width={Math.max(0.5, bar - 1)}
                  height={height}
                />
              )
            );
          })}
          <line class="ridge-zero" x1={zero} x2={zero} y2={HEIGHT} />
        </svg>
      )}
    </div>
  );
}
