/** Named faults with their size and what to do; pressing one selects its queries everywhere and shows the first. */
import { useMemo } from 'preact/hooks';
import { differenceDomain, domainOf, Scale } from '../charts/interval';
import type { Finding, Page } from '../contract';
import { count, counted, fixed, interval, shorten } from '../model/format';
import { relevantOf } from '../model/queries';
import type { Store } from '../state';
import { Link, Mark, OfAll, Section, useStore } from './parts';

/** Queries shown of a finding; the table has all. */
const SHOWN = 4;
const SIGNS = { high: '▲', medium: '◆', low: '●' };

export function Findings({ store }: { store: Store }) {
  const { findings } = store.page.report;
  const { facets } = useStore(store);
  return (
    <Section title="Findings" note="In the order of what fixing them would gain. Press one to select its queries.">
      <OfAll store={store} what="The effects" />
      <ol class="findings">
        {findings.map((finding, i) => (
          <Row
            key={i}
            store={store}
            finding={finding}
            isChosen={facets.finding === i}
            onChoose={() => store.setFacets({ finding: facets.finding === i ? null : i })}
          />
        ))}
      </ol>
    </Section>
  );
}

function Row(props: { store: Store; finding: Finding; isChosen: boolean; onChoose: () => void }) {
  const { finding, isChosen, onChoose } = props;
  const { severity, effect, low, high } = finding;
  const { isAll, isQuery } = props.store.selection();
  const figures = [effect, low, high];
  const isSigned = figures.some((value) => value !== null && value < 0);
  const body = (
    <>
      <span class="finding-sign">
        <span aria-hidden="true">{SIGNS[severity]}</span> {severity}
      </span>
      <span class="finding-title">
        <bdi>{shorten(finding.title, 200)}</bdi>
        <small>
          <bdi>{shorten(finding.action, 300)}</bdi>
        </small>
      </span>
      <span class="finding-effect number">
        <strong>{fixed(effect)}</strong>
        <small>{interval(low, high)}</small>
      </span>
      <Scale
        value={effect}
        low={low}
        high={high}
        domain={isSigned ? differenceDomain(figures) : domainOf(figures)}
        zero={isSigned ? 0 : undefined}
        tone="wrong"
        hasEnds
      />
      <span class="finding-rows number">
        {finding.rows.length > 0 && counted(finding.rows.length, 'query', 'queries')}
        <small>of {count(finding.n)}</small>
        {!isAll && finding.rows.length > 0 && (
          <small>{count(finding.rows.filter((row) => isQuery[row]).length)} selected</small>
        )}
      </span>
    </>
  );
  return (
    <li class={`finding is-${severity}`}>
      {finding.rows.length > 0 ? (
        <button type="button" aria-pressed={isChosen} onClick={onChoose}>
          {body}
        </button>
      ) : (
        <div>{body}</div>
      )}
      {isChosen && <Evidence store={props.store} finding={finding} />}
    </li>
  );
}

/** The first queries of a finding, each with its relevant document and the one that shows the fault. */
function Evidence({ store, finding }: { store: Store; finding: Finding }) {
  const { page } = store;
  const places = useMemo(() => new Map(page.documents.ids.map((id, i) => [id, i])), [page]);
  const rows = finding.rows.slice(0, SHOWN).filter((row) => row < page.queries.n);
  return (
    <div class="evidence">
      <ul>
        {rows.map((row, i) => {
          const [relevant] = relevantOf(page, row);
          const named = places.get(finding.documents?.[i] ?? '') ?? page.queries.wrongDocument[row];
          const isRelevant = relevantOf(page, row).some(({ document }) => document === named);
          return (
            <li key={row}>
              <Link onPress={() => store.set({ query: row, view: 'queries' })}>
                <bdi>{shorten(page.queries.texts[row], 160)}</bdi>
              </Link>
              {relevant && <Text page={page} document={relevant.document} isCorrect />}
              {named >= 0 && !isRelevant && <Text page={page} document={named} isCorrect={false} />}
            </li>
          );
        })}
      </ul>
      <Link onPress={() => store.set({ view: 'queries' })}>
        all {counted(finding.rows.length, 'query', 'queries')} in the table
      </Link>
    </div>
  );
}

function Text({ page, document, isCorrect }: { page: Page; document: number; isCorrect: boolean }) {
  return (
    <p>
      <Mark isCorrect={isCorrect} /> <bdi>{shorten(page.documents.texts[document], 220) || '(empty)'}</bdi>
    </p>
  );
}
