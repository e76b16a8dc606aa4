/** Several runs on the same queries: metrics, paired differences, ranks before and after, what moved. */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { differenceDomain, Scale, shareDomain } from '../charts/interval';
import { create, type RanksChart } from '../charts/ranks';
import type { Compare } from '../contract';
import { outlineOf, type RankPair, rankPairs } from '../model/compare';
import { count, counted, fixed, interval, rank, shorten, signed } from '../model/format';
import type { Store } from '../state';
import { chance, Pair, toneOf } from './compare';
import { MovedList } from './moved';
import { Choice, Name, Section, Select, useStore } from './parts';

const FEW = 3;
const LABEL = 40;

export function Runs({ store, compare }: { store: Store; compare: Compare }) {
  const { candidate } = useStore(store);
  const { reference, candidates } = compare;
  const { name, label } = candidates[candidate];
  const differences = compare.comparisons.filter(({ a }) => a === name);
  const domain = differenceDomain(compare.comparisons.flatMap(({ difference, low, high }) => [difference, low, high]));
  return (
    <>
      <Chooser store={store} compare={compare} />
      <Pair
        title={`${shorten(label, LABEL)} against ${shorten(reference.label, LABEL)}`}
        rows={differences}
        domain={domain}
      />
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
  const { candidate } = store.get();
  if (candidates.length < 2) return null;
  const options = candidates.map(({ label }, i) => ({ value: String(i), label: shorten(label, 32) }));
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
          <Name text={labelOf(compare, best.best)} />, <b class="number">{signed(best.difference)}</b>, p ={' '}
          <b class="number">{chance(best.p_adjusted)}</b> after paying for the choice.
        </p>
      )}
    </div>
  );
}

function labelOf(compare: Compare, name: string): string {
  return compare.candidates.find((run) => run.name === name)?.label ?? name;
}

/** Every metric of every run, on one scale. */
function Metrics({ compare, chosen }: { compare: Compare; chosen: number }) {
  const runs = [compare.reference, ...compare.candidates];
  const names = Object.keys(compare.candidates[chosen].metrics);
  const domain = shareDomain(
    runs.flatMap(({ metrics }) => names.flatMap((name) => [metrics[name]?.value, metrics[name]?.high])),
  );
  return (
    <Section title="Every run" note="Each metric with its 95 % interval; the first run of each is the reference.">
      <div class="scroll-x">
        <table class="runs">
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col">Run</th>
              <th scope="col" class="number">
                Value
              </th>
              <th scope="col" class="number">
                95 % interval
              </th>
              <th scope="col" class="type-scale">
                <span class="scale-legend">
                  <span>0</span>
                  <span>{fixed(domain.high, 1)}</span>
                </span>
              </th>
            </tr>
          </thead>
          {names.map((name) => (
            <tbody key={name}>
              {runs.map((run, i) => {
                const metric = run.metrics[name];
                if (!metric) return null;
                return (
                  <tr key={run.name} class={i === chosen + 1 ? 'is-candidate' : i === 0 ? 'is-reference' : ''}>
                    {i === 0 && (
                      <th scope="rowgroup" rowSpan={runs.filter((other) => other.metrics[name]).length}>
                        <Name text={name} length={30} />
                      </th>
                    )}
                    <th scope="row">
                      <Name text={run.label} length={36} />
                    </th>
                    <td class="number">{fixed(metric.value)}</td>
                    <td class="number">{interval(metric.low, metric.high)}</td>
                    <td class="type-scale">
                      <Scale
                        value={metric.value}
                        low={metric.low}
                        high={metric.high}
                        domain={domain}
                        tone={i === 0 ? 'reference' : 'plain'}
                      />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          ))}
        </table>
      </div>
    </Section>
  );
}

/** Ranks before and after as a picture, and the queries that came right or went wrong as lists. */
function Moves({ store, compare, candidate }: { store: Store; compare: Compare; candidate: number }) {
  const pairs = useMemo(() => rankPairs(compare, candidate), [compare, candidate]);
  const sum = (is: (pair: RankPair) => boolean) => pairs.filter(is).reduce((n, { rows }) => n + rows.length, 0);
  const better = sum(({ before, after }) => after < before);
  const worse = sum(({ before, after }) => after > before);
  return (
    <Section
      title="Rank of the first relevant document"
      note={`${count(better)} better, ${count(worse)} worse, ${count(sum(() => true) - better - worse)} as before. Under the dashed line a query rose. A bubble is the queries that share both ranks: press one, or draw around several, to select them in every view.`}
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
  const before = shorten(compare.reference.label, LABEL);
  const after = shorten(compare.candidates[candidate].label, LABEL);

  useLayoutEffect(() => {
    if (!box.current) return;
    const choose = (outline: number[] | null) => store.setFacets({ ranks: outline && { candidate, outline } });
    chart.current = create(
      box.current,
      {
        pairs,
        before: `Rank with ${before}`,
        after: `Rank with ${after}`,
        label: `Ranks of ${counted(
          pairs.reduce((n, { rows }) => n + rows.length, 0),
          'query',
          'queries',
        )} with ${before} (across) and ${after} (up). Arrow keys go from bubble to bubble, Enter selects one. The lists beside it name what moved.`,
      },
      {
        onHover: (pair, x, y) => setHovered(pair && { pair, x, y }),
        onPick(pair) {
          choose(pair && outlineOf(pair));
          if (pair?.rows.length === 1) store.set({ query: pair.rows[0] });
        },
        onLasso: (outline, n) => {
          if (n > 0) choose(outline);
        },
      },
    );
    return () => chart.current?.destroy();
  }, [store, compare, candidate, pairs]);
  useLayoutEffect(() => {
    const own = facets.ranks?.candidate === candidate ? facets.ranks.outline : null;
    chart.current?.update(selection.isAll ? null : selection.isQuery, query, own);
  });

  return (
    <div class="ranks" ref={box}>
      {hovered && (
        <div
          class="card"
          role="tooltip"
          style={{
            left: `${Math.min(hovered.x + 18, Math.max(8, (box.current?.clientWidth ?? 0) - 330))}px`,
            top: `${hovered.y + 18}px`,
          }}
        >
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
        </div>
      )}
    </div>
  );
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
  return (
    <Section
      title="Hard negatives that reach the positive, by type"
      note="Change of the share of lost pairs, candidate minus reference, with its 95 % interval: left of zero is better."
    >
      <div class="scroll-x">
        <table class="types">
          <thead>
            <tr>
              <th scope="col">Type</th>
              <th scope="col" class="number">
                Pairs
              </th>
              <th scope="col" class="number">
                Change
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
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.type}>
                <th scope="row">
                  <Name text={row.type} length={40} />
                </th>
                <td class="number">{count(row.n)}</td>
                <td class="number strong">{signed(row.value)}</td>
                <td class="number">
                  {row.reason ? <Name text={row.reason} length={40} /> : interval(row.low, row.high)}
                </td>
                <td class="type-scale">
                  <Scale
                    value={row.value}
                    low={row.low}
                    high={row.high}
                    domain={domain}
                    zero={0}
                    tone={toneOf(row.low, row.high, 'less')}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
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
  if (!shift) return null;
  return (
    <Section
      title="Levels"
      note="Candidate minus reference. A change of the raw levels is a change of temperature; a change of the others is a change of ranking."
    >
      <ul class="figures">
        {LEVELS.map(([key, label, kind]) => (
          <li key={key}>
            <span>{label}</span>
            <strong class="number">{signed(shift[key])}</strong>
            <small>{kind}</small>
          </li>
        ))}
      </ul>
    </Section>
  );
}
