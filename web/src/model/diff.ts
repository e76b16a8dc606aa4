/** Word differences between two texts. */

export interface Piece {
  text: string;
  /** Whether the other text has this piece at this place. */
  isShared: boolean;
}

/** Where a larger share of the words differs, marks say nothing. */
export const MOST_MARKED = 0.6;

/** Beyond this many words a side, words are compared as sets: the table of the exact method would be too large. */
const MAX_WORDS = 1500;

/** `text` cut into words, and what stands between them; joined they are the text again. */
export function words(text: string): string[] {
  if (typeof Intl !== 'undefined' && 'Segmenter' in Intl) {
    return Array.from(new Intl.Segmenter(undefined, { granularity: 'word' }).segment(text), (s) => s.segment);
  }
  return text.split(/(\s+|[^\p{L}\p{N}\p{M}]+)/u).filter(Boolean);
}

/** Both texts in pieces, each marked as shared (longest common subsequence of words) or not. */
export function difference(a: string, b: string): [Piece[], Piece[]] {
  const left = words(a);
  const right = words(b);
  const [sharedLeft, sharedRight] =
    left.length > MAX_WORDS || right.length > MAX_WORDS ? sameWords(left, right) : commonSubsequence(left, right);
  return [pieces(left, sharedLeft), pieces(right, sharedRight)];
}

/** The share of the words, in both texts, that only one of them has. */
export function markedShare(pieces: Piece[]): number {
  const nWords = (some: Piece[]) =>
    some.reduce((sum, { text }) => sum + words(text).filter((word) => /[\p{L}\p{N}]/u.test(word)).length, 0);
  return nWords(pieces.filter(({ isShared }) => !isShared)) / Math.max(1, nWords(pieces));
}

function sameWords(left: string[], right: string[]): [boolean[], boolean[]] {
  const inLeft = new Set(left.map(key));
  const inRight = new Set(right.map(key));
  return [left.map((word) => inRight.has(key(word))), right.map((word) => inLeft.has(key(word)))];
}

function commonSubsequence(left: string[], right: string[]): [boolean[], boolean[]] {
  const a = left.map(key);
  const b = right.map(key);
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] =
        a[i] === b[j]
          ? longest[(i + 1) * width + j + 1] + 1
          : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const sharedLeft = new Array<boolean>(a.length).fill(false);
  const sharedRight = new Array<boolean>(b.length).fill(false);
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      sharedLeft[i++] = true;
      sharedRight[j++] = true;
    } else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) i++;
    else j++;
  }
  return [sharedLeft, sharedRight];
}

/** Words are the same whatever their case; all white space is the same. */
function key(word: string): string {
  return /^\s+$/.test(word) ? ' ' : word.normalize('NFC').toLowerCase();
}

function pieces(tokens: string[], shared: boolean[]): Piece[] {
  const found: Piece[] = [];
  tokens.forEach((text, i) => {
    // White space between two words of one kind belongs to them: marks run through, without gaps.
    const isBlank = /^\s+$/.test(text);
    const isShared = isBlank ? (shared[i - 1] ?? true) || (shared[i + 1] ?? true) : shared[i];
    const last = found.at(-1);
    if (last && last.isShared === isShared) last.text += text;
    else found.push({ text, isShared });
  });
  return found;
}
