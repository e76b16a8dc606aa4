/** One query in full: what came back, what should have, and where the words differ. */
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Compare, Page } from '../contract';
import { runNames } from '../model/compare';
import { difference, MOST_MARKED, markedShare, type Piece } from '../model/diff';
import { explainedOf } from '../model/explanations';
import { count, counted, fixed, percent, rank, shorten, signed } from '../model/format';
import { leadOf, modeOf, negativesOf, relevantOf, topOf } from '../model/queries';
import type { Store } from '../state';
import { MoreLikeThis } from './alike';
import { ExplainedTexts } from './explained';
import { Nearest } from './nearest';
import { Choice, FullText, IconButton, Link, Mark, Name, Tag } from './parts';

const DIFFED = 6000;

type WordView = 'decide' | 'differ';
const WORD_VIEWS: { value: WordView; label: string }[] = [
  { value: 'decide', label: 'Words that decide' },
  { value: 'differ', label: 'Words that differ' },
];

export function Detail({ store, query, onStep }: { store: Store; query: number; onStep?: (by: number) => void }) {
  const { page } = store;
  const q = page.queries;
  const mode = modeOf(page, query);
  // On the map its neighbours are what one has opened it for.
  const isOnMap = store.get().view === 'map';
  const nearest = <Nearest store={store} row={query} isQuery />;
  return (
    <article class="detail" aria-label="Query">
      <h2 class="unseen">Query</h2>
      <header>
        <p class="detail-state">
          <Mark isCorrect={q.isCorrect[query] === 1} />
          <strong>{rankOf(q.rank[query])}</strong>
          <span class="number">to best wrong {signed(leadOf(page, query))}</span>
          {!Number.isNaN(q.margin[query]) && <span class="number">to hard negative {signed(q.margin[query])}</span>}
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
          {onStep && <IconButton label="Previous query" sign="↑" onPress={() => onStep(-1)} />}
          {onStep && <IconButton label="Next query" sign="↓" onPress={() => onStep(1)} />}
          <IconButton label="Close" sign="×" onPress={() => store.set({ query: null })} />
        </span>
      </header>
      {q.failureEvidence?.[query] && (
        <p class="note">
          <bdi>{shorten(q.failureEvidence[query], 400)}</bdi>
        </p>
      )}
      {page.compare && <RanksOf compare={page.compare} query={query} />}
      <Body key={query} store={store} query={query}>
        {isOnMap && nearest}
      </Body>
      <MoreLikeThis store={store} kind="query" row={query} />
      {!isOnMap && nearest}
    </article>
  );
}

/** Where the first relevant document stands with each of the runs compared. */
function RanksOf({ compare, query }: { compare: Compare; query: number }) {
  const { reference, candidates, shown } = compare;
  const names = runNames(compare, 40);
  return (
    <dl class="ranks-of">
      {[reference, ...candidates].map((run, i) => (
        <div key={run.name} class={i === shown + 1 ? 'strong' : ''}>
          <dt>
            <Name text={run.label} shown={names[i]} />
          </dt>
          <dd>
            <Mark isCorrect={run.isCorrect[query] === 1} /> <span class="number">rank {rank(run.rank[query])}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** The texts of the query, of its relevant document and of the one beside it; after `children` every document. */
function Body(props: { store: Store; query: number; children: ComponentChildren }) {
  const { store, query } = props;
  const { page } = store;
  const [relevant] = relevantOf(page, query);
  const { wrongDocument } = page.queries;
  const first = wrongDocument[query] >= 0 ? wrongDocument[query] : negativesOf(page, query)[0]?.document;
  const [opponent, setOpponent] = useState<number | undefined>(first);
  const [wordView, setWordView] = useState<WordView>('decide');
  const explained = useMemo(() => explainedOf(page, query), [page, query]);
  const isExplained = explained !== null && wordView === 'decide' && opponent === explained.wrong;
  const choose = (view: WordView) => {
    setWordView(view);
    if (explained && view === 'decide') setOpponent(explained.wrong);
  };
  return (
    <>
      {explained && (
        <Choice label="Marked words" value={isExplained ? 'decide' : 'differ'} options={WORD_VIEWS} onChange={choose} />
      )}
      {isExplained ? (
        <ExplainedTexts
          page={page}
          explained={explained}
          rightScore={page.queries.positiveSimilarity[query]}
          wrongScore={page.queries.wrongSimilarity[query]}
        />
      ) : (
        <FullText text={page.queries.texts[query]} className="detail-query" />
      )}
      {!explained && <WhyNotExplained page={page} query={query} />}
      {!isExplained && relevant && opponent !== undefined && (
        <Versus page={page} query={query} relevant={relevant} opponent={opponent} />
      )}
      {props.children}
      <Lists store={store} query={query} opponent={opponent} onCompare={relevant && setOpponent} />
    </>
  );
}

/** Names of the types of a document as a hard negative of the query. */
function typesOf(page: Page, query: number, document: number): string[] {
  const own = negativesOf(page, query).find((negative) => negative.document === document);
  return own ? own.types.map((type) => page.types[type]) : [];
}

/** What came back, what should have, and what was to be kept away. */
function Lists(props: {
  store: Store;
  query: number;
  opponent: number | undefined;
  /** Shows the words of a document beside those of the relevant one. */
  onCompare?: (document: number) => void;
}) {
  const { store, query, opponent, onCompare } = props;
  const { page } = store;
  const relevant = relevantOf(page, query);
  const negatives = negativesOf(page, query);
  const top = topOf(page, query);
  const scores = [...top, ...relevant, ...negatives].map(({ score }) => score);
  const low = Math.min(0, ...scores);
  const high = Math.max(...scores, 0.01);
  const hit = ({ document, score, weight, isRelevant }: Ranked, place = '') => (
    <Hit
      key={document}
      text={page.documents.texts[document]}
      place={place}
      score={score}
      share={(score - low) / (high - low)}
      weight={weight}
      isRelevant={isRelevant}
      isOpponent={document === opponent}
      types={typesOf(page, query, document)}
      onCompare={onCompare && (() => onCompare(document))}
      onOpen={() => store.set({ document })}
    />
  );
  return (
    <>
      <h3>Top {top.length}</h3>
      <ol class="hits">{top.map((each, i) => hit(each, String(i + 1)))}</ol>
      <h3>Relevant</h3>
      <ul class="hits">{relevant.map((each) => hit({ ...each, isRelevant: true }))}</ul>
      {negatives.length > 0 && (
        <>
          <h3>Hard negatives</h3>
          <ul class="hits">{negatives.map((each) => hit({ ...each, isRelevant: false }))}</ul>
        </>
      )}
    </>
  );
}

/** Why nobody looked at the words of a failed query. */
function WhyNotExplained({ page: { queries, report }, query }: { page: Page; query: number }) {
  if (queries.isCorrect[query] === 1) return null;
  const reason = report.not_measured?.explanations;
  if (report.explanations) {
    const { failures, n_failures: all } = report.explanations;
    return (
      <p class="note">
        Which words decide is not known: {count(failures.length)} of {counted(all, 'failure')} were looked at
        (--explain), not this one.
      </p>
    );
  }
  return reason ? <p class="note">Which words decide is not known: {shorten(reason, 200)}.</p> : null;
}

interface Ranked {
  document: number;
  score: number;
  weight?: number;
  isRelevant: boolean;
}

/** A document with its score as a number and as a bar. */
function Hit(props: {
  text: string;
  place: string;
  score: number;
  /** Length of the bar, 0 to 1. */
  share: number;
  weight?: number;
  isRelevant: boolean;
  isOpponent: boolean;
  types: string[];
  /** Shows its words beside those of the relevant document. */
  onCompare?: () => void;
  onOpen: () => void;
}) {
  const { isRelevant, isOpponent, weight } = props;
  return (
    <li class={`hit ${isRelevant ? 'is-right' : 'is-wrong'} ${isOpponent ? 'is-opponent' : ''}`}>
      <span class="hit-place number">{props.place}</span>
      <Mark isCorrect={isRelevant} />
      <span class="hit-bar" aria-hidden="true">
        <i style={{ width: `${100 * props.share}%` }} />
      </span>
      <span class="hit-score number">{fixed(props.score)}</span>
      <Expandable text={props.text} />
      <span class="hit-tags">
        {props.types.map((name) => (
          <Tag key={name} name={name} />
        ))}
        {weight !== undefined && weight !== 1 && <span class="muted">weight {fixed(weight, 2)}</span>}
        {!isRelevant && !isOpponent && props.onCompare && <Link onPress={props.onCompare}>compare</Link>}
        <Link onPress={props.onOpen}>document</Link>
      </span>
    </li>
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

function Versus(props: { page: Page; query: number; relevant: { document: number; score: number }; opponent: number }) {
  const { page, query, relevant, opponent } = props;
  const { texts } = page.documents;
  const [ours, theirs] = useMemo(
    () => difference(texts[relevant.document].slice(0, DIFFED), texts[opponent].slice(0, DIFFED)),
    [texts, relevant.document, opponent],
  );
  const isMarked = markedShare([...ours, ...theirs]) <= MOST_MARKED;
  const score = scoreOf(page, query, opponent);
  const stands = score !== null && score >= relevant.score ? 'Stands above it' : 'Comes closest';
  return (
    <section class="versus" aria-label="Word differences">
      {!isMarked && <p class="note">More than {percent(MOST_MARKED)} of the words differ, so none is marked.</p>}
      <div class="versus-side is-right">
        <h3>
          <Mark isCorrect /> Relevant <span class="number">{fixed(relevant.score)}</span>
        </h3>
        <Pieces pieces={ours} isMarked={isMarked} />
      </div>
      <div class="versus-side is-wrong">
        <h3>
          <Mark isCorrect={false} /> {stands} <span class="number">{fixed(score)}</span>
          {typesOf(page, query, opponent).map((name) => (
            <Tag key={name} name={name} />
          ))}
        </h3>
        <Pieces pieces={theirs} isMarked={isMarked} />
      </div>
    </section>
  );
}

function Pieces({ pieces, isMarked }: { pieces: Piece[]; isMarked: boolean }) {
  return (
    <p class="pieces">
      <bdi>
        {pieces.map((piece, i) =>
          piece.isShared || !isMarked ? <span key={i}>{piece.text}</span> : <mark key={i}>{piece.text}</mark>,
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

/** Where the first relevant document stands; Infinity where a run did not return one. */
function rankOf(value: number): string {
  if (Number.isNaN(value)) return 'No relevant document';
  return Number.isFinite(value) ? `Rank ${rank(value)}` : 'Not in the list';
}
