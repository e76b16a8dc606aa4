/** In which writing a text stands: by its first letters, with Latin letters told apart by their marks. */

const SCRIPTS: [string, RegExp][] = [
  ['Chinese or Japanese', /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u],
  ['Korean', /\p{Script=Hangul}/u],
  ['Arabic', /\p{Script=Arabic}/u],
  ['Cyrillic', /\p{Script=Cyrillic}/u],
  ['Thai', /\p{Script=Thai}/u],
  ['Devanagari', /\p{Script=Devanagari}/u],
];
const LATIN = /\p{Script=Latin}/u;
const LETTER = /\p{L}/u;
const MARKED = /[\u0300-\u036f\u0111\u0110]/;
const LOOKED_AT = 300;

/** The writing of most of a text; "Latin, with marks" where a letter carries a diacritic (or is a d with stroke). */
export function writingOf(text: string): string {
  const start = text.slice(0, LOOKED_AT);
  if (LATIN.test(start) && !SCRIPTS.some(([, script]) => script.test(start))) {
    return MARKED.test(start.normalize('NFD')) ? 'Latin, with marks' : 'Latin, without marks';
  }
  const counts = new Map<string, number>();
  for (const character of start) {
    if (!LETTER.test(character)) continue;
    const name =
      SCRIPTS.find(([, script]) => script.test(character))?.[0] ?? (LATIN.test(character) ? 'Latin' : 'Other');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  if (!most) return 'No letters';
  if (most[0] === 'Latin') return MARKED.test(start.normalize('NFD')) ? 'Latin, with marks' : 'Latin, without marks';
  return most[0] === 'Other' ? 'Other writing' : most[0];
}
