"""Faults of the types and weights of hard negatives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from embedscope.audit.faults import Fault, Hit, fault, hits_of
from embedscope.audit.subject import Stated, Subject, is_weight
from embedscope.data.collection import excerpt
from embedscope.diagnose.failing_rows import usual_weights
from embedscope.result import Severity
from embedscope.result.formatting import count

PLACEHOLDER_SHARE = 0.95
"""Share of zero weights from which they were never filled in."""


def check_weights(subject: Subject) -> Iterator[Fault]:
    """Weights that are no weights, that are all zero, or that differ within a type; types listed twice."""
    if subject.stated:
        yield from _bad_weights(subject)
        yield from _unequal_weights(subject)
        yield from _types_twice(subject)


def are_placeholders(stated: Sequence[Stated]) -> bool:
    """Whether nearly all weights are 0: that says "not filled in" rather than "leave out"."""
    zero = sum(one.negative.weight == 0 for one in stated)
    return zero > 0 and zero >= PLACEHOLDER_SHARE * len(stated)


def _bad_weights(subject: Subject) -> Iterator[Fault]:
    stated, n = subject.stated, len(subject.stated)
    broken = hits_of(subject, stated, lambda one: not is_weight(one.negative.weight), _with_weight)
    if broken:
        yield fault(
            subject,
            "broken-weights",
            f"{count(len(broken), 'hard negative has', 'hard negatives have')} a weight that is negative or no "
            f"number (of {n:,})",
            Severity.HIGH,
            broken,
            units=subject.negative_resampler,
            action="Give them the weight of their type; one such weight makes a weighted mean meaningless. --fix does "
            "it.",
        )
    zero = hits_of(subject, stated, lambda one: one.negative.weight == 0, _with_weight)
    if not zero:
        return
    if are_placeholders(stated):
        which = "all" if len(zero) == n else f"{len(zero):,} of"
        yield fault(
            subject,
            "all-weights-zero",
            f"{which} {n:,} hard negatives have the weight 0: a weighted loss learns nothing from them",
            Severity.HIGH,
            zero,
            units=subject.negative_resampler,
            action="Leave the weights out (each is then 1) or set them by type; --fix sets 1.",
        )
        return
    yield fault(
        subject,
        "zero-weights",
        f"{count(len(zero), 'hard negative has', 'hard negatives have')} the weight 0, while others do not (of {n:,})",
        Severity.HIGH if 2 * len(zero) > n else Severity.MEDIUM,
        zero,
        units=subject.negative_resampler,
        action="Nothing, if they are meant to be left out of a weighted loss; else give them the weight of their type. "
        "--fix leaves them.",
    )


def _with_weight(one: Stated) -> str:
    types = " + ".join(one.negative.types) or "untyped"
    weight = one.negative.weight
    said = "with a weight that is not a number" if math.isnan(weight) else f"with the weight {weight:g}"
    return f"{types} {said}: {excerpt(one.negative.text)}"


def _unequal_weights(subject: Subject) -> Iterator[Fault]:
    stated = subject.stated
    usual = usual_weights((one.negative.types, one.negative.weight) for one in stated)

    def is_off(one: Stated) -> bool:
        weight = one.negative.weight
        if not one.negative.types or not (math.isfinite(weight) and weight > 0):
            return False
        return weight != usual.get(frozenset(one.negative.types))

    def say(one: Stated) -> str:
        return f"{_with_weight(one)}; its type mostly has {usual[frozenset(one.negative.types)]:g}"

    hits = hits_of(subject, stated, is_off, say)
    if hits:
        yield fault(
            subject,
            "weights-not-by-type",
            f"{count(len(hits), 'hard negative has', 'hard negatives have')} another weight than most of the same "
            f"types (of {len(stated):,})",
            Severity.LOW,
            hits,
            units=subject.negative_resampler,
            action="If the weight is meant to follow the type, correct these; if each negative is weighed by itself, "
            "nothing is wrong.",
        )


def _types_twice(subject: Subject) -> Iterator[Fault]:
    named = set(subject.raw.repeated_types)
    hits = [Hit(unit, int(number), "") for unit, number in enumerate(subject.numbers) if int(number) in named]
    if hits:
        yield fault(
            subject,
            "type-listed-twice",
            f"{count(len(hits), 'row lists', 'rows list')} a type twice for one hard negative "
            f"(of {len(subject.rows):,})",
            Severity.LOW,
            hits,
            action="Name each type once: a program that counts types or adds up weights by type counts these twice. "
            "--fix does it.",
        )
