"""Faults of the texts themselves: empty, unfilled, broken, too long, and stated twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from embedscope.audit.faults import Fault, Hit, fault, hit
from embedscope.audit.subject import Subject
from embedscope.data.collection import Row, excerpt, identity
from embedscope.data.text_features import is_mojibake, is_nfc, placeholder
from embedscope.result import Severity
from embedscope.result.formatting import count


def check_texts(subject: Subject) -> Iterator[Fault]:
    """Each kind of broken text that occurs, and rows that are stated twice."""
    n = len(subject.rows)
    for (code, _, severity, what, action), hits in zip(_KINDS, _broken(subject), strict=True):
        if hits:
            title = f"{count(len(hits), 'row has', 'rows have')} {what} (of {n:,})"
            yield fault(subject, code, title, severity, hits, action=action)
    yield from _over_long(subject)
    yield from _duplicate_rows(subject)


def texts_of(row: Row) -> Iterator[tuple[str, str]]:
    """(place, text) of every text of a row."""
    yield "query", row.query
    for text in row.positives:
        yield "positive", text
    for negative in row.negatives:
        yield "hard negative", negative.text


def _broken(subject: Subject) -> list[list[Hit]]:
    """The rows with a text that is broken, of each kind."""
    found: list[list[Hit]] = [[] for _ in _KINDS]
    kinds = [
        (is_broken, _first(subject, is_broken), hits) for (_, is_broken, *_), hits in zip(_KINDS, found, strict=True)
    ]
    for unit, row in enumerate(subject.rows):
        texts = [row.query, *row.positives, *[negative.text for negative in row.negatives]]
        for is_broken, say, hits in kinds:
            if any(map(is_broken, texts)):
                hits.append(hit(subject, unit, say))
    return found


def _first(subject: Subject, is_broken: Callable[[str], bool]) -> Callable[[int], str]:
    """Shows the first broken text of a row."""

    def say(unit: int) -> str:
        place, text = next((place, text) for place, text in texts_of(subject.rows[unit]) if is_broken(text))
        return f"{place} {excerpt(text, 90)}"

    return say


_KINDS: tuple[tuple[str, Callable[[str], bool], Severity, str, str], ...] = (
    (
        "empty-text",
        lambda text: not identity(text),
        Severity.HIGH,
        "an empty text",
        "Fill the texts in or remove the rows; an empty text has a vector that means nothing. --fix removes them.",
    ),
    (
        "placeholder-text",
        lambda text: placeholder(text) is not None,
        Severity.HIGH,
        "a placeholder in place of content",
        "Run the template again for these rows, or remove them; --fix removes texts that are nothing but a "
        "placeholder, and rows left without a positive.",
    ),
    (
        "mojibake",
        is_mojibake,
        Severity.HIGH,
        "a text whose letters were destroyed by a wrong encoding",
        "Export the texts again as UTF-8; --fix restores what was UTF-8 read as Windows-1252 and is still complete.",
    ),
    (
        "not-nfc",
        lambda text: not is_nfc(text),
        Severity.LOW,
        "a text in decomposed Unicode (not NFC)",
        "Normalise the texts to NFC in training and in serving alike: a tokenizer that does not normalise splits "
        "them otherwise. --fix does it.",
    ),
)


def _over_long(subject: Subject) -> Iterator[Fault]:
    lengths = subject.lengths
    if lengths is None:
        return
    hits, excess = [], []
    for unit, row in enumerate(subject.rows):
        counts = [(lengths.n_tokens.get(identity(text), 0), place, text) for place, text in texts_of(row)]
        n_tokens, place, text = max(counts)
        if n_tokens > lengths.max_length:
            hits.append(hit(subject, unit, f"{place} of {n_tokens:,} tokens {excerpt(text)}"))
            excess.append(n_tokens)
    if hits:
        order = np.argsort(-np.array(excess), kind="stable")
        yield fault(
            subject,
            "over-long-text",
            f"{count(len(hits), 'row has', 'rows have')} a text of more than {lengths.max_length:,} tokens, which "
            f"{lengths.model} cuts off (of {len(subject.rows):,})",
            Severity.MEDIUM,
            [hits[i] for i in order],
            action=f"Raise --max-length (the longest text has {max(excess):,} tokens) in training and in serving, or "
            "put what decides at the beginning of the texts.",
        )


def _duplicate_rows(subject: Subject) -> Iterator[Fault]:
    hashes = np.fromiter((hash(row_key(row)) for row in subject.rows), dtype=np.int64)  # keys would take a gigabyte
    _, places, uses = np.unique(hashes, return_inverse=True, return_counts=True)
    first: dict[object, int] = {}
    whole: set[object] = set()
    same, other = [], []
    earlier: dict[int, int] = {}

    def like(unit: int) -> str:
        place = earlier[unit]
        return f"{subject.raw.row_name} {int(subject.numbers[place])}: {excerpt(subject.rows[place].query)}"

    for unit in np.flatnonzero(uses[places] > 1).tolist():
        row = subject.rows[unit]
        key = row_key(row)
        full = (key, full_key(row, subject.rest_of(unit)))
        if key in first:
            earlier[unit] = first[key]
            if full in whole:
                same.append(hit(subject, unit, lambda unit: f"the same as {like(unit)}"))
            else:
                other.append(
                    hit(subject, unit, lambda unit: f"the texts of {like(unit)}, with other weights or columns")
                )
        first.setdefault(key, unit)
        whole.add(full)
    if same or other:
        n = len(same) + len(other)
        apart = f"; {len(other):,} of them with other weights or columns" if other else ""
        yield fault(
            subject,
            "duplicate-rows",
            f"{count(n, 'row repeats', 'rows repeat')} the texts of an earlier row (of {len(subject.rows):,}){apart}",
            Severity.LOW,
            [*same, *other],
            action="Remove the repetitions; they weigh some queries twice in training. --fix does it where rows "
            "agree in everything but their ids.",
        )


def row_key(row: Row) -> object:
    """What two rows must agree in to state the same texts under the same types."""
    negatives = frozenset((identity(n.text), frozenset(n.types)) for n in row.negatives)
    return identity(row.query), frozenset(map(identity, row.positives)), negatives


def full_key(row: Row, rest: str) -> object:
    """What two rows of equal texts must agree in besides, so that one of them can go: weights and other columns."""
    weights = sorted((identity(n.text), sorted(n.types), repr(n.weight)) for n in row.negatives)
    return repr(weights), rest
