/** A failed query and its two documents: each word coloured by what leaving it out does, and struck when pressed. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Page, TextRole } from '../contract';
import {
  cutAt,
  type Deletion,
  type Explained,
  largestChange,
  leftOut,
  levelOf,
  STEPS,
  type TextPiece,
  textOf,
} from '../model/explanations';
import { fixed, shorten, signed } from '../model/format';
import { Mark } from './parts';

export const SOURCES: Record<TextRole, string> = {
  query: 'the query',
  right: 'the relevant document',
  wrong: 'the wrong document',
};

export function ExplainedTexts(props: { page: Page; explained: Explained; rightScore: number; wrongScore: number }) {
  const { page, explained } = props;
  const texts = useMemo(
    () => ({
      query: textOf(page, explained, 'query'),
      right: textOf(page, explained, 'right'),
      wrong: textOf(page, explained, 'wrong'),
    }),
    [page, explained],
  );
  return (
    <StruckTexts
      texts={texts}
      explained={explained}
      names={SOURCES}
      right={
        <>
          <Mark isCorrect /> Relevant <span class="number">{fixed(props.rightScore)}</span>
        </>
      }
      wrong={
        <>
          <Mark isCorrect={false} /> Stands above it <span class="number">{fixed(props.wrongScore)}</span>
        </>
      }
      effect={(deletion) => <Effect page={page} explained={explained} deletion={deletion} />}
    />
  );
}

/** What is measured of three texts, wherever they come from. */
export type Measured = Pick<Explained, 'deletions' | 'best' | 'unseen' | 'noise'>;

interface StruckTextsProps {
  texts: Record<TextRole, string>;
  explained: Measured;
  names: Record<TextRole, string>;
  /** The titles of the two documents. */
  right: ComponentChildren;
  wrong: ComponentChildren;
  effect: (deletion: Deletion) => ComponentChildren;
}

/** A query and two documents, each word coloured by what leaving it out does. */
export function StruckTexts(props: StruckTextsProps) {
  const { texts, explained, names } = props;
  const { deletions } = explained;
  const [struck, setStruck] = useState<number | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  useEscape(struck !== null, () => setStruck(null));
  const pieces = useMemo(() => {
    const cut = (role: TextRole) => cutAt(texts[role], role, deletions);
    return { query: cut('query'), right: cut('right'), wrong: cut('wrong') };
  }, [texts, explained]);
  const most = largestChange([...pieces.query, ...pieces.right, ...pieces.wrong], deletions);
  const words = (role: TextRole) => (
    <Words
      explained={explained}
      label={`Words of ${names[role]}`}
      pieces={pieces[role]}
      most={most}
      struck={struck}
      onPoint={setPointed}
      onStrike={(place) => setStruck(place === struck ? null : place)}
    />
  );
  const shown = deletions[pointed ?? struck ?? -1] ?? explained.best;
  return (
    <section class="explained" aria-label="What leaving words out does">
      <div class="detail-query">{words('query')}</div>
      <div class="versus">
        <Side isCorrect title={props.right}>
          {words('right')}
        </Side>
        <Side isCorrect={false} title={props.wrong}>
          {words('wrong')}
        </Side>
      </div>
      <p class="readout" aria-live="polite">
        {shown ? props.effect(shown) : `No word helps ${names.right} by being left out.`}
      </p>
      <Legend most={most} names={names} />
      <Unseen explained={explained} />
      <p class="note">
        The difference is the similarity of {names.right} minus that of {names.wrong}. Press a word to strike it; each
        was left out alone, no two at once.
      </p>
    </section>
  );
}

function Side(props: { isCorrect: boolean; title: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class={`versus-side ${props.isCorrect ? 'is-right' : 'is-wrong'}`}>
      <h3>{props.title}</h3>
      {props.children}
    </div>
  );
}

/** What leaving out a word does, as a sentence. */
export function Effect(props: { page: Page; explained: Explained; deletion: Deletion }) {
  const { page, explained, deletion } = props;
  const { difference } = explained;
  const after = (difference ?? Number.NaN) + deletion.change;
  return (
    <>
      Leaving out “<bdi>{shorten(leftOut(page, explained, deletion), 60)}</bdi>” of {SOURCES[deletion.role]} moves the
      difference from <b class="number">{signed(difference)}</b> to <b class="number">{signed(after)}</b>;{' '}
      {deletion.putsRightFirst
        ? 'the relevant document is then first.'
        : after > 0
          ? 'the relevant document then passes the wrong one, but another is first.'
          : 'the wrong document stays ahead.'}
    </>
  );
}

/** A text whose words can be pointed at and struck; one stop of the Tab key, arrows from word to word. */
function Words(props: {
  explained: Measured;
  label: string;
  pieces: TextPiece[];
  most: number;
  struck: number | null;
  onPoint: (place: number | null) => void;
  onStrike: (place: number) => void;
}) {
  const { explained, pieces, most, struck, onPoint, onStrike } = props;
  const box = useRef<HTMLDivElement>(null);
  const strongest = useMemo(() => strongestOf(pieces, explained.deletions), [pieces]);
  const [reached, setReached] = useState(strongest);
  useLayoutEffect(() => {
    const word = box.current?.querySelector(`[data-deletion="${strongest}"]`)?.getBoundingClientRect();
    if (!box.current || !word) return;
    const { top, height } = box.current.getBoundingClientRect();
    box.current.scrollTop += word.top - top - (height - word.height) / 2;
  }, [strongest]);
  const at = (event: Event) => placeOf(event.target);
  return (
    <div
      ref={box}
      class="pieces"
      role="group"
      aria-label={props.label}
      onPointerOver={(event) => onPoint(at(event))}
      onPointerLeave={() => onPoint(null)}
      onFocusCapture={(event) => {
        onPoint(at(event));
        setReached(at(event) ?? reached);
      }}
      onBlurCapture={() => onPoint(null)}
      onClick={(event) => {
        const place = at(event);
        if (place !== null) onStrike(place);
      }}
      onKeyDown={(event) => {
        const place = at(event);
        if ((event.key === 'Enter' || event.key === ' ') && place !== null) {
          event.preventDefault();
          onStrike(place);
        } else step(event, box.current);
      }}
    >
      <bdi>
        <Pieces explained={explained} pieces={pieces} most={most} struck={struck} reached={reached} />
      </bdi>
    </div>
  );
}

type PiecesProps = { explained: Measured; most: number; struck: number | null; reached: number | null };

function Pieces({ pieces, ...same }: PiecesProps & { pieces: TextPiece[] }) {
  return (
    <>
      {pieces.map(({ text, deletion, inner }, i) => {
        if (deletion === null) return <span key={i}>{text}</span>;
        if (inner.length === 0) return <Word key={i} {...same} text={text} deletion={deletion} />;
        return (
          <span key={i} class={deletion === same.struck ? 'is-struck' : undefined}>
            <Word {...same} text="§" deletion={deletion} label="Whole passage" />
            <Pieces {...same} pieces={inner} />
          </span>
        );
      })}
    </>
  );
}

function Word(props: PiecesProps & { text: string; deletion: number; label?: string }) {
  const { explained, text, deletion: place } = props;
  const { role, change, putsRightFirst } = explained.deletions[place];
  const isUnseen = role === 'query' && explained.unseen.includes(text);
  const level = levelOf(change, props.most);
  const classes = [
    'deletion',
    level > 0 && 'is-helping',
    level < 0 && 'is-hurting',
    level !== 0 && `is-level${Math.abs(level)}`,
    putsRightFirst && 'is-deciding',
    isUnseen && 'is-unseen',
    props.label && 'is-passage',
    place === props.struck && 'is-struck',
  ];
  return (
    <span
      role="button"
      tabIndex={place === props.reached ? 0 : -1}
      data-deletion={place}
      class={classes.filter(Boolean).join(' ')}
      aria-pressed={place === props.struck}
      aria-label={props.label}
    >
      {text}
    </span>
  );
}

/** The colours with the changes at which they begin. */
function Legend({ most, names }: { most: number; names: Record<TextRole, string> }) {
  const at = (level: number) => Math.sign(level) * STEPS[Math.abs(level) - 1] * most;
  const swatch = (level: number) => (
    <span
      key={level}
      class={`deletion number ${level > 0 ? 'is-helping' : 'is-hurting'} is-level${Math.abs(level)}`}
      title={`a change of ${signed(at(level), 4)} or more`}
    >
      {signed(at(level))}
    </span>
  );
  return (
    <p class="deletion-legend note">
      <span>Leaving it out helps {names.wrong}</span>
      <span>{[-3, -2, -1].map(swatch)}</span>
      <span>{[1, 2, 3].map(swatch)}</span>
      <span>{names.right}</span>
      {names === SOURCES && (
        <span>
          <b>bold</b> where it is then first
        </span>
      )}
    </p>
  );
}

function Unseen({ explained: { unseen, noise } }: { explained: Measured }) {
  if (unseen.length === 0) return null;
  return (
    <p class="note">
      Not seen by the model, dashed above:{' '}
      {unseen.map((word, i) => (
        <span key={i}>
          {i > 0 && ', '}“<bdi>{shorten(word, 40)}</bdi>”
        </span>
      ))}
      . Leaving them out changes no more than spelling a word at random does ({fixed(noise)}).
    </p>
  );
}

/** The place of the deletion on which an event happened. */
function placeOf(target: EventTarget | null): number | null {
  const word = target instanceof Element ? target.closest<HTMLElement>('[data-deletion]') : null;
  return word ? Number(word.dataset.deletion) : null;
}

/** The first word of the largest change. */
function strongestOf(pieces: TextPiece[], deletions: Deletion[]): number | null {
  const words = pieces.flatMap((piece) => (piece.inner.length > 0 ? piece.inner : [piece]));
  const most = largestChange(words, deletions);
  return words.find(({ deletion: d }) => d !== null && Math.abs(deletions[d].change) === most)?.deletion ?? null;
}

/** Goes from word to word of a box: arrows in the direction of its writing, Home and End. */
function step(event: KeyboardEvent, box: HTMLElement | null): void {
  const words = Array.from(box?.querySelectorAll<HTMLElement>('[data-deletion]') ?? []);
  const now = words.indexOf(document.activeElement as HTMLElement);
  const isRightToLeft = box?.firstElementChild && getComputedStyle(box.firstElementChild).direction === 'rtl';
  const forward = isRightToLeft ? -1 : 1;
  const next = { ArrowRight: now + forward, ArrowLeft: now - forward, Home: 0, End: words.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  words[next]?.focus();
}

/** Calls back on Escape, before the page takes it for "close". */
function useEscape(isWaiting: boolean, onEscape: () => void): void {
  useLayoutEffect(() => {
    if (!isWaiting) return;
    const key = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopImmediatePropagation();
      onEscape();
    };
    addEventListener('keydown', key, { capture: true });
    return () => removeEventListener('keydown', key, { capture: true });
  }, [isWaiting]);
}
