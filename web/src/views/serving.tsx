/** Before the model is served: where to cut, what fewer bytes cost, and what other spellings do to it. */

import type { Series } from '../charts/axes';
import { differenceDomain } from '../charts/interval';
import { Plot, PlotKey, type PlotSeries, powers, rounds } from '../charts/plot';
import type {
  Comparison,
  Deployment,
  Figure,
  IndexSetting,
  Report,
  Robustness,
  StorageFormat,
  Thresholds,
} from '../contract';
import { count, counted, decimalsOf, fixed, interval, percent, shorten, signed } from '../model/format';
import { groupsOf } from '../model/groups';
import type { Store } from '../state';
import { OfAll, Section } from './parts';
import { type Column, numbers, scales, Table } from './table';

const METRIC = 'MRR';
/** Below this p-value a change is no accident. */
const SIGNIFICANT = 0.05;
const ABSENT: [keyof Report & string, string][] = [
  ['thresholds', 'Thresholds'],
  ['deployment', 'Bytes'],
  ['robustness', 'Spellings'],
];

export function hasServing({ thresholds, deployment, robustness }: Report): boolean {
  return Boolean(thresholds || deployment || robustness);
}

export function ServingView({ store }: { store: Store }) {
  const { report } = store.page;
  const { thresholds, deployment, robustness } = report;
  const absent = ABSENT.filter(([key]) => report.not_measured?.[key]);
  return (
    <div class="serving">
      <OfAll store={store} />
      {thresholds && <Cut thresholds={thresholds} isDot={report.model.similarity === 'dot'} />}
      {deployment && <Bytes deployment={deployment} />}
      {deployment?.indexes?.length ? <Indexes indexes={deployment.indexes} k={deployment.k} /> : null}
      {robustness && <Spellings robustness={robustness} />}
      {[...groupsOf(absent, ([key]) => report.not_measured?.[key] ?? '')].map(([reason, parts]) => (
        <p key={reason} class="note">
          {parts.map(([, label]) => label).join(', ')}: <bdi>{shorten(reason, 200)}</bdi>.
        </p>
      ))}
    </div>
  );
}

/** Choices of a threshold with one answer: several wanted precisions where none can be reached for the same reason. */
type Choice = Omit<Thresholds['choices'][number], 'wanted'> & { wanted: number[] };

function choicesOf({ choices }: Thresholds): Choice[] {
  const groups = groupsOf(choices, ({ threshold, reason, wanted }) =>
    threshold === null ? `${reason}` : `= ${wanted}`,
  );
  return [...groups.values()].map((group) => ({ ...group[0], wanted: group.map(({ wanted }) => wanted) }));
}

const choiceColumns = (decimals: number): Column<Choice>[] => [
  {
    id: 'Wanted precision',
    scope: 'row',
    cell: ({ wanted }) =>
      wanted.map((share, i) => [
        i > 0 && ', ',
        <span key={share} class="number">
          {percent(share)}
        </span>,
      ]),
  },
  numbers(
    'Threshold',
    ({ threshold, reason }) =>
      threshold === null ? <bdi>{shorten(reason ?? 'not reachable', 240)}</bdi> : fixed(threshold, decimals),
    // Where the precision cannot be reached, the reason stands in place of the three numbers.
    { emphasis: 'strong', span: ({ threshold }) => (threshold === null ? 3 : 1) },
  ),
  numbers('Precision', ({ precision }) => <FigureWithInterval {...precision} />),
  numbers('Recall', ({ recall }) => <FigureWithInterval {...recall} />),
];

function FigureWithInterval({ value, low, high }: Figure) {
  return (
    <>
      {fixed(value)} <small>{interval(low, high)}</small>
    </>
  );
}

function Cut({ thresholds, isDot }: { thresholds: Thresholds; isDot: boolean }) {
  const choices = choicesOf(thresholds);
  const decimals = decimalsOf(thresholds.thresholds);
  const curve = (label: 'precision' | 'recall', colour: string, dash?: string): Series => ({
    label: label === 'precision' ? 'Precision' : 'Recall',
    x: thresholds.thresholds,
    y: thresholds[label],
    low: thresholds[`${label}_low`],
    high: thresholds[`${label}_high`],
    colour,
    dash,
  });
  const series = [curve('precision', '--tint-hue0'), curve('recall', '--tint-hue4', '7 4')];
  const [low, high] = [thresholds.thresholds[0] ?? 0, thresholds.thresholds.at(-1) ?? 1];
  return (
    <Section
      title="Where to cut"
      note={`Every document with a ${isDot ? 'dot product' : 'cosine'} of at least the threshold is taken, out of ${count(thresholds.n_documents)}; one that nobody judged counts as wrong. A larger pool has more wrong ones above any threshold.`}
    >
      <Table className="cuts" columns={choiceColumns(decimals)} rows={choices} />
      <PlotKey series={series} />
      <Plot
        title="Precision and recall by threshold"
        x={{
          label: isDot ? 'Dot product threshold' : 'Cosine threshold',
          low,
          high,
          ticks: rounds(low, high, 8),
          format: (v) => fixed(v, decimals),
        }}
        y={{ label: 'Share', low: 0, high: 1, ticks: rounds(0, 1), format: (v) => fixed(v, 1) }}
        series={series}
        marks={choices.flatMap(({ threshold }) => (threshold === null ? [] : [threshold]))}
      />
    </Section>
  );
}

const KINDS: [string, string, string, string | undefined][] = [
  ['float32', 'float32', '--tint-hue0', undefined],
  ['float16', 'float16', '--ink', undefined],
  ['int8', 'int8', '--tint-hue3', '7 4'],
  ['binary', 'binary', '--tint-hue1', '2 3'],
  ['rescored', 'binary, best candidates rescored', '--tint-hue4', undefined],
  ['PCA', 'float32, PCA', '--tint-hue2', undefined],
  ['random', 'float32, random dimensions', '--tint-hue5', '2 3'],
];

const kindOf = ({ n_rescored, precision, reduction = 'prefix' }: StorageFormat) =>
  n_rescored > 0 ? 'rescored' : reduction === 'prefix' ? precision : reduction;
const changeOf = (changes: Comparison[]) => changes.find(({ metric }) => metric === METRIC) ?? null;

/** Quality against bytes, one line a precision; bars are intervals of the difference, on the level of the reference. */
export function costSeries({ formats }: Deployment): PlotSeries[] {
  const measured = formats.filter(({ metrics }) => typeof metrics[METRIC]?.value === 'number');
  const level = measured[0]?.metrics[METRIC]?.value ?? 0;
  return KINDS.flatMap(([kind, label, colour, dash]) => {
    const own = measured.filter((each) => kindOf(each) === kind).sort((a, b) => a.bytes_in_index - b.bytes_in_index);
    if (own.length === 0) return [];
    const end = (name: 'low' | 'high') =>
      own.map(({ changes }) => {
        const value = changeOf(changes)?.[name];
        return typeof value === 'number' ? level + value : null;
      });
    return [
      {
        label,
        colour,
        dash,
        x: own.map(({ bytes_in_index }) => bytes_in_index),
        y: own.map(({ metrics }) => metrics[METRIC].value),
        low: end('low'),
        high: end('high'),
        hasDots: true,
        names: own.map(({ width }) => String(width)),
      },
    ];
  });
}

function Bytes({ deployment }: { deployment: Deployment }) {
  const series = costSeries(deployment);
  const sizes = deployment.formats.map(({ bytes_in_index }) => bytes_in_index);
  const most = Math.max(0.01, ...series.flatMap(({ y, high }) => [...y, ...(high ?? [])]).map((v) => v ?? 0));
  const steps = powers(Math.min(...sizes), Math.max(...sizes), 2);
  const high = 1.15 * most; // so that the name above the highest point fits
  return (
    <Section
      title="Fewer bytes"
      note={`${METRIC} against the bytes searched for each of ${counted(deployment.n_documents, 'document')}. Bars are the 95 % interval of the difference from ${shorten(deployment.reference, 40)}, on its level; numbers are the dimensions kept.`}
    >
      <PlotKey series={series} />
      <Plot
        title={`${METRIC} against bytes a document`}
        x={{
          label: 'Bytes a document (logarithmic)',
          low: steps[0],
          high: steps[steps.length - 1],
          isLog: true,
          ticks: steps,
          format: count,
        }}
        y={{ label: METRIC, low: 0, high, ticks: rounds(0, high), format: (value) => fixed(value, 2) }}
        series={series}
      />
      <Table className="formats" columns={formatColumns(deployment.k)} rows={deployment.formats} />
    </Section>
  );
}

function Indexes({ indexes, k }: { indexes: IndexSetting[]; k: number }) {
  return (
    <Section
      title="Through an index"
      note={`${METRIC} of the ${k} documents that an index of FAISS returns, and its change against exact search; one that is not returned counts as not found. Bytes grow with every document. Queries a second: one at a time, on one thread of the machine that measured.`}
    >
      <Table className="formats" columns={indexColumns(k)} rows={indexes} />
    </Section>
  );
}

type Stored = Pick<StorageFormat, 'name' | 'reason' | 'bytes_in_index' | 'metrics' | 'changes' | 'overlap'>;

/** Columns that formats and indexes share. */
function costColumns<T extends Stored>(id: string): Column<T>[] {
  const withChange = (write: (change: Comparison) => string) => (format: T) => {
    const change = changeOf(format.changes);
    return change ? write(change) : '';
  };
  return [
    {
      id,
      scope: 'row',
      cell: ({ name, reason }) => <Described name={name} detail={reason && shorten(reason, 200)} />,
    },
    numbers('Bytes', ({ bytes_in_index }) => (bytes_in_index ? count(bytes_in_index) : '')),
    numbers(METRIC, ({ metrics }) => fixed(metrics[METRIC]?.value), { emphasis: 'strong' }),
    numbers(
      'Change',
      withChange(({ difference }) => signed(difference)),
    ),
    numbers(
      '95 % interval',
      withChange(({ low, high }) => interval(low, high)),
      { emphasis: 'muted' },
    ),
  ];
}

const kept = <T extends Stored>(k: number): Column<T> =>
  numbers(`Top ${k} kept`, ({ overlap }) => percent(overlap.value));

const formatColumns = (k: number): Column<StorageFormat>[] => [
  ...costColumns<StorageFormat>('Format'),
  numbers('Tied', ({ tie_share }) => percent(tie_share.value)),
  kept(k),
];

const indexColumns = (k: number): Column<IndexSetting>[] => [
  ...costColumns<IndexSetting>('Index'),
  kept(k),
  numbers('Queries/s', ({ queries_per_second: speed }) => (speed === null ? '' : count(Math.round(speed)))),
];

/** A name with a line under it that explains it. */
function Described({ name, detail }: { name: string; detail?: string | null }) {
  return (
    <>
      <bdi>{shorten(name, 60)}</bdi>
      {detail && (
        <small>
          <bdi>{detail}</bdi>
        </small>
      )}
    </>
  );
}

interface SpellingRow {
  effect: Robustness['effects'][number];
  change: Comparison | null;
}

function Spellings({ robustness }: { robustness: Robustness }) {
  const rows = robustness.effects
    .map((effect): SpellingRow => ({ effect, change: changeOf(effect.changes) }))
    .sort((a, b) => (a.change?.difference ?? 1) - (b.change?.difference ?? 1));
  const domain = differenceDomain(
    rows.flatMap(({ change }) => (change ? [change.difference, change.low, change.high] : [])),
  );
  const columns: Column<SpellingRow>[] = [
    {
      id: 'Spelling',
      scope: 'row',
      cell: ({ effect: { title, example } }) => <Described name={title} detail={example && shorten(example[1], 110)} />,
    },
    numbers('Change', ({ change }) => (change ? signed(change.difference) : '–'), { emphasis: 'strong' }),
    scales({
      legend: [],
      scale: ({ change }) =>
        change && { value: change.difference, low: change.low, high: change.high, domain, zero: 0, tone: 'wrong' },
    }),
    numbers('p (Holm)', ({ change }) => (change ? fixed(change.p_adjusted) : '')),
    numbers('Flips', ({ effect }) => percent(effect.flip_rate.value)),
    numbers('Queries', ({ effect }) => count(effect.n_changed)),
  ];
  return (
    <Section
      title="Other spellings"
      note={`Change of ${METRIC} on the queries that each spelling alters, ${counted(robustness.n_queries, 'query', 'queries')} in all. Flips: right at rank 1 before and not after, or the other way round.`}
    >
      <Table
        className="spellings"
        columns={columns}
        rows={rows}
        rowClass={({ change }) => (change?.p_adjusted != null && change.p_adjusted < SIGNIFICANT ? '' : 'muted')}
      />
    </Section>
  );
}
