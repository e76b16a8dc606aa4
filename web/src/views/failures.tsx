/** What goes wrong: by type of hard negative, in the labels, and between the test set and the training file. */
import { useMemo } from 'preact/hooks';
import { domainOf } from '../charts/interval';
import type { Figure, Leakage, Page, Report } from '../contract';
import { baseName, count, counted, fixed, percent, shorten } from '../model/format';
import { negativePairs, proportion, selectionWithout, violationOf } from '../model/selected';
import type { Facets } from '../model/selection';
import type { State, Store } from '../state';
import { DecidingWords, Pairs } from './deciding';
import { Findings } from './findings';
import { Link, Name, OfAll, Section, selectedOf, useStore } from './parts';
import { type Column, numbers, scales, Table } from './table';

const LISTED = 50;
/** Queries shown of a mode; the table has all. */
const SHOWN = 6;

/** Whether the report holds anything for this view. */
export function hasFailures(report: Report): boolean {
  return (
    report.findings.length > 0 ||
    Boolean(report.explanations) ||
    Object.keys(report.failure_modes ?? {}).length > 0 ||
    Object.keys(report.negative_types).length > 0 ||
    report.data.contradictions.length > 0 ||
    report.data.warnings.length > 0 ||
    report.leakage !== null
  );
}

export function FailuresView({ store }: { store: Store }) {
  const { report } = store.page;
  return (
    <div class="failures">
      {report.findings.length > 0 && <Findings store={store} />}
      {store.page.failureModes.length > 0 && <Modes store={store} />}
      {report.explanations && <DecidingWords store={store} explanations={report.explanations} />}
      {report.explanations && <Pairs store={store} pairs={report.explanations.pairs} />}
      {Object.keys(report.negative_types).length > 0 && <Types store={store} />}
      {report.leakage && <Overlap store={store} leakage={report.leakage} />}
      {report.data.contradictions.length > 0 && <Contradictions report={report} />}
      {report.data.warnings.length > 0 && (
        <Section title="Notes on the data">
          <Lines lines={report.data.warnings} />
        </Section>
      )}
    </div>
  );
}

/** How many queries fail for which reason; pressing one selects them. */
function Modes({ store }: { store: Store }) {
  const { page } = store;
  const { facets } = useStore(store);
  const { isAll, counts } = useMemo(() => modeCounts(page, facets), [page, facets]);
  const all = counts.reduce((sum, n) => sum + n, 0);
  const ofSelected = isAll ? '' : ` of the ${selectedOf(store)} selected`;
  const shareOf = (n: number) => {
    const { low, high } = proportion(n, all);
    return isAll || all === 0 ? percent(n / Math.max(1, all)) : `${percent(n / all)} ${range(low, high)}`;
  };
  const most = Math.max(1, ...counts);
  return (
    <Section
      title="Why queries fail"
      note={`${counted(all, 'query', 'queries')}${ofSelected} ${all === 1 ? 'is' : 'are'} not right at rank 1. Each has the first reason that its texts and scores show, in this order. Press one to select its queries.`}
    >
      <ul class="modes">
        {page.failureModes.map((name, i) => (
          <li key={name}>
            <button
              type="button"
              aria-pressed={facets.mode === i + 1}
              onClick={() => store.setFacets({ mode: facets.mode === i + 1 ? null : i + 1 })}
            >
              <Name text={name} length={60} />
              <span class="mode-bar" aria-hidden="true">
                <i style={{ width: `${(100 * counts[i]) / most}%` }} />
              </span>
              <span class="number">
                <strong>{count(counts[i])}</strong> <small>{shareOf(counts[i])}</small>
              </span>
            </button>
            <Link
              onPress={() => {
                store.setFacets({ mode: i + 1 });
                store.set({ view: 'queries' });
              }}
            >
              queries
            </Link>
            {facets.mode === i + 1 && <ModeEvidence store={store} mode={i + 1} />}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** How many queries fail for each reason, in the selection but for its filter by reason. */
function modeCounts(page: Page, facets: Facets): { isAll: boolean; counts: number[] } {
  const { isAll, rows } = selectionWithout(page, facets, 'mode');
  const counts = page.failureModes.map((name) => page.report.failure_modes?.[name] ?? 0);
  if (isAll) return { isAll, counts };
  counts.fill(0);
  for (const row of rows) if (page.queries.failureMode[row] > 0) counts[page.queries.failureMode[row] - 1]++;
  return { isAll, counts };
}

/** `[4 %, 19 %]`, or nothing where there is no interval. */
const range = (low: number | null, high: number | null) =>
  low === null || high === null ? '' : `[${percent(low)}, ${percent(high)}]`;

/** The first selected queries of a mode, each with what shows that it fails for it. */
function ModeEvidence({ store, mode }: { store: Store; mode: number }) {
  const { queries } = store.page;
  const { failureEvidence } = queries;
  if (!failureEvidence) return null;
  const rows = store.selection().rows.filter((row) => queries.failureMode[row] === mode && failureEvidence[row]);
  return (
    <ul class="mode-evidence">
      {Array.from(rows.subarray(0, SHOWN), (row) => (
        <li key={row}>
          <Link onPress={() => store.set({ query: row, view: 'queries' })}>
            <bdi>{shorten(queries.texts[row], 160)}</bdi>
          </Link>
          <small>
            <bdi>{shorten(failureEvidence[row], 300)}</bdi>
          </small>
        </li>
      ))}
    </ul>
  );
}

type TypeRow = [name: string, type: { n: number; rate: Figure; margin: number | null }];

function Types({ store }: { store: Store }) {
  const { page } = store;
  const { facets } = useStore(store);
  const { isAll, found } = useMemo(() => typeFigures(page, facets), [page, facets]);
  const rows = found.sort(([, a], [, b]) => (b.rate.value ?? 0) - (a.rate.value ?? 0));
  const { weighted_violation_rate: weighted, kendall_tau: tau } = page.report.weights;
  return (
    <Section
      title="Hard negatives that reach the positive"
      note={`The share of pairs in which the negative scores at or above the query's best relevant document, with its 95 % interval${isAll ? '' : ` (Wilson, pairs taken as independent), in ${selectedOf(store)} queries`}.`}
    >
      <Table
        className="types"
        columns={typeColumns(store, rows)}
        rows={rows}
        rowClass={([name]) => (facets.type === page.types.indexOf(name) ? 'is-chosen' : '')}
      />
      {typeof weighted?.value === 'number' && (
        <p class="note">
          {!isAll && `Of all ${counted(page.queries.n, 'query', 'queries')}: `}
          Weighted by the training weights, <b class="number">{percent(weighted.value)}</b> of the pairs are lost.
          {typeof tau?.value === 'number' && (
            <>
              {' '}
              Order of the margins against the weights: Kendall tau-b <b class="number">{fixed(tau.value, 2)}</b>.
            </>
          )}
        </p>
      )}
    </Section>
  );
}

/** Pairs of each type that are lost, in the selection but for its filter by type. */
function typeFigures(page: Page, facets: Facets): { isAll: boolean; found: TypeRow[] } {
  const { isAll, rows } = selectionWithout(page, facets, 'type');
  const whole = Object.entries(page.report.negative_types);
  if (isAll) {
    return {
      isAll,
      found: whole.map(([name, { n, violation_rate, margin }]) => [
        name,
        { n, rate: violation_rate, margin: margin.value },
      ]),
    };
  }
  const { byType } = negativePairs(page, rows);
  return { isAll, found: whole.map(([name]) => [name, violationOf(page, byType[page.types.indexOf(name)])]) };
}

function typeColumns(store: Store, rows: TypeRow[]): Column<TypeRow>[] {
  const { page } = store;
  const ends = rows.flatMap(([, { rate }]) => [rate.value, rate.high]);
  const most = Math.max(...ends.map((value) => value ?? 0));
  const domain = most > 0.5 ? domainOf([1]) : { low: 0, high: Math.max(0.1, Math.ceil(most * 10) / 10) };
  const link = (label: string, name: string, change: Partial<State>) => (
    <Link
      onPress={() => {
        store.setFacets({ type: page.types.indexOf(name) });
        store.set(change);
      }}
    >
      {label}
    </Link>
  );
  return [
    { id: 'Type', scope: 'row', cell: ([name]) => <Name text={name} length={40} /> },
    numbers('Pairs', ([, { n }]) => count(n)),
    numbers('Lost', ([, type]) => percent(type.rate.value), { emphasis: 'strong' }),
    scales({
      legend: ['0', percent(domain.high)],
      scale: ([, { rate: r }]) => ({ value: r.value, low: r.low, high: r.high, domain, tone: 'wrong' }),
    }),
    numbers('Mean margin', ([, { margin }]) => fixed(margin)),
    {
      id: 'links',
      header: null,
      className: 'links',
      cell: ([name]) => [
        link('queries', name, { view: 'queries' }),
        page.points && link('map', name, { view: 'map', colouring: 'type' }),
      ],
    },
  ];
}

type OverlapRow = [label: string, counts: Record<string, number>, total: number];

function Overlap({ store, leakage }: { store: Store; leakage: Leakage }) {
  const rows: OverlapRow[] = [
    ['Queries', leakage.queries, leakage.n_queries],
    ['Positives', leakage.positives, leakage.n_positives],
  ];
  const kinds = [...new Set(rows.flatMap(([, counts]) => Object.keys(counts)))];
  const columns: Column<OverlapRow>[] = [
    { id: 'texts', header: null, scope: 'row', cell: ([label]) => label },
    ...kinds.map((kind) => numbers<OverlapRow>(kind, ([, counts]) => count(counts[kind] ?? 0))),
    numbers('of', ([, , total]) => count(total), { emphasis: 'muted' }),
  ];
  return (
    <Section
      title="Overlap with the training file"
      note={
        <>
          {percent(leakage.share_of_queries)} of the test queries stand in <Name text={baseName(leakage.train)} />. A
          score on texts that were trained on measures memory.
        </>
      }
    >
      <OfAll store={store} />
      <Table className="overlap" columns={columns} rows={rows} />
      {leakage.examples.length > 0 && (
        <ul class="pairs">
          {leakage.examples.slice(0, LISTED).map(([test, train], i) => (
            <li key={i}>
              <p>
                <span class="muted">test</span> <bdi>{shorten(test, 300)}</bdi>
              </p>
              <p>
                <span class="muted">training</span> <bdi>{shorten(train, 300)}</bdi>
              </p>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Contradictions({ report }: { report: Report }) {
  const { contradictions } = report.data;
  return (
    <Section
      title="Contradictions"
      note={`${counted(contradictions.length, 'text')} labelled both relevant and negative for one query; each counts as relevant.`}
    >
      <Lines lines={contradictions} />
    </Section>
  );
}

function Lines({ lines }: { lines: string[] }) {
  return (
    <>
      <ul class="reasons">
        {lines.slice(0, LISTED).map((line, i) => (
          <li key={i}>
            <bdi>{shorten(line, 400)}</bdi>
          </li>
        ))}
      </ul>
      {lines.length > LISTED && <p class="note">{count(lines.length - LISTED)} more stand in report.json.</p>}
    </>
  );
}
