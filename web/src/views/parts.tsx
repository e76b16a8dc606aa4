/** Small pieces that several views share. */
import { type ComponentChildren, createContext } from 'preact';
import { useContext, useLayoutEffect, useState } from 'preact/hooks';
import type { Position } from '../charts/surface';
import { count, counted, plain, shorten } from '../model/format';
import type { State, Store } from '../state';

/** The state of the store; the component is drawn again when it changes. */
export function useStore(store: Store): State {
  const [state, setState] = useState(store.get());
  // Before the first paint: nothing that a reader does may come before the component listens.
  useLayoutEffect(() => {
    setState(store.get());
    return store.subscribe(() => setState(store.get()));
  }, [store]);
  return state;
}

/** A short name of the data set, kept from reordering what stands around it; `shown` where it was cut elsewhere. */
export function Name({ text, length = 60, shown }: { text: string; length?: number; shown?: string }) {
  return <bdi title={plain(text.slice(0, 400))}>{shown || shorten(text, length) || '(no name)'}</bdi>;
}

/** The last line of a page: what drew it, by which seed, and the keys of its views where it has several. */
export function Foot({ report, nViews = 0 }: { report: FootFacts; nViews?: number }) {
  return (
    <footer class="foot">
      <span>
        embedscope {shorten(report.embedscope_version, 20)}, seed {report.seed}
      </span>
      {nViews > 0 && (
        <span class="wide">Keys: 1 to {nViews} views, / search, arrows and Enter in the table, Esc back</span>
      )}
    </footer>
  );
}

type FootFacts = { embedscope_version: string; seed: number };

const LONG = 1200;

/** A text of the data set in full; a very long one is cut until asked for. */
export function FullText({ text, className = '', most = LONG }: { text: string; className?: string; most?: number }) {
  const [isOpen, setOpen] = useState(false);
  const isCut = text.length > most && !isOpen;
  return (
    <div class={`fulltext ${className}`}>
      <bdi>{isCut ? text.slice(0, most) : text || '(empty)'}</bdi>
      {isCut && <Link onPress={() => setOpen(true)}>… show all {count(text.length)} characters</Link>}
    </div>
  );
}

/** A button that reads as a link. */
export function Link(props: { onPress: () => void; isPressed?: boolean; children: ComponentChildren }) {
  return (
    <button type="button" class="link" aria-pressed={props.isPressed} onClick={props.onPress}>
      {props.children}
    </button>
  );
}

/** A button with a sign instead of a word. */
export function IconButton({ label, sign, onPress }: { label: string; sign: string; onPress: () => void }) {
  return (
    <button type="button" class="icon" aria-label={label} onClick={onPress}>
      {sign}
    </button>
  );
}

/** One of a few choices, as a row of buttons. */
export function Choice<T extends string | number>(props: {
  label: string;
  options: { value: T; label: ComponentChildren; title?: string }[];
  value: T;
  onChange: (value: T) => void;
}) {
  return (
    <fieldset class="choice" aria-label={props.label}>
      {props.options.map(({ value, label, title }) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          title={title}
          onClick={() => props.onChange(value)}
        >
          {label}
        </button>
      ))}
    </fieldset>
  );
}

/** A list of choices with a label, which may be for screen readers only. */
export function Select<T extends string>(props: {
  label: string;
  options: { value: T; label: string }[];
  value: T;
  onChange: (value: T) => void;
  isBare?: boolean;
}) {
  return (
    <label class="select">
      {!props.isBare && <span>{props.label}</span>}
      <select
        aria-label={props.label}
        value={props.value}
        onChange={(event) => props.onChange(event.currentTarget.value as T)}
      >
        {props.options.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A short name in a frame. */
export function Tag({ name, length = 28 }: { name: string; length?: number }) {
  return (
    <span class="tag">
      <Name text={name} length={length} />
    </span>
  );
}

/** The sign of right and wrong: never a colour alone. */
export function Mark({ isCorrect }: { isCorrect: boolean }) {
  return (
    <span class={`mark ${isCorrect ? 'is-right' : 'is-wrong'}`} role="img" aria-label={isCorrect ? 'right' : 'wrong'}>
      {isCorrect ? '✓' : '✗'}
    </span>
  );
}

const CARD_WIDTH = 320;

interface CardPlace {
  at: Position;
  /** Pixels that the card keeps from there. */
  gap: number;
  box: HTMLElement | null;
}

/** What the pointer is on, beside it, kept inside the box of the chart. */
export function HoverCard({ children, ...place }: CardPlace & { children: ComponentChildren }) {
  return (
    <div class="card" role="tooltip" style={placeOf(place)}>
      {children}
    </div>
  );
}

/** Right or left, where there is room for the card, else under or over: never on what it is about. */
function placeOf({ at, gap, box }: CardPlace) {
  const [width, height] = [box?.clientWidth ?? 0, box?.clientHeight ?? 0];
  const own = Math.min(CARD_WIDTH, width - 16);
  const isLow = at.y > height / 2;
  const isRight = at.x + gap + own <= width - 8;
  const isBeside = isRight || at.x - gap - own >= 8;
  const beside = isRight ? at.x + gap : at.x - gap - own;
  const left = isBeside ? beside : Math.max(8, Math.min(at.x - own / 2, width - own - 8));
  const shift = isBeside ? -Math.min(24, isLow ? height - at.y : at.y) : gap;
  return { left: `${left}px`, [isLow ? 'bottom' : 'top']: `${(isLow ? height - at.y : at.y) + shift}px` };
}

/** Buttons that zoom a chart in and out, and back to all of it. */
export function ZoomButtons({ chart }: { chart: { current: { zoom(factor: number): void; reset(): void } | null } }) {
  return (
    <>
      <button type="button" class="tool is-square" aria-label="Zoom in" onClick={() => chart.current?.zoom(1.5)}>
        +
      </button>
      <button type="button" class="tool is-square" aria-label="Zoom out" onClick={() => chart.current?.zoom(1 / 1.5)}>
        −
      </button>
      <button type="button" class="tool" onClick={() => chart.current?.reset()}>
        All
      </button>
    </>
  );
}

/** A few numbers, each large under its name. */
export function KeyFigures(props: {
  figures: { label: string; value: string; note: string; title?: string; isNumber?: boolean }[];
}) {
  return (
    <ul class="figures">
      {props.figures.map(({ label, value, note, title, isNumber }) => (
        <li key={label} title={title}>
          <span>{label}</span>
          <strong class="number">{value}</strong>
          <small class={isNumber ? 'number' : undefined}>{note}</small>
        </li>
      ))}
    </ul>
  );
}

/** Says, where something is selected, that what stands here is of all queries all the same. */
export function OfAll({ store, what = 'These figures' }: { store: Store; what?: string }) {
  const { isAll, rows } = store.selection();
  if (isAll) return null;
  return (
    <p class="note of-all">
      {what} are of all {counted(store.page.queries.n, 'query', 'queries')}, not of the {count(rows.length)} selected.
    </p>
  );
}

/** `33 of 300`: how many queries are selected. */
export const selectedOf = (store: Store) => `${count(store.selection().rows.length)} of ${count(store.page.queries.n)}`;

/** Whether the page is being printed, so that nothing may stay folded. */
export const Printing = createContext(false);

export function Section(props: {
  title: string;
  note?: ComponentChildren;
  children: ComponentChildren;
  id?: string;
  /** Whether only its title is shown until it is pressed; a section for which this is not said cannot be folded. */
  isFolded?: boolean;
}) {
  const isPrinting = useContext(Printing);
  const note = props.note && <p class="note">{props.note}</p>;
  if (props.isFolded !== undefined && !isPrinting) {
    return (
      <details class="section" id={props.id} open={!props.isFolded}>
        <summary>
          <h2>{props.title}</h2>
        </summary>
        {note}
        {props.children}
      </details>
    );
  }
  return (
    <section class="section" id={props.id}>
      <header>
        <h2>{props.title}</h2>
        {note}
      </header>
      {props.children}
    </section>
  );
}
