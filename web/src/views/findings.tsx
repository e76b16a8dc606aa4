/** Named faults with their size and what to do; pressing one selects its queries everywhere. */
import { differenceDomain, domainOf, Scale } from '../charts/interval';
import type { Finding } from '../contract';
import { count, counted, fixed, interval, shorten } from '../model/format';
import type { Store } from '../state';
import { Section, useStore } from './parts';

const SIGNS = { high: '▲', medium: '◆', low: '●' };

export function Findings({ store }: { store: Store }) {
  const { findings } = store.page.report;
  const { facets } = useStore(store);
  return (
    <Section title="Findings" note="In the order of what mending them would gain. Press one to select its queries.">
      <ol class="findings">
        {findings.map((finding, i) => (
          <Row
            key={i}
            finding={finding}
            isChosen={facets.finding === i}
            onChoose={() => store.setFacets({ finding: facets.finding === i ? null : i })}
          />
        ))}
      </ol>
    </Section>
  );
}

function Row({ finding, isChosen, onChoose }: { finding: Finding; isChosen: boolean; onChoose: () => void }) {
  const { severity, effect, low, high } = finding;
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
    </li>
  );
}
