/** The word, the sentence that says why, the checks drawn to scale, and what was measured on what. */
import type { ComponentChildren } from 'preact';
import { domainOf, Scale, type ScaleMark, shareDomain } from '../charts/interval';
import type { Check, Compare, Metric, Report } from '../contract';
import { runNames } from '../model/compare';
import { count, counted, fixed, interval, runLabel, shorten, similarityName } from '../model/format';
import { metricOf } from '../model/selected';
import type { Store } from '../state';
import { Name, OfAll, Section, selectedOf } from './parts';
import { type Column, numbers, scales, Table } from './table';

type Verdict = NonNullable<Report['verdict']>;

const WORDS = {
  deploy: { word: 'Deploy', means: 'Every gating check passes, and nothing that needs no training is surely better.' },
  retrain: {
    word: 'Retrain',
    means: 'A gating check fails, or the model is surely worse than what needs no training.',
  },
  undecided: { word: 'Undecided', means: 'No gating check fails, but this test set leaves something open.' },
  unfit: { word: 'Unfit', means: 'This test set cannot answer the question.' },
};

/** What a verdict means where the paired difference to a reference decides. */
const COMPARED = {
  deploy: 'Decided by the paired difference to the reference on the same queries',
  retrain: 'Decided by the paired difference to the reference on the same queries',
  undecided: 'The paired difference to the reference on the same queries leaves it open',
  unfit: 'This test set cannot answer the question',
};

/** What decided, where there is a reference, and what part the checks had in it. */
function decidedBy({ outcome, profile }: Verdict, checks: Check[]): string {
  const passed = `${passedOf(checks)} checks of this model alone`;
  const part = profile === 'comparison' ? `${passed} pass, and did not decide` : `${passed} pass, and had a part in it`;
  return `${COMPARED[outcome]}. ${checks.length > 0 ? `${part}.` : ''}`;
}

/** "5 of 7", of the checks that could be computed. */
function passedOf(checks: Check[]): string {
  const computed = checks.filter(({ outcome }) => outcome !== 'not computable');
  return `${count(computed.filter(({ outcome }) => outcome === 'pass').length)} of ${count(computed.length)}`;
}

/** ", 5 are not computable", where some are not. */
function notComputable(checks: Check[]): string {
  const n = checks.filter(({ outcome }) => outcome === 'not computable').length;
  return n > 0 ? `, ${count(n)} ${n === 1 ? 'is' : 'are'} not computable` : '';
}
const isCompared = (verdict: Verdict | null) => verdict?.profile.startsWith('comparison') ?? false;

const SIGNS = { pass: '✓', fail: '✗', undecided: '?', 'not computable': '–' };
const TONES = { pass: 'pass', fail: 'fail', undecided: 'undecided', 'not computable': 'plain' } as const;

export function VerdictView({ store }: { store: Store }) {
  const { report, compare } = store.page;
  const { verdict } = report;
  return (
    <div class="verdict">
      <div class="verdict-main">
        {verdict && <Decision verdict={verdict} compare={compare} checks={report.checklist} />}
        <Checks store={store} />
      </div>
      <Facts report={report} />
      <Metrics store={store} />
      <Reasons report={report} />
    </div>
  );
}

/** What was decided between, the word, and the sentence that says why. */
function Decision(props: { verdict: Verdict; compare: Compare | null; checks: Check[] }) {
  const { verdict, compare } = props;
  const { word, means: alone } = WORDS[verdict.outcome];
  const means = isCompared(verdict) ? decidedBy(verdict, props.checks) : alone;
  const names = compare && runNames(compare, 40);
  return (
    <>
      <p class="note">
        {compare ? (
          <>
            <Name text={compare.candidates[compare.shown].label} shown={names?.[compare.shown + 1]} /> against{' '}
            <Name text={compare.reference.label} shown={names?.[0]} />
          </>
        ) : (
          <>
            Verdict by the profile <Name text={verdict.profile} />
          </>
        )}
      </p>
      <h1 class={`word is-${verdict.outcome} ${isCompared(verdict) ? 'is-compared' : ''}`}>{word}</h1>
      <p class="headline">
        <bdi>{sentence(verdict.headline || means)}</bdi>
      </p>
      <p class="note">{means}</p>
    </>
  );
}

/** A reason as a sentence: a capital, unless it starts with a name; a full stop; the signs that the tables have. */
export function sentence(text: string, isNamed = false): string {
  const line = shorten(text, 600)
    .replaceAll('>=', '≥')
    .replaceAll('<=', '≤')
    .replace(/(?<=[\s[])-(?=\d)/g, '−');
  const isWord = !isNamed && /^\p{L}+([\s,:;]|$)/u.test(line);
  const start = isWord ? line.charAt(0).toLocaleUpperCase('en') : line.charAt(0);
  return start + line.slice(1) + (/[.!?…]$/.test(line) ? '' : '.');
}

function Checks({ store }: { store: Store }) {
  const checks: Check[] = store.page.report.checklist;
  return (
    <Section
      title={isCompared(store.page.report.verdict) ? 'Checks of this model alone' : 'Checks'}
      note={`${passedOf(checks)} pass${notComputable(checks)}. The shaded side is where the value should lie; the bar is the 95 % interval.`}
    >
      <OfAll store={store} what="The verdict and its checks" />
      <ul class="checks">
        {checks.map((check) => (
          <li key={check.id} class={`check is-${TONES[check.outcome]}`}>
            <span class="check-sign" role="img" aria-label={check.outcome}>
              {SIGNS[check.outcome]}
            </span>
            <span class="check-title">
              <Name text={check.title} length={80} />
              <small>
                must be {check.direction.replace('>=', '≥').replace('<=', '≤')} {check.threshold}
                {!check.gating && ', advisory'}
              </small>
            </span>
            <span class="check-value number">
              <strong>{fixed(check.value)}</strong>
              <small>{interval(check.low, check.high)}</small>
            </span>
            <Scale
              value={check.value}
              low={check.low}
              high={check.high}
              domain={domainOf([check.value, check.low, check.high, check.threshold])}
              threshold={check.outcome === 'not computable' ? undefined : check.threshold}
              wants={check.direction.startsWith('<') ? 'below' : 'above'}
              tone={TONES[check.outcome]}
              hasEnds
            />
            <span class="check-outcome">{check.outcome}</span>
            {check.outcome === 'not computable' && (
              <span class="check-reason">
                <bdi>{shorten(check.reason, 200)}</bdi>
              </span>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Facts({ report }: { report: Report }) {
  const { data, model } = report;
  const sampled = data.n_queries < data.n_queries_available;
  const number = (n: number) => <span class="number">{count(n)}</span>;
  const name = (text: string | null) => text && <Name text={text} length={48} />;
  const facts: Fact[] = [
    ['Queries', number(data.n_queries), sampled ? `of ${count(data.n_queries_available)}, a seeded sample` : undefined],
    [
      'Effectively independent',
      data.n_effective && number(Math.round(data.n_effective)),
      'queries that share relevant texts count in part',
    ],
    ['Documents', number(data.n_documents), `${count(data.n_relevant_documents)} relevant`],
    ['Hard negatives', number(data.n_hard_negatives)],
    [
      'Equal texts merged',
      number(data.n_duplicate_queries + data.n_duplicate_documents),
      `${counted(data.n_duplicate_queries, 'query', 'queries')}, ${counted(data.n_duplicate_documents, 'document')}`,
    ],
    [
      'Queries that are documents',
      Boolean(data.n_own_documents) && number(data.n_own_documents ?? 0),
      'left out of their own ranking',
    ],
    ...Object.entries(data.columns ?? {}).map(([role, names]): Fact => [`Columns: ${role}`, name(names.join(', '))]),
  ];
  const made: Fact[] = [
    ['Checkpoint', name(runLabel(model.checkpoint))],
    ['Layout', name(model.layout)],
    ['Base model', name(model.base_model && runLabel(model.base_model))],
    ['Pooling', name(model.pooling && [model.pooling, model.pooling_source].filter(Boolean).join(', '))],
    ['Similarity', name(similarityName(model.similarity))],
    ['Dimensions', data.dim > 0 && number(data.dim)],
    ['Head', name(model.head)],
    ['Before queries', name(quoted(model.query_prompt))],
    ['Before documents', name(quoted(model.document_prompt))],
    ['Tokens at most', name(model.max_length === null ? null : count(model.max_length))],
    ['Tensors', model.tensors && number(model.tensors.n_used), tensorNote(model.tensors)],
  ];
  return (
    <aside class="facts" aria-label="Data and model">
      <h2>Data</h2>
      <FactList facts={facts} />
      <h2>Model</h2>
      <FactList facts={made} />
    </aside>
  );
}

/** A prompt with its spaces in sight; null where there is none, or the run is older than prompts in its record. */
function quoted(prompt: string | undefined) {
  return prompt ? `“${prompt}”` : null;
}

/** What was not used, or under another name, by the rule that was applied. */
function tensorNote(account: Report['model']['tensors']) {
  if (!account) return undefined;
  const rules = (what: string, counts: Record<string, number>) =>
    Object.entries(counts).map(([rule, n]) => `${count(n)} ${what} (${rule})`);
  const parts = [...rules('ignored', account.ignored), ...rules('renamed', account.renamed)];
  return parts.length > 0 ? shorten(parts.join(', '), 160) : undefined;
}

type Fact = [name: string, value: ComponentChildren, note?: string];

function FactList({ facts }: { facts: Fact[] }) {
  return (
    <dl>
      {facts.map(
        ([name, value, note]) =>
          value && (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                {value}
                {note && <small>{note}</small>}
              </dd>
            </div>
          ),
      )}
    </dl>
  );
}

type MetricRow = [name: string, metric: Metric];

interface Baseline {
  label: string;
  /** Its mark on the scale; of the lexical baselines the stronger alone has one. */
  kind?: ScaleMark['kind'];
  of: (row: MetricRow) => number | null | undefined;
}

/** What was measured beside the model, in the order of the columns. */
function baselinesOf(report: Report): Baseline[] {
  const stronger = report.lexical_baseline ?? 'n-grams';
  const others = Object.entries(report.lexical_baselines ?? {}).filter(([name]) => name !== stronger);
  const all: Baseline[] = [
    { label: 'Chance', kind: 'chance', of: ([, { chance }]) => chance },
    { label: stronger, kind: 'lexical', of: ([, { lexical }]) => lexical },
    ...others.map(([label, values]): Baseline => ({ label, of: ([name]) => values[name] })),
    { label: 'Base model', kind: 'base', of: ([, { base }]) => base },
  ];
  return all.filter(({ of }) => Object.entries(report.metrics).some((row) => typeof of(row) === 'number'));
}

function Metrics({ store }: { store: Store }) {
  const { report } = store.page;
  const rows = Object.entries(report.metrics);
  if (rows.length === 0) return null;
  return (
    <Section
      title="Ranking"
      note={`${counted(report.data.n_queries, 'query', 'queries')} against ${counted(report.data.n_documents, 'document')}, beside what needs no training.`}
    >
      {!store.selection().isAll && (
        <p class="note of-all">
          {selectedOf(store)}: the selected queries. Their intervals are those of Wilson, which take queries as
          independent; a mean has none. All other columns are of all queries.
        </p>
      )}
      <Table className="metrics" columns={metricColumns(store, rows)} rows={rows} />
      {rows.flatMap(([name, metric]) =>
        metric.warnings.map((warning) => (
          <p key={name + warning} class="warning">
            <bdi>
              {shorten(name, 30)}: {shorten(warning, 300)}
            </bdi>
          </p>
        )),
      )}
    </Section>
  );
}

/** The value on a scale with every baseline that was measured, and the baselines as numbers. */
function metricColumns(store: Store, rows: MetricRow[]): Column<MetricRow>[] {
  const { report } = store.page;
  const references = Object.entries(report.references);
  const baselines = baselinesOf(report);
  const domain = shareDomain([
    ...rows.flatMap(([, { value, high }]) => [value, high]),
    ...baselines.flatMap(({ of }) => rows.map((row) => of(row) ?? null)),
    ...references.flatMap(([, values]) => Object.values(values)),
  ]);
  const marks = baselines.flatMap(({ kind, label }) => (kind ? [[kind, label]] : []));
  if (references.length > 0) marks.push(['reference', 'baseline']);
  const legend = marks.map(([kind, label]) => (
    <>
      <i class={`scale-mark is-${kind}`} /> {label}
    </>
  ));
  return [
    { id: 'Metric', scope: 'row', cell: ([name]) => <Name text={name} length={30} /> },
    numbers('Model', ([, { value }]) => fixed(value), { emphasis: 'strong' }),
    numbers('95 % interval', ([, { low, high }]) => interval(low, high)),
    ...(store.selection().isAll ? [] : [selectedColumn(store)]),
    scales({
      className: 'metric-scale',
      legend: ['0', ...legend, fixed(domain.high, 1)],
      scale: ([name, { value, low, high }]) => ({ value, low, high, domain, marks: marksOf(name, report) }),
    }),
    ...baselines.map(({ label, of }) => numbers<MetricRow>(label, (row) => fixed(of(row)))),
    ...references.map(([reference, values], i) =>
      numbers<MetricRow>(`reference ${i}`, ([name]) => fixed(values[name]), {
        header: <Name text={runLabel(reference)} length={20} />,
      }),
    ),
  ];
}

/** The metrics of the selected queries; a dash where the page does not carry what a metric needs. */
function selectedColumn(store: Store): Column<MetricRow> {
  const { rows } = store.selection();
  const header = selectedOf(store);
  return numbers(
    'selected',
    ([name]) => {
      const found = metricOf(store.page, rows, name);
      return (
        <>
          {fixed(found?.value)} <small>{interval(found?.low, found?.high)}</small>
        </>
      );
    },
    { header, emphasis: 'strong' },
  );
}

function marksOf(name: string, report: Report): ScaleMark[] {
  const metric = report.metrics[name];
  const marks: ScaleMark[] = [];
  if (metric.chance !== null) marks.push({ value: metric.chance, label: 'chance', kind: 'chance' });
  if (metric.lexical !== null)
    marks.push({ value: metric.lexical, label: report.lexical_baseline ?? 'n-grams', kind: 'lexical' });
  if (metric.base !== null) marks.push({ value: metric.base, label: 'base model', kind: 'base' });
  for (const [reference, values] of Object.entries(report.references)) {
    const value = values[name];
    if (typeof value === 'number') marks.push({ value, label: shorten(reference, 40), kind: 'reference' });
  }
  return marks;
}

function Reasons({ report }: { report: Report }) {
  const { verdict, data, model, checklist } = report;
  const passed = checklist.filter(({ outcome }) => outcome === 'pass').map(({ title }) => `${title}: `);
  const others = (verdict?.reasons ?? []).filter(
    (reason) => reason !== verdict?.headline && !passed.some((title) => reason.startsWith(title)),
  );
  const notes = [...data.warnings, ...model.notes];
  if (others.length === 0 && notes.length === 0) return null;
  return (
    <Section title="Every reason">
      {others.length > 0 && (
        <ul class="reasons">
          {others.map((reason) => (
            <li key={reason}>
              <bdi>{sentence(reason)}</bdi>
            </li>
          ))}
        </ul>
      )}
      {notes.map((note) => (
        <p key={note} class="warning">
          <bdi>{sentence(note)}</bdi>
        </p>
      ))}
    </Section>
  );
}
