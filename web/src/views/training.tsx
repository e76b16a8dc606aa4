/** A training, checkpoint by checkpoint: the map as an animation, metrics with bands, lost pairs by type. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { LineKey, type Series } from '../charts/axes';
import { Lines } from '../charts/lines';
import type { ScatterChart } from '../charts/scatter';
import { SegmentBars } from '../charts/segments';
import type { Figure, Points, Timeline } from '../contract';
import { type ColouringId, colour, colourOutcomes, tally } from '../model/colouring';
import { apart, counted, fixed, interval, plain, pWords, shorten, signed } from '../model/format';
import { framedAlike } from '../model/plane';
import type { Store } from '../state';
import { MovedList } from './lists';
import { Name, OfAll, Section, Select, useStore } from './parts';
import { CategoryKey, MapChoice, PointPlot, SignsNote, usePointLook, useSigns } from './points';

const STEP_MS = 1100;
const DASHES = [undefined, '7 4', '2 3', '10 3 2 3'];
const N_HUES = 7;
/** Drawn at first, where a training has too many metrics for one glance. */
const FIRST = ['MRR', 'Success@1', 'nDCG@10', 'Recall@10'];

export function TrainingView({ store, isPrinted }: { store: Store; isPrinted?: boolean }) {
  const { timeline, points } = store.page;
  if (!timeline) return null;
  const isAnimated = !isPrinted && points !== null && timeline.animations.length > 0;
  return (
    <div class="training">
      {timeline.note && (
        <p class="warning">
          <bdi>{shorten(timeline.note, 400)}</bdi>
        </p>
      )}
      {!isPrinted && <Player store={store} timeline={timeline} />}
      {isAnimated && <AnimatedMap store={store} timeline={timeline} points={points} />}
      {timeline.unit === 'epoch' && <Curves store={store} timeline={timeline} isPrinted={isPrinted} />}
    </div>
  );
}

/** Figures over the epochs. Runs compared have no order that a line could follow; the Compare view shows theirs. */
function Curves({ store, timeline, isPrinted }: { store: Store; timeline: Timeline; isPrinted?: boolean }) {
  return (
    <>
      <OfAll store={store} />
      {timeline.segments.length > 0 && <Segments store={store} timeline={timeline} isPrinted={isPrinted} />}
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

/** What came right and went wrong between checkpoints; of the segment before the one that is shown, which queries. */
function Segments({ store, timeline, isPrinted }: { store: Store; timeline: Timeline; isPrinted?: boolean }) {
  const { epoch, facets } = useStore(store);
  const { segments, epochs } = timeline;
  const place = Math.max(0, epoch - 1);
  const { comparison, gained, lost } = segments[place];
  const words = `epoch ${epochs[place]} to ${epochs[place + 1]}`;
  const list = (kind: 'gained' | 'lost', title: string, rows: Int32Array) => (
    <MovedList
      key={kind}
      store={store}
      kind={kind}
      title={title}
      rows={rows}
      isChosen={facets.segment?.place === place && facets.segment.kind === kind}
      onChoose={(isChosen) => store.setFacets({ segment: isChosen ? { place, kind } : null })}
    />
  );
  return (
    <Section
      title="What each segment gained and lost"
      note="Queries right at rank 1 that were not one checkpoint before (up), and the reverse (down). Press a bar to go there."
    >
      <SegmentBars
        epochs={epochs}
        gained={segments.map((segment) => segment.gained.length)}
        lost={segments.map((segment) => segment.lost.length)}
        shown={place + 1}
        title={`Queries gained and lost over ${counted(epochs.length, 'epoch')}`}
        onEpoch={(next) => store.set({ epoch: next })}
      />
      {!isPrinted && (
        <>
          <p class="note segment-note">
            From {words}: <Name text={comparison.metric} length={30} />{' '}
            <b class="number">{signed(comparison.difference)}</b>{' '}
            <span class="number">{interval(comparison.low, comparison.high)}</span>,{' '}
            <b class="number">{pWords(comparison.p)}</b>, not adjusted for the number of segments
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
  const names = apart(timeline.labels, 32);
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
          <Name text={timeline.labels[epoch]} shown={names[epoch]} />
          {epoch === timeline.shown && ', shown in the other views'}
        </span>
      </output>
    </div>
  );
}

const COLOUR_OPTIONS: { value: ColouringId; label: string }[] = [
  { value: 'outcome', label: 'Right or wrong' },
  { value: 'role', label: 'Role' },
  { value: 'writing', label: 'Writing' },
];

/** The points of the map, which move from epoch to epoch. */
function AnimatedMap({ store, timeline, points }: { store: Store; timeline: Timeline; points: Points }) {
  const [map, setMap] = useState(0);
  const [colouringId, setColouring] = useState<ColouringId>(timeline.isCorrect ? 'outcome' : 'role');
  const { epoch } = useStore(store);
  const isCorrect = timeline.isCorrect?.[epoch] ?? store.page.queries.isCorrect;
  const colouring = useMemo(
    () =>
      colouringId === 'outcome'
        ? colourOutcomes(store.page, points, isCorrect)
        : colour(store.page, points, colouringId, 0),
    [store, points, colouringId, isCorrect],
  );
  const look = usePointLook(store, points, { layout: epoch, colouring, links: 'selected', isCorrect });
  const signs = useSigns();
  const chart = useRef<ScatterChart | null>(null);
  const data = useMemo(
    () => ({
      layouts: framedAlike(timeline.animations[map].frames),
      isAnimation: true,
      label: `Map of ${counted(points.n, 'point')} at the place of the slider. Arrow keys move it, plus and minus zoom, 0 shows all.`,
    }),
    [timeline, points, map],
  );
  return (
    <>
      <div class="epoch-tools">
        <MapChoice maps={timeline.animations} value={map} onChange={setMap} />
        <Select label="Colour" value={colouringId} options={COLOUR_OPTIONS} onChange={setColouring} />
        <ul class="keys">
          {tally(colouring, look.isLit).map(
            (n, category) =>
              n > 0 && (
                <li key={category}>
                  <CategoryKey colouring={colouring} category={category} n={n} />
                </li>
              ),
          )}
        </ul>
        <SignsNote signs={signs} />
      </div>
      <PointPlot
        store={store}
        points={points}
        data={data}
        look={look}
        signs={signs}
        chart={chart}
        className="epoch-map"
      />
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
        {lines.map(({ colour, dash }, i) => {
          const now = figures[names[i]][epoch];
          return (
            <li key={names[i]}>
              <button type="button" aria-pressed={shown.has(names[i])} onClick={() => toggle(names[i])}>
                <LineKey colour={colour} dash={dash} />
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

function lineOf(name: string, figures: Figure[], place: number): Series {
  return {
    label: `${place} ${name.slice(0, 100)}`,
    x: figures.map((_, i) => i),
    y: figures.map(({ value }) => value),
    low: figures.map(({ low }) => low),
    high: figures.map(({ high }) => high),
    colour: `--tint-hue${place % N_HUES}`,
    dash: DASHES[place % DASHES.length],
  };
}
