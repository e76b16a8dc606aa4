/** A query typed in: the documents that the model returns, their place on the map, the words that decide. */
import { useEffect, useState } from 'preact/hooks';
import type { LiveAnswer, LiveFacts } from '../contract';
import { count, counted, fixed, shorten } from '../model/format';
import { faultOf, unreadWords } from '../model/live';
import type { Store } from '../state';
import { ask, Fault, useRequest } from './asking';
import { LiveList, Moved } from './livelist';
import { LiveMap } from './livemap';
import { DecidingPair } from './livewords';
import { Link, Name, Section, useStore } from './parts';

/** What was asked last, kept while the reader looks at another view. */
interface Session {
  text: string;
  /** The id of the query of the test set that is being edited. */
  edited: string | null;
  answer: LiveAnswer | null;
}

const sessions = new WeakMap<LiveFacts, Session>();
const NEW: Session = { text: '', edited: null, answer: null };

export function LiveView({ store }: { store: Store }) {
  const { live } = store.page;
  return live && <Live facts={live} store={store} />;
}

export function Live({ facts, store }: { facts: LiveFacts; store: Store | null }) {
  const [session, setSession] = useState(sessions.get(facts) ?? NEW);
  const [other, setOther] = useState(1);
  const request = useRequest();
  useEffect(() => {
    sessions.set(facts, session);
  }, [session]);
  const change = (next: Partial<Session>) => setSession((now) => ({ ...now, ...next }));
  const search = (text: string, edited: string | null) => {
    change({ text, edited });
    const fault = faultOf(text, facts.most_query_characters);
    if (fault) return request.refuse(fault);
    request.begin(
      (signal) => ask('search', edited === null ? { text } : { text, edited }, signal),
      (answer) => {
        setOther(1);
        change({ answer });
      },
    );
  };
  const { text, edited, answer } = session;
  const points = store?.page.points;
  return (
    <div class="live">
      <Asking facts={facts} text={text} edited={edited} isBusy={request.isBusy} onType={change} onSearch={search} />
      {store && <OpenQuery store={store} edited={edited} onSearch={search} />}
      <Fault text={request.fault} />
      {answer && (
        <div class="live-answer" aria-busy={request.isBusy}>
          <section aria-label="Answer">
            <About facts={facts} answer={answer} store={store} />
            <LiveList key={answer.query} facts={facts} answer={answer} other={other} onOther={setOther} />
          </section>
          <aside>
            {store && points && <LiveMap store={store} points={points} answer={answer} />}
            {answer.documents.length > other && <DecidingPair answer={answer} other={other} />}
          </aside>
        </div>
      )}
    </div>
  );
}

interface AskingProps {
  facts: LiveFacts;
  text: string;
  edited: string | null;
  isBusy: boolean;
  onType: (change: Partial<Session>) => void;
  onSearch: (text: string, edited: string | null) => void;
}

function Asking({ facts, text, edited, isBusy, onType, onSearch }: AskingProps) {
  const submit = () => onSearch(text, edited);
  return (
    <form
      class="live-asking"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <h1>
        <label for="live-query">
          {edited === null ? 'Query' : `Query, edited from ${shorten(edited, 24)}`}{' '}
          <span class="muted">against {counted(facts.n_documents, 'document')}</span>
        </label>
      </h1>
      <textarea
        id="live-query"
        rows={2}
        dir="auto"
        value={text}
        onInput={(event) => onType({ text: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          submit();
        }}
      />
      <p class="live-actions">
        <button type="submit" class="tool is-main">
          Search
        </button>
        {edited !== null && <Link onPress={() => onType({ edited: null })}>a query of your own</Link>}
        {isBusy && <span role="status">Searching …</span>}
      </p>
    </form>
  );
}

/** Offers the query that is open elsewhere on the page. */
function OpenQuery({ store, edited, onSearch }: Pick<AskingProps, 'edited' | 'onSearch'> & { store: Store }) {
  const { query } = useStore(store);
  const { ids, texts } = store.page.queries;
  if (query === null || ids[query] === edited) return null;
  return (
    <p class="note">
      Open: “<bdi>{shorten(texts[query], 90)}</bdi>”{' '}
      <Link onPress={() => onSearch(texts[query], ids[query])}>edit this query</Link>
    </p>
  );
}

/** What is known of a query beside its documents: words that are not read, a query of the test set like it. */
function About({ facts, answer, store }: { facts: LiveFacts; answer: LiveAnswer; store: Store | null }) {
  const { nearest, test_query: testQuery, relevant } = answer;
  const unread = unreadWords(answer.query, answer.read, facts);
  const row = store && nearest ? store.page.queries.ids.indexOf(nearest.id) : -1;
  return (
    <div class="live-about">
      {unread && <p class="note">{unread}</p>}
      {testQuery && (
        <Section
          title={`Relevant to ${shorten(testQuery.id, 24)}`}
          note="Before: under the query as the test set has it."
        >
          <ul class="live-relevant">
            {relevant.map(({ document, before }) => (
              <li key={document.row}>
                <Moved before={before} after={document} /> <Name text={document.text} length={70} />
              </li>
            ))}
          </ul>
        </Section>
      )}
      {!testQuery && nearest && (
        <p class="note">
          Most like it in the test set (<span class="number">{fixed(nearest.score)}</span>): “
          <bdi>{shorten(nearest.text, 120)}</bdi>”{' '}
          {store && row >= 0 && <Link onPress={() => store.set({ view: 'queries', query: row })}>open</Link>}
        </p>
      )}
      <h2>{count(answer.documents.length)} best documents</h2>
    </div>
  );
}
