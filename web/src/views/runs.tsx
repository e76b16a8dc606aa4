/** Several runs on the same queries: metrics, paired differences, ranks before and after, what moved. */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { differenceDomain, shareDomain, toneOf } from '../charts/interval';
import { RanksChart, type RanksData } from '../charts/ranks';
import type { Compare, ComparedRun } from '../contract';
import { outlineOf, type RankPair, rankPairs, runNames } from '../model/compare';
import { count, counted, fixed, interval, pWords, rank, shorten, signed } from '../model/format';
import type { Store } from '../state';
import { Differences, differenceLegend } from './differences';
import { MovedList } from './lists';
import { Choice, HoverCard, KeyFigures, Name, Section, Select, selectedOf, useStore } from './parts';
import { type Column, numbers, scales, Table } from './table';

const FEW = 3;
const LABEL = 40;
/** Characters of a name beside an axis of a picture as narrow as a phone. */
const AXIS = 24;

export function Runs({ store, compare }: { store: Store; compare: Compare }) {
  const { candidate } = useStore(store);
  const { name } = compare.candidates[candidate];
  const names = runNames(compare, LABEL);
  const differences = compare.comparisons.filter(({ a }) => a === name);
  const domain = differenceDomain(compare.comparisons.flatMap(({ difference, low, high }) => [difference, low, high]));
  return (
    <>
      <Chooser store={store} compare={compare} />
      <Differences title={`${names[candidate + 1]} against ${names[0]}`} rows={differences} domain={domain} />
      <Moves key={candidate} store={store} compare={compare} candidate={candidate} />
      <TypeChanges compare={compare} name={name} />
      <Levels compare={compare} name={name} />
      <Metrics compare={compare} chosen={candidate} />
    </>
  );
}

/** Which candidate is looked at, and what the choice among several costs. */
function Chooser({ store, compare }: { store: Store; compare: Compare }) {
  const { candidates, best } = compare;
  const [, ...names] = runNames(compare, 32);
  const { candidate } = store.get();
  if (candidates.length < 2) return null;
  const options = names.map((label, i) => ({ value: String(i), label }));
  const choose = (value: string) => store.set({ candidate: Number(value) });
  return (
    <div class="chooser">
      {options.length <= FEW ? (
        <Choice label="Candidate" options={options} value={String(candidate)} onChange={choose} />
      ) : (
        <Select label="Candidate" options={options} value={String(candidate)} onChange={choose} />
      )}
      {best && (
        <p class="note">
          Best of {best.n_candidates} by <Name text={best.metric} length={20} />:{' '}
          <Name
            text={labelOf(compare, best.best)}
            shown={names[candidates.findIndex(({ name }) => name === best.best)]}
          />
          , <b class="number">{signed(best.difference)}</b>, <b class="number">{pWords(best.p_adjusted)}</b> after
          paying for the choice.
        </p>
      )}
    </div>
  );
}

function labelOf(compare: Compare, name: string): string {
  return compare.candidates.find((run) => run.name === name)?.label ?? name;
}

interface RunMetric {
  name: string;
  run: ComparedRun;
  /** 0 for the reference. */
  place: number;
}

/** Every metric of every run, on one scale. */
function Metrics({ compare, chosen }: { compare: Compare; chosen: number }) {
  const runs = [compare.reference, ...compare.candidates];
  const rows = Object.keys(compare.candidates[chosen].metrics).flatMap((name) =>
    runs.map((run, place): RunMetric => ({ name, run, place })).filter(({ run }) => run.metrics[name]),
  );
  const names = runNames(compare, 36);
  const of = ({ name, run }: RunMetric) => run.metrics[name];
  const domain = shareDomain(rows.flatMap((row) => [of(row).value, of(row).high]));
  const columns: Column<RunMetric>[] = [
    { id: 'Metric', scope: 'rowgroup', cell: ({ name }) => <Name text={name} length={30} /> },
    { id: 'Run', scope: 'row', cell: ({ run, place }) => <Name text={run.label} shown={names[place]} /> },
    numbers('Value', (row) => fixed(of(row).value)),
    numbers('95 % interval', (row) => interval(of(row).low, of(row).high)),
    scales({
      legend: ['0', fixed(domain.high, 1)],
      scale(row) {
        const { value, low, high } = of(row);
        return { value, low, high, domain, tone: row.place === 0 ? 'reference' : 'plain' };
      },
    }),
  ];
  return (
    <Section
      isFolded
      title="Every run"
      note="Each metric with its 95 % interval; the first run of each is the reference."
    >
      <Table
        className="runs"
        columns={columns}
        rows={rows}
        rowClass={({ place }) => (place === chosen + 1 ? 'is-candidate' : place === 0 ? 'is-reference' : '')}
        groupOf={({ name }) => name}
      />
    </Section>
  );
}

/** Ranks before and after as a picture, and the queries that came right or went wrong as lists. */
function Moves({ store, compare, candidate }: { store: Store; compare: Compare; candidate: number }) {
  const pairs = useMemo(() => rankPairs(compare, candidate), [compare, candidate]);
  const { isAll, isQuery } = store.selection();
  const sum = (is: (pair: RankPair) => boolean) =>
    pairs.filter(is).reduce((n, { rows }) => n + rows.filter((row) => isQuery[row]).length, 0);
  const better = sum(({ before, after }) => after < before);
  const worse = sum(({ before, after }) => after > before);
  return (
    <Section
      title="Rank of the first relevant document"
      note={`${isAll ? '' : `${selectedOf(store)} queries: `}${count(better)} better, ${count(worse)} worse, ${count(sum(() => true) - better - worse)} as before. Under the dashed line a query rose. A bubble is the queries that share both ranks: press one, or draw around several, to select them in every view.`}
    >
      <div class="moves">
        <Ranks store={store} compare={compare} candidate={candidate} pairs={pairs} />
        <div class="moved">
          <Moved store={store} compare={compare} candidate={candidate} kind="gained" title="Came right" />
          <Moved store={store} compare={compare} candidate={candidate} kind="lost" title="Went wrong" />
        </div>
      </div>
    </Section>
  );
}

function Ranks(props: { store: Store; compare: Compare; candidate: number; pairs: RankPair[] }) {
  const { store, compare, candidate, pairs } = props;
  const { query, facets } = useStore(store);
  const selection = store.selection();
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<RanksChart | null>(null);
  const [hovered, setHovered] = useState<{ pair: RankPair; x: number; y: number } | null>(null);
  useLayoutEffect(() => {
    if (!box.current) return;
    const select = (outline: number[] | null) => store.setFacets({ ranks: outline && { candidate, outline } });
    chart.current = new RanksChart(box.current, ranksData(compare, candidate, pairs), {
      onHover: (pair, x, y) => setHovered(pair && { pair, x, y }),
      onPick(pair) {
        select(pair && outlineOf(pair));
        if (pair?.rows.length === 1) store.set({ query: pair.rows[0] });
      },
      onLasso: (outline, n) => {
        if (n > 0) select(outline);
      },
    });
    return () => chart.current?.destroy();
  }, [store, compare, candidate, pairs]);
  useLayoutEffect(() => {
    const own = facets.ranks?.candidate === candidate ? facets.ranks.outline : null;
    chart.current?.update(selection.isAll ? null : selection.isQuery, query, own);
  });
  return (
    <div class="ranks" ref={box}>
      {hovered && (
        <HoverCard at={hovered} gap={18} box={box.current}>
          <p class="eyebrow">
            <strong class="number">
              {rank(hovered.pair.before)} → {rank(hovered.pair.after)}
            </strong>
            {counted(hovered.pair.rows.length, 'query', 'queries')}
          </p>
          {hovered.pair.rows.slice(0, FEW).map((row) => (
            <p key={row}>
              <bdi>{shorten(store.page.queries.texts[row], 110)}</bdi>
            </p>
          ))}
        </HoverCard>
      )}
    </div>
  );
}

function ranksData(compare: Compare, candidate: number, pairs: RankPair[]): RanksData {
  const [before, after] = [0, candidate + 1].map((place) => runNames(compare, AXIS)[place]);
  const n = pairs.reduce((sum, { rows }) => sum + rows.length, 0);
  return {
    pairs,
    before: `Rank with ${before}`,
    after: `Rank with ${after}`,
    label: `Ranks of ${counted(n, 'query', 'queries')} with ${before} (across) and ${after} (up). Arrow keys go from bubble to bubble, Enter selects one. The lists beside it name what moved.`,
  };
}

function Moved(props: { store: Store; compare: Compare; candidate: number; kind: 'gained' | 'lost'; title: string }) {
  const { store, compare, candidate, kind } = props;
  const { facets } = useStore(store);
  return (
    <MovedList
      store={store}
      kind={kind}
      title={props.title}
      rows={compare.moved[candidate][kind]}
      isChosen={facets.moved?.candidate === candidate && facets.moved.kind === kind}
      onChoose={(isChosen) => store.setFacets({ moved: isChosen ? { candidate, kind } : null })}
      beside={(row) => `${rank(compare.reference.rank[row])} → ${rank(compare.candidates[candidate].rank[row])}`}
    />
  );
}

function TypeChanges({ compare, name }: { compare: Compare; name: string }) {
  const rows = compare.typeChanges.filter(({ candidate }) => candidate === name);
  const domain = differenceDomain(compare.typeChanges.flatMap(({ value, low, high }) => [value, low, high]));
  if (rows.length === 0) return null;
  const columns: Column<(typeof rows)[number]>[] = [
    { id: 'Type', scope: 'row', cell: ({ type }) => <Name text={type} length={40} /> },
    numbers('Pairs', ({ n }) => count(n)),
    numbers('Change', ({ value }) => signed(value), { emphasis: 'strong' }),
    numbers('95 % interval', ({ reason, low, high }) =>
      reason && low === null ? <Name text={reason} length={40} /> : interval(low, high),
    ),
    scales({
      legend: differenceLegend(domain),
      scale: ({ value, low, high }) => ({ value, low, high, domain, zero: 0, tone: toneOf(low, high, 'less') }),
    }),
  ];
  return (
    <Section
      isFolded
      title="Hard negatives that reach the positive, by type"
      note="Change of the share of lost pairs, candidate minus reference, with its 95 % interval: left of zero is better."
    >
      <Table className="types" columns={columns} rows={rows} />
    </Section>
  );
}

const LEVELS = [
  ['positive', 'Mean positive', 'raw level'],
  ['negative', 'Mean negative', 'raw level'],
  ['separation', 'Separation', 'free of scale'],
  ['auc', 'AUC', 'free of scale'],
] as const;

function Levels({ compare, name }: { compare: Compare; name: string }) {
  const shift = compare.levelShifts.find(({ candidate }) => candidate === name);
  if (!shift) {
    return (
      <Section isFolded title="Levels">
        <p class="note">The two runs are judged by different similarities, whose levels have no difference.</p>
      </Section>
    );
  }
  return (
    <Section
      isFolded
      title="Levels"
      note="Candidate minus reference. A change of the raw levels is a change of temperature; a change of the others is a change of ranking."
    >
      <KeyFigures figures={LEVELS.map(([key, label, note]) => ({ label, value: signed(shift[key]), note }))} />
    </Section>
  );
}
