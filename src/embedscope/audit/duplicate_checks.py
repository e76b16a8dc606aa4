"""Documents and queries that nearly agree, and that the labels treat as if they did not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from embedscope.audit.faults import Fault, Hit, counted, fault, hit
from embedscope.audit.subject import Subject
from embedscope.data.collection import Collection, excerpt
from embedscope.diagnose.near_duplicates import NearPair, ask_the_same, folded, near_duplicates, say_the_same
from embedscope.result import Severity


def check_duplicates(subject: Subject) -> Iterator[Fault]:
    """Near duplicates among the documents, then among the queries."""
    if subject.collection is not None:
        yield from _near_duplicate_documents(subject, subject.collection)
        yield from _near_duplicate_queries(subject, subject.collection)


def _near_duplicate_documents(subject: Subject, collection: Collection) -> Iterator[Fault]:
    """Documents that nearly agree, of which one is relevant to a query and the other is not labelled for it."""
    known = _labelled_for_one_query(collection)
    alike = _relevant_to_one_query(collection)
    positives = set(np.unique(collection.relevant).tolist())
    hits, units = [], set()
    for pair in near_duplicates(collection.documents):
        first, second = collection.documents[pair.first], collection.documents[pair.second]
        # Labels that differ tell two texts apart only where the texts differ in more than their form.
        labelled = alike if folded(first) == folded(second) else known
        if not {pair.first, pair.second} & positives or (pair.first, pair.second) in labelled:
            continue
        if not say_the_same(first, second, subject.attributes.denials) or subject.differ_in_values(first, second):
            continue
        unit = _a_row_of(subject, collection, pair, positives)
        if unit not in units:
            units.add(unit)
            hits.append(hit(subject, unit, f"{excerpt(first, 90)} and {excerpt(second, 90)}"))
    if hits:
        yield fault(
            subject,
            "near-duplicate-documents",
            f"{counted(len(hits), 'row has', 'rows have')} a positive with a near duplicate that is not labelled for "
            f"the same query (of {len(subject.rows):,})",
            Severity.MEDIUM,
            hits,
            action="Merge the near duplicates or label both relevant; which of the two ranks first is chance.",
        )


def _labelled_for_one_query(collection: Collection) -> set[tuple[int, int]]:
    """Pairs of documents that some query has both among its labels, so that the data set tells them apart."""
    labels: dict[int, set[int]] = defaultdict(set)
    owners = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))
    for q, d in zip(owners.tolist(), collection.relevant.tolist(), strict=True):
        labels[q].add(d)
    for q, d in zip(collection.negatives.queries.tolist(), collection.negatives.documents.tolist(), strict=True):
        labels[q].add(d)
    groups: dict[int, set[int]] = defaultdict(set)  # by relevant document: its queries state one family of texts
    for q, d in zip(owners.tolist(), collection.relevant.tolist(), strict=True):
        groups[d] |= labels[q]
    return {(a, b) for own in groups.values() for a in own for b in own if a < b}


def _relevant_to_one_query(collection: Collection) -> set[tuple[int, int]]:
    """Pairs of documents that are relevant to one query."""
    lists = (collection.relevant[a:b].tolist() for a, b in pairwise(collection.indptr.tolist()))
    return {(a, b) for own in lists for a in own for b in own if a < b}


def _near_duplicate_queries(subject: Subject, collection: Collection) -> Iterator[Fault]:
    """Queries that say the same and have other positives: what one teaches the other forbids, or does not know."""
    lists = [collection.relevant[a:b].tolist() for a, b in pairwise(collection.indptr.tolist())]
    answers = [{folded(collection.documents[d]) for d in own} for own in lists]
    refused: dict[int, set[str]] = defaultdict(set)
    for q, d in zip(collection.negatives.queries.tolist(), collection.negatives.documents.tolist(), strict=True):
        refused[q].add(folded(collection.documents[d]))
    crossed: list[Hit] = []
    other: list[Hit] = []
    units: set[int] = set()
    for pair in near_duplicates(collection.queries):
        i, j = pair.first, pair.second
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
            f"{counted(n, 'query says', 'queries say')} the same as an earlier one and "
            f"{'has' if n == 1 else 'have'} other positives (of {len(collection.queries):,})"
            + (f"; {len(crossed):,} of them cross-labelled" if crossed else ""),
            Severity.HIGH if crossed else Severity.MEDIUM,
            [*crossed, *other],
            action="Give such queries the positives of both, or say in them what sets the positives apart; until then "
            "a model is marked wrong for one of the two.",
        )


def _a_row_of(subject: Subject, collection: Collection, pair: NearPair, positives: set[int]) -> int:
    document = pair.first if pair.first in positives else pair.second
    entry = int(np.flatnonzero(collection.relevant == document)[0])
    query = int(np.searchsorted(collection.indptr, entry, side="right")) - 1
    return subject.rows_of_query[collection.queries[query]][0]
