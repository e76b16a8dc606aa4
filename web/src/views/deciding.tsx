/** Which words decide failures over the whole set, and what a changed value does to a score. */
import { domainOf } from '../charts/interval';
import type { MinimalPairs, Report } from '../contract';
import { excerptOf } from '../model/explanations';
import { count, counted, interval, percent, shorten } from '../model/format';
import type { Store } from '../state';
import { SOURCES } from './explained';
import { Link, Name, OfAll, Section, useStore } from './parts';
import { type Column, numbers, scales, Table } from './table';

type Explanations = NonNullable<Report['explanations']>;
type WordRow = [place: number, word: Explanations['deciding'][number]];

/** Words shown; report.json has all. */
const SHOWN = 12;

export function DecidingWords({ store, explanations }: { store: Store; explanations: Explanations }) {
  const { facets } = useStore(store);
  const { deciding, failures, n_failures: all, one_word: one } = explanations;
  const rows = deciding.slice(0, SHOWN).map((word, place): WordRow => [place, word]);
  return (
    <Section
      title="Words that decide"
      note={
        <>
          {counted(failures.length, 'failure')} of {count(all)} looked at, each word of the query and of the two
          documents left out alone. One word less puts the relevant document first in <b>{percent(one.value)}</b>{' '}
          {one.low !== null && one.high !== null && `[${percent(one.low)}, ${percent(one.high)}] `}of them. A word
          decides a failure where leaving it out helps the relevant document most.
        </>
      }
    >
      <OfAll store={store} />
      {rows.length > 0 && (
        <Table
          className="deciding"
          columns={wordColumns(store, failures.length)}
          rows={rows}
          rowClass={([place]) => (facets.word === place ? 'is-chosen' : '')}
        />
      )}
      {deciding.length > SHOWN && <p class="note">{count(deciding.length - SHOWN)} more stand in report.json.</p>}
    </Section>
  );
}

function wordColumns(store: Store, nFailures: number): Column<WordRow>[] {
  const choose = (word: number) => store.setFacets({ word: store.get().facets.word === word ? null : word });
  return [
    {
      id: 'Word',
      scope: 'row',
      cell: ([place, { word }]) => (
        <Link isPressed={store.get().facets.word === place} onPress={() => choose(place)}>
          <Name text={`“${word}”`} length={40} />
        </Link>
      ),
    },
    { id: 'left out of', cell: ([, { role }]) => SOURCES[role] },
    numbers('Failures', ([, { n_failures: n }]) => count(n), { emphasis: 'strong' }),
    numbers('of those looked at', ([, { n_failures: n }]) => percent(n / Math.max(1, nFailures))),
    {
      id: 'links',
      header: null,
      className: 'links',
      cell: ([place]) => (
        <Link
          onPress={() => {
            store.setFacets({ word: place });
            store.set({ view: 'queries' });
          }}
        >
          queries
        </Link>
      ),
    },
  ];
}

export function Pairs({ store, pairs }: { store: Store; pairs: MinimalPairs[] }) {
  if (pairs.length === 0) return null;
  const domain = domainOf([1]);
  const columns: Column<MinimalPairs>[] = [
    { id: 'Value', scope: 'row', cell: ({ kind }) => <Name text={kind} length={40} /> },
    numbers('Pairs', ({ n }) => count(n)),
    numbers('Ignored', ({ ignored }) => percent(ignored.value), { emphasis: 'strong' }),
    scales({
      legend: ['0', '100 %'],
      scale: ({ ignored: { value, low, high } }) =>
        value === null ? null : { value, low, high, domain, tone: 'wrong' },
    }),
    {
      id: '95 %',
      className: 'number',
      emphasis: ({ ignored: { low } }) => (low === null ? 'is-reason' : ''),
      cell: ({ ignored: { low, high, reason } }) => interval(low, high, 2) || <Name text={reason ?? ''} length={200} />,
    },
    { id: 'Example', className: 'pair-example', cell: ({ example }) => example && <Example texts={example} /> },
  ];
  return (
    <Section
      title="Values that are ignored"
      note="One value of the relevant document is changed and nothing else. Ignored: the share of pairs in which another value lowers the score no more than another spelling of the same value does."
    >
      <OfAll store={store} />
      <Table className="minimal-pairs" columns={columns} rows={pairs} />
    </Section>
  );
}

function Example({ texts: [text, otherValue, otherSpelling] }: { texts: [string, string, string] }) {
  const lines: [string, string, string][] = [
    ['as it is', text, otherValue],
    ['another value', otherValue, text],
    ['another spelling', otherSpelling, text],
  ];
  return (
    <>
      {lines.map(([label, own, other]) => {
        const { before, changed, after } = excerptOf(own, other);
        return (
          <p key={label}>
            <small>{label}</small>{' '}
            <bdi>
              {before}
              <mark>{shorten(changed, 80)}</mark>
              {after}
            </bdi>
          </p>
        );
      })}
    </>
  );
}
