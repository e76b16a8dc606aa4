/** The failing queries as a list on paper. */
import { explainedOf } from '../model/explanations';
import { counted, fixed, rank, shorten, signed } from '../model/format';
import { leadOf, relevantOf, sorted, typeNamesOf } from '../model/queries';
import type { Store } from '../state';
import { Effect } from './explained';
import { Section } from './parts';

const PRINTED = 60;

export function PrintedQueries({ store }: { store: Store }) {
  const { page } = store;
  const q = page.queries;
  const failing = Uint32Array.from({ length: q.n }, (_, row) => row).filter((row) => !q.isCorrect[row]);
  const rows = Array.from(sorted(page, failing, 'lead', false).subarray(0, PRINTED));
  return (
    <Section
      title="Failing queries"
      note={`${counted(failing.length, 'query', 'queries')} wrong at rank 1${failing.length > PRINTED ? `; the ${PRINTED} of the greatest loss` : ''}.`}
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
