/** The documents of an answer, each of which can be changed in place. */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { LiveAnswer, LiveDocument, LiveFacts, LiveMoved, LivePlace } from '../contract';
import { counted, fixed, rank } from '../model/format';
import { directionOf, faultOf, movedWords, unreadWords } from '../model/live';
import { ask, Fault, useRequest } from './asking';
import { FullText, Link, Mark, Name } from './parts';

/** Characters of a document in the list before one asks for all of them. */
const SHOWN = 400;

interface ListProps {
  facts: LiveFacts;
  answer: LiveAnswer;
  /** The place of the document that is held against the first. */
  other: number;
  onOther: (place: number) => void;
}

export function LiveList({ facts, answer, other, onOther }: ListProps) {
  return (
    <ol class="live-list" aria-label="Documents">
      {answer.documents.map((document, place) => (
        <li key={document.row}>
          <Found facts={facts} answer={answer} document={document}>
            {place > 0 && (
              <Link isPressed={place === other} onPress={() => onOther(place)}>
                words against rank 1
              </Link>
            )}
          </Found>
        </li>
      ))}
    </ol>
  );
}

interface FoundProps {
  facts: LiveFacts;
  answer: LiveAnswer;
  document: LiveDocument;
  children: ComponentChildren;
}

function Found({ facts, answer, document, children }: FoundProps) {
  const [isEdited, setEdited] = useState(false);
  const unread = unreadWords(document.text, document.read, facts);
  return (
    <article aria-label={`Rank ${document.rank}`}>
      <header>
        <strong class="number">{rank(document.rank)}</strong>
        <span class="number">{fixed(document.score)}</span>
        <Relevance document={document} />
        <span class="muted">
          <Name text={document.id} length={24} />
        </span>
        <span class="live-actions">
          {children}
          <Link isPressed={isEdited} onPress={() => setEdited(!isEdited)}>
            edit
          </Link>
        </span>
      </header>
      {isEdited ? (
        <Editor facts={facts} answer={answer} document={document} onClose={() => setEdited(false)} />
      ) : (
        <FullText text={document.text} most={SHOWN} />
      )}
      {unread && !isEdited && <p class="note">{unread}</p>}
    </article>
  );
}

/** Whether a document is relevant to the query, or to any query of the test set. */
function Relevance({ document: { is_relevant: isRelevant, n_relevant_to: n } }: { document: LiveDocument }) {
  if (isRelevant !== null) {
    return (
      <span>
        <Mark isCorrect={isRelevant} /> {isRelevant ? 'relevant' : 'not relevant'}
      </span>
    );
  }
  return <span class="muted">{n > 0 ? `relevant to ${counted(n, 'query', 'queries')}` : 'relevant to no query'}</span>;
}

function Editor(props: { facts: LiveFacts; answer: LiveAnswer; document: LiveDocument; onClose: () => void }) {
  const { facts, answer, document } = props;
  const field = useRef<HTMLTextAreaElement>(null);
  const [moved, setMoved] = useState<LiveMoved | null>(null);
  const request = useRequest();
  const score = () => {
    const text = field.current?.value ?? '';
    const fault = faultOf(text, facts.most_document_characters);
    if (fault) return request.refuse(fault);
    const asked = { text: answer.query, document: text, row: document.row };
    request.begin((signal) => ask('score', asked, signal), setMoved);
  };
  const unread = moved && unreadWords(moved.document, moved.read, facts);
  return (
    <form
      class="live-editor"
      onSubmit={(event) => {
        event.preventDefault();
        score();
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) score();
        else if (event.key === 'Escape') {
          event.stopPropagation();
          props.onClose();
        }
      }}
    >
      <textarea
        ref={field}
        rows={5}
        dir="auto"
        aria-label={`Text of the document at rank ${document.rank}`}
        defaultValue={document.text}
      />
      <p class="live-actions">
        <button type="submit" class="tool" title="Or Ctrl and Enter">
          Score the text
        </button>
        {request.isBusy && <span role="status">Encoding …</span>}
        {moved && <Moved before={moved.before} after={moved.after} />}
      </p>
      {unread && <p class="note">{unread}</p>}
      <Fault text={request.fault} />
    </form>
  );
}

/** Rank and score before and after, with a sign for the direction. */
export function Moved({ before, after }: { before: LivePlace; after: LivePlace }) {
  return (
    <span class="number live-moved" role="status">
      <span aria-hidden="true">{directionOf(before, after)}</span> {movedWords(before, after)}
    </span>
  );
}
