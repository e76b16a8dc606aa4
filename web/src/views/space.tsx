/** The shape of the space: how many directions it uses, how queries lie to documents, and its hubs. */
import { useState } from 'preact/hooks';
import type { Series } from '../charts/axes';
import { Plot, PlotKey, powers } from '../charts/plot';
import type { Geometry, Report, Space } from '../contract';
import { count, fixed, interval, percent, shorten } from '../model/format';
import type { Store } from '../state';
import { Choice, Name, OfAll, Section } from './parts';
import { type Column, numbers, Table } from './table';

const NAMES: Record<string, string> = {
  model: 'This model',
  base: 'Base model',
  PCA: 'PCA of the base',
  random: 'Random projection',
};
const LINES: Record<string, Pick<Series, 'colour' | 'dash'>> = {
  model: { colour: '--tint-hue0' },
  base: { colour: '--ink', dash: '7 4' },
  PCA: { colour: '--tint-hue3', dash: '2 3' },
  random: { colour: '--tint-hue1', dash: '10 3 2 3' },
};
const OTHER: Pick<Series, 'colour' | 'dash'> = { colour: '--muted' };
const FLOOR = 1e-6;

type Side = 'queries' | 'documents';

interface SpaceFigure {
  title: string;
  means: string;
  of: (space: Space) => string;
}

const FIGURES: SpaceFigure[] = [
  { title: 'Dimensions', means: 'numbers of a vector', of: ({ documents }) => count(documents.dim) },
  {
    title: 'Effective rank, documents',
    means: 'so many equally strong directions would be as spread out',
    of: ({ documents }) => fixed(documents.effective_rank, 0),
  },
  { title: 'Effective rank, queries', means: 'the same', of: ({ queries }) => fixed(queries.effective_rank, 0) },
  {
    title: 'Directions for 90 %',
    means: 'fewest that hold 90 % of the variance of the documents',
    of: ({ documents }) => (documents.n_directions === null ? '–' : count(documents.n_directions)),
  },
  {
    title: 'Mean cosine',
    means: 'of two documents; near 1: a narrow cone',
    of: ({ documents }) => fixed(documents.mean_cosine),
  },
  {
    title: 'Uniformity',
    means: 'of the documents; 0: all alike, about −4: spread over the sphere',
    of: ({ documents }) => fixed(documents.uniformity, 2),
  },
  {
    title: 'Alignment',
    means: 'squared distance of a query to what is relevant; 0: together',
    of: ({ alignment }) => `${fixed(alignment.value)} ${interval(alignment.low, alignment.high)}`,
  },
  {
    title: 'Distance of the means',
    means: 'of queries and documents',
    of: ({ centroid_distance }) => fixed(centroid_distance),
  },
  {
    title: 'Told apart',
    means: 'queries from documents by a plane, as AUC; 0.5 is a guess',
    of: ({ split_auc }) => fixed(split_auc.value),
  },
  {
    title: 'In no list',
    means: 'documents among the nearest of no query; in brackets what chance gives',
    of: ({ hubness }) => `${percent(hubness.anti_hub_share)} (${percent(hubness.chance_anti_hub_share)})`,
  },
  {
    title: 'Skewness of the lists',
    means: 'how unevenly documents are listed; in brackets what chance gives',
    of: ({ hubness }) => `${fixed(hubness.skewness, 1)} (${fixed(hubness.chance_skewness, 1)})`,
  },
  {
    title: 'Neighbours kept',
    means: 'of the nearest documents under the base model',
    of: ({ overlap }) => (overlap ? `${percent(overlap.value)}` : '–'),
  },
];

export function hasSpace({ geometry }: Report): boolean {
  return Boolean(geometry && Object.keys(geometry.spaces).length > 0);
}

export function SpaceView({ store }: { store: Store }) {
  const { geometry } = store.page.report;
  if (!geometry) return null;
  return (
    <div class="space">
      <OfAll store={store} />
      <Figures geometry={geometry} isDot={store.page.report.model.similarity === 'dot'} />
      <Spectrum geometry={geometry} />
      <Hubs geometry={geometry} />
    </div>
  );
}

function Figures({ geometry, isDot }: { geometry: Geometry; isDot: boolean }) {
  const spaces = Object.entries(geometry.spaces);
  const figures = FIGURES.filter(({ title }) => spaces.length > 1 || title !== 'Neighbours kept');
  const columns: Column<SpaceFigure>[] = [
    {
      id: 'Figure',
      scope: 'row',
      cell: ({ title, means }) => (
        <>
          {title}
          <small>{means}</small>
        </>
      ),
    },
    ...spaces.map(([name, space], i) =>
      numbers<SpaceFigure>(name, ({ of }) => of(space), {
        header: <bdi>{NAMES[name] ?? shorten(name, 24)}</bdi>,
        emphasis: i === 0 ? 'strong' : undefined,
      }),
    ),
  ];
  return (
    <Section
      title="The space"
      note={`None of these figures decides by itself whether a model is good; they say why it ranks as it does. Lists are the ${geometry.k} nearest documents of each query${isDot ? ' by dot product; the other figures are of directions, whatever the norms' : ''}.`}
    >
      <Table className="space-figures" columns={columns} rows={figures} />
    </Section>
  );
}

function Spectrum({ geometry }: { geometry: Geometry }) {
  const [side, setSide] = useState<Side>('documents');
  const series = Object.entries(geometry.spaces).map(([name, space]): Series => {
    const { directions, shares } = space[side].spectrum;
    return {
      label: `${NAMES[name] ?? shorten(name, 24)}, effective rank ${fixed(space[side].effective_rank, 0)}`,
      x: directions,
      y: shares.map((share) => (share !== null && share >= FLOOR ? share : null)),
      ...(LINES[name] ?? OTHER),
    };
  });
  const most = Math.max(2, ...series.flatMap(({ x }) => x));
  const known = series.flatMap(({ y }) => y).filter((share) => share !== null);
  const shares = powers(Math.min(0.1, ...known), Math.max(0.2, ...known), 10);
  const ticks = powers(1, most, 10);
  return (
    <Section
      title="Directions"
      note="Share of the variance in each principal direction, the strongest first; both axes are logarithmic. A line that breaks off early is a space that uses few of its directions."
    >
      <div class="plot-tools">
        <Choice
          label="Cloud"
          value={side}
          options={[
            { value: 'documents', label: 'Documents' },
            { value: 'queries', label: 'Queries' },
          ]}
          onChange={setSide}
        />
        <PlotKey series={series} />
      </div>
      <Plot
        title={`Share of the variance in each direction of the ${side}`}
        x={{
          label: 'Direction',
          low: 1,
          high: most,
          isLog: true,
          ticks: ticks.filter((t) => t <= most),
          format: count,
        }}
        y={{
          label: 'Share',
          low: shares[0],
          high: shares[shares.length - 1],
          isLog: true,
          ticks: shares,
          format: (value) => `${Number((100 * value).toPrecision(3))} %`,
        }}
        series={series}
      />
    </Section>
  );
}

function Hubs({ geometry }: { geometry: Geometry }) {
  const [first] = Object.values(geometry.spaces);
  const { hubs, relevant_anti_hub_share } = first.hubness;
  if (hubs.length === 0) return null;
  return (
    <Section
      title="Hubs"
      note={`Documents that stand in most lists of ${first.hubness.k} without being relevant. ${percent(relevant_anti_hub_share)} of the relevant documents stand in no list at all.`}
    >
      <ol class="hubs">
        {hubs.map((hub) => (
          <li key={hub.id}>
            <span class="number">
              <strong>{count(hub.wrong_occurrences)}</strong>
              <small>of {count(hub.occurrences)} lists</small>
            </span>
            <Name text={hub.text} length={240} />
          </li>
        ))}
      </ol>
    </Section>
  );
}
