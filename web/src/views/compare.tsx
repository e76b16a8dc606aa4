/** The model beside others on the same queries: paired differences with their intervals. */
import { differenceDomain, Scale } from '../charts/interval';
import type { Comparison, Report } from '../contract';
import { baseName, count, fixed, interval, shorten, signed } from '../model/format';
import type { Store } from '../state';
import { Name, Section } from './parts';

export function hasComparisons(report: Report): boolean {
  return report.comparisons.length > 0;
}

const NAMES: Record<string, string> = { lexical: 'character n-grams', base: 'base model', model: 'model' };
const called = (name: string) => NAMES[name] ?? baseName(name);

export function CompareView({ store }: { store: Store }) {
  const { report } = store.page;
  const groups = new Map<string, Comparison[]>();
  for (const comparison of report.comparisons) {
    const key = JSON.stringify([comparison.a, comparison.b]);
    groups.set(key, [...(groups.get(key) ?? []), comparison]);
  }
  const domain = differenceDomain(report.comparisons.flatMap(({ difference, low, high }) => [difference, low, high]));
  return (
    <div class="compare">
      {[...groups].map(([key, rows]) => (
        <Pair key={key} rows={rows} domain={domain} />
      ))}
    </div>
  );
}

function Pair({ rows, domain }: { rows: Comparison[]; domain: ReturnType<typeof differenceDomain> }) {
  const [{ a, b }] = rows;
  return (
    <Section
      title={`${shorten(called(a), 40)} against ${shorten(called(b), 40)}`}
      note="Difference on the same queries; the interval is resampled by groups of queries, p is adjusted for the number of metrics."
    >
      <div class="scroll-x">
        <table class="types">
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col" class="number">
                Difference
              </th>
              <th scope="col" class="number">
                95 % interval
              </th>
              <th scope="col" class="type-scale">
                <span class="scale-legend">
                  <span>{signed(domain.low, 2)}</span>
                  <span>0</span>
                  <span>{signed(domain.high, 2)}</span>
                </span>
              </th>
              <th scope="col" class="number">
                p
              </th>
              <th scope="col" class="number">
                Better
              </th>
              <th scope="col" class="number">
                Worse
              </th>
              <th scope="col" class="number">
                Equal
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.metric}>
                <th scope="row">
                  <Name text={row.metric} length={30} />
                </th>
                <td class="number strong">{signed(row.difference)}</td>
                <td class="number">{interval(row.low, row.high)}</td>
                <td class="type-scale">
                  <Scale
                    value={row.difference}
                    low={row.low}
                    high={row.high}
                    domain={domain}
                    zero={0}
                    tone={
                      row.low !== null && row.low > 0 ? 'right' : row.high !== null && row.high < 0 ? 'wrong' : 'plain'
                    }
                  />
                </td>
                <td class="number">
                  {row.p_adjusted !== null && row.p_adjusted < 0.001 ? '< 0.001' : fixed(row.p_adjusted)}
                </td>
                <td class="number">{count(row.wins)}</td>
                <td class="number">{count(row.losses)}</td>
                <td class="number">{count(row.ties)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}
