"""The repaired data set, in the original JSON format, and a line for every change."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection as Container
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embedscope.data.collection import Negative, Row, excerpt, identity
from embedscope.diagnosis.attributes import VALUES
from embedscope.diagnosis.audit.labels import mislabels, relevant_texts
from embedscope.diagnosis.audit.subject import Subject
from embedscope.diagnosis.audit.texts import row_key
from embedscope.diagnosis.audit.weights import is_weight, stated_negatives, usual_weights
from embedscope.diagnosis.text_features import is_mojibake, placeholder, unmangled


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed in which row of the file, and why (the code of the finding)."""

    row: int
    code: str
    change: str


@dataclass(frozen=True, slots=True)
class Repair:
    """Rows that stay, as they now are, and every change that was made to get there."""

    rows: tuple[Row, ...]
    changes: tuple[Change, ...]


def repair_rows(subject: Subject, *, leaked: Container[int] = ()) -> Repair:
    """The rows without the faults that can be mended without a person's judgment.

    Removed: rows without query or positive, repeated rows, leaked rows, empty and unfilled texts, hard negatives that
    are positives of the same query. Mended: mojibake, Unicode form, broken weights (the usual one of the same types),
    types that the negative contradicts. Suspicions are left alone.

    Parameters
    ----------
    subject : Subject
    leaked : container of int
        Places of rows whose query stands in the training file.
    """
    relevant = relevant_texts(subject)
    stated = stated_negatives(subject)
    mender = _Mender(
        relevant,
        usual_weights(stated),
        all(one.negative.weight == 0 for one in stated),
        set(subject.raw.repeated_types),
    )
    rows: list[Row] = []
    seen: dict[object, int] = {}
    for place, row in enumerate(subject.rows):
        number = int(subject.numbers[place])
        if place in leaked:
            mender.note(number, "query-in-training", f"row removed: {excerpt(row.query)}")
            continue
        mended = mender.mend(row, number)
        if mended is None:
            continue
        first = seen.setdefault(row_key(mended), number)
        if first != number:
            mender.note(number, "duplicate-rows", f"row removed: it repeats row {first}")
        else:
            rows.append(mended)
    return Repair(tuple(rows), tuple(mender.changes))


def rows_as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows in the original JSON format: ``query``, ``pos``, ``hard_neg`` with ``text``, ``type``, ``weight``.

    ``pos`` is a string where there is one positive; a group and other columns stay.
    """
    return [
        {
            "query": row.query,
            "pos": row.positives[0] if len(row.positives) == 1 else list(row.positives),
            "hard_neg": [{"text": n.text, "type": list(n.types), "weight": n.weight} for n in row.negatives],
            **({} if row.group is None else {"group": row.group}),
            **dict(row.metadata),
        }
        for row in rows
    ]


class _Mender:
    """Mends one row at a time and remembers what it did."""

    def __init__(
        self,
        relevant: Mapping[str, set[str]],
        weights: Mapping[frozenset[str], float],
        all_zero: bool,
        repeated: set[int],
    ) -> None:
        self._relevant = relevant
        self._weights = weights
        self._all_zero = all_zero
        self._repeated = repeated
        self.changes: list[Change] = []

    def note(self, row: int, code: str, change: str) -> None:
        self.changes.append(Change(row, code, change))

    def mend(self, row: Row, number: int) -> Row | None:
        """The row without its faults; None where nothing is left to keep."""
        if number in self._repeated:
            self.note(number, "type-listed-twice", "each type named once")
        query = self._text(row.query, number, "query")
        positives = tuple(t for p in row.positives if (t := self._text(p, number, "positive")) is not None)
        if query is None or not positives:
            self.note(number, "empty-text", "row removed: no query or no positive is left")
            return None
        negatives = [self._negative(row, negative, number) for negative in row.negatives]
        return replace(row, query=query, positives=positives, negatives=tuple(n for n in negatives if n is not None))

    def _text(self, text: str, number: int, what: str) -> str | None:
        """The text mended, None where it says nothing."""
        if is_mojibake(text) and (restored := unmangled(text)) is not None:
            self.note(number, "mojibake", f"{what} restored: {excerpt(restored)}")
            text = restored
        composed = unicodedata.normalize("NFC", text)
        if composed != text:
            self.note(number, "not-nfc", f"{what} normalised: {excerpt(composed)}")
        if not identity(composed):
            self.note(number, "empty-text", f"{what} removed: it is empty")
            return None
        if placeholder(composed) is not None:
            self.note(number, "placeholder-text", f"{what} removed: {excerpt(composed)}")
            return None
        return composed

    def _negative(self, row: Row, negative: Negative, number: int) -> Negative | None:
        text = self._text(negative.text, number, "hard negative")
        if text is None:
            return None
        if identity(text) in self._relevant[identity(row.query)]:
            self.note(number, "positive-also-negative", f"hard negative removed: {excerpt(text)} is a positive")
            return None
        types = self._types(row, negative, text, number)
        if negative.types and not types:
            return None
        return Negative(text, types, self._weight(negative, types, number))

    def _types(self, row: Row, negative: Negative, text: str, number: int) -> tuple[str, ...]:
        """The types that the negative may keep: not those whose value it shares with the positive unnoticed."""
        wrong = [kind for kind in negative.types if kind in VALUES and mislabels(row, kind, text)]
        kept = tuple(kind for kind in negative.types if kind not in wrong)
        for kind in wrong:
            fate = f"no longer typed '{kind}'" if kept else "removed"
            self.note(number, f"{kind}-negative-keeps-value", f"hard negative {fate}: {excerpt(text)}")
        return kept

    def _weight(self, negative: Negative, types: tuple[str, ...], number: int) -> float:
        """The weight under the types that are left: the usual one where it is broken, or was that of the old types."""
        weight = negative.weight
        usual = 1.0 if self._all_zero else self._weights.get(frozenset(types), 1.0)
        if is_weight(weight) and weight > 0:
            follows_type = weight == self._weights.get(frozenset(negative.types))
            return usual if follows_type and types != negative.types else weight
        code = "all-weights-zero" if self._all_zero else "zero-weights" if weight == 0 else "broken-weights"
        self.note(number, code, f"weight {weight:g} replaced by {usual:g}: {excerpt(negative.text)}")
        return usual
