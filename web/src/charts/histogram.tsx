/** A small histogram with a brush: what a range selects, by pointer and by keys. */
import { useRef } from 'preact/hooks';
import { placeOf, placesOf, rangeBetween, stepped } from '../model/bins';
import { leastOf, type NumberColumn } from '../model/columns';
import { rangeText } from '../model/conditions';
import { Frame } from './axes';
import { rounds } from './plot';
import { isReleased } from './surface';

const HEIGHT = 74;
const BOTTOM = 56;
/** Room on both sides for half a handle. */
const SIDE = 9;
/** The least height of a bar that stands for anything. */
const LEAST = 1.5;
/** Pixels within which a pointer, or a finger, takes hold of a handle, and that tell a drag from a press. */
const REACH = 8;
const FINGER = 22;
const STILL = 3;
/** Half the width of the words of a range. */
const WORDS = 50;

interface Range {
  low: number;
  high: number;
}

interface HistogramProps {
  column: NumberColumn;
  /** Queries of each bin. */
  whole: Uint32Array;
  /** Those that pass every other filter. */
  counts: Uint32Array;
  /** Null where the whole width is selected. */
  range: Range | null;
  onRange: (low: number, high: number) => void;
}

export function Histogram(props: HistogramProps) {
  const { column, whole, counts, range, onRange } = props;
  const n = column.edges.length - 1;
  const places: [number, number] = range ? placesOf(range, column) : [0, n];
  const select = (from: number, to: number) => {
    const { low, high } = rangeBetween(from, to, column);
    onRange(low, high);
  };
  const pointer = usePointer({ n, places, hasRange: range !== null, select });
  const most = Math.max(1, ...whole.subarray(0, n));
  const heightOf = (own: number) => (own > 0 ? Math.max(LEAST, (own / most) * (BOTTOM - 4)) : 0);
  return (
    <Frame name="histogram" height={HEIGHT} title={`${column.label}: drag to select a range`} {...pointer}>
      {(width) => {
        const x = (place: number) => SIDE + (place / n) * (width - 2 * SIDE);
        const [from, to] = places.map(x);
        return (
          <>
            {range && <rect class="brush" x={from} width={Math.max(1, to - from)} y={0} height={BOTTOM} />}
            {Array.from({ length: n }, (_, bin) => {
              const bar = { x: x(bin) + 0.5, width: Math.max(1, x(bin + 1) - x(bin) - 1) };
              const [back, front] = [heightOf(whole[bin]), heightOf(counts[bin])];
              const isOut = bin + 1 <= places[0] || bin >= places[1];
              return (
                <g key={bin} class={isOut ? 'is-out' : ''}>
                  <rect class="bar-whole" {...bar} y={BOTTOM - back} height={back} />
                  <rect class="bar-shown" {...bar} y={BOTTOM - front} height={front} />
                </g>
              );
            })}
            <line class="axis" x1={SIDE} x2={width - SIDE} y1={BOTTOM} y2={BOTTOM} />
            {range ? (
              <text class="tick is-range" x={Math.min(width - WORDS, Math.max(WORDS, (from + to) / 2))} y={BOTTOM + 14}>
                {rangeText(column, range)}
              </text>
            ) : (
              <Ticks column={column} x={(place) => Math.min(width - 14, Math.max(10, x(place)))} />
            )}
            <Handle {...{ column, places, select }} end={0} x={from} value={range?.low} />
            <Handle {...{ column, places, select }} end={1} x={to} value={range?.high} />
          </>
        );
      }}
    </Frame>
  );
}

interface Brush {
  n: number;
  /** Both ends, along the bins. */
  places: [number, number];
  hasRange: boolean;
  select: (from: number, to: number) => void;
}

/** A drag draws a range, moves it, or one of its ends; a press selects one bin, and again, all of them. */
function usePointer({ n, places, hasRange, select }: Brush) {
  const drag = useRef<{
    from: number;
    places: [number, number];
    end: 0 | 1 | null;
    isMoving: boolean;
    x: number;
  } | null>(null);
  const placeAt = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as SVGSVGElement).getBoundingClientRect();
    return { place: Math.min(n, Math.max(0, ((event.clientX - left - SIDE) / (width - 2 * SIDE)) * n)), width };
  };
  const press = (bin: number) => {
    const isChosen = hasRange && Math.abs(places[0] - bin) < 1e-6 && Math.abs(places[1] - bin - 1) < 1e-6;
    if (isChosen) select(0, n);
    else select(bin, bin + 1);
  };
  return {
    onPointerDown(event: PointerEvent) {
      if (event.button !== 0) return;
      (event.currentTarget as SVGSVGElement).setPointerCapture(event.pointerId);
      const { place, width } = placeAt(event);
      const pixels = (length: number) => (Math.abs(length) / n) * width;
      const away = places.map((end) => pixels(end - place));
      const reach = Math.min(event.pointerType === 'touch' ? FINGER : REACH, pixels(places[1] - places[0]) / 4);
      const end = hasRange && Math.min(...away) <= reach ? (away[0] < away[1] ? 0 : 1) : null;
      const isMoving = hasRange && end === null && place > places[0] && place < places[1];
      drag.current = { from: place, places, end, isMoving, x: event.clientX };
    },
    onPointerMove(event: PointerEvent) {
      if (isReleased(event)) drag.current = null;
      const held = drag.current;
      if (!held || Math.abs(event.clientX - held.x) < STILL) return;
      held.x = Number.NaN; // moved once, it is no press any more
      const { place } = placeAt(event);
      if (held.end !== null) select(place, held.places[1 - held.end]);
      else if (held.isMoving) {
        const [low, high] = held.places;
        const by = Math.min(n - high, Math.max(-low, place - held.from));
        select(low + by, high + by);
      } else select(held.from, place);
    },
    onPointerUp(event: PointerEvent) {
      const held = drag.current;
      drag.current = null;
      const isPress = held && Math.abs(event.clientX - held.x) < STILL;
      if (isPress && held.end === null) press(Math.min(n - 1, Math.floor(held.from)));
    },
    onPointerCancel() {
      drag.current = null;
    },
  };
}

/** One end of the range, which is a slider for the keyboard and for screen readers. */
function Handle(props: {
  column: NumberColumn;
  places: [number, number];
  select: (from: number, to: number) => void;
  end: 0 | 1;
  x: number;
  value: number | undefined;
}) {
  const { column, places, select, end } = props;
  const { edges, label, format } = column;
  const n = edges.length - 1;
  const least = leastOf(column);
  const most = edges[n] === Infinity ? edges[n - 1] + 1 : edges[n];
  const value = props.value ?? (end === 0 ? least : edges[n]);
  const key = (event: KeyboardEvent) => {
    const next = placeAfter(event.key, places[end], column);
    if (next === null) return;
    event.preventDefault();
    if (end === 0) select(Math.min(next, places[1]), places[1]);
    else select(places[0], Math.max(next, places[0]));
  };
  return (
    <g
      class="brush-handle"
      role="slider"
      tabindex={0}
      aria-label={`${label}, ${end === 0 ? 'at least' : 'at most'}`}
      aria-valuemin={least}
      aria-valuemax={most}
      aria-valuenow={Math.min(most, value)}
      aria-valuetext={format(value)}
      onKeyDown={key}
      transform={`translate(${props.x} 0)`}
    >
      <line y1={0} y2={BOTTOM} />
      <rect x={-3} y={BOTTOM / 2 - 9} width={6} height={18} rx={3} />
    </g>
  );
}

/** Where a key moves the end of a range, along the bins; null for a key that moves nothing. */
function placeAfter(key: string, place: number, column: NumberColumn): number | null {
  const n = column.edges.length - 1;
  const moves: Record<string, () => number> = {
    ArrowLeft: () => stepped(place, -1, column),
    ArrowDown: () => stepped(place, -1, column),
    ArrowRight: () => stepped(place, 1, column),
    ArrowUp: () => stepped(place, 1, column),
    PageDown: () => Math.max(0, Math.ceil(place - 1)),
    PageUp: () => Math.min(n, Math.floor(place + 1)),
    Home: () => 0,
    End: () => n,
  };
  return moves[key]?.() ?? null;
}

/** A few values under the axis: round ones, or powers of ten and what has room between them where the bins grow. */
function Ticks({ column, x }: { column: NumberColumn; x: (place: number) => number }) {
  const { edges, isWhole } = column;
  const ends = edges.filter(Number.isFinite);
  const [least, most] = [ends[0], ends[ends.length - 1]];
  const isGrowing = ends.length > 2 && most - ends[ends.length - 2] > 1.5 * (ends[1] - least);
  const shown: { at: number; text: string }[] = [];
  const isFree = (at: number, text: string) =>
    shown.every((other) => Math.abs(at - other.at) > (LETTER * (text.length + other.text.length)) / 2 + GAP);
  if (edges.length > ends.length) shown.push({ at: x(edges.length - 1.5), text: 'none' });
  for (const value of isGrowing ? GROWING : rounds(least, most)) {
    const isInside = (isWhole ? value > least && Number.isInteger(value) : value >= least) && value <= most;
    const at = x(placeOf(isWhole ? value - 0.5 : value, edges));
    const text = isWhole ? column.format(value) : String(value);
    if (isInside && isFree(at, text)) shown.push({ at, text });
  }
  return shown.map(({ at, text }) => (
    <text key={text} class="tick" x={at} y={BOTTOM + 14}>
      {text.replace('-', '\u2212')}
    </text>
  ));
}

/** Pixels of a figure under the axis, and between two values. */
const LETTER = 7;
const GAP = 6;
const POWERS = [0, 1, 2, 3, 4, 5, 6].map((exponent) => 10 ** exponent);
const GROWING = [...POWERS, ...POWERS.map((power) => 3 * power), ...POWERS.map((power) => 2 * power)];
