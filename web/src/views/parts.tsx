/** Small pieces that several views share. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { count, plain, shorten } from '../model/format';
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

/** Width and height of an element, in CSS pixels. */
export function useSize<E extends HTMLElement>(): [preact.RefObject<E | null>, { width: number; height: number }] {
  const ref = useRef<E | null>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  // Measured at once, too: before printing there is no time to wait for an observer.
  useLayoutEffect(() => {
    if (!ref.current) return;
    const box = ref.current.getBoundingClientRect();
    setSize({ width: box.width, height: box.height });
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      setSize({ width, height });
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, size];
}

/** A short name of the data set, kept from reordering what stands around it. */
export function Name({ text, length = 60 }: { text: string; length?: number }) {
  return <bdi title={plain(text.slice(0, 400))}>{shorten(text, length) || '(no name)'}</bdi>;
}

const LONG = 1200;

/** A text of the data set in full; a very long one is cut until asked for. */
export function FullText({ text, className = '' }: { text: string; className?: string }) {
  const [isOpen, setOpen] = useState(false);
  const isCut = text.length > LONG && !isOpen;
  return (
    <div class={`fulltext ${className}`}>
      <bdi>{isCut ? text.slice(0, LONG) : text || '(empty)'}</bdi>
      {isCut && (
        <button type="button" class="link" onClick={() => setOpen(true)}>
          … show all {count(text.length)} characters
        </button>
      )}
    </div>
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

/** The sign of right and wrong: never a colour alone. */
export function Mark({ isCorrect }: { isCorrect: boolean }) {
  return (
    <span class={`mark ${isCorrect ? 'is-right' : 'is-wrong'}`} role="img" aria-label={isCorrect ? 'right' : 'wrong'}>
      {isCorrect ? '✓' : '✗'}
    </span>
  );
}

export function Section(props: { title: string; note?: ComponentChildren; children: ComponentChildren; id?: string }) {
  return (
    <section class="section" id={props.id}>
      <header>
        <h2>{props.title}</h2>
        {props.note && <p class="note">{props.note}</p>}
      </header>
      {props.children}
    </section>
  );
}
