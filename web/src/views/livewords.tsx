/** Which words decide between two documents of an answer. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { LiveAnswer, LiveDocument, LiveWords, TextRole } from '../contract';
import type { Deletion } from '../model/explanations';
import { fixed, rank, shorten, signed } from '../model/format';
import { ask, Fault, useRequest } from './asking';
import { type Measured, StruckTexts } from './explained';
import { Section } from './parts';

const NAMES: Record<TextRole, string> = {
  query: 'the query',
  right: 'the first document',
  wrong: 'the other document',
};

/** The best document against another, measured as soon as the answer is there: `other` is its place in the list. */
export function DecidingPair({ answer, other }: { answer: LiveAnswer; other: number }) {
  const { documents, query } = answer;
  const [first, second] = [documents[0], documents[other]];
  const [words, setWords] = useState<LiveWords | null>(null);
  const request = useRequest();
  useEffect(() => {
    setWords(null);
    request.begin((signal) => ask('words', { text: query, first: first.row, second: second.row }, signal), setWords);
    return request.end;
  }, [answer, other]);
  return (
    <Section
      title="Words that decide"
      note={`Rank ${rank(first.rank)} against rank ${rank(second.rank)}: each word of the three texts left out alone.`}
    >
      {request.isBusy && (
        <p class="note" role="status">
          Leaving out words …
        </p>
      )}
      <Fault text={request.fault} />
      {words && <Pair answer={answer} first={first} second={second} words={words} />}
    </Section>
  );
}

function Pair(props: { answer: LiveAnswer; first: LiveDocument; second: LiveDocument; words: LiveWords }) {
  const { answer, first, second, words } = props;
  const texts = useMemo(
    () => ({ query: answer.query, right: first.text, wrong: second.text }),
    [answer, first, second],
  );
  const explained = useMemo(() => measuredOf(words), [words]);
  const titleOf = (document: LiveDocument) => (
    <>
      Rank {rank(document.rank)} <span class="number">{fixed(document.score)}</span>
    </>
  );
  const effect = (deletion: Deletion) => {
    const after = words.difference + deletion.change;
    return (
      <>
        Leaving out “<bdi>{shorten(texts[deletion.role].slice(deletion.start, deletion.end), 60)}</bdi>” of{' '}
        {NAMES[deletion.role]} moves the difference from <b class="number">{signed(words.difference)}</b> to{' '}
        <b class="number">{signed(after)}</b>
        {after < 0 ? '; the other document then stands before it.' : '.'}
      </>
    );
  };
  return (
    <StruckTexts
      texts={texts}
      explained={explained}
      names={NAMES}
      right={titleOf(first)}
      wrong={titleOf(second)}
      effect={effect}
    />
  );
}

/** The word that holds the first document up most is told first: without it the first document loses most. */
function measuredOf({ deletions, unseen, noise }: LiveWords): Measured {
  const own = deletions.map(
    ({ role, ...span }): Deletion => ({ ...span, role: role as TextRole, putsRightFirst: false }),
  );
  const best = own.reduce<Deletion | null>(
    (least, each) => (!least || each.change < least.change ? each : least),
    null,
  );
  return { deletions: own, best, unseen, noise };
}
