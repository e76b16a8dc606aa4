/** The model beside others on the same queries: paired differences with their intervals. */
import { differenceDomain, Scale } from '../charts/interval';
import type { Comparison, Page } from '../contract';
import { baseName, count, fixed, interval, shorten, signed } from '../model/format';
import type { Store } from '../state';
import { Name, Section } from './parts';
import { Runs } from './runs';

export function hasComparisons(page: Page): boolean {
  return page.compare !== null || page.report.comparisons.length > 0;
}

const NAMES: Record<string, string> = { lexical: 'character n-grams', base: 'base model', model: 'model' };
const called = (name: string) => NAMES[name] ?? baseName(name);

/** A p-value; one too small for three decimals is said to be. */
export function chance(p: number | null): string {
  return p !== null && p < 0.001 ? '< 0.001' : fixed(p);
}

export function CompareView({ store }: { store: Store }) {
  const { report, compare } = store.page;
  const groups = new Map<string, Comparison[]>();
  for (const comparison of report.comparisons) {
    const key = JSON.stringify([comparison.a, comparison.b]);
    groups.set(key, [...(groups.get(key) ?? []), comparison]);
  }
  const domain = differenceDomain(report.comparisons.flatMap(({ difference, low, high }) => [difference, low, high]));
  return (
    <div class="compare">
      {compare && <Runs store={store} compare={compare} />}
      {[...groups].map(([key, rows]) => (
        <Pair
          key={key}
          title={`${shorten(called(rows[0].a), 40)} against ${shorten(called(rows[0].b), 40)}`}
          rows={rows}
          domain={domain}
        />
      ))}
    </div>
  );
}

/** The tone of a difference whose interval leaves zero out. */
export function toneOf(low: number | null, high: number | null, wants: 'more' | 'less' = 'more') {
  const [good, bad] = wants === 'more' ? (['right', 'wrong'] as const) : (['wrong', 'right'] as const);
  if (low !== null && low > 0) return good;
  return high !== null && high < 0 ? bad : 'plain';
}

export function Pair(props: { title: string; rows: Comparison[]; domain: ReturnType<typeof differenceDomain> }) {
  const { rows, domain } = props;
  return (
    <Section
      title={props.title}
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
                    tone={toneOf(row.low, row.high)}
                  />
                </td>
                <td class="number">{chance(row.p_adjusted)}</td>
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
