/** The model beside others on the same queries: paired differences with their intervals. */
import { differenceDomain } from '../charts/interval';
import type { Page, Report } from '../contract';
import { baseName, shorten } from '../model/format';
import { groupsOf } from '../model/groups';
import type { Store } from '../state';
import { Differences } from './differences';
import { OfAll } from './parts';
import { Runs } from './runs';

export function hasComparisons(page: Page): boolean {
  return page.compare !== null || page.report.comparisons.length > 0;
}

const NAMES: Record<string, string> = {
  base: 'base model',
  PCA: 'PCA of the base model',
  random: 'random projection of the base model',
  model: 'model',
};
const titleOf = (name: string) => shorten(NAMES[name] ?? baseName(name), 40);

/** A baseline with the name of the lexical one, which is the stronger of two. */
const against = (name: string, { lexical_baseline: lexical = 'n-grams' }: Report) =>
  name !== 'lexical' ? titleOf(name) : lexical === 'n-grams' ? 'character n-grams' : lexical;

export function CompareView({ store }: { store: Store }) {
  const { report, compare } = store.page;
  const pairs = groupsOf(report.comparisons, ({ a, b }) => JSON.stringify([a, b]));
  const domain = differenceDomain(report.comparisons.flatMap(({ difference, low, high }) => [difference, low, high]));
  return (
    <div class="compare">
      <OfAll store={store} what="The tables" />
      {compare && <Runs store={store} compare={compare} />}
      {[...pairs].map(([key, rows]) => (
        <Differences
          key={key}
          title={`${titleOf(rows[0].a)} against ${against(rows[0].b, report)}`}
          rows={rows}
          domain={domain}
          isFolded={compare ? true : undefined}
        />
      ))}
    </div>
  );
}
