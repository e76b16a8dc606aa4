"""Documents and queries that nearly agree, and that the labels treat as if they did not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from embedscope.audit.faults import Fault, Hit, fault, hit
from embedscope.audit.subject import Subject
from embedscope.data.collection import Collection, excerpt
from embedscope.diagnose.near_duplicates import ask_the_same, folded, say_the_same
from embedscope.result import Severity
from embedscope.result.formatting import count


def check_duplicates(subject: Subject) -> Iterator[Fault]:
    """Near duplicates among the documents, then among the queries."""
    if subject.collection is not None:
        yield from _near_duplicate_documents(subject, subject.collection)
        yield from _near_duplicate_queries(subject, subject.collection)


def _near_duplicate_documents(subject: Subject, collection: Collection) -> Iterator[Fault]:
    """Documents that nearly agree, of which one is relevant to a query and the other is not labelled for it."""
    known = _labelled_for_one_query(subject)
    alike = {(a, b) for own in subject.relevant for a in own for b in own if a < b}  # relevant to one query
    first_query = {d: q for q in reversed(range(len(subject.relevant))) for d in subject.relevant[q]}
    hits, units = [], set()
    for i, j in subject.near_duplicates(collection.documents):
        first, second = collection.documents[i], collection.documents[j]
        # Labels that differ tell two texts apart only where the texts differ in more than their form.
        labelled = alike if folded(first) == folded(second) else known
        owner = first_query.get(i, first_query.get(j))
        if owner is None or (i, j) in labelled:
            continue
        if not say_the_same(first, second, subject.attributes.denials) or subject.differ_in_values(first, second):
            continue
        unit = subject.rows_of_query[collection.queries[owner]][0]
        if unit not in units:
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


def _labelled_for_one_query(subject: Subject) -> set[tuple[int, int]]:
    """Pairs of documents that some query has both among its labels, so that the data set tells them apart."""
    groups: dict[int, set[int]] = defaultdict(set)  # by relevant document: its queries state one family of texts
    for q, own in enumerate(subject.relevant):
        for d in own:
            groups[d] |= {*own, *subject.refused[q]}
    return {(a, b) for own in groups.values() for a in own for b in own if a < b}


def _near_duplicate_queries(subject: Subject, collection: Collection) -> Iterator[Fault]:
    """Queries that say the same and have other positives: what one teaches the other forbids, or does not know."""
    texts = collection.documents
    answers = [{folded(texts[d]) for d in own} for own in subject.relevant]
    refused = [{folded(texts[d]) for d in subject.refused[q]} for q in range(len(answers))]
    crossed: list[Hit] = []
    other: list[Hit] = []
    units: set[int] = set()
    for i, j in subject.near_duplicates(collection.queries):
        if not answers[i] or not answers[j] or answers[i] == answers[j]:
            continue
        first, second = collection.queries[i], collection.queries[j]
        if not ask_the_same(first, second, subject.attributes.denials) or subject.differ_in_values(first, second):
            continue
        unit = int(subject.units[j])
        if unit in units:
            continue
        units.add(unit)
        is_crossed = bool(answers[i] & refused[j] or answers[j] & refused[i])
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
