/** A swap of models: every path from the old index to the new one, what it costs, what changes, what to do. */
import { useState } from 'preact/hooks';
import { differenceDomain, type ScaleMark, shareDomain, toneOf } from '../charts/interval';
import type { Comparison, MigrationPath, MigrationPayload, MigrationReport, MovedQuery, PathWords } from '../contract';
import { apart, count, counted, fixed, interval, percent, rank, runLabel, shorten, signed } from '../model/format';
import { ThemeButton } from './app';
import { differenceLegend } from './differences';
import { Foot, KeyFigures, Name, Section, Select } from './parts';
import { type Column, numbers, scales, Table } from './table';
import { sentence } from './verdict';

/** Shares of NEW documents whose cost is shown. */
const SHARES = [0, 0.5, 1];

type PathRow = [words: PathWords, path: MigrationPath];

export function MigrationPage({ report, paths, cost }: MigrationPayload) {
  const [first, ...others] = report.advice;
  const labels = [runLabel(report.old.checkpoint), runLabel(report.new.checkpoint)];
  const [old, own] = apart(labels, 40);
  const rows = report.paths.map((path, i): PathRow => [paths[i], path]);
  const known = report.cost.n_documents;
  return (
    <div class="page view-sets">
      <header class="top">
        <p class="brand">
          <bdi>{shorten(labels[1], 48)}</bdi>
        </p>
        <ThemeButton />
      </header>
      <main tabIndex={-1} aria-label="Migration">
        <p class="note">
          From <Name text={labels[0]} shown={old} /> (OLD) to <Name text={labels[1]} shown={own} /> (NEW), on{' '}
          {counted(report.data.n_queries, 'query', 'queries')} and {counted(report.data.n_documents, 'document')}
        </p>
        <h1 class="word">Migration</h1>
        <p class="headline">
          <bdi>{sentence(first)}</bdi>
        </p>
        {others.length > 0 && <Sentences texts={others} />}
        <Paths rows={rows} />
        <Section title={`Cost, for ${counted(known, 'document')}`}>
          <Table className="types" columns={COST_COLUMNS} rows={rows.filter(hasCost)} />
          <Sentences texts={cost} />
        </Section>
        <Adapters report={report} />
        <Changes report={report} />
        {report.notes.map((note) => (
          <p key={note} class="warning">
            <bdi>{sentence(note)}</bdi>
          </p>
        ))}
      </main>
      <Foot report={report} />
    </div>
  );
}

const COST_COLUMNS: Column<PathRow>[] = [
  { id: 'Path', scope: 'row', cell: ([{ name }]) => name },
  numbers('Documents to encode', ([{ texts }]) => texts, { emphasis: 'strong' }),
  numbers('Vectors searched', ([{ vectors }]) => vectors),
  numbers('Encodings of a query', ([{ encodings }]) => encodings),
];

const hasCost = ([, { share, reason }]: PathRow) => reason === null && SHARES.includes(share ?? Number.NaN);

function Sentences({ texts }: { texts: string[] }) {
  return (
    <ul class="reasons">
      {texts.map((text) => (
        <li key={text}>
          <bdi>{sentence(text)}</bdi>
        </li>
      ))}
    </ul>
  );
}

function Paths({ rows }: { rows: PathRow[] }) {
  const names = Object.keys(rows[0]?.[1].metrics ?? {});
  const [metric, setMetric] = useState(names[0]);
  const reasons = [...new Set(rows.flatMap(([, { reason }]) => (reason === null ? [] : [reason])))];
  return (
    <Section
      title="Serving paths"
      note="Every way to serve during and after the swap, on the same queries. Differences are paired; an adapter never scores a document that it was fitted on."
    >
      <Select
        label="Metric"
        options={names.map((name) => ({ value: name, label: shorten(name, 30) }))}
        value={metric}
        onChange={setMetric}
      />
      <Table className="metrics sets is-compared paths" columns={pathColumns(rows, metric)} rows={rows} />
      {reasons.map((reason) => (
        <p key={reason} class="note">
          – not measured: {shorten(reason, 200)}
        </p>
      ))}
    </Section>
  );
}

function pathColumns(rows: PathRow[], metric: string): Column<PathRow>[] {
  const domain = shareDomain(rows.flatMap(([, { metrics }]) => [metrics[metric]?.value, metrics[metric]?.high]));
  const levels = ['OLD', 'NEW'].flatMap((label, i): ScaleMark[] => {
    const value = rows[i]?.[1].metrics[metric]?.value ?? null;
    return value === null ? [] : [{ value, label, kind: i === 0 ? 'base' : 'reference' }];
  });
  const legend = levels.map(({ label, kind }) => (
    <>
      <i class={`scale-mark is-${kind}`} /> {label}
    </>
  ));
  return [
    { id: 'Path', scope: 'row', cell: ([{ name }]) => name },
    numbers(metric, ([, { metrics }]) => fixed(metrics[metric]?.value), { emphasis: 'strong' }),
    numbers('95 % interval', ([, { metrics }]) => interval(metrics[metric]?.low, metrics[metric]?.high)),
    scales({
      className: 'metric-scale',
      legend: ['0', ...legend, fixed(domain.high, 1)],
      scale: ([, { metrics }]) => {
        const found = metrics[metric];
        return found ? { value: found.value, low: found.low, high: found.high, domain, marks: levels } : null;
      },
    }),
    ...differenceColumns(rows, metric),
    differenceColumn('minus NEW', metric, ({ from_new }) => from_new),
  ];
}

const on = (rows: Comparison[], metric: string) => rows.find((row) => row.metric === metric);

/** The difference to OLD, in numbers and on a scale of its own. */
function differenceColumns(rows: PathRow[], metric: string): Column<PathRow>[] {
  const known = rows.flatMap(([, { from_old }]) => on(from_old, metric) ?? []);
  if (known.length === 0) return [];
  const domain = differenceDomain(known.flatMap(({ difference, low, high }) => [difference, low, high]));
  const forest = scales<PathRow>({
    legend: differenceLegend(domain),
    scale: ([, { from_old }]) => {
      const found = on(from_old, metric);
      if (!found) return null;
      const { difference, low, high } = found;
      return { value: difference, low, high, domain, zero: 0, tone: toneOf(low, high) };
    },
  });
  return [differenceColumn('minus OLD', metric, ({ from_old }) => from_old), { ...forest, id: 'forest' }];
}

function differenceColumn(id: string, metric: string, of: (path: MigrationPath) => Comparison[]): Column<PathRow> {
  return numbers(id, ([, path]) => {
    const found = on(of(path), metric);
    return (
      found && (
        <>
          {signed(found.difference)} <small>{interval(found.low, found.high)}</small>
        </>
      )
    );
  });
}

function Adapters({ report }: { report: MigrationReport }) {
  const columns: Column<MigrationReport['adapters'][number]>[] = [
    { id: 'Adapter', scope: 'row', cell: ({ kind }) => kind },
    numbers('Nearest own OLD vector', ({ identified }) => percent(identified.value), { emphasis: 'strong' }),
    numbers('95 % interval', ({ identified: { low, high } }) => interval(low, high)),
    numbers('Mean cosine', ({ cosine }) => fixed(cosine.value)),
    numbers('Fitted on', ({ n_fitted }) => count(n_fitted)),
    numbers('Penalty', ({ ridge }) => ridge?.toPrecision(2)),
  ];
  return (
    <Section
      title="Adapters"
      note="Maps from the NEW space to the OLD one, fitted on one half of the documents and measured on the other: the share whose carried NEW vector is nearest to their own OLD vector."
    >
      <Table className="types" columns={columns} rows={report.adapters} />
    </Section>
  );
}

function Changes({ report }: { report: MigrationReport }) {
  const { turnover } = report;
  const overlap = turnover.rank_biased_overlap;
  const figures = [
    {
      label: `Others among the first ${count(turnover.k)}`,
      value: percent(turnover.changed.value),
      note: 'of the documents',
    },
    { label: 'Another first document', value: percent(turnover.first_changed.value), note: 'of the queries' },
    { label: 'Rank-biased overlap', value: fixed(overlap.value), note: interval(overlap.low, overlap.high) },
    { label: 'Lost at rank 1', value: count(report.n_lost), note: 'queries' },
    { label: 'Gained at rank 1', value: count(report.n_gained), note: 'queries' },
  ];
  return (
    <Section title="What changes for the queries" note="From OLD alone to NEW alone.">
      <KeyFigures figures={figures} />
      <Moved title="Lost" rows={report.lost} n={report.n_lost} />
      <Moved title="Gained" rows={report.gained} n={report.n_gained} />
    </Section>
  );
}

function Moved({ title, rows, n }: { title: string; rows: MovedQuery[]; n: number }) {
  if (rows.length === 0) return null;
  const shown = rows.length < n ? `, ${count(rows.length)} of ${count(n)}` : '';
  const columns: Column<MovedQuery>[] = [
    numbers('OLD rank', ({ old_rank }) => rank(old_rank ?? Number.NaN)),
    numbers('NEW rank', ({ new_rank }) => rank(new_rank ?? Number.NaN)),
    { id: `${title} at rank 1, the farthest first${shown}`, cell: ({ text }) => <Name text={text} length={110} /> },
  ];
  return <Table className="moved-queries" columns={columns} rows={rows} />;
}
