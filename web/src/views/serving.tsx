/** Before the model is served: where to cut, what fewer bytes cost, and what other spellings do to it. */
import { differenceDomain, Scale } from '../charts/interval';
import { Plot, PlotKey, powers, rounds, type Series } from '../charts/plot';
import type { Comparison, Deployment, Report, Robustness, StorageFormat, Thresholds } from '../contract';
import { count, counted, fixed, interval, percent, shorten, signed } from '../model/format';
import type { Store } from '../state';
import { Section } from './parts';

const METRIC = 'MRR';
const TOLD = 0.05;
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
      {thresholds && <Cut thresholds={thresholds} />}
      {deployment && <Bytes deployment={deployment} />}
      {robustness && <Spellings robustness={robustness} />}
      {absent.map(([key, label]) => (
        <p key={key} class="note">
          {label}: <bdi>{shorten(report.not_measured?.[key] ?? '', 200)}</bdi>.
        </p>
      ))}
    </div>
  );
}

function Cut({ thresholds }: { thresholds: Thresholds }) {
  const { choices } = thresholds;
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
  const shares = rounds(0, 1);
  return (
    <Section
      title="Where to cut"
      note={`Every document with a cosine of at least the threshold is taken, out of ${count(thresholds.n_documents)}; one that nobody judged counts as wrong. A larger pool has more wrong ones above any threshold.`}
    >
      <div class="scroll-x">
        <table class="cuts">
          <thead>
            <tr>
              <th scope="col">Wanted precision</th>
              {['Threshold', 'Precision', 'Recall'].map((label) => (
                <th key={label} scope="col" class="number">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {choices.map((choice) => (
              <tr key={choice.wanted}>
                <th scope="row">{percent(choice.wanted)}</th>
                {choice.threshold === null ? (
                  <td colSpan={3} class="muted">
                    <bdi>{shorten(choice.reason ?? 'not reachable', 240)}</bdi>
                  </td>
                ) : (
                  <>
                    <td class="number strong">{fixed(choice.threshold, 2)}</td>
                    {[choice.precision, choice.recall].map((figure, i) => (
                      <td key={i} class="number">
                        {fixed(figure.value)} <small>{interval(figure.low, figure.high)}</small>
                      </td>
                    ))}
                  </>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <PlotKey series={series} />
      <Plot
        title="Precision and recall by threshold"
        x={{ label: 'Cosine threshold', low, high, ticks: rounds(low, high, 8), format: (v) => fixed(v, 2) }}
        y={{ label: 'Share', low: 0, high: 1, ticks: shares, format: (v) => fixed(v, 1) }}
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
];

const kindOf = ({ n_rescored, precision }: StorageFormat) => (n_rescored > 0 ? 'rescored' : precision);
const changeOf = (changes: Comparison[]) => changes.find(({ metric }) => metric === METRIC) ?? null;

/** Quality against bytes, one line a precision; bars are intervals of the difference, on the level of the reference. */
export function costSeries({ formats }: Deployment): Series[] {
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
  const high = 1.15 * most; // room for the name above the highest point
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
        y={{
          label: METRIC,
          low: 0,
          high,
          ticks: rounds(0, high),
          format: (value) => fixed(value, 2),
        }}
        series={series}
      />
      <div class="scroll-x">
        <table class="formats">
          <thead>
            <tr>
              <th scope="col">Format</th>
              {['Bytes', METRIC, 'Change', '95 % interval', 'Tied', `Top ${deployment.k} kept`].map((label) => (
                <th key={label} scope="col" class="number">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {deployment.formats.map((each, i) => {
              const change = changeOf(each.changes);
              return (
                <tr key={i}>
                  <th scope="row">
                    <bdi>{shorten(each.name, 60)}</bdi>
                    {each.reason && (
                      <small>
                        <bdi>{shorten(each.reason, 200)}</bdi>
                      </small>
                    )}
                  </th>
                  <td class="number">{count(each.bytes_in_index)}</td>
                  <td class="number strong">{fixed(each.metrics[METRIC]?.value)}</td>
                  <td class="number">{change ? signed(change.difference) : ''}</td>
                  <td class="number muted">{change ? interval(change.low, change.high) : ''}</td>
                  <td class="number">{percent(each.tie_share.value)}</td>
                  <td class="number">{percent(each.overlap.value)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function Spellings({ robustness }: { robustness: Robustness }) {
  const rows = robustness.effects
    .map((effect) => ({ effect, change: changeOf(effect.changes) }))
    .sort((a, b) => (a.change?.difference ?? 1) - (b.change?.difference ?? 1));
  const domain = differenceDomain(
    rows.flatMap(({ change }) => (change ? [change.difference, change.low, change.high] : [])),
  );
  return (
    <Section
      title="Other spellings"
      note={`Change of ${METRIC} on the queries that each spelling alters, ${counted(robustness.n_queries, 'query', 'queries')} in all. Flips: right at rank 1 before and not after, or the other way round.`}
    >
      <div class="scroll-x">
        <table class="spellings">
          <thead>
            <tr>
              <th scope="col">Spelling</th>
              <th scope="col" class="number">
                Change
              </th>
              <th scope="col" class="type-scale" />
              {['p (Holm)', 'Flips', 'Queries'].map((label) => (
                <th key={label} scope="col" class="number">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ effect, change }, i) => (
              <tr key={i} class={change?.p_adjusted != null && change.p_adjusted < TOLD ? '' : 'muted'}>
                <th scope="row">
                  <bdi>{shorten(effect.title, 60)}</bdi>
                  {effect.example && (
                    <small>
                      <bdi>{shorten(effect.example[1], 110)}</bdi>
                    </small>
                  )}
                </th>
                <td class="number strong">{change ? signed(change.difference) : '–'}</td>
                <td class="type-scale">
                  {change && (
                    <Scale
                      value={change.difference}
                      low={change.low}
                      high={change.high}
                      domain={domain}
                      zero={0}
                      tone="wrong"
                    />
                  )}
                </td>
                <td class="number">{change ? fixed(change.p_adjusted) : ''}</td>
                <td class="number">{percent(effect.flip_rate.value)}</td>
                <td class="number">{count(effect.n_changed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}
