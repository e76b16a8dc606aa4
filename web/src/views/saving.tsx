/** The map as it is seen, saved as a picture. */
import { useState } from 'preact/hooks';
import type { ScatterChart } from '../charts/scatter';
import { FINER } from '../charts/snapshot';
import { type Colouring, colouringsOf, tally } from '../model/colouring';
import { SHARES } from '../model/contours';
import { baseName, count, counted, fixed, percents, runLabel, shorten } from '../model/format';
import { type Key, MOST_SIGNS, type Pane, type Picture, sizeOf, toSvg } from '../model/picture';
import type { Store } from '../state';
import { download, fileStem } from './download';
import { FileMenu } from './menu';

/** A map that is seen. */
export interface Seen {
  /** Its name as text: the method, and whose map it is where there are several. */
  title: string;
  method: string;
  chart: { current: ScatterChart | null };
}

export function SaveMenu({ store, seen, colouring }: { store: Store; seen: Seen[]; colouring: Colouring }) {
  const [note, setNote] = useState('');
  const isLarge = (store.page.points?.n ?? 0) > MOST_SIGNS;
  const save = async (ending: 'png' | 'svg') => {
    const element = seen[0].chart.current?.element;
    if (!element) return;
    const picture = pictureOf(store, seen, colouring, (name) =>
      getComputedStyle(element).getPropertyValue(name).trim(),
    );
    const svg = toSvg(picture);
    const name = `${fileStem(store.page)}-${seen.map(({ method }) => method).join('-')}.${ending}`;
    if (ending === 'svg') download(name, svg, 'image/svg+xml;charset=utf-8');
    else download(name, await rasterised(svg, sizeOf(picture)), 'image/png');
    const isRaster = ending === 'svg' && picture.panes.some(({ points }) => typeof points === 'string');
    setNote(
      isRaster ? `Saved ${name}; its points are a picture in it, as they are too many for shapes.` : `Saved ${name}.`,
    );
  };
  return (
    <>
      <FileMenu
        sign="Save"
        files={[
          { ending: 'png', note: 'as seen, twice as fine' },
          { ending: 'svg', note: isLarge ? 'above 50,000 points in view a picture' : 'shapes and text' },
        ]}
        onSave={save}
      />
      <span class="note map-saved" role="status">
        {note}
      </span>
    </>
  );
}

function pictureOf(store: Store, seen: Seen[], colouring: Colouring, css: (name: string) => string): Picture {
  const { page } = store;
  const { report } = page;
  const panes = seen.flatMap(({ title, chart }): Pane[] => {
    const shown = chart.current?.picture();
    return shown ? [{ title, ...shown }] : [];
  });
  const counts = tally(colouring, store.selection().isPoint);
  const legend = colouring.categories.flatMap(({ label, tint }, category): Key[] =>
    counts[category] === 0
      ? []
      : [
          {
            label,
            n: count(counts[category]),
            role: colouring.id === 'role' ? category : 0,
            fill: css(`--tint-${tint}`),
          },
        ],
  );
  return {
    title: [runLabel(report.model.checkpoint), baseName(report.data.name ?? '')]
      .filter(Boolean)
      .map((name) => shorten(name, 60))
      .join(' on '),
    caption: captionOf(store, seen, panes),
    legend,
    panes,
    ink: css('--ink'),
    muted: css('--muted'),
    paper: css('--paper'),
  };
}

/** What the picture shows, line by line. */
function captionOf(store: Store, seen: Seen[], panes: Pane[]): string[] {
  const { points, report, queries } = store.page;
  const { isAll, rows } = store.selection();
  const { colouring } = store.get();
  const maps = seen.map(({ title, method }) => {
    const facts = report.maps[method];
    const quality = facts
      ? `: trustworthiness ${fixed(facts.trustworthiness)}, continuity ${fixed(facts.continuity)} (k = ${facts.k})`
      : '';
    return `${title} of ${counted(points?.n ?? 0, 'point')}${quality}.`;
  });
  const colour = colouringsOf(store.page).find(({ id }) => id === colouring)?.label ?? '';
  const selected = isAll ? '' : ` Selected: ${count(rows.length)} of ${counted(queries.n, 'query', 'queries')}.`;
  const strokes = panes.flatMap((pane) => pane.strokes);
  const drawn = [
    strokes.some(({ kind }) => kind === 'link') && 'Lines join queries to relevant documents; dashed: wrong at rank 1.',
    strokes.some(({ kind }) => kind === 'neighbour') && 'Dotted lines join the open point to its nearest.',
    panes.some(({ areas }) => areas.length > 0) && `Outlines hold ${percents(SHARES)} of the points that stand out.`,
  ];
  return [
    ...maps,
    `Colour: ${colour}.${selected}`,
    ...drawn.filter((line) => line !== false),
    `embedscope ${shorten(report.embedscope_version, 20)}, seed ${report.seed}.`,
  ];
}

/** The picture drawn as pixels, finer than on the screen. */
async function rasterised(svg: string, { width, height }: { width: number; height: number }): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [Math.round(width * FINER), Math.round(height * FINER)];
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the browser made no picture'))), 'image/png');
  });
}
