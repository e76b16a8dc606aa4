"""What a data set holds that is no fault by itself, and yet decides what its scores mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from embedscope.audit.subject import Subject
from embedscope.data.collection import identity
from embedscope.data.text_features import DiacriticWords


@dataclass(frozen=True, slots=True)
class Fact:
    """A count out of ``of``, and the rows of the file that it counts where they are fewer than all."""

    code: str
    title: str
    n: int
    of: int
    rows: tuple[int, ...] = ()


def state_facts(subject: Subject) -> Iterator[Fact]:
    """Counts of queries, positives, clusters, shared positives, repeated types, queries without diacritics."""
    rows = subject.rows
    n = len(rows)
    queries = {identity(row.query) for row in rows}
    uses = Counter(text for row in rows for text in {identity(p) for p in row.positives})
    yield Fact("distinct-queries", "distinct queries", len(queries), n)
    yield Fact("distinct-positives", "distinct positives", len(uses), n)
    yield Fact("clusters", "independent groups of rows", len(np.unique(subject.clusters)), n)
    shared = [place for place, row in enumerate(rows) if any(uses[identity(p)] > 1 for p in row.positives)]
    yield _rows(subject, "shared-positives", "rows that share their positive with another row", shared)
    if uses:
        yield Fact("most-shared-positive", "rows of the positive that is shared most", max(uses.values()), n)
    yield from _types(subject)
    spelt = DiacriticWords(chain((row.query for row in rows), (p for row in rows for p in row.positives)))
    bare = [place for place, row in enumerate(rows) if spelt.lacks(row.query)]
    if bare:
        yield _rows(subject, "queries-without-diacritics", "queries typed without diacritics", bare)


def _types(subject: Subject) -> Iterator[Fact]:
    """Types of hard negatives: a row may state one type several times, and one set of types in several orders."""
    same_set, same = [], []
    main: Counter[tuple[str, ...]] = Counter()
    for place, row in enumerate(subject.rows):  # one by one: counts of a million rows would take gigabytes
        listed = [negative.types for negative in row.negatives if negative.types]
        if len({frozenset(types) for types in listed}) < len(listed):
            same_set.append(place)
        if len(set().union(*listed)) < sum(map(len, listed)):
            same.append(place)
        main.update(types for types in listed if len(types) > 1)
    if same_set:
        yield _rows(subject, "repeated-type-sets", "rows with two hard negatives of the same types", same_set)
    if same:
        yield _rows(subject, "repeated-types", "rows with a type in two hard negatives", same)
    first = {names: order for order, _ in reversed(main.most_common()) for names in [frozenset(order)]}
    turned = sum(n for order, n in main.items() if first[frozenset(order)] != order)
    if turned:
        title = "hard negatives that list the types of another in another order"
        yield Fact("types-in-other-order", title, turned, main.total())


def _rows(subject: Subject, code: str, title: str, places: Iterable[int]) -> Fact:
    numbers = tuple(int(subject.numbers[place]) for place in places)
    return Fact(code, title, len(numbers), len(subject.rows), numbers)
