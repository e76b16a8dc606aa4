/** How far positives lie from negatives, what a threshold would accept, and the matrix itself. */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Curve, Density } from '../charts/density';
import { create, type HeatmapChart, range } from '../charts/heatmap';
import { Ridge, ridgeDomain } from '../charts/ridge';
import type { Heatmap } from '../contract';
import { count, fixed, interval, percent, shorten, signed } from '../model/format';
import { atThreshold, bestThreshold, shareAbove } from '../model/threshold';
import type { Store } from '../state';
import { Mark, Name, Section, useStore } from './parts';

export function SimilarityView({ store }: { store: Store }) {
  const { page } = store;
  return (
    <div class="similarity">
      <Densities store={store} />
      {page.similarity.types.length > 0 && <Margins store={store} />}
      {page.heatmap && <Matrix store={store} heatmap={page.heatmap} />}
    </div>
  );
}

const FIGURES = [
  ['margin', 'Margin', 'mean positive minus mean negative'],
  ['separation', 'Separation', 'margin in sums of the two standard deviations'],
  ['auc', 'AUC', 'a positive pair scores above a negative pair'],
  ['overlap', 'Overlap', 'shared area of the two densities'],
] as const;

function Densities({ store }: { store: Store }) {
  const { page } = store;
  const state = useStore(store);
  const facts = page.report.similarity;
  const { edges, positive, negative, hardNegative, types } = page.similarity;
  const [type, setType] = useState('');
  const best = useMemo(
    () =>
      bestThreshold(
        edges,
        { n: facts.positive.n, density: positive },
        hardNegative && facts.hard_negative
          ? { n: facts.hard_negative.n, density: hardNegative }
          : { n: facts.negative.n, density: negative },
      ),
    [page],
  );
  const threshold = state.threshold ?? best;
  const chosen = types.find(({ name }) => name === type);
  const curves: Curve[] = [
    { id: 'negative', label: 'Negatives', density: negative, colour: '--tint-document', isFilled: true },
    ...(hardNegative
      ? [
          {
            id: 'hard',
            label: 'Hard negatives',
            density: hardNegative,
            colour: '--tint-negative',
            isFilled: false,
            dash: '6 3',
          },
        ]
      : []),
    ...(chosen
      ? [
          {
            id: 'type',
            label: shorten(chosen.name, 30),
            density: chosen.density,
            colour: '--tint-hue2',
            isFilled: false,
            dash: '2 3',
          },
        ]
      : []),
    { id: 'positive', label: 'Positives', density: positive, colour: '--tint-positive', isFilled: true },
  ];
  const populations: [string, typeof facts.positive | null, string][] = [
    ['Positives', facts.positive, 'positive'],
    ['Negatives', facts.negative, 'document'],
    ['Hard negatives', facts.hard_negative, 'negative'],
  ];
  return (
    <Section title="Similarity" note="Densities of the cosine similarity, each drawn to its own height. Drag the line.">
      <ul class="figures">
        {FIGURES.map(([key, label, title]) => (
          <li key={key} title={facts[key].reason ?? title}>
            <span>{label}</span>
            <strong class="number">{fixed(facts[key].value)}</strong>
            <small class="number">{interval(facts[key].low, facts[key].high)}</small>
          </li>
        ))}
      </ul>
      <div class="density-head">
        <ul class="keys">
          {populations.map(
            ([label, facts_, tint]) =>
              facts_ && (
                <li key={label}>
                  <i class={`key is-${tint}`} /> {label}{' '}
                  <span class="number muted">
                    {fixed(facts_.mean, 2)} ± {fixed(facts_.std, 2)}, n = {count(facts_.n)}
                  </span>
                </li>
              ),
          )}
        </ul>
        {types.length > 0 && (
          <label class="select">
            <span>Type</span>
            <select value={type} onChange={(event) => setType(event.currentTarget.value)}>
              <option value="">none</option>
              {types.map(({ name }) => (
                <option key={name} value={name}>
                  {shorten(name, 40)}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <Density
        edges={edges}
        curves={curves}
        threshold={threshold}
        onThreshold={(next) => store.set({ threshold: next })}
      />
      <Accepted store={store} threshold={threshold} />
    </Section>
  );
}

/** A share with more decimals where three would say nothing. */
function share(value: number | null): string {
  return fixed(value, value !== null && value > 0 && value < 0.01 ? 5 : 3);
}

/** Precision, recall and F1 of accepting every pair from the threshold up. */
function Accepted({ store, threshold }: { store: Store; threshold: number }) {
  const { page } = store;
  const facts = page.report.similarity;
  const { edges, positive, negative, hardNegative } = page.similarity;
  const hits = { n: facts.positive.n, share: shareAbove(positive, edges, threshold) };
  const against: [string, { n: number; share: number } | null][] = [
    [
      'among hard negatives',
      hardNegative && facts.hard_negative
        ? { n: facts.hard_negative.n, share: shareAbove(hardNegative, edges, threshold) }
        : null,
    ],
    ['among all documents', { n: facts.negative.n, share: shareAbove(negative, edges, threshold) }],
  ];
  return (
    <div class="scroll-x">
      <table class="accepted" aria-live="polite">
        <caption>
          Pairs at or above <strong class="number">{fixed(threshold)}</strong>
        </caption>
        <thead>
          <tr>
            <th scope="col" />
            {['Precision', 'Recall', 'F1', 'Wrong pairs accepted'].map((label) => (
              <th key={label} scope="col" class="number">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {against.map(([label, others]) => {
            if (!others) return null;
            const { precision, recall, f1 } = atThreshold(hits, others);
            return (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td class="number">{share(precision)}</td>
                <td class="number">{share(recall)}</td>
                <td class="number strong">{share(f1)}</td>
                <td class="number">
                  {count(Math.round(others.n * others.share))} <span class="muted">({percent(others.share)})</span>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Margins({ store }: { store: Store }) {
  const { page } = store;
  const { facets } = useStore(store);
  const ordered = [...page.similarity.types].sort(
    (a, b) =>
      (page.report.negative_types[a.name]?.margin.value ?? 0) - (page.report.negative_types[b.name]?.margin.value ?? 0),
  );
  const domain = ridgeDomain(ordered.map(({ margins }) => margins));
  return (
    <Section
      title="Margin by negative type"
      note="Best relevant minus hard negative, every pair. Left of the line the negative wins. Press a type to select the queries that it beats."
    >
      <ul class="ridges">
        {ordered.map((type) => {
          const facts = page.report.negative_types[type.name];
          const code = page.types.indexOf(type.name);
          return (
            <li key={type.name}>
              <button
                type="button"
                aria-pressed={facets.type === code}
                onClick={() => store.setFacets({ type: facets.type === code ? null : code })}
              >
                <span class="ridge-name">
                  <Name text={type.name} length={32} />
                  <small class="number">{count(facts?.n ?? type.margins.length)}</small>
                </span>
                <Ridge values={type.margins} domain={domain} />
                <span class="number ridge-mean">{signed(facts?.margin.value, 3)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

function Matrix({ store, heatmap }: { store: Store; heatmap: Heatmap }) {
  const { page } = store;
  useStore(store);
  const selection = store.selection();
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<HeatmapChart | null>(null);
  const [hovered, setHovered] = useState<{ row: number; column: number; x: number; y: number } | null>(null);
  const rows = heatmap.queries.length;
  const columns = heatmap.documents.length;
  const [least, most] = useMemo(() => range(heatmap.similarity), [heatmap]);

  useLayoutEffect(() => {
    if (!box.current) return;
    chart.current = create(
      box.current,
      {
        rows,
        columns,
        values: heatmap.similarity,
        isRelevant: heatmap.isRelevant,
        label: `Similarity of ${rows} queries and ${columns} documents. Arrow keys move from cell to cell, Enter opens the query.`,
      },
      {
        onHover: (cell, x, y) => setHovered(cell && { ...cell, x, y }),
        onPick: (row) => store.set({ view: 'queries', query: heatmap.queries[row] }),
      },
    );
    return () => chart.current?.destroy();
  }, [store, heatmap]);
  useLayoutEffect(() => {
    chart.current?.update(selection.isAll ? null : Uint8Array.from(heatmap.queries, (row) => selection.isQuery[row]));
  }, [selection, heatmap]);

  return (
    <Section
      title="Matrix"
      note={`${count(rows)} of ${count(heatmap.nQueries)} queries (down) and ${count(columns)} of ${count(heatmap.nDocuments)} documents (across), ordered so that similar ones stand together. A ring marks a relevant pair.`}
    >
      <div class="matrix-tools">
        <span class="ramp">
          <span class="number">{fixed(least, 2)}</span>
          <i />
          <span class="number">{fixed(most, 2)}</span>
        </span>
        <span class="spacer" />
        <button type="button" class="tool is-square" aria-label="Zoom in" onClick={() => chart.current?.zoom(1.5)}>
          +
        </button>
        <button type="button" class="tool is-square" aria-label="Zoom out" onClick={() => chart.current?.zoom(1 / 1.5)}>
          −
        </button>
        <button type="button" class="tool" onClick={() => chart.current?.reset()}>
          All
        </button>
      </div>
      <div class="matrix" ref={box} style={{ aspectRatio: `${columns} / ${rows}` }}>
        {hovered && (
          <div
            class="card"
            role="tooltip"
            style={{
              left: `${Math.min(hovered.x + 14, Math.max(8, (box.current?.clientWidth ?? 0) - 330))}px`,
              top: `${hovered.y + 16}px`,
            }}
          >
            <p class="eyebrow">
              <strong class="number">{fixed(heatmap.similarity[hovered.row * columns + hovered.column])}</strong>
              {heatmap.isRelevant[hovered.row * columns + hovered.column] === 1 && (
                <>
                  <Mark isCorrect /> relevant
                </>
              )}
            </p>
            <p>
              <bdi>{shorten(page.queries.texts[heatmap.queries[hovered.row]], 140)}</bdi>
            </p>
            <p class="card-wrong">
              <bdi>{shorten(page.documents.texts[heatmap.documents[hovered.column]], 180)}</bdi>
            </p>
          </div>
        )}
      </div>
    </Section>
  );
}
