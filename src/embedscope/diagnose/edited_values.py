"""The right document with one of its values changed, and with the same value written otherwise.

A value is edited where query and right document both state it and the document states it once, so that the edited
document no longer answers the query in it. Values are those that a pack reads, those that are written alike in all
languages, names, and words of denial that a pack lists; and the one span in which a typed hard negative differs.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np

from embedscope.data.stated_values import ValueKind, another_number, another_spelling, another_value, stated_values
from embedscope.data.text_features import has_diacritics, has_digits, script, strip_diacritics, words
from embedscope.diagnose.type_names import names_attribute
from embedscope.measure.perturbations import neighbour_key, swapped_letters, text_generator
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, IntArray, StatedValue
from embedscope.result import DocumentTable, QueryTable

NAME, NEGATION = "name", "negation"

LONGEST_SPAN = 6
"""Words of the span in which a typed hard negative differs from the positive: more is another text, not a value."""

MOST_CAPITALS = 0.2
"""Share of capitalised words within sentences above which capitals mark more than names (German, titles)."""

COMMON = 0.02
"""Share of the documents above which a capitalised word is no name that tells one document from others."""

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_WORDS_AND_SPACES = re.compile(r"\s+|[^\W_]+|[^\w\s]|_")
_CAPITALISED = re.compile(r"(?<=[^\W\d_] |[,\w] )[^\W\d_]{2,}(?: [^\W\d_]{2,})*")
_IN_SENTENCE = re.compile(r"(?<=[^\W\d_] |[,\w] )[^\W\d_]+")
_TRIES = 8


@dataclass(frozen=True, slots=True)
class EditedValue:
    """One value of the right document of a query, changed and respelt; the rest of the document stays."""

    query: int  # row in QueryTable
    document: int  # row in DocumentTable: the best-scoring relevant document
    kind: str
    changed: str
    respelt: str | None  # None where the value is written in one way only
    negative: int = -1  # row of the hard negative that ``changed`` is


@dataclass(slots=True)
class ValueEditor:
    """Edits the values of the right documents of a run.

    Values of a pack are replaced by those of other documents, in the form in which they stand there.
    """

    queries: QueryTable
    documents: DocumentTable
    attributes: AttributeReader = NO_ATTRIBUTES
    seed: int = 0
    best: IntArray = field(init=False)
    _read: dict[str, tuple[StatedValue, ...]] = field(init=False, default_factory=dict)
    _pool: dict[str, list[tuple[str, str]]] | None = field(init=False, default=None)
    _names: dict[str, int] | None = field(init=False, default=None)
    _shown: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        q = self.queries
        best = [q.best_relevant(row) if len(q.relevant_of(row)) else -1 for row in range(len(q.texts))]
        self.best = np.array(best, dtype=np.int64)

    def edits(self, row: int, *, within: int | None = None) -> Iterator[EditedValue]:
        """The edited values of the right document of query ``row``, at most one of each kind.

        ``within`` leaves out values that end after so many bytes of the document in UTF-8.
        """
        document = int(self.best[row])
        if document < 0:
            return
        text = self.documents.texts[document]
        if not unicodedata.is_normalized("NFC", text):
            return
        limit = len(text) if within is None else len(text.encode()[:within].decode(errors="ignore"))
        kinds = set()
        for edit in (*self._of_negatives(row, document, text, limit), *self._of_values(row, document, text, limit)):
            if edit.kind not in kinds:
                kinds.add(edit.kind)
                yield edit

    # --- values that both state ---------------------------------------------------------------------------------------

    def _of_values(self, row: int, document: int, text: str, limit: int) -> Iterator[EditedValue]:
        asked = unicodedata.normalize("NFC", self.queries.texts[row])
        wanted = {(value.kind, value.value): value for value in self._values(asked)}
        stated = self._values(text)
        counts = Counter((value.kind, value.value) for value in stated)
        for value in stated:
            theirs = wanted.get((value.kind, value.value))
            if theirs is None or counts[value.kind, value.value] > 1 or value.end > limit:
                continue
            if value.kind == ValueKind.NUMBER and not _count_the_same(asked, theirs, text, value):
                continue
            edit = self._edited(row, document, text, value)
            if edit is not None:
                yield edit
        for value in (*self._shared_names(asked, text, row), *self._shared_denials(asked, text)):
            edit = self._edited(row, document, text, value) if value.end <= limit else None
            if edit is not None:
                yield edit

    def _values(self, text: str) -> tuple[StatedValue, ...]:
        """Values of the pack, and general ones where it reads none."""
        if text not in self._read:
            own = self.attributes.values(text)
            general = stated_values(text, self.attributes.units)
            beside = [value for value in general if all(value.end <= o.start or o.end <= value.start for o in own)]
            self._read[text] = (*own, *beside)
        return self._read[text]

    def _edited(self, row: int, document: int, text: str, value: StatedValue) -> EditedValue | None:
        generator = text_generator(self.seed, f"another {value.kind}", text)
        changed = self._changed(row, text, value, generator)
        respelt = self._respelt(text, value, generator)
        if changed is None or changed == text:
            return None
        return EditedValue(row, document, value.kind, changed, respelt)

    def _changed(self, row: int, text: str, value: StatedValue, generator: np.random.Generator) -> str | None:
        if value.kind == NEGATION:
            return re.sub(r"^\s+", "", text[: value.start] + text[value.end :].lstrip())
        if value.kind == NAME:
            other = self._another_name(row, text[value.start : value.end], generator)
            return None if other is None else _replaced(text, value, other)
        kind = self.attributes.kind_of_type(value.kind)
        if kind is None or kind.name != value.kind:
            other = another_value(text, value, generator)
            return None if other is None else _replaced(text, value, other)
        return self._changed_by_pack(row, text, value, generator, is_exact=kind.is_exact)

    def _changed_by_pack(
        self, row: int, text: str, value: StatedValue, generator: np.random.Generator, *, is_exact: bool
    ) -> str | None:
        """Another value, which the pack reads as another than text and query state; in the form of ``value``.

        Of a number others of its form are tried, then those that other documents state: "under 5" is met by 4.
        """
        span = text[value.start : value.end]
        others = _most_alike(span, [shown for name, shown in self._stated_elsewhere(value.kind) if name != value.value])
        for attempt in range(_TRIES):
            if not is_exact and attempt < _TRIES - 1:
                other = another_number(span, generator)
            else:
                other = others[int(generator.integers(len(others)))] if others else None
            if other is None:
                continue
            changed = _replaced(text, value, other)
            keeps = self.attributes.keeps_value(value.kind, text, changed)
            if keeps is False and value.kind in self.attributes.conflicts(self.queries.texts[row], changed):
                return changed
        return None

    def _stated_elsewhere(self, kind: str) -> Sequence[tuple[str, str]]:
        """The values of a kind that the right documents state, each with the ways in which they write it."""
        if self._pool is None:
            pool: dict[str, dict[tuple[str, str], None]] = defaultdict(dict)
            for document in dict.fromkeys(self.best[self.best >= 0].tolist()):
                text = self.documents.texts[document]
                for value in self.attributes.values(text):
                    pool[value.kind][value.value, text[value.start : value.end]] = None
            self._pool = {name: list(values) for name, values in pool.items()}
        return self._pool.get(kind, [])

    def _respelt(self, text: str, value: StatedValue, generator: np.random.Generator) -> str | None:
        span = text[value.start : value.end]
        if value.kind in (NAME, NEGATION):
            other = self._respelt_denial(span) if value.kind == NEGATION else None
            return _replaced(text, value, other) if other else _misspelt(text, value, generator)
        kind = self.attributes.kind_of_type(value.kind)
        if kind is None or kind.name != value.kind:
            other = another_spelling(text, value, generator)
            return None if other is None else _replaced(text, value, other)
        other = self.attributes.respell(text, value, generator)
        if other is None:
            return None
        respelt = _replaced(text, value, other)
        return respelt if self.attributes.keeps_value(value.kind, text, respelt) is not False else None

    # --- names and denials --------------------------------------------------------------------------------------------

    def _shared_names(self, asked: str, text: str, row: int) -> Iterator[StatedValue]:
        """Names within a sentence of the right document that the query has and the best wrong document lacks.

        A name is the longest part of a run of capitalised words that the query has, with a word that is a known name.
        """
        names = self._known_names()
        wrong = int(self.queries.wrong_document[row])
        wanted, ours = _spaced(asked), _spaced(text)
        theirs = _spaced(self.documents.texts[wrong]) if wrong >= 0 else ""
        stated = self._values(text)
        for run in _CAPITALISED.finditer(text):
            for start, end in _parts(run):
                name = _spaced(text[start:end])
                if name not in wanted or not any(word in names for word in name.split()):
                    continue
                is_free = all(end <= value.start or value.end <= start for value in stated)
                if is_free and ours.count(name) == 1 and name not in theirs:
                    yield StatedValue(NAME, start, end, name.strip())
                break

    def _known_names(self) -> Mapping[str, int]:
        """Words of four letters or more that always stand capitalised, also within sentences, in few documents.

        Each with its place in ``_shown``, where it stands as it is written. None where capitals are common there: then
        they mark more than names.
        """
        if self._names is None:
            capital: Counter[str] = Counter()
            small: set[str] = set()
            shown: dict[str, str] = {}
            n_inside = n_capital = 0
            for text in self.documents.texts:
                inside = _IN_SENTENCE.findall(text)
                titled = {word for word in inside if word.istitle()}
                n_inside += sum(word.islower() or word.istitle() for word in inside)
                n_capital += sum(word.istitle() for word in inside)
                capital.update({word.casefold() for word in titled if len(word) >= 4})
                shown |= {word.casefold(): word for word in titled}
                small.update(word for word in _WORD.findall(text) if word.islower())
            most = max(2, COMMON * len(self.documents.texts))
            is_marked = n_capital <= MOST_CAPITALS * max(n_inside, 1)
            kept = sorted(name for name, n in capital.items() if name not in small and n <= most)
            self._shown = [shown[name] for name in kept] if is_marked else []
            self._names = {name: place for place, name in enumerate(kept)} if is_marked else {}
        return self._names

    def _another_name(self, row: int, name: str, generator: np.random.Generator) -> str | None:
        """As many names, all of them words that neither the query nor its right document has."""
        texts = (self.queries.texts[row], self.documents.texts[int(self.best[row])])
        known = self._known_names()
        taken = sorted({known[word] for text in texts for word in _spaced(text).split() if word in known})
        n_others, n_words = len(known) - len(taken), len(name.split())
        if n_others < n_words:
            return None
        drawn = generator.choice(n_others, n_words, replace=False).tolist()
        for own in taken:  # from the place among the others to that among all
            drawn = [place + (own <= place) for place in drawn]
        return " ".join(map(self._shown.__getitem__, drawn))

    def _shared_denials(self, asked: str, text: str) -> Iterator[StatedValue]:
        """Words of denial that stand before the same word in query and document."""
        denied = set(self._denials(asked))
        for following, (start, end) in self._denials(text).items():
            if following in denied:
                yield StatedValue(NEGATION, start, end, following)

    def _denials(self, text: str) -> dict[str, tuple[int, int]]:
        """Place of each word of denial, by the word that follows it."""
        found = list(_WORD.finditer(text))
        return {
            strip_diacritics(after[0].casefold()): word.span()
            for word, after in pairwise(found)
            if word[0].casefold() in self.attributes.denials
        }

    def _respelt_denial(self, word: str) -> str | None:
        bare = strip_diacritics(word)
        return bare if bare != word and bare.casefold() in self.attributes.denials else None

    # --- typed hard negatives -----------------------------------------------------------------------------------------

    def _of_negatives(self, row: int, document: int, text: str, limit: int) -> Iterator[EditedValue]:
        """Hard negatives of one type that differ from the right document in one span of words, by their type."""
        for place in self.queries.negatives_of(row):
            types = self.queries.negative_types[place]
            if len(types) != 1 or not names_attribute(types[0]):
                continue
            negative = int(self.queries.negative_documents[place])
            span = differing_span(text, self.documents.texts[negative])
            if span is None or span[1] > limit:
                continue
            respelt = self._respelt_span(text, *span)
            if respelt is not None:
                yield EditedValue(row, document, types[0], self.documents.texts[negative], respelt, negative)

    def _respelt_span(self, text: str, start: int, end: int) -> str | None:
        generator = text_generator(self.seed, "respelt span", text)
        for value in self._values(text):
            if value.start < end and start < value.end:
                respelt = self._respelt(text, value, generator)
                if respelt is not None:
                    return respelt
        return _misspelt(text, StatedValue("", start, end, ""), generator)


def differing_span(positive: str, negative: str) -> tuple[int, int] | None:
    """Start and end in ``positive`` of the one span of words that ``negative`` has otherwise; None of none or several.

    The span has at least one word and at most :data:`LONGEST_SPAN`; what stands in its place may be nothing, and has at
    most one piece between blanks more or less: "4m, near the river" that becomes "5m" has lost more than a value.
    """
    ours, theirs = _WORDS_AND_SPACES.findall(positive), _WORDS_AND_SPACES.findall(negative)
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    if matcher.real_quick_ratio() < 0.5:
        return None
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    if not changes:
        return None
    first, last = changes[0][1], changes[-1][2]
    gaps = [ours[a[2] : b[1]] for a, b in pairwise(changes)]
    if any(part.strip() for gap in gaps for part in gap):
        return None  # words that stay stand between
    spans = (ours[first:last], theirs[changes[0][3] : changes[-1][4]])
    if any(sum(word[0].isalnum() for word in span) > LONGEST_SPAN for span in spans):
        return None
    n_pieces = [len("".join(span).split()) for span in spans]
    if abs(n_pieces[0] - n_pieces[1]) > 1:
        return None
    if not any(word[0].isalnum() for word in ours[first:last]):
        return None
    start = sum(map(len, ours[:first]))
    return start, start + sum(map(len, ours[first:last]))


def _most_alike(span: str, others: Sequence[str]) -> list[str]:
    """Those of the others that are written most like ``span``: its first word, with digits, with diacritics."""

    def likeness(other: str) -> tuple[bool, bool, bool]:
        return (
            other.split()[0].casefold() == span.split()[0].casefold(),
            has_digits(other) == has_digits(span),
            has_diacritics(other) == has_diacritics(span),
        )

    best = max(map(likeness, others), default=None)
    return [other for other in others if likeness(other) == best]


def _replaced(text: str, value: StatedValue, other: str) -> str:
    return text[: value.start] + other + text[value.end :]


def _misspelt(text: str, value: StatedValue, generator: np.random.Generator) -> str | None:
    """``text`` with a slip in the span of ``value``, two letters swapped where it can be; None where nobody slips."""
    span = text[value.start : value.end]
    for slip in (swapped_letters, neighbour_key):
        other = slip(span, generator)
        if other != span:
            return _replaced(text, value, other)
    return None


def _spaced(text: str) -> str:
    """The words of ``text`` in lower case between single spaces, one in front and one behind: names are parts of it."""
    return f" {' '.join(words(text))} "


def _parts(run: re.Match[str]) -> list[tuple[int, int]]:
    """Start and end of the parts of a run of words that are capitalised throughout, the longest first."""
    found = [(match.start() + run.start(), match.end() + run.start()) for match in re.finditer(r"\S+", run[0])]
    is_title = [run.string[start].isupper() for start, _ in found]
    parts = [
        (found[first][0], found[last][1])
        for first in range(len(found))
        for last in range(first, min(first + LONGEST_SPAN, len(found)))
        if all(is_title[first : last + 1])
    ]
    return sorted(parts, key=lambda part: (part[0] - part[1], part[0]))


def _count_the_same(asked: str, theirs: StatedValue, text: str, ours: StatedValue) -> bool:
    """Whether a bare number stands beside the same word in both texts, so that it counts or numbers the same thing."""
    return bool(_neighbours(asked, theirs) & _neighbours(text, ours))


def _neighbours(text: str, value: StatedValue) -> set[tuple[str, str]]:
    """The words right before and right after a value; in scripts without spaces the letters."""
    before, after = text[max(0, value.start - 40) : value.start], text[value.end : value.end + 40]
    if script(text) == "Han":
        return {("before", before[-1:]), ("after", after[:1])} - {("before", ""), ("after", "")}
    last, first = _WORD.findall(before), _WORD.match(after.lstrip(" \u00a0"))
    found = {("before", last[-1].casefold())} if last and before.rstrip().endswith(last[-1]) else set()
    return found | ({("after", first[0].casefold())} if first else set())


def by_cluster(queries: QueryTable, generator: np.random.Generator) -> list[int]:
    """All rows in an order that takes one query of each cluster before a second of any."""
    turns: dict[int, int] = defaultdict(int)
    keys: list[tuple[int, int, int]] = []
    for row in generator.permutation(len(queries.texts)).tolist():
        cluster = int(queries.clusters[row])
        keys.append((turns[cluster], len(keys), row))
        turns[cluster] += 1
    return [row for *_, row in sorted(keys)]


def spread_over_kinds(edits: Sequence[EditedValue]) -> list[EditedValue]:
    """The edits, one of each kind in turn, the order within a kind kept."""
    turns: Counter[str] = Counter()
    keyed = []
    for place, edit in enumerate(edits):
        keyed.append((turns[edit.kind], place, edit))
        turns[edit.kind] += 1
    return [edit for _, _, edit in sorted(keyed, key=lambda key: key[:2])]
