/** A value with its interval on a scale, and what it is held against. */
import { fixed } from '../model/format';

export interface Domain {
  low: number;
  high: number;
}

export interface ScaleMark {
  value: number;
  label: string;
  kind: 'chance' | 'lexical' | 'base' | 'reference';
}

export interface ScaleProps {
  value: number | null;
  low: number | null;
  high: number | null;
  domain: Domain;
  tone?: 'pass' | 'fail' | 'undecided' | 'plain' | 'wrong' | 'right' | 'reference';
  threshold?: number;
  /** Which side of the threshold is wanted. */
  wants?: 'above' | 'below';
  /** A line at this value, such as no difference at 0. */
  zero?: number;
  marks?: ScaleMark[];
  /** Whether the ends of the scale are written under it. */
  hasEnds?: boolean;
}

/** Where a value stands on the scale, in percent. */
export function position(value: number, { low, high }: Domain): number {
  return Math.min(100, Math.max(0, (100 * (value - low)) / (high - low || 1)));
}

/** A domain with round ends that holds all values: [0, 1] for shares, [-1, 1] for cosines. */
export function domainOf(values: (number | null | undefined)[]): Domain {
  const known = values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  const [least, most] = [Math.min(0, ...known), Math.max(0, ...known)];
  if (least >= 0 && most <= 1) return { low: 0, high: 1 };
  if (least >= -1 && most <= 1) return { low: -1, high: 1 };
  return { low: Math.floor(least * 1.1), high: Math.ceil(most * 1.1) };
}

/** A domain from 0 that holds shares: up to 1, or closer where all of them are small. */
export function shareDomain(values: (number | null | undefined)[]): Domain {
  const most = Math.max(0.1, ...values.map((value) => value ?? 0));
  return { low: 0, high: most > 0.6 ? 1 : Math.ceil(most * 10 - 1e-9) / 10 };
}

/** A symmetric domain around 0 for differences. */
export function differenceDomain(values: (number | null)[]): Domain {
  const most = Math.max(0.01, ...values.map((value) => Math.abs(value ?? 0)));
  const step = 10 ** Math.floor(Math.log10(most));
  const high = Math.ceil((most * 1.05) / step) * step;
  return { low: -high, high };
}

/** The tone of a difference whose interval leaves zero out. */
export function toneOf(low: number | null, high: number | null, wants: 'more' | 'less' = 'more'): ScaleProps['tone'] {
  const [good, bad] = wants === 'more' ? (['right', 'wrong'] as const) : (['wrong', 'right'] as const);
  if (low !== null && low > 0) return good;
  return high !== null && high < 0 ? bad : 'plain';
}

export function Scale(props: ScaleProps) {
  const { domain, threshold } = props;
  const at = (value: number) => `${position(value, domain)}%`;
  const span = (a: number, b: number) => ({ left: at(a), width: `${position(b, domain) - position(a, domain)}%` });
  return (
    <div class={`scale tone-${props.tone ?? 'plain'}`} aria-hidden="true">
      <div class="scale-track">
        {threshold !== undefined && (
          <i
            class="scale-wanted"
            style={props.wants === 'below' ? span(domain.low, threshold) : span(threshold, domain.high)}
          />
        )}
        {props.zero !== undefined && <i class="scale-zero" style={{ left: at(props.zero) }} />}
        {threshold !== undefined && <i class="scale-threshold" style={{ left: at(threshold) }} />}
        {props.low !== null && props.high !== null && <i class="scale-interval" style={span(props.low, props.high)} />}
        {(props.marks ?? []).map((mark) => (
          <i
            key={mark.label}
            class={`scale-mark is-${mark.kind}`}
            style={{ left: at(mark.value) }}
            title={`${mark.label} ${fixed(mark.value)}`}
          />
        ))}
        {props.value !== null && <i class="scale-value" style={{ left: at(props.value) }} />}
      </div>
      {props.hasEnds && (
        <div class="scale-ends">
          <span>{short(domain.low)}</span>
          {threshold !== undefined && (
            <span class="scale-needed" style={{ left: at(threshold) }}>
              {short(threshold)}
            </span>
          )}
          <span>{short(domain.high)}</span>
        </div>
      )}
    </div>
  );
}

function short(value: number): string {
  return fixed(value, 3).replace(/\.?0+$/, '');
}
