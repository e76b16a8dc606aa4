"""Hard negatives that are typed by what they do not differ in, as far as a pack reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from embedscope.audit.faults import Fault, fault, hits_of
from embedscope.audit.subject import Stated, Subject
from embedscope.data.collection import Row, excerpt
from embedscope.data.text_features import words
from embedscope.diagnose.near_duplicates import split_words
from embedscope.protocols import AttributeKind, AttributeReader
from embedscope.result import Severity


def check_attributes(subject: Subject) -> Iterator[Fault]:
    """Negatives that are typed by what they do not differ in."""
    stated, attributes = subject.stated, subject.attributes
    for type_name, kind in _kinds_of_types(stated, attributes):
        own = [place for place, one in enumerate(stated) if type_name in one.negative.types]
        typed = [stated[place] for place in own]

        def keeps(one: Stated, type_name: str = type_name) -> bool:
            if not contradicted(subject.rows[one.row], type_name, one.negative.text, attributes):
                return False
            return subject.same_as_positives[one.place] is None  # else a finding of its own

        def say(one: Stated) -> str:
            row = subject.rows[one.row]
            ours, theirs = _difference(row.positives[0], one.negative.text)
            return f"{excerpt(row.query)}: the positive alone has {ours}, the negative alone has {theirs}"

        hits = hits_of(subject, typed, keeps, say)
        if not hits:
            continue
        wrong = {
            h.unit: mislabels(subject.rows[typed[h.unit].row], type_name, typed[h.unit].negative.text, attributes)
            for h in hits
        }
        unclear = [one for one in hits if wrong[one.unit]]
        rest = [one for one in hits if not wrong[one.unit]]
        value, severity, apart = type_name, Severity.HIGH, ""
        if not _is_whole(kind):
            value, severity = kind.read, Severity.MEDIUM if unclear else Severity.LOW
            apart = f"; for {len(unclear):,} of them the query names nothing that tells the two apart"
        yield fault(
            subject,
            code_of_kept(type_name, kind),
            f"{len(hits):,} of {len(typed):,} '{type_name}' negatives state the positive's own {value}{apart}",
            severity,
            [*unclear, *rest],
            units=subject.negative_resampler.among(np.array(own, dtype=np.int64)),
            action=_action_for_kept(type_name, value, len(unclear)),
        )


def contradicted(row: Row, type_name: str, text: str, attributes: AttributeReader) -> bool:
    """Whether a negative of a type keeps the value of its kind that the positives of its row have."""
    answers = [attributes.keeps_value(type_name, positive, text) for positive in row.positives]
    return any(answer is True for answer in answers) and not any(answer is False for answer in answers)


def mislabels(row: Row, type_name: str, text: str, attributes: AttributeReader) -> bool:
    """Whether the negative ``text`` is not of that type: the value is the positive's, and nothing asked differs.

    Where only a part of the value is read the query decides: if it names a word that the positive has and the negative
    lacks, the type may be meant.
    """
    kind = attributes.kind_of_type(type_name)
    if kind is None or not contradicted(row, type_name, text, attributes):
        return False
    return _is_whole(kind) or not query_tells_apart(row, text)


def _is_whole(kind: AttributeKind) -> bool:
    return kind.read == kind.name


def query_tells_apart(row: Row, text: str) -> bool:
    """Whether the query names a word, a number or an initialism that a positive has and ``text`` lacks."""
    asked = _named(row.query)
    return any((asked & _named(positive)) - _named(text) for positive in row.positives)


def _named(text: str) -> set[str]:
    """Words without diacritics, each number with the word before it, and what two to four words are shortened to.

    The 25 of gate 25 is not that of 25 m; "jfk" is "John F. Kennedy".
    """
    listed = split_words(text)
    numbers = {f"{word} {number}" for word, number in pairwise(listed) if number.isdecimal()}
    short = [word if len(word) <= 2 else word[0] for word in listed]
    windows = ("".join(short[start : start + width]) for width in (2, 3, 4) for start in range(len(short) - width + 1))
    return {*listed, *numbers, *(initials for initials in windows if initials.isalpha() and len(initials) > 2)}


def _kinds_of_types(stated: Sequence[Stated], attributes: AttributeReader) -> list[tuple[str, AttributeKind]]:
    """The types that occur and are about a kind that can be read, in the order of the kinds."""
    names = sorted({name for one in stated for name in one.negative.types})
    kinds = {name: kind for name in names if (kind := attributes.kind_of_type(name)) is not None}
    return sorted(kinds.items(), key=lambda item: attributes.kinds.index(item[1]))


def code_of_kept(type_name: str, kind: AttributeKind) -> str:
    """The code of the finding that negatives of a type keep the positive's value."""
    return f"{type_name}-negative-keeps-{type_name if _is_whole(kind) else kind.read}"


def _action_for_kept(type_name: str, value: str, n_unclear: int) -> str:
    if not n_unclear:
        return f"Nothing, where the query names what sets the two apart; else give the negative another {value}."
    return (
        f"Correct the {value} or the type of the first {n_unclear:,}: a model is taught to keep apart what is the "
        f"same. --fix takes the type '{type_name}' from these, and removes those that have no other type."
    )


def _difference(first: str, second: str) -> tuple[str, str]:
    """The words that only one of two texts has, in order, as they are shown."""
    ours, theirs = words(first), words(second)
    alone = [word for word in ours if word not in theirs], [word for word in theirs if word not in ours]
    shown = [excerpt(" ".join(part), 50) if part else "nothing" for part in alone]
    return shown[0], shown[1]
