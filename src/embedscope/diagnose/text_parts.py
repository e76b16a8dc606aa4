"""Texts cut into words and sentences of any language, as spans; a text without one of them, or with it misspelt.

Spans are half open and count characters (code points). All texts are expected in NFC, as a collection has them.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from embedscope.measure.perturbations import text_generator

Span = tuple[int, int]

T = TypeVar("T")

MOST_PARTS = 12
PART_WORDS = 12

_ALPHABET = 25
"""Code points around a letter in which its alphabet lies."""

_UNSPACED = {
    "CJK": "h", "IDEOGRAPHIC": "h", "HIRAGANA": "r", "KATAKANA": "k", "HALFWIDTH": "k", "KATAKANA-HIRAGANA": "k",
    "THAI": "t", "LAO": "t", "KHMER": "t", "MYANMAR": "t",
}  # fmt: skip
"""First word of the Unicode names of letters that are written without spaces, and the class of each."""

_WORD = re.compile(
    r"""(?:km*)+                                      # Katakana spells words from elsewhere
    |(?:hm*){2}(?:hm*(?![hm]))?|hm*                   # most words of Han have two characters
    |(?:rm*){2}(?:rm*(?![rm]))?|rm*
    |(?:tm*){4}(?:(?:tm*){1,3}(?![tm]))?|(?:tm*){1,3}
    |(?<![wdm_])[-+−$@%&£€¥\#]{0,2}                   # a sign, a currency, a sigil
     [wd_][wdm_]*(?:(?:[-./'’@&]|::|://|(?<=d)[,:\xa0\u202f](?=d))[wd_][wdm_]*)*  # 1,250.50, don't, a.b, C::d
     (?:\(\)|\+\+|[%‰°€£¥]|\#)?                      # f(), C++, 5 %, C#
    """,
    re.VERBOSE,
)
"""Words, in a text of which every letter stands as its class (`_classes`)."""

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？．]+[”’」』）]*|[।۔။።]+|\n+")


def word_spans(text: str) -> list[Span]:
    """Words of ``text``, in order.

    A word is a run of letters, digits and what joins them: a number keeps its separators, its sign and a percent sign,
    an identifier its dots and underscores. Scripts without spaces between words are cut into short runs: two characters
    of Han or Hiragana (three at an odd end), four letters of Thai, Lao, Khmer or Burmese.

    >>> [("Pay $1,250.50 to o'neil")[start:end] for start, end in word_spans("Pay $1,250.50 to o'neil")]
    ['Pay', '$1,250.50', 'to', "o'neil"]
    """
    return [match.span() for match in _WORD.finditer("".join(map(_class_of, text)))]


def sentence_spans(text: str) -> list[Span]:
    """Sentences and lines of ``text`` that hold a word, without the blanks around them, in order."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    spans = []
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        part = text[start:end]
        first = start + len(part) - len(part.lstrip())
        last = end - (len(part) - len(part.rstrip()))
        if any(map(str.isalnum, part)):
            spans.append((first, last))
    return spans


def parts(text: str, words: Sequence[Span]) -> list[Span]:
    """At most `MOST_PARTS` spans that hold all ``words`` of a text: its sentences, long ones cut, short ones joined.

    A sentence of more than `PART_WORDS` words is cut into runs of at most so many; where there are too many parts,
    neighbours are joined.
    """
    pieces: list[Sequence[Span]] = []
    for start, end in sentence_spans(text):
        own = [word for word in words if start <= word[0] < end]
        pieces += _even(own, -(-len(own) // PART_WORDS))
    joined = _even(pieces, min(len(pieces), MOST_PARTS))
    return [(group[0][0][0], group[-1][-1][1]) for group in joined]


def _even(items: Sequence[T], n: int) -> list[Sequence[T]]:
    """``items`` in ``n`` runs of about equal length."""
    cuts = [round(place * len(items) / n) for place in range(n + 1)] if n else []
    return [items[start:end] for start, end in pairwise(cuts)]


def without(text: str, span: Span) -> str:
    """``text`` without a span and one blank beside it, so that no two blanks meet and none stands before a full stop.

    >>> without("one two, three", (4, 7))
    'one, three'
    """
    start, end = span
    before, after = text[:start], text[end:]
    if after[:1].isspace() and not before[-1:].isalnum():
        after = after[1:]
    elif before[-1:].isspace() and not after[:1].isalnum():
        before = before[:-1]
    return (before + after).strip()


def respelt(text: str, span: Span, *, seed: int) -> str:
    """``text`` with every letter and digit of a span replaced at random by one of its script, case and kind.

    The same text, span and seed give the same letters: those within 25 code points, which is an alphabet of a script.
    """
    generator = text_generator(seed, str(span), text)
    start, end = span
    others = (_like(letter) for letter in text[start:end])
    return text[:start] + "".join(own[int(generator.integers(len(own)))] for own in others) + text[end:]


@lru_cache(maxsize=1 << 12)
def _like(letter: str) -> str:
    """Letters of the same kind, the letter itself left out unless there are no others; what is no letter as it is."""
    if not letter.isalnum():
        return letter
    near = map(chr, range(max(ord(letter) - _ALPHABET, 0), min(ord(letter) + _ALPHABET, sys.maxunicode) + 1))
    return "".join(other for other in near if other != letter and _kind(other) == _kind(letter)) or letter


def _kind(letter: str) -> tuple[str, str]:
    return unicodedata.category(letter), unicodedata.name(letter, "").split(" ")[0]


@lru_cache(maxsize=1 << 12)
def _class_of(letter: str) -> str:
    """The class by which `_WORD` reads a character: "w" letter, "d" digit, "m" mark, "hrkt" of unspaced scripts."""
    category = unicodedata.category(letter)
    if category[0] == "M":
        return "m"
    if letter.isdecimal():
        return "d"
    if letter.isalnum():
        return _UNSPACED.get(unicodedata.name(letter, "").split(" ")[0], "w")
    return letter
