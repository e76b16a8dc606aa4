"""Texts made fit for a picture: one line, safe to draw, cut between characters as readers see them.

Mathtext is switched off where texts are drawn (``style.RC``), so ``$``, ``_``, ``^`` and ``\\`` stand for themselves
and need no escaping.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import count
from os.path import commonprefix

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
PLACEHOLDER = "\N{WHITE SQUARE}"

ALONE = re.compile("[ -~\u00a0-\u00ac\u00ae-\u02ff\u1e00-\u1eff\u2026]*")
"""Texts whose characters stand for themselves, whatever is beside them: Latin, Vietnamese too, and the ellipsis."""

_MAX_CHARACTERS = 2_000  # far beyond what any picture shows; keeps a text of megabytes from being measured
_ZWJ = "\N{ZERO WIDTH JOINER}"
_EMOJI_STYLE = "\N{VARIATION SELECTOR-16}"
_KEPT_FORMAT = {_ZWJ, "\N{ZERO WIDTH NON-JOINER}"}
_SPACING_MARKS = {"\N{THAI CHARACTER SARA AM}", "\N{LAO VOWEL SIGN AM}"}
_HANGUL = (("L", "\u1100", "\u115f"), ("V", "\u1160", "\u11a7"), ("T", "\u11a8", "\u11ff"), ("S", "\uac00", "\ud7a3"))
_MAX_MARKS = 4
_MAX_STEPS = 3  # texts of which some begin alike, and some of those go on alike
_VIRAMA = 9  # canonical combining class: the next consonant joins this one

Measure = Callable[[str], float]


def plain(text: str, can_draw: Callable[[str], bool] | None = None) -> str:
    """``text`` in NFC on one line, without anything that could disturb the picture.

    White space and control characters become single spaces. Direction overrides and other invisible format characters
    are dropped, except joiners that shape the letters beside them; of many marks on one character the first four
    stay. A character for which ``can_draw`` is false becomes a placeholder (a mark on another one is dropped).
    """
    shortened = text[:_MAX_CHARACTERS] + (ELLIPSIS if len(text) > _MAX_CHARACTERS else "")
    composed = unicodedata.normalize("NFC", shortened)
    spaced = "".join(
        " " if char.isspace() or unicodedata.category(char) in ("Cc", "Zl", "Zp", "Zs") else char for char in composed
    )
    one_line = " ".join("".join(char for char in spaced if not _is_dropped(char)).split())
    tamed = [_tamed(cluster) for cluster in clusters(one_line)]
    return "".join(tamed if can_draw is None else (_drawable(cluster, can_draw) for cluster in tamed))


def clusters(text: str) -> list[str]:
    """``text`` cut into characters as readers see them (grapheme clusters, after Unicode Annex 29).

    Marks, variation selectors, skin tones and joined emoji stay with their base; two regional indicators make a flag;
    Hangul letters make a syllable; an Indic virama binds the consonant after it.
    """
    if ALONE.fullmatch(text):
        return list(text)
    found: list[str] = []
    for char in text:
        if found and _continues(found[-1], char):
            found[-1] += char
        else:
            found.append(char)
    return found


def display_width(text: str) -> int:
    """Width of ``text`` in columns: 2 for a wide character or an emoji, 1 for others, 0 for a lone mark."""
    if ALONE.fullmatch(text):
        return len(text)
    return sum(_cluster_width(cluster) for cluster in clusters(text))


def ellipsis(text: str, limit: float, measure: Measure = display_width) -> str:
    """``text``, or its longest beginning that with an ellipsis measures at most ``limit``.

    The cut never falls within a character; an ellipsis alone is the least that comes back for a text that is too long.
    """
    whole = measure(text)
    if whole <= limit:
        return text
    pieces = clusters(text)
    low, high = 0, len(pieces) - 1
    width_of_one = whole / len(pieces)
    # The longest beginning that fits. Widths only grow, and mostly in proportion to the length, so that it is guessed
    # from the last one measured; every third guess halves what is left, for texts whose letters differ much in width.
    for step in count(1):
        if low >= high:
            break
        middle = (low + high + 1) // 2 if step % 3 == 0 else min(max(int(limit / width_of_one), low + 1), high)
        width = measure(_cut(pieces, middle))
        if width <= limit:
            low = middle
        else:
            high = middle - 1
        width_of_one = width / middle
    return _cut(pieces, low)


def abridged(text: str, limit: float, measure: Measure = display_width) -> str:
    """``text``, or its beginning and end with an ellipsis between: of a path or a name with a number both tell."""
    pieces = clusters(text)

    def with_gap(n: int) -> str:
        head, tail = "".join(pieces[: n - n // 2]), "".join(pieces[len(pieces) - n // 2 :])
        return head.rstrip() + ELLIPSIS + tail.lstrip()

    if measure(text) <= limit:
        return text
    fitting = bisect_right(range(1, len(pieces)), limit, key=lambda n: measure(with_gap(n)))
    return with_gap(fitting)


def differing_parts(texts: Sequence[str], fit: Callable[[str], str]) -> list[str]:
    """Each text without what it begins with, where ``fit`` would cut it and a different text to the same.

    Such a text begins with an ellipsis, at the word before the first difference.
    """
    shown = list(texts)
    for _ in range(_MAX_STEPS):
        labels = [fit(text) for text in shown]
        for label in {label for label in labels if labels.count(label) > 1}:
            rows = [row for row, own in enumerate(labels) if own == label]
            start = _word_before(shown[rows[0]], len(commonprefix([shown[row] for row in rows])))  # noqa: RUF071
            if len({shown[row] for row in rows}) > 1 and start > 1:
                for row in rows:
                    shown[row] = _end_from(shown[row], start, fit)
    return shown


def names_apart(names: Sequence[str], limit: float, measure: Measure = display_width) -> list[str]:
    """Names of at most ``limit`` that stay apart: the middle gives way, else the beginning that some of them share."""
    short = [abridged(name, limit, measure) for name in names]
    if len(set(short)) == len(set(names)):
        return short

    def fit(text: str) -> str:
        return ellipsis(text, limit, measure)

    return [fit(part) for part in differing_parts(names, fit)]


def _end_from(text: str, start: int, fit: Callable[[str], str]) -> str:
    """The end of ``text`` from ``start`` after an ellipsis, with as many words before it as leave it whole."""
    end = ELLIPSIS + text[start:]
    while (earlier := text.rfind(" ", 0, max(start - 1, 0)) + 1) > 1:
        longer = ELLIPSIS + text[earlier:]
        if fit(longer) != longer:
            break
        start, end = earlier, longer
    return end


def _word_before(text: str, place: int) -> int:
    """Where the last word begins that begins before ``place``, 0 where that is the first; at most 20 characters off."""
    blank = text.rfind(" ", max(0, place - 20), place)
    return blank + 1 if blank >= 0 else len("".join(clusters(text[:place])[:-1]))


def wrap(text: str, limit: float, measure: Measure = display_width, *, max_lines: int = 2) -> list[str]:
    """``text`` on at most ``max_lines`` lines of at most ``limit``, the last one with an ellipsis where it is cut.

    Lines break at spaces, or within a word that alone is too long (as in scripts without spaces).
    """
    lines: list[str] = []
    rest = text
    while len(lines) < max_lines - 1 and measure(rest) > limit:
        line, rest = _first_line(rest, limit, measure)
        lines.append(line)
    return [*lines, ellipsis(rest, limit, measure)]


def _first_line(text: str, limit: float, measure: Measure) -> tuple[str, str]:
    n_fitting = max(1, len(clusters(ellipsis(text, limit, measure))) - 1)
    line = "".join(clusters(text)[:n_fitting])
    is_word_end = text[len(line) : len(line) + 1] == " "
    if not is_word_end and line.rfind(" ") > len(line) // 2:
        line = line[: line.rfind(" ")]
    return line.rstrip(), text[len(line) :].lstrip()


def _cut(pieces: list[str], n: int) -> str:
    return "".join(pieces[:n]).rstrip() + ELLIPSIS


def _is_dropped(char: str) -> bool:
    if char in _KEPT_FORMAT or _is_tag(char):
        return False
    return unicodedata.category(char) in ("Cf", "Cs")


def _drawable(cluster: str, can_draw: Callable[[str], bool]) -> str:
    base, rest = cluster[0], cluster[1:]
    if not can_draw(base):
        return PLACEHOLDER
    return base + "".join(char for char in rest if can_draw(char) or _has_no_glyph(char))


def _has_no_glyph(char: str) -> bool:
    """Whether ``char`` only shapes its neighbours: a joiner, a tag, a variation selector."""
    return char in _KEPT_FORMAT or _is_tag(char) or "\ufe00" <= char <= "\ufe0f"


def _tamed(cluster: str) -> str:
    """``cluster`` with no more marks than any script needs: a tower of them would run through the whole picture."""
    marks = [place for place, char in enumerate(cluster) if unicodedata.category(char) in ("Mn", "Me")]
    return cluster if len(marks) <= _MAX_MARKS else cluster[: marks[_MAX_MARKS]]


def _continues(cluster: str, char: str) -> bool:
    """Whether ``char`` belongs to the character that ``cluster`` has begun."""
    last = cluster[-1]
    if char in _KEPT_FORMAT or char in _SPACING_MARKS or _is_tag(char) or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True  # the last are skin tones
    if unicodedata.category(char).startswith("M"):
        return True
    if last == _ZWJ:
        return unicodedata.category(char) == "So" or char >= "\U0001f000"  # a picture
    if _is_regional(char):
        return _is_regional(last) and len(cluster) == 1
    if unicodedata.combining(last) == _VIRAMA:
        return unicodedata.category(char) == "Lo"
    return _joins_hangul(last, char)


def _cluster_width(cluster: str) -> int:
    base = cluster[0]
    if _EMOJI_STYLE in cluster or _is_regional(base) or unicodedata.east_asian_width(base) in "WF":
        return 2
    return 0 if unicodedata.category(base) in ("Mn", "Me", "Cf", "Cc") else 1


def _is_regional(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_tag(char: str) -> bool:
    return "\U000e0020" <= char <= "\U000e007f"


def _joins_hangul(last: str, char: str) -> bool:
    """Rules GB6 to GB8 of Annex 29, for conjoining letters and precomposed syllables."""
    before, after = _hangul_part(last), _hangul_part(char)
    return after in {"L": "LVS", "V": "VT", "S": "VT", "T": "T"}.get(before, "") and after != ""


def _hangul_part(char: str) -> str:
    return next((part for part, first, last in _HANGUL if first <= char <= last), "")
