/** Paired differences between two runs, metric by metric. */
import { type Domain, toneOf } from '../charts/interval';
import type { Comparison } from '../contract';
import { count, interval, pValue, signed } from '../model/format';
import { Name, Section } from './parts';
import { type Column, numbers, scales, Table } from './table';

/** Words along a scale of differences. */
export const differenceLegend = ({ low, high }: Domain) => [signed(low, 2), '0', signed(high, 2)];

const NOTE =
  'Difference on the same queries; the interval allows for queries that share documents, p for the number of metrics.';

export function Differences(props: {
  title: string;
  rows: Comparison[];
  domain: Domain;
  note?: string;
  isFolded?: boolean;
}) {
  const { title, rows, domain, note = NOTE } = props;
  const columns: Column<Comparison>[] = [
    { id: 'Metric', scope: 'row', cell: ({ metric }) => <Name text={metric} length={30} /> },
    numbers('Difference', ({ difference }) => signed(difference), { emphasis: 'strong' }),
    numbers('95 % interval', ({ low, high }) => interval(low, high)),
    scales({
      legend: differenceLegend(domain),
      scale: ({ difference, low, high }) => ({
        value: difference,
        low,
        high,
        domain,
        zero: 0,
        tone: toneOf(low, high),
      }),
    }),
    numbers('p', ({ p_adjusted }) => pValue(p_adjusted)),
    numbers('Better', ({ wins }) => count(wins)),
    numbers('Worse', ({ losses }) => count(losses)),
    numbers('Equal', ({ ties }) => count(ties)),
  ];
  return (
    <Section title={title} note={note} isFolded={props.isFolded}>
      <Table className="types" columns={columns} rows={rows} />
    </Section>
  );
}
