/** Numbers and texts as they are shown. */

const MINUS = '\u2212';
const ELLIPSIS = '\u2026';
const DASH = '\u2013';

/** Characters that reorder or hide what stands around them, and controls; shown in no name or label. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be shown
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** `value` with so many decimals and a true minus sign; a dash where there is no value. */
export function fixed(value: number | null | undefined, decimals = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? (0).toFixed(decimals) : text.replace('-', MINUS);
}

/** As `fixed`, with a sign always. */
export function signed(value: number | null | undefined, decimals = 3): string {
  const text = fixed(value, decimals);
  return value !== null && value !== undefined && Number(value.toFixed(decimals)) > 0 ? `+${text}` : text;
}

/** What the score of a query and a document is called. */
export function similarityName(similarity: string | undefined): string {
  if (similarity === 'score') return 'score';
  return similarity === 'dot' ? 'dot product' : 'cosine similarity';
}

/** Decimals of the values of an evenly spaced grid: 2, more where its steps are finer, none where they are whole. */
export function decimalsOf(grid: ArrayLike<number>): number {
  const step = grid.length > 1 ? grid[1] - grid[0] : 0.01;
  return step >= 1 - 1e-9 ? 0 : Math.max(2, -Math.floor(Math.log10(step) + 1e-9));
}

/** `1,480`. */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `1 query`, `1,480 queries`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** A share as a percentage, with a decimal where it is small. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return DASH;
  const value = 100 * share;
  return `${value.toFixed(value !== 0 && Math.abs(value) < 10 ? 1 : 0)} %`;
}

/** `50, 80, 95 %`. */
export const percents = (shares: number[]) => `${shares.map((share) => 100 * share).join(', ')} %`;

/** A p-value; one too small for three decimals is said to be. */
export function pValue(p: number | null): string {
  return p !== null && p < 0.001 ? '< 0.001' : fixed(p);
}

/** `p = 0.004`, `p < 0.001`. */
export const pWords = (p: number | null) => (p !== null && p < 0.001 ? `p ${pValue(p)}` : `p = ${pValue(p)}`);

/** `[0.29, 0.33]`, or nothing where there is no interval. */
export function interval(low: number | null | undefined, high: number | null | undefined, decimals = 3): string {
  if (low === null || low === undefined || high === null || high === undefined) return '';
  return `[${fixed(low, decimals)}, ${fixed(high, decimals)}]`;
}

const ONE_DECIMAL = { minimumFractionDigits: 1, maximumFractionDigits: 1 };

/** A rank: whole where it is whole, one decimal where ties make it a fraction. */
export function rank(value: number): string {
  if (!Number.isFinite(value)) return DASH;
  return Number.isInteger(value) ? count(value) : value.toLocaleString('en-US', ONE_DECIMAL);
}

/** `text` on one line without anything invisible: for labels, names and attributes. */
export function plain(text: string): string {
  return text.replace(INVISIBLE, '').replace(/\s+/g, ' ').trim();
}

/** `text` on one line of at most `length` characters. */
export function shorten(text: string, length: number): string {
  const line = plain(text.slice(0, 4 * length + 64));
  const characters = Array.from(line);
  const isCut = characters.length > length || text.length > 4 * length + 64;
  return isCut
    ? characters
        .slice(0, length - 1)
        .join('')
        .trimEnd() + ELLIPSIS
    : line;
}

/** Where a name may be cut: after these. */
const BREAK = /[/\\_.\-\s]/;

/**
 * Names of at most `length` characters that stay apart: where cutting their ends would make two the same, the beginning
 * that all share gives way, then the middle.
 */
export function apart(names: string[], length: number): string[] {
  const short = names.map((name) => shorten(name, length));
  if (new Set(short).size === new Set(names).size) return short;
  const letters = names.map((name) => Array.from(plain(name)));
  const [first] = letters;
  let start = 0;
  while (start < first.length && letters.every((own) => own[start] === first[start])) start++;
  while (start > 0 && !BREAK.test(first[start - 1])) start--;
  return letters.map((own) => {
    const rest = start > 0 ? [ELLIPSIS, ...own.slice(start)] : own;
    if (rest.length <= length) return rest.join('');
    const half = Math.ceil((length - 1) / 2);
    return [...rest.slice(0, half), ELLIPSIS, ...rest.slice(rest.length - (length - 1 - half))].join('');
  });
}

/** The last two parts of a path, which tell one run from another, as the pictures name it; a shorter name as it is. */
export function runLabel(path: string): string {
  const parts = path.replaceAll('\\', '/').split('/').filter(Boolean);
  return parts.length > 2 ? plain(parts.slice(-2).join('/')) : plain(path);
}

/** The last part of a path, or the whole of a name. */
export function baseName(path: string): string {
  const parts = path.replaceAll('\\', '/').split('/').filter(Boolean);
  return plain(parts.at(-1) ?? path);
}
