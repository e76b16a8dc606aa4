"""Documents and queries that nearly agree, and that the labels treat as if they did not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import product

from embedscope.audit.faults import Fault, Hit, fault, hit
from embedscope.audit.subject import Subject
from embedscope.data.collection import Collection, excerpt
from embedscope.diagnose.near_duplicates import ask_the_same, folded, say_the_same
from embedscope.protocols import IntArray
from embedscope.result import Severity
from embedscope.result.formatting import count


def check_duplicates(subject: Subject) -> Iterator[Fault]:
    """Near duplicates among the documents, then among the queries."""
    if subject.collection is not None:
        yield from _near_duplicate_documents(subject, subject.collection)
        yield from _near_duplicate_queries(subject, subject.collection)


def _near_duplicate_documents(subject: Subject, collection: Collection) -> Iterator[Fault]:
    """Documents that nearly agree, of which one is relevant to a query and the other is not labelled for it."""
    labels = _Labels(subject)
    hits, units = [], set()
    for i, j in subject.near_duplicates(collection.documents):
        first, second = collection.documents[i], collection.documents[j]
        owner = next((own[0] for own in map(subject.relevant_to.of, (i, j)) if len(own)), None)
        if owner is None or (unit := int(subject.units[owner])) in units:
            continue
        # Labels that differ tell two texts apart only where the texts differ in more than their form.
        if labels.is_relevant_beside(i, j) if folded(first) == folded(second) else labels.are_labelled_apart(i, j):
            continue
        if not say_the_same(first, second, subject.attributes.denials) or subject.differ_in_values(first, second):
            continue
        units.add(unit)
        hits.append(hit(subject, unit, f"{excerpt(first, 90)} and {excerpt(second, 90)}"))
    if hits:
        yield fault(
            subject,
            "near-duplicate-documents",
            f"{count(len(hits), 'row has', 'rows have')} a positive with a near duplicate that is not labelled for "
            f"the same query (of {len(subject.rows):,})",
            Severity.MEDIUM,
            hits,
            action="Merge the near duplicates or label both relevant; which of the two ranks first is chance.",
        )


class _Labels:
    """Which queries label a document: asked of pairs, because all pairs of labelled documents may be very many."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._families: dict[int, set[int]] = {}
        self._of_labels: dict[tuple[int, ...], set[int]] = {}

    def is_relevant_beside(self, i: int, j: int) -> bool:
        """Whether some query has both among its relevant documents."""
        return any(_shared(self._subject.relevant_to.of(i), self._subject.relevant_to.of(j)))

    def are_labelled_apart(self, i: int, j: int) -> bool:
        """Whether queries with one relevant document in common, which state one family of texts, label both."""
        # One query that labels both is found without the families, which may be as large as the file.
        pairs = product(*((self._subject.relevant_to.of(d), self._subject.refusing.of(d)) for d in (i, j)))
        if any(len(self._subject.relevant.of(q)) for ours, theirs in pairs for q in _shared(ours, theirs)):
            return True
        return not self._family(i).isdisjoint(self._family(j))

    def _family(self, document: int) -> set[int]:
        """The relevant documents of every query that labels the document."""
        if document not in self._families:
            queries = (*self._subject.relevant_to[document], *self._subject.refusing[document])
            if queries not in self._of_labels:  # documents of one query share its family
                self._of_labels[queries] = {d for q in queries for d in self._subject.relevant[q]}
            self._families[document] = self._of_labels[queries]
        return self._families[document]


def _shared(first: IntArray, second: IntArray) -> Iterator[int]:
    """The numbers that stand in both of two ascending arrays, in steps of the shorter one."""
    short, long = sorted((first, second), key=len)
    for number in short.tolist():
        place = bisect_left(long, number)
        if place < len(long) and long[place] == number:
            yield number


def _near_duplicate_queries(subject: Subject, collection: Collection) -> Iterator[Fault]:
    """Queries that say the same and have other positives: what one teaches the other forbids, or does not know."""

    def forms(documents: Iterable[int]) -> frozenset[str]:
        return frozenset(folded(collection.documents[d]) for d in documents)

    @lru_cache(maxsize=1 << 10)  # a query is asked for with each that is like it, and may have very many positives
    def positives(query: int) -> frozenset[str]:
        return forms(subject.relevant[query])

    crossed: list[Hit] = []
    other: list[Hit] = []
    units: set[int] = set()
    for i, j in subject.near_duplicates(collection.queries):
        if (unit := int(subject.units[j])) in units:
            continue
        ours, theirs = positives(i), positives(j)
        if not ours or not theirs or ours == theirs:
            continue
        first, second = collection.queries[i], collection.queries[j]
        if not ask_the_same(first, second, subject.attributes.denials) or subject.differ_in_values(first, second):
            continue
        units.add(unit)
        is_crossed = bool(ours & forms(subject.refused(j)) or theirs & forms(subject.refused(i)))
        name, earlier = subject.raw.row_name, int(subject.numbers[subject.units[i]])
        how = "the positive of one is a hard negative of the other" if is_crossed else "their positives differ"
        said = f"{excerpt(second)} asks what {name} {earlier} asks ({excerpt(first)}); {how}"
        (crossed if is_crossed else other).append(hit(subject, unit, said))
    if crossed or other:
        n = len(crossed) + len(other)
        yield fault(
            subject,
            "near-duplicate-queries",
            f"{count(n, 'query says', 'queries say')} the same as an earlier one and "
            f"{'has' if n == 1 else 'have'} other positives (of {len(collection.queries):,})"
            + (f"; {len(crossed):,} of them cross-labelled" if crossed else ""),
            Severity.HIGH if crossed else Severity.MEDIUM,
            [*crossed, *other],
            action="Give such queries the positives of both, or say in them what sets the positives apart; until then "
            "a model is marked wrong for one of the two.",
        )
