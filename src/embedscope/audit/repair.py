"""What can be corrected in a data set without a person's judgment: the edits, and the rows as they then are."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from embedscope.audit.attribute_checks import code_of_kept, mislabels
from embedscope.audit.leaks import leaked_rows
from embedscope.audit.patching import Action, Edit, Part
from embedscope.audit.subject import Subject, is_weight
from embedscope.audit.text_checks import full_key, row_key
from embedscope.audit.weight_checks import are_placeholders
from embedscope.data.collection import Collection, Negative, Row, excerpt, identity
from embedscope.data.text_features import is_mojibake, is_nothing_but_placeholder, unmangled
from embedscope.diagnose.failing_rows import usual_weights


@dataclass(frozen=True, slots=True)
class Repair:
    """Rows that stay, as they now are, and the edits that lead there."""

    rows: tuple[Row, ...]
    changes: tuple[Edit, ...]


def repair(subject: Subject, *, train: tuple[str, Collection] | None = None) -> Repair:
    """The rows without the faults that can be corrected without a person's judgment.

    Removed: rows without query or positive, rows that repeat another in everything but their ids, leaked rows, empty
    texts and texts that are nothing but a placeholder, hard negatives that are positives of the same query. Corrected:
    mojibake, Unicode form, types that the negative contradicts, weights that are no weights (the usual one of the same
    types; absent where there is none), zeros where nearly all weights are zero. Every other weight stays. Suspicions
    are left alone. Leaked are rows whose query stands in ``train``, the training file by its name.
    """
    leaked = set() if train is None else set(leaked_rows(subject, train[1]))
    repairer = _Repairer(subject)
    rows: list[Row] = []
    seen: dict[object, int] = {}
    for place, row in enumerate(subject.rows):
        number = int(subject.numbers[place])
        if place in leaked:
            repairer.drop(number, "query-in-training", f"row removed: {excerpt(row.query)}")
            continue
        repaired = repairer.repaired(row, number)
        if repaired is None:
            continue
        first = seen.setdefault((row_key(repaired), full_key(repaired, subject.rest_of(place))), number)
        if first != number:
            repairer.drop(number, "duplicate-rows", f"row removed: it repeats row {first}")
        else:
            rows.append(repaired)
    return Repair(tuple(rows), tuple(repairer.edits))


def restored(text: str) -> str:
    """``text`` with what was decoded wrongly read again as far as that is possible, in Unicode NFC."""
    read_again = unmangled(text) if is_mojibake(text) else None
    return unicodedata.normalize("NFC", text if read_again is None else read_again)


class _Repairer:
    """Repairs one row at a time and remembers what it did."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._weights = usual_weights((one.negative.types, one.negative.weight) for one in subject.stated)
        self._placeholders = are_placeholders(subject.stated)
        self._repeated = set(subject.raw.repeated_types)
        self._has_labels = "label" in subject.raw.columns
        self.edits: list[Edit] = []

    def drop(self, row: int, code: str, change: str) -> None:
        """The row goes as a whole."""
        self.edits.append(Edit(row, code, change, Part.ROW, Action.REMOVE))

    def repaired(self, row: Row, number: int) -> Row | None:
        """The row without its faults; None where nothing is left to keep."""
        if number in self._repeated:
            self.edits.append(Edit(number, "type-listed-twice", "each type named once", Part.ROW, Action.NAME_ONCE))
        query = self._text(row.query, number, Part.QUERY, 0)
        found = [self._text(text, number, Part.POSITIVE, place) for place, text in enumerate(row.positives)]
        positives = tuple(text for text in found if text is not None)
        is_of_negatives = self._has_labels and not row.positives  # every text has the label 0
        if query is None or not (positives or is_of_negatives):
            self.drop(number, "empty-text", "row removed: no query or no positive is left")
            return None
        negatives = [self._negative(row, negative, number, place) for place, negative in enumerate(row.negatives)]
        kept = tuple(n for n in negatives if n is not None)
        if is_of_negatives and not kept:
            self.drop(number, "empty-text", "row removed: no text is left")
            return None
        gains = tuple(gain for gain, text in zip(row.gains, found, strict=False) if text is not None)
        return replace(row, query=query, positives=positives, negatives=kept, gains=gains)

    def _text(self, text: str, number: int, part: Part, place: int) -> str | None:
        """The text as it can be read again, None where it says nothing."""
        what = "hard negative" if part is Part.NEGATIVE else part.value
        clean = restored(text)
        if clean != text:
            code = "mojibake" if is_mojibake(text) else "not-nfc"
            how = "restored" if code == "mojibake" else "normalised"
            self._edit(number, code, f"{what} {how}: {excerpt(clean)}", part, Action.RESTORE, place)
        if not identity(clean):
            self._edit(number, "empty-text", f"{what} removed: it is empty", part, Action.REMOVE, place)
            return None
        if is_nothing_but_placeholder(clean):
            self._edit(number, "placeholder-text", f"{what} removed: {excerpt(clean)}", part, Action.REMOVE, place)
            return None
        return clean

    def _negative(self, row: Row, negative: Negative, number: int, place: int) -> Negative | None:
        text = self._text(negative.text, number, Part.NEGATIVE, place)
        if text is None:
            return None
        how = self._subject.same_as_positive(row, text)
        if how is not None:
            said = f"hard negative removed: {excerpt(text)} is a positive of the query{how}"
            self._edit(number, "positive-also-negative", said, Part.NEGATIVE, Action.REMOVE, place)
            return None
        types = self._types(row, negative, text, number, place)
        if negative.types and not types:
            return None
        return Negative(text, types, self._weight(negative, number, place))

    def _types(self, row: Row, negative: Negative, text: str, number: int, place: int) -> tuple[str, ...]:
        """The types that the negative may keep: not those whose value it shares with the positive unnoticed."""
        attributes = self._subject.attributes
        wrong = {
            name: kind
            for name in negative.types
            if (kind := attributes.kind_of_type(name)) and mislabels(row, name, text, attributes)
        }
        kept = tuple(name for name in negative.types if name not in wrong)
        if wrong and not kept:
            said = f"hard negative removed, which has no type but {' + '.join(wrong)}: {excerpt(text)}"
            code = code_of_kept(*next(iter(wrong.items())))
            self._edit(number, code, said, Part.NEGATIVE, Action.REMOVE, place)
            return ()
        for name, kind in wrong.items():
            said = f"hard negative no longer typed '{name}': {excerpt(text)}"
            code = code_of_kept(name, kind)
            self._edit(number, code, said, Part.NEGATIVE, Action.UNTYPE, place, frozenset({name}))
        return kept

    def _weight(self, negative: Negative, number: int, place: int) -> float:
        """The weight as it is stated, unless it is no weight, or one of zeros that were never filled in."""
        weight = negative.weight
        if is_weight(weight) and not (weight == 0 and self._placeholders):
            return weight
        zero = weight == 0
        usual = 1.0 if zero else self._weights.get(frozenset(negative.types))
        fate = "taken out, so that it counts as 1" if usual is None else f"replaced by {usual:g}"
        shown = f"{weight:g}" if weight == weight else "that is not a number"
        said = f"weight {shown} {fate}: {excerpt(negative.text)}"
        code = "all-weights-zero" if zero else "broken-weights"
        self._edit(number, code, said, Part.NEGATIVE, Action.WEIGH, place, usual)
        return 1.0 if usual is None else usual

    def _edit(
        self, row: int, code: str, change: str, part: Part, action: Action, place: int, value: object = None
    ) -> None:
        self.edits.append(Edit(row, code, change, part, action, place, value))
