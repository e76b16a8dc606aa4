/** Search that finds a text with or without its diacritics. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
const ASCII = /^[\u0000-\u007f]*$/;

/** `text` in lower case without marks: "Nhà TRỌ" becomes "nha tro". */
export function fold(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return text.normalize('NFD').replace(/\p{M}/gu, '').replaceAll('đ', 'd').replaceAll('Đ', 'd').toLowerCase();
}

const lower = (text: string) => (ASCII.test(text) ? text : text.normalize('NFC')).toLowerCase();

/** Forms of the texts of a page that were searched before: a search runs at every key that is pressed. */
const folded = new WeakMap<readonly string[], string[]>();
const lowered = new WeakMap<readonly string[], string[]>();

function formsOf(texts: readonly string[], known: typeof folded, form: (text: string) => string): string[] {
  const found = known.get(texts) ?? texts.map(form);
  known.set(texts, found);
  return found;
}

/**
 * A test for the places of those texts that hold every word of `query`. A query with marks wants those marks; one
 * without takes any.
 */
export function matcher(query: string, texts: readonly string[]): (place: number) => boolean {
  const wanted = lower(query).split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return () => true;
  const needsMarks = wanted.some((word) => fold(word) !== word);
  const forms = needsMarks ? formsOf(texts, lowered, lower) : formsOf(texts, folded, fold);
  return (place) => wanted.every((word) => forms[place].includes(word));
}
