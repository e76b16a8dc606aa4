/** Several sets under one verdict: a row a set, with a link to its own page, and the means over them. */
import { useState } from 'preact/hooks';
import { differenceDomain, shareDomain, toneOf } from '../charts/interval';
import type { Comparison, Figure, SetResult, SetsReport } from '../contract';
import { apart, count, counted, fixed, interval, pValue, runLabel, shorten, signed } from '../model/format';
import { ThemeButton } from './app';
import { Differences, differenceLegend } from './differences';
import { Foot, Name, Section, Select } from './parts';
import { type Column, numbers, scales, Table } from './table';
import { sentence } from './verdict';

const PRIMARY = 'MRR';
const NAME = 36;
const WORDS = { deploy: 'Deploy', retrain: 'Retrain', undecided: 'Undecided', unfit: 'Unfit' };

const LEXICAL = (
  <>
    <i class="scale-mark is-lexical" /> lexical
  </>
);

/** One set, or the mean of all where there is no `set`. */
interface Row {
  name: string;
  /** The name, cut where it is long but not to that of another set. */
  shown: string;
  set: SetResult | null;
  score: Figure | null;
  lexical: number | null;
  difference: Comparison | null;
}

export function SetsPage({ report }: { report: SetsReport }) {
  const { verdict, checkpoint, reference, sets, macro } = report;
  const others = verdict.reasons.filter((reason) => reason !== verdict.headline);
  const isNamed = (reason: string) => sets.some(({ name }) => reason.startsWith(`${name}: `));
  const candidates = [...new Set(macro.comparisons.map(({ a }) => a))];
  const domain = differenceDomain(macro.comparisons.flatMap(({ difference, low, high }) => [difference, low, high]));
  return (
    <div class="page view-sets">
      <header class="top">
        <p class="brand">
          <bdi>{shorten(runLabel(checkpoint), 48)}</bdi>
        </p>
        <ThemeButton />
      </header>
      <main tabIndex={-1} aria-label="Sets">
        <p class="note">
          <Name text={runLabel(checkpoint)} length={40} />
          {reference && (
            <>
              {' '}
              against <Name text={runLabel(reference)} length={40} />
            </>
          )}{' '}
          on {sets.length} sets, by the profile <Name text={verdict.profile} />
        </p>
        <h1 class={`word is-${verdict.outcome}`}>{WORDS[verdict.outcome]}</h1>
        <p class="headline">
          <bdi>{sentence(verdict.headline)}</bdi>
        </p>
        <Sets report={report} />
        <Means report={report} />
        {candidates.map((name) => (
          <Differences
            key={name}
            title={`Mean difference of ${shorten(runLabel(name), 40)} to ${shorten(runLabel(reference ?? ''), 40)}`}
            note="Each set counts once; better, worse and equal count the queries of all sets."
            rows={macro.comparisons.filter(({ a }) => a === name)}
            domain={domain}
          />
        ))}
        {others.length > 0 && (
          <Section title="Every reason">
            <ul class="reasons">
              {others.map((reason) => (
                <li key={reason}>
                  <bdi>{sentence(reason, isNamed(reason))}</bdi>
                </li>
              ))}
            </ul>
          </Section>
        )}
      </main>
      <Foot report={report} />
    </div>
  );
}

function Sets({ report }: { report: SetsReport }) {
  const names = Object.keys(report.macro.metrics);
  const [metric, setMetric] = useState(names.includes(PRIMARY) ? PRIMARY : (names[0] ?? PRIMARY));
  const rows = rowsOf(report, metric);
  return (
    <Section
      title="Sets"
      note="A set counts once in the mean, whatever its size. Intervals rest on the queries within the sets: the sets are no sample of others."
    >
      {names.length > 1 && (
        <Select
          label="Metric"
          options={names.map((name) => ({ value: name, label: shorten(name, 30) }))}
          value={metric}
          onChange={setMetric}
        />
      )}
      <Table
        className={report.reference === null ? 'metrics sets' : 'metrics sets is-compared'}
        columns={columnsOf(rows, metric, report.reference !== null)}
        rows={rows}
        rowClass={({ set }) => (set ? '' : 'is-mean')}
      />
    </Section>
  );
}

function rowsOf({ sets, macro, checkpoint }: SetsReport, metric: string): Row[] {
  const own = (rows: Comparison[]) => rows.find((row) => row.a === checkpoint && row.metric === metric) ?? null;
  const names = apart(
    sets.map(({ name }) => name),
    NAME,
  );
  const rows = sets.map((set, i): Row => {
    const score = set.metrics[metric] ?? null;
    return {
      name: set.name,
      shown: names[i],
      set,
      score,
      lexical: score?.lexical ?? null,
      difference: own(set.comparisons),
    };
  });
  const mean = macro.metrics[metric] ?? null;
  const lexical = macro.lexical[metric] ?? null;
  const name = 'mean of the sets';
  return [...rows, { name, shown: name, set: null, score: mean, lexical, difference: own(macro.comparisons) }];
}

function columnsOf(rows: Row[], metric: string, hasReference: boolean): Column<Row>[] {
  const domain = shareDomain(rows.flatMap(({ score, lexical }) => [score?.value, score?.high, lexical]));
  return [
    {
      id: 'Set',
      scope: 'row',
      cell: ({ name, shown, set }) => <SetName name={name} shown={shown} folder={set?.folder} />,
    },
    numbers('Queries', ({ set }) => set && count(set.n_queries)),
    numbers('Independent', ({ set }) => set?.n_effective && count(Math.round(set.n_effective))),
    numbers(metric, ({ score }) => fixed(score?.value), { emphasis: 'strong' }),
    numbers('95 % interval', ({ score }) => interval(score?.low, score?.high)),
    scales({
      className: 'metric-scale',
      legend: ['0', LEXICAL, fixed(domain.high, 1)],
      scale: ({ score, lexical, set }) => ({
        value: score?.value ?? null,
        low: score?.low ?? null,
        high: score?.high ?? null,
        domain,
        marks: lexical === null ? [] : [{ value: lexical, label: set?.lexical_baseline || 'lexical', kind: 'lexical' }],
      }),
    }),
    ...(hasReference ? differenceColumns(rows) : []),
    { id: 'Verdict', cell: ({ set }) => set && <b class={`is-${set.verdict.outcome}`}>{set.verdict.outcome}</b> },
  ];
}

/** The differences to the reference, on a scale of their own: a forest plot. */
function differenceColumns(rows: Row[]): Column<Row>[] {
  const known = rows.flatMap(({ difference }) => (difference ? [difference] : []));
  const domain = differenceDomain(known.flatMap(({ difference, low, high }) => [difference, low, high]));
  const forest = scales<Row>({
    legend: differenceLegend(domain),
    scale: ({ difference: row }) =>
      row && { value: row.difference, low: row.low, high: row.high, domain, zero: 0, tone: toneOf(row.low, row.high) },
  });
  return [
    numbers('Difference', ({ difference }) => signed(difference?.difference), { emphasis: 'strong' }),
    { ...forest, id: 'forest' },
    numbers('p (Holm)', ({ difference }) => difference && pValue(difference.p_adjusted)),
  ];
}

/** The name of a set as a link to its page, which lies in the folder of the set. */
function SetName({ name, shown, folder }: { name: string; shown: string; folder?: string }) {
  const isPlain = folder && /^sets\/[\p{L}\p{N}._-]+$/u.test(folder);
  const named = <Name text={name} shown={shown} />;
  return isPlain ? (
    <a class="link" href={`${encodeURI(folder)}/report.html`}>
      {named}
    </a>
  ) : (
    named
  );
}

/** Which lexical baseline is the stronger one, on how many sets. */
function lexicalNote({ sets, macro }: SetsReport): string | undefined {
  const names = sets.flatMap(({ lexical_baseline: name }) => (name ? [name] : []));
  if (Object.keys(macro.lexical).length === 0 || names.length === 0) return undefined;
  const counts = [...new Set(names)].map((name) => ({ name, n: names.filter((other) => other === name).length }));
  if (counts.length === 1) return `Lexical is ${counts[0].name} on every set.`;
  const said = counts.map(({ name, n }) => `${name} on ${counted(n, 'set')}`);
  return `Lexical is the stronger baseline of each set: ${said.join(' and ')}.`;
}

type Mean = [name: string, mean: Figure];

function Means({ report }: { report: SetsReport }) {
  const { metrics, lexical } = report.macro;
  const rows = Object.entries(metrics);
  const domain = shareDomain(rows.flatMap(([name, { value, high }]) => [value, high, lexical[name]]));
  const columns: Column<Mean>[] = [
    { id: 'Metric', scope: 'row', cell: ([name]) => <Name text={name} length={30} /> },
    numbers('Mean', ([, { value }]) => fixed(value), { emphasis: 'strong' }),
    numbers('95 % interval', ([, { low, high }]) => interval(low, high)),
    scales({
      className: 'metric-scale',
      legend: ['0', fixed(domain.high, 1)],
      scale: ([, { value, low, high }]) => ({ value, low, high, domain }),
    }),
    numbers('Lexical', ([name]) => fixed(lexical[name])),
  ];
  return (
    <Section title="Means over the sets" note={lexicalNote(report)}>
      <Table className="metrics" columns={columns} rows={rows} />
    </Section>
  );
}
