/** Search that finds a text with or without its diacritics. */

/** `text` in lower case without marks: "Nhà TRỌ" becomes "nha tro". */
export function fold(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replaceAll('đ', 'd').replaceAll('Đ', 'd').toLowerCase();
}

/** A test for texts that hold every word of `query`; a query with marks wants those marks, one without takes any. */
export function matcher(query: string): (text: string) => boolean {
  const wanted = query.normalize('NFC').toLowerCase().split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return () => true;
  const needsMarks = wanted.some((word) => fold(word) !== word);
  return (text) => {
    const seen = needsMarks ? text.normalize('NFC').toLowerCase() : fold(text);
    return wanted.every((word) => seen.includes(word));
  };
}
