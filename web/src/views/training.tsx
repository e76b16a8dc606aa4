/** A training, checkpoint by checkpoint: the map as a film, metrics with bands, lost pairs by type. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Line, Lines } from '../charts/lines';
import { create, type Scatter } from '../charts/scatter';
import { StretchBars } from '../charts/stretches';
import { type Figure, type Points, QUERY, type Timeline } from '../contract';
import { type ColouringId, colour, colourOutcomes, tally } from '../model/colouring';
import { count, counted, fixed, interval, plain, shorten, signed } from '../model/format';
import { framedAlike } from '../model/plane';
import type { Store } from '../state';
import { chance } from './compare';
import { Card, MAP_NAMES, shownLinks, usePointOf } from './map';
import { MovedList } from './moved';
import { Choice, Name, Section, Select, useStore } from './parts';

const STEP_MS = 1100;
const DASHES = [undefined, '7 4', '2 3', '10 3 2 3'];
const N_HUES = 7;
/** Drawn at first, where a training has more metrics than can be told apart at a glance. */
const FIRST = ['MRR', 'Success@1', 'nDCG@10', 'Recall@10'];

export function TrainingView({ store, isPrinted }: { store: Store; isPrinted?: boolean }) {
  const { timeline, points } = store.page;
  if (!timeline) return null;
  const hasFilm = !isPrinted && points !== null && timeline.films.length > 0;
  return (
    <div class="training">
      {timeline.note && (
        <p class="warning">
          <bdi>{shorten(timeline.note, 400)}</bdi>
        </p>
      )}
      {!isPrinted && <Player store={store} timeline={timeline} />}
      {hasFilm && <Projector store={store} timeline={timeline} points={points} />}
      {timeline.unit === 'epoch' && <Course store={store} timeline={timeline} isPrinted={isPrinted} />}
    </div>
  );
}

/** Figures over the epochs. Runs compared have no order that a line could follow; the Compare view shows theirs. */
function Course({ store, timeline, isPrinted }: { store: Store; timeline: Timeline; isPrinted?: boolean }) {
  return (
    <>
      {timeline.stretches.length > 0 && <Stretches store={store} timeline={timeline} isPrinted={isPrinted} />}
      <Figures
        store={store}
        timeline={timeline}
        title="Metrics"
        note="The band is the 95 % interval. Press a name to show or hide its line, an epoch to go there."
        figures={timeline.metrics}
        first={FIRST}
      />
      <Figures
        store={store}
        timeline={timeline}
        title="Hard negatives that reach the positive"
        note="The share of lost pairs by type of negative: lower is better."
        figures={timeline.violation}
        first={Object.keys(timeline.violation)}
      />
    </>
  );
}

/** What came right and went wrong between checkpoints; of the stretch before the one that is shown, which queries. */
function Stretches({ store, timeline, isPrinted }: { store: Store; timeline: Timeline; isPrinted?: boolean }) {
  const { epoch, facets } = useStore(store);
  const { stretches, epochs } = timeline;
  const place = Math.max(0, epoch - 1);
  const { comparison, gained, lost } = stretches[place];
  const words = `epoch ${epochs[place]} to ${epochs[place + 1]}`;
  const list = (kind: 'gained' | 'lost', title: string, rows: Int32Array) => (
    <MovedList
      key={kind}
      store={store}
      kind={kind}
      title={title}
      rows={rows}
      isChosen={facets.stretch?.place === place && facets.stretch.kind === kind}
      onChoose={(isChosen) => store.setFacets({ stretch: isChosen ? { place, kind } : null })}
    />
  );
  return (
    <Section
      title="What each stretch gained and lost"
      note="Queries right at rank 1 that were not one checkpoint before (up), and the reverse (down). Press a bar to go there."
    >
      <StretchBars
        epochs={epochs}
        gained={stretches.map((stretch) => stretch.gained.length)}
        lost={stretches.map((stretch) => stretch.lost.length)}
        shown={place + 1}
        title={`Queries gained and lost over ${counted(epochs.length, 'epoch')}`}
        onEpoch={(next) => store.set({ epoch: next })}
      />
      {!isPrinted && (
        <>
          <p class="note stretch-note">
            From {words}: <Name text={comparison.metric} length={30} />{' '}
            <b class="number">{signed(comparison.difference)}</b>{' '}
            <span class="number">{interval(comparison.low, comparison.high)}</span>, p ={' '}
            <b class="number">{chance(comparison.p)}</b>, not adjusted for the number of stretches
          </p>
          <div class="moved is-beside">
            {list('gained', 'Came right', gained)}
            {list('lost', 'Went wrong', lost)}
          </div>
        </>
      )}
    </Section>
  );
}

/** The epoch, or run, that is shown: a slider, and a button that runs through all of them. */
function Player({ store, timeline }: { store: Store; timeline: Timeline }) {
  const { epoch } = useStore(store);
  const [isPlaying, setPlaying] = useState(false);
  const last = timeline.labels.length - 1;
  const unit = timeline.unit === 'run' ? 'Run' : 'Epoch';
  useEffect(() => {
    if (!isPlaying) return;
    if (epoch >= last) {
      setPlaying(false);
      return;
    }
    const timer = setTimeout(() => store.set({ epoch: epoch + 1 }), STEP_MS);
    return () => clearTimeout(timer);
  }, [store, isPlaying, epoch, last]);
  const play = () => {
    if (!isPlaying && epoch >= last) store.set({ epoch: 0 });
    setPlaying(!isPlaying);
  };
  return (
    <div class="player">
      <button type="button" class="tool" onClick={play}>
        {isPlaying ? 'Pause' : 'Play'}
      </button>
      <input
        type="range"
        aria-label={unit}
        min={0}
        max={last}
        step={1}
        value={epoch}
        aria-valuetext={`${unit} ${timeline.epochs[epoch]}, ${plain(timeline.labels[epoch]).slice(0, 80)}`}
        onInput={(event) => {
          setPlaying(false);
          store.set({ epoch: Number(event.currentTarget.value) });
        }}
      />
      <output>
        <strong class="number">
          {unit} {timeline.epochs[epoch]}
        </strong>{' '}
        <span class="muted">
          <Name text={timeline.labels[epoch]} length={32} />
          {epoch === timeline.shown && ', shown in the other views'}
        </span>
      </output>
    </div>
  );
}

/** The points of the map, which move from epoch to epoch. */
function Projector({ store, timeline, points }: { store: Store; timeline: Timeline; points: Points }) {
  const { epoch, query } = useStore(store);
  const selection = store.selection();
  const [film, setFilm] = useState(0);
  const [colouringId, setColouring] = useState<ColouringId>(timeline.isCorrect ? 'outcome' : 'role');
  const [hovered, setHovered] = useState<{ point: number; x: number; y: number } | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<Scatter | null>(null);
  const focus = usePointOf(store, points, query);
  const isCorrect = timeline.isCorrect?.[epoch] ?? store.page.queries.isCorrect;
  const colouring = useMemo(
    () =>
      colouringId === 'outcome'
        ? colourOutcomes(store.page, points, isCorrect)
        : colour(store.page, points, colouringId, 0),
    [store, points, colouringId, isCorrect],
  );
  const links = useMemo(() => {
    const found = shownLinks(points, 'selected', selection.isPoint, focus);
    const isRight = Array.from(found.from, (point) => isCorrect[points.rows[point]]);
    return { ...found, isCorrect: isRight };
  }, [points, selection, focus, isCorrect]);

  useEffect(() => {
    if (!box.current) return;
    const made = create(
      box.current,
      {
        n: points.n,
        roles: points.roles,
        layouts: framedAlike(timeline.films[film].frames),
        isFilm: true,
        label: `Map of ${counted(points.n, 'point')} at the place of the slider. Arrow keys move it, plus and minus zoom, 0 shows all.`,
      },
      {
        onHover: (point, x, y) => setHovered(point < 0 ? null : { point, x, y }),
        onPick: (point) =>
          store.set({ query: point >= 0 && points.roles[point] === QUERY ? points.rows[point] : null }),
        onLasso() {},
        onMode() {},
      },
    );
    chart.current = made;
    return () => made.destroy();
  }, [store, timeline, points, film]);
  useEffect(() => {
    chart.current?.update({
      layout: epoch,
      categories: colouring.of,
      tints: colouring.categories.map(({ tint }) => tint),
      isLit: selection.isPoint,
      isFaded: null,
      links,
      focus,
      isLasso: false,
    });
  });

  const counts = tally(colouring, selection.isPoint);
  return (
    <>
      <div class="film-tools">
        {timeline.films.length > 1 && (
          <Choice
            label="Map"
            value={film}
            options={timeline.films.map(({ name }, i) => ({ value: i, label: MAP_NAMES[name] ?? shorten(name, 20) }))}
            onChange={setFilm}
          />
        )}
        <Select
          label="Colour"
          value={colouringId}
          options={[
            { value: 'outcome', label: 'Right or wrong' },
            { value: 'role', label: 'Role' },
            { value: 'writing', label: 'Writing' },
          ]}
          onChange={setColouring}
        />
        <ul class="keys">
          {colouring.categories.map(
            ({ label, tint }, category) =>
              counts[category] > 0 && (
                <li key={category}>
                  <i
                    class={`swatch shape-${colouring.id === 'role' ? category : 0}`}
                    style={{ background: `var(--tint-${tint})` }}
                  />{' '}
                  <Name text={label} length={30} /> <span class="number muted">{count(counts[category])}</span>
                </li>
              ),
          )}
        </ul>
      </div>
      <div class="map-canvas film" ref={box}>
        {hovered && (
          <Card
            store={store}
            points={points}
            {...hovered}
            width={box.current?.clientWidth ?? 0}
            height={box.current?.clientHeight ?? 0}
          />
        )}
      </div>
    </>
  );
}

function Figures(props: {
  store: Store;
  timeline: Timeline;
  title: string;
  note: string;
  figures: Record<string, Figure[]>;
  first: string[];
}) {
  const { store, timeline, figures } = props;
  const { epoch } = useStore(store);
  const known = props.first.filter((name) => name in figures);
  const names = [...known, ...Object.keys(figures).filter((name) => !known.includes(name))];
  const [shown, setShown] = useState(() => {
    return new Set(known.length > 0 ? known.slice(0, N_HUES) : names.slice(0, FIRST.length));
  });
  if (names.length === 0) return null;
  const toggle = (name: string) => {
    const next = new Set(shown);
    if (!next.delete(name)) next.add(name);
    setShown(next);
  };
  const lines = names.map((name, i) => lineOf(name, figures[name], i));
  return (
    <Section title={props.title} note={props.note}>
      <ul class="line-keys">
        {lines.map(({ colour: tint, dash }, i) => {
          const now = figures[names[i]][epoch];
          return (
            <li key={names[i]}>
              <button type="button" aria-pressed={shown.has(names[i])} onClick={() => toggle(names[i])}>
                <svg width={26} height={10} aria-hidden="true">
                  <line x2={26} y1={5} y2={5} stroke={`var(${tint})`} stroke-width={2.5} stroke-dasharray={dash} />
                </svg>
                <Name text={names[i]} length={28} />
                <strong class="number">{fixed(now.value)}</strong>
                <small class="number">{interval(now.low, now.high)}</small>
              </button>
            </li>
          );
        })}
      </ul>
      <Lines
        lines={lines.filter((_, i) => shown.has(names[i]))}
        epochs={timeline.epochs}
        shown={epoch}
        title={`${props.title} over ${counted(timeline.epochs.length, 'epoch')}`}
        onEpoch={(next) => store.set({ epoch: next })}
      />
    </Section>
  );
}

function lineOf(name: string, figures: Figure[], place: number): Line {
  return {
    label: `${place} ${name.slice(0, 100)}`,
    values: figures.map(({ value }) => value),
    low: figures.map(({ low }) => low),
    high: figures.map(({ high }) => high),
    colour: `--tint-hue${place % N_HUES}`,
    dash: DASHES[place % DASHES.length],
  };
}
