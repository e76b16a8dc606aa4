/** What stands only on paper: the maps as pictures, and the failing queries as a list. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { drawPoints, printedFrame } from '../charts/layer';
import type { Points } from '../contract';
import { colour, tally } from '../model/colouring';
import { explainedOf } from '../model/explanations';
import { count, counted, fixed, rank, shorten, signed } from '../model/format';
import { sorted } from '../model/order';
import { framed } from '../model/plane';
import { leadOf, relevantOf, typeNamesOf } from '../model/queries';
import type { Store } from '../state';
import { Effect } from './explained';
import { Section } from './parts';
import { CategoryKey, MAP_NAMES } from './points';

/** Failing queries on paper; a table holds all. */
const PRINTED = 500;

/** Every map in the chosen colours, as wide and as high as it is. */
export function PrintedMaps({ store }: { store: Store }) {
  const { points } = store.page;
  if (!points) return null;
  return (
    <>
      {points.maps.map((_, map) => (
        <PrintedMap key={map} store={store} points={points} map={map} />
      ))}
    </>
  );
}

/** Pixels of a side: 300 dots an inch on 12 cm. */
const SIDE = 1400;

function PrintedMap({ store, points, map }: { store: Store; points: Points; map: number }) {
  const { page } = store;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { name, xy } = points.maps[map];
  const { isPoint } = store.selection();
  const facts = page.report.maps[name];
  const colouring = colour(page, points, store.get().colouring, map);
  // Before the printer takes the page: there is no later frame.
  useLayoutEffect(() => {
    const tints = colouring.categories.map(({ tint }) => tint);
    const look = { categories: colouring.of, tints, isLit: isPoint, isFaded: null };
    if (!canvas.current) return;
    drawPoints(canvas.current, framed(xy), points.roles, look, printedFrame(canvas.current, points.n));
  });
  const found = tally(colouring, isPoint);
  const highest = framed(xy).reduce((most, y, i) => (i % 2 === 1 ? Math.max(most, Math.abs(y)) : most), 0.2);
  return (
    <Section
      title={`Map: ${MAP_NAMES[name] ?? shorten(name, 20)}`}
      note={
        facts &&
        `Trustworthiness ${fixed(facts.trustworthiness)}, continuity ${fixed(facts.continuity)} (k = ${facts.k}).`
      }
    >
      <canvas
        ref={canvas}
        class="printed-map"
        width={SIDE}
        height={Math.round(SIDE * (0.96 * highest + 0.04))}
        role="img"
        aria-label="Map"
      />
      <ul class="keys">
        {found.map(
          (n, category) =>
            n > 0 && (
              <li key={category}>
                <CategoryKey colouring={colouring} category={category} n={n} />
              </li>
            ),
        )}
      </ul>
    </Section>
  );
}

export function PrintedQueries({ store }: { store: Store }) {
  const { page } = store;
  const q = page.queries;
  const failing = Uint32Array.from({ length: q.n }, (_, row) => row).filter((row) => !q.isCorrect[row]);
  const rows = Array.from(sorted(page, failing, 'lead', false).subarray(0, PRINTED));
  return (
    <Section
      title="Failing queries"
      note={`${counted(failing.length, 'query', 'queries')} wrong at rank 1${failing.length > PRINTED ? `: the ${count(PRINTED)} of the greatest loss; the rest in queries.parquet` : ''}.`}
    >
      {rows.map((row) => {
        const [best] = relevantOf(page, row);
        const wrong = q.wrongDocument[row];
        const explained = explainedOf(page, row);
        return (
          <div key={row} class="printed-query">
            <p>
              <strong>
                <bdi>{shorten(q.texts[row], 300)}</bdi>
              </strong>{' '}
              rank {rank(q.rank[row])}, to best wrong {signed(leadOf(page, row))}{' '}
              {typeNamesOf(page, row)
                .map((name) => shorten(name, 30))
                .join(' + ')}
            </p>
            {wrong >= 0 && (
              <p>
                ✗ {fixed(q.wrongSimilarity[row])} <bdi>{shorten(page.documents.texts[wrong], 300)}</bdi>
              </p>
            )}
            {best && (
              <p>
                ✓ {fixed(best.score)} <bdi>{shorten(page.documents.texts[best.document], 300)}</bdi>
              </p>
            )}
            {explained?.best && (
              <p>
                <Effect page={page} explained={explained} deletion={explained.best} />
              </p>
            )}
          </div>
        );
      })}
    </Section>
  );
}
