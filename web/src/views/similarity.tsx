/** How far positives lie from negatives, what a threshold would accept, and the matrix itself. */
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Curve, Density } from '../charts/density';
import { HeatmapChart, range } from '../charts/heatmap';
import { Ridge, ridgeDomain } from '../charts/ridge';
import type { Heatmap, Page, Report, SimilarityColumns } from '../contract';
import { count, fixed, interval, percent, shorten, signed, similarityName } from '../model/format';
import { levelsOf } from '../model/selected';
import { atThreshold, bestThreshold, shareAbove } from '../model/threshold';
import type { Store } from '../state';
import { HoverCard, KeyFigures, Mark, Name, OfAll, Section, Select, selectedOf, useStore, ZoomButtons } from './parts';
import { type Column, numbers, Table } from './table';

export function SimilarityView({ store }: { store: Store }) {
  const { page } = store;
  const [facts, columns] = [page.report.similarity, page.similarity];
  const selection = store.selection();
  const levels = useMemo(() => {
    const whole = facts && columns && { facts, columns };
    return whole && { whole, shown: selection.isAll ? whole : levelsOf(page, selection.rows, whole) };
  }, [page, selection]);
  if (!levels) return null;
  const { whole, shown } = levels;
  return (
    <div class="similarity">
      <Densities store={store} levels={shown} whole={whole} />
      {shown.columns.types.length > 0 && <Margins store={store} types={shown.columns.types} />}
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

type Similarity = NonNullable<Report['similarity']>;

/** The similarities of a page: their figures, and their densities. */
interface Levels {
  facts: Similarity;
  columns: SimilarityColumns;
}

/** A set of pairs: how many, and the density of their similarities. */
interface Population {
  n: number;
  density: Float32Array;
}

/** The sets of pairs of a page; hard negatives only where both the figures and the density are there. */
function populationsOf({ facts, columns }: Levels): Record<'positive' | 'negative', Population> & {
  hardNegative: Population | null;
} {
  return {
    positive: { n: facts.positive.n, density: columns.positive },
    negative: { n: facts.negative.n, density: columns.negative },
    hardNegative:
      columns.hardNegative && facts.hard_negative ? { n: facts.hard_negative.n, density: columns.hardNegative } : null,
  };
}

function Densities({ store, levels, whole }: { store: Store; levels: Levels; whole: Levels }) {
  const { page } = store;
  const state = useStore(store);
  const { facts } = levels;
  const { isAll } = store.selection();
  const { edges, types } = levels.columns;
  const [type, setType] = useState('');
  const best = useMemo(() => {
    const { positive, negative, hardNegative } = populationsOf(whole);
    return bestThreshold(edges, positive, hardNegative ?? negative);
  }, [page]);
  const threshold = state.threshold ?? best;
  const figures = FIGURES.map(([key, label, means]) => {
    const { value, low, high, reason } = facts[key];
    return { label, value: fixed(value), note: interval(low, high), title: reason ?? means, isNumber: true };
  });
  return (
    <Section
      title="Similarity"
      note={`Densities of the ${similarityName(page.report.model.similarity)}${isAll ? '' : `, positives and hard negatives of ${selectedOf(store)} queries`}, each drawn to its own height. Drag the line.`}
    >
      <KeyFigures figures={figures} />
      <OfAll store={store} what="These four and the negatives" />
      <div class="density-head">
        <PopulationKeys facts={facts} />
        {types.length > 0 && (
          <Select
            label="Type"
            value={type}
            options={[
              { value: '', label: 'none' },
              ...types.map(({ name }) => ({ value: name, label: shorten(name, 40) })),
            ]}
            onChange={setType}
          />
        )}
      </div>
      <Density
        edges={edges}
        curves={curvesOf(levels.columns, type)}
        bound={facts.bound ?? 1}
        threshold={threshold}
        onThreshold={(next) => store.set({ threshold: next })}
      />
      <Accepted store={store} levels={levels} whole={whole} threshold={threshold} />
    </Section>
  );
}

function PopulationKeys({ facts }: { facts: Similarity }) {
  const populations = [
    ['Positives', facts.positive, 'positive'],
    ['Negatives', facts.negative, 'document'],
    ['Hard negatives', facts.hard_negative, 'negative'],
  ] as const;
  return (
    <ul class="keys">
      {populations.map(
        ([label, own, tint]) =>
          own && (
            <li key={label}>
              <i class={`key is-${tint}`} /> {label}{' '}
              <span class="number muted">
                {fixed(own.mean, 2)} ± {fixed(own.std, 2)}, n = {count(own.n)}
              </span>
            </li>
          ),
      )}
    </ul>
  );
}

/** Densities from the back to the front; that of a negative type only where one is chosen. */
function curvesOf({ negative, hardNegative, positive, types }: SimilarityColumns, type: string): Curve[] {
  const chosen = types.find(({ name }) => name === type);
  const curve = (id: string, density: Float32Array | undefined | null, colour: string, dash?: string): Curve[] =>
    density ? [{ id, density, colour, dash, isFilled: !dash }] : [];
  return [
    ...curve('negative', negative, '--tint-document'),
    ...curve('hard', hardNegative, '--tint-negative', '6 3'),
    ...curve('type', chosen?.density, '--tint-hue2', '2 3'),
    ...curve('positive', positive, '--tint-positive'),
  ];
}

/** A share with more decimals where three would say nothing. */
function share(value: number | null): string {
  return fixed(value, value !== null && value > 0 && value < 0.01 ? 5 : 3);
}

type Above = { n: number; share: number };
type AcceptedRow = [against: string, hits: Above, others: Above];

/** Precision, recall and F1 of accepting every pair from the threshold up. */
function Accepted(props: { store: Store; levels: Levels; whole: Levels; threshold: number }) {
  const { store, levels, whole, threshold } = props;
  const { positive, hardNegative } = populationsOf(levels);
  const all = populationsOf(whole);
  const { isAll } = store.selection();
  const above = ({ n, density }: Population) => ({ n, share: shareAbove(density, levels.columns.edges, threshold) });
  const ofSelected = isAll ? '' : `, ${selectedOf(store)} queries`;
  const ofAll = isAll ? '' : `, all ${count(store.page.queries.n)} queries`;
  const rows: AcceptedRow[] = [[`among all documents${ofAll}`, above(all.positive), above(all.negative)]];
  if (hardNegative) rows.unshift([`among hard negatives${ofSelected}`, above(positive), above(hardNegative)]);
  const columns: Column<AcceptedRow>[] = [
    { id: 'against', header: null, scope: 'row', cell: ([against]) => against },
    numbers('Precision', ([, hits, others]) => share(atThreshold(hits, others).precision)),
    numbers('Recall', ([, hits, others]) => share(atThreshold(hits, others).recall)),
    numbers('F1', ([, hits, others]) => share(atThreshold(hits, others).f1), { emphasis: 'strong' }),
    numbers('Wrong pairs accepted', ([, , others]) => (
      <>
        {count(Math.round(others.n * others.share))} <span class="muted">({percent(others.share)})</span>
      </>
    )),
  ];
  const caption = (
    <>
      Pairs at or above <strong class="number">{fixed(threshold)}</strong>
    </>
  );
  return <Table className="accepted" columns={columns} rows={rows} caption={caption} isLive />;
}

function Margins({ store, types }: { store: Store; types: SimilarityColumns['types'] }) {
  const { page } = store;
  const { facets } = useStore(store);
  const { isAll } = store.selection();
  const marginOf = ({ name, margins }: SimilarityColumns['types'][number]) =>
    isAll ? (page.report.negative_types[name]?.margin.value ?? null) : meanOf(margins);
  const ordered = [...types].sort((a, b) => (marginOf(a) ?? 0) - (marginOf(b) ?? 0));
  const domain = ridgeDomain(ordered.map(({ margins }) => margins));
  return (
    <Section
      title="Margin by negative type"
      note={`Best relevant minus hard negative, every pair${isAll ? '' : ` of ${selectedOf(store)} queries`}. Left of the line the negative wins. Press a type to select the queries that it beats.`}
    >
      <ul class="ridges">
        {ordered.map((type) => {
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
                  <small class="number">{count(type.margins.length)}</small>
                </span>
                <Ridge values={type.margins} domain={domain} />
                <span class="number ridge-mean">{signed(marginOf(type), 3)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

const meanOf = (values: Float32Array) =>
  values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null;

function Matrix({ store, heatmap }: { store: Store; heatmap: Heatmap }) {
  const chart = useRef<HeatmapChart | null>(null);
  const [least, most] = useMemo(() => range(heatmap.similarity), [heatmap]);
  const [rows, columns] = [heatmap.queries.length, heatmap.documents.length];
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
        <ZoomButtons chart={chart} />
      </div>
      <Cells store={store} heatmap={heatmap} chart={chart} />
    </Section>
  );
}

interface HoveredCell {
  row: number;
  column: number;
  x: number;
  y: number;
}

function Cells(props: { store: Store; heatmap: Heatmap; chart: { current: HeatmapChart | null } }) {
  const { store, heatmap, chart } = props;
  useStore(store);
  const selection = store.selection();
  const box = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState<HoveredCell | null>(null);
  const [rows, columns] = [heatmap.queries.length, heatmap.documents.length];
  useLayoutEffect(() => {
    if (!box.current) return;
    chart.current = new HeatmapChart(
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
    <div class="matrix" ref={box} style={{ aspectRatio: `${columns} / ${rows}` }}>
      {hovered && <CellCard page={store.page} heatmap={heatmap} cell={hovered} box={box.current} />}
    </div>
  );
}

function CellCard(props: { page: Page; heatmap: Heatmap; cell: HoveredCell; box: HTMLElement | null }) {
  const { heatmap, cell } = props;
  const { queries, documents } = props.page;
  const place = cell.row * heatmap.documents.length + cell.column;
  return (
    <HoverCard at={cell} gap={14} box={props.box}>
      <p class="eyebrow">
        <strong class="number">{fixed(heatmap.similarity[place])}</strong>
        {heatmap.isRelevant[place] === 1 && (
          <>
            <Mark isCorrect /> relevant
          </>
        )}
      </p>
      <p>
        <bdi>{shorten(queries.texts[heatmap.queries[cell.row]], 140)}</bdi>
      </p>
      <p class="card-wrong">
        <bdi>{shorten(documents.texts[heatmap.documents[cell.column]], 180)}</bdi>
      </p>
    </HoverCard>
  );
}
