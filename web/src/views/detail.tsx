/** One query in full: what came back, what should have, and where the words differ. */
import { useMemo, useState } from 'preact/hooks';
import type { Compare, Page } from '../contract';
import { difference, type Piece } from '../model/diff';
import { fixed, rank, signed } from '../model/format';
import { fallenFor, modeOf, negativesOf, relevantOf, topOf } from '../model/queries';
import type { Store } from '../state';
import { FullText, Mark, Name } from './parts';

const DIFFED = 6000;

export function Detail({ store, query, onStep }: { store: Store; query: number; onStep?: (by: number) => void }) {
  const { page } = store;
  const q = page.queries;
  const isCorrect = q.isCorrect[query] === 1;
  const mode = modeOf(page, query);
  return (
    <article class="detail" aria-label="Query">
      <header>
        <p class="detail-state">
          <Mark isCorrect={isCorrect} />
          <strong>{Number.isNaN(q.rank[query]) ? 'No relevant document' : `Rank ${rank(q.rank[query])}`}</strong>
          <span class="number">margin {signed(q.margin[query])}</span>
          {q.nTied[query] > 0 && <span>tied with {q.nTied[query]}</span>}
          {mode && (
            <button
              type="button"
              class="tag"
              title="Select every query that fails for this reason"
              onClick={() => store.setFacets({ mode: q.failureMode[query] })}
            >
              <Name text={mode} length={48} />
            </button>
          )}
          <span class="muted">
            <Name text={q.ids[query]} length={24} />
          </span>
        </p>
        <span class="detail-buttons">
          {onStep && (
            <>
              <button type="button" class="icon" aria-label="Previous query" onClick={() => onStep(-1)}>
                ↑
              </button>
              <button type="button" class="icon" aria-label="Next query" onClick={() => onStep(1)}>
                ↓
              </button>
            </>
          )}
          <button type="button" class="icon" aria-label="Close" onClick={() => store.set({ query: null })}>
            ×
          </button>
        </span>
      </header>
      <FullText key={query} text={q.texts[query]} className="detail-query" />
      {page.compare && <RanksOf compare={page.compare} query={query} />}
      <Body key={query} page={page} query={query} isCorrect={isCorrect} />
    </article>
  );
}

/** Where the first relevant document stands with each of the runs compared. */
function RanksOf({ compare, query }: { compare: Compare; query: number }) {
  const { reference, candidates, judged } = compare;
  return (
    <dl class="ranks-of">
      {[reference, ...candidates].map((run, i) => (
        <div key={run.name} class={i === judged + 1 ? 'strong' : ''}>
          <dt>
            <Name text={run.label} length={40} />
          </dt>
          <dd>
            <Mark isCorrect={run.isCorrect[query] === 1} /> <span class="number">rank {rank(run.rank[query])}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Body({ page, query, isCorrect }: { page: Page; query: number; isCorrect: boolean }) {
  const relevant = relevantOf(page, query);
  const negatives = negativesOf(page, query);
  const top = topOf(page, query);
  const first = page.queries.wrongDocument[query] >= 0 ? page.queries.wrongDocument[query] : negatives[0]?.document;
  const [opponent, setOpponent] = useState<number | undefined>(first);
  const typeNames = (document: number) => {
    const own = negatives.find((negative) => negative.document === document);
    return own ? own.types.map((type) => page.types[type]) : [];
  };
  const scores = [...top, ...relevant, ...negatives].map(({ score }) => score);
  const low = Math.min(0, ...scores);
  const share = (score: number) => `${(100 * (score - low)) / (Math.max(...scores, 0.01) - low)}%`;
  const row = (document: number, score: number, isRelevant: boolean, place: string, weight?: number) => (
    <li
      key={document}
      class={`hit ${isRelevant ? 'is-right' : 'is-wrong'} ${document === opponent ? 'is-opponent' : ''}`}
    >
      <span class="hit-place number">{place}</span>
      <Mark isCorrect={isRelevant} />
      <span class="hit-bar" aria-hidden="true">
        <i style={{ width: share(score) }} />
      </span>
      <span class="hit-score number">{fixed(score)}</span>
      <Expandable text={page.documents.texts[document]} />
      <span class="hit-tags">
        {typeNames(document).map((name) => (
          <span key={name} class="tag">
            <Name text={name} length={28} />
          </span>
        ))}
        {weight !== undefined && weight !== 1 && <span class="muted">weight {fixed(weight, 2)}</span>}
        {!isRelevant && document !== opponent && relevant.length > 0 && (
          <button type="button" class="link" onClick={() => setOpponent(document)}>
            compare
          </button>
        )}
      </span>
    </li>
  );
  return (
    <>
      {relevant.length > 0 && opponent !== undefined && (
        <Versus
          page={page}
          query={query}
          relevant={relevant[0]}
          opponent={opponent}
          types={typeNames(opponent)}
          isCorrect={isCorrect}
        />
      )}
      <h3>Top {top.length}</h3>
      <ol class="hits">{top.map((hit, i) => row(hit.document, hit.score, hit.isRelevant, String(i + 1)))}</ol>
      <h3>Relevant</h3>
      <ul class="hits">{relevant.map((hit) => row(hit.document, hit.score, true, ''))}</ul>
      {negatives.length > 0 && (
        <>
          <h3>Hard negatives</h3>
          <ul class="hits">{negatives.map((hit) => row(hit.document, hit.score, false, '', hit.weight))}</ul>
        </>
      )}
    </>
  );
}

/** A text on two lines that opens when it is pressed. */
function Expandable({ text }: { text: string }) {
  const [isOpen, setOpen] = useState(false);
  if (isOpen) return <FullText text={text} className="hit-text" />;
  return (
    <button type="button" class="hit-text is-clamped" aria-expanded="false" onClick={() => setOpen(true)}>
      <bdi>{text.slice(0, 400) || '(empty)'}</bdi>
    </button>
  );
}

function Versus(props: {
  page: Page;
  query: number;
  relevant: { document: number; score: number };
  opponent: number;
  types: string[];
  isCorrect: boolean;
}) {
  const { page, query, relevant, opponent } = props;
  const { texts } = page.documents;
  const [ours, theirs] = useMemo(
    () => difference(texts[relevant.document].slice(0, DIFFED), texts[opponent].slice(0, DIFFED)),
    [texts, relevant.document, opponent],
  );
  const score = scoreOf(page, query, opponent);
  const stands = score !== null && score >= relevant.score ? 'Stands above it' : 'Comes closest';
  return (
    <section class="versus" aria-label="Word differences">
      <div class="versus-side is-right">
        <h3>
          <Mark isCorrect /> Relevant <span class="number">{fixed(relevant.score)}</span>
        </h3>
        <Pieces pieces={ours} />
      </div>
      <div class="versus-side is-wrong">
        <h3>
          <Mark isCorrect={false} /> {stands} <span class="number">{fixed(score)}</span>
          {props.types.map((name) => (
            <span key={name} class="tag">
              <Name text={name} length={28} />
            </span>
          ))}
        </h3>
        <Pieces pieces={theirs} />
      </div>
    </section>
  );
}

function Pieces({ pieces }: { pieces: Piece[] }) {
  return (
    <p class="pieces">
      <bdi>
        {pieces.map((piece, i) =>
          piece.isShared ? <span key={i}>{piece.text}</span> : <mark key={i}>{piece.text}</mark>,
        )}
      </bdi>
    </p>
  );
}

function scoreOf(page: Page, query: number, document: number): number | null {
  const found =
    topOf(page, query).find((hit) => hit.document === document) ??
    negativesOf(page, query).find((hit) => hit.document === document);
  if (found) return found.score;
  return page.queries.wrongDocument[query] === document ? page.queries.wrongSimilarity[query] : null;
}

/** Names of the types that a failing query fell for. */
export function fellFor(page: Page, query: number): string[] {
  return fallenFor(page, query).map((type) => page.types[type]);
}
