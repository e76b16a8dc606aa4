"""Faults between files and in the task itself: leakage from the training file, and shortcuts past the meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection, Row, excerpt
from embedscope.diagnosis.audit.faults import Fault, Hit, counted, fault, whole_fault
from embedscope.diagnosis.audit.subject import Subject
from embedscope.diagnosis.evidence import Estimate, percent, rate
from embedscope.diagnosis.leakage import measure_leakage, normalised
from embedscope.findings import Leakage, Severity

NEAR_SHARE = 0.05
"""Share of nearly equal texts from which templates are no longer the likely reason."""

SHORTCUT = 0.9
"""Share of (query, hard negative) pairs in which shared letters prefer the positive: above it no model is needed."""


def check_leakage(subject: Subject, train: Collection, *, name: str) -> tuple[Leakage | None, list[Fault]]:
    """Overlap with the training file, and the faults that it makes."""
    if subject.collection is None:
        return None, []
    found = measure_leakage(subject.collection, train, train_name=name)
    queries = _leak(
        subject,
        _Leaked("query-in-training", "queries", found.queries, found.n_queries, lambda row: (row.query,)),
        train.queries,
        name,
        Severity.HIGH,
        "Remove these rows from the test set: the model may have learnt their answers by heart. --fix does it.",
    )
    positives = _leak(
        subject,
        _Leaked("positive-in-training", "positives", found.positives, found.n_positives, lambda row: row.positives),
        [train.documents[d] for d in np.unique(train.relevant)],
        name,
        Severity.MEDIUM,
        "Divide the data by document and not by row, unless the same documents are searched in use.",
    )
    return found, [*queries, *positives]


@dataclass(frozen=True, slots=True)
class _Leaked:
    """Which texts of a row may have leaked, and how many did."""

    code: str
    what: str
    counts: Mapping[str, int]
    total: int
    texts_of: Callable[[Row], tuple[str, ...]]


def _leak(
    subject: Subject, leaked: _Leaked, train: Sequence[str], name: str, severity: Severity, action: str
) -> Iterator[Fault]:
    exact, near = leaked.counts["exact"], leaked.counts["near"]
    n = exact + leaked.counts["normalised"]
    if n:
        title = f"{n:,} of {leaked.total:,} distinct {leaked.what} stand in {name} ({exact:,} word for word)"
        if near:
            title += f"; {near:,} more stand there nearly"
        yield fault(
            leaked.code, title, severity, _hits(subject, leaked.texts_of, train), subject.clusters, action=action
        )
    elif near > NEAR_SHARE * leaked.total:
        # Templated data holds honest near neighbours, so a few are no finding.
        yield whole_fault(
            f"{leaked.code}-nearly",
            f"{near:,} of {leaked.total:,} distinct {leaked.what} stand nearly in {name}",
            Severity.LOW,
            n=leaked.total,
            effect=Estimate(near / leaked.total, None, None),
            action="Read some of the pairs: where they say the same, the test set measures memory.",
        )


def leaked_rows(subject: Subject, train: Collection) -> list[int]:
    """Places of the rows whose query stands in the training file, exactly or after normalisation."""
    return [hit.unit for hit in _hits(subject, lambda row: (row.query,), train.queries)]


def _hits(subject: Subject, texts_of: Callable[[Row], tuple[str, ...]], train: Sequence[str]) -> list[Hit]:
    known = {normalised(text) for text in train}
    hits = []
    for unit, row in enumerate(subject.rows):
        found = [text for text in texts_of(row) if normalised(text) in known]
        if found:
            number = int(subject.numbers[unit])
            hits.append(Hit(unit, number, f"{subject.raw.row_name} {number}: {excerpt(found[0], 90)}"))
    return hits


def check_shortcut(subject: Subject) -> Iterator[Fault]:
    """Whether character n-grams alone tell the positives from their hard negatives."""
    collection, lexical = subject.collection, subject.lexical
    if collection is None or lexical is None or not len(collection.negatives.queries):
        return
    counts = np.diff(collection.indptr)
    owners = np.repeat(np.arange(len(counts)), counts)
    best = np.full(len(counts), -np.inf)
    np.maximum.at(best, owners, lexical.pairs(owners, collection.relevant))
    queries, documents = collection.negatives.queries, collection.negatives.documents
    answered = np.isfinite(best[queries])
    queries, documents = queries[answered], documents[answered]
    theirs = lexical.pairs(queries, documents)
    wins = (best[queries] > theirs) + 0.5 * (best[queries] == theirs)
    units = np.array([subject.rows_of_query[text][0] for text in collection.queries], dtype=np.int64)
    found = rate(wins, np.ones_like(wins), subject.clusters[units[queries]])
    if found.at_least > SHORTCUT:
        yield whole_fault(
            "lexical-shortcut",
            f"shared letters alone prefer the positive in {percent(found.value)} of "
            f"{counted(len(wins), 'pair', 'pairs')} with a hard negative: the task can be solved without meaning",
            Severity.MEDIUM,
            n=len(wins),
            effect=found,
            action="Add hard negatives that share the query's words, and queries in other words than their positives; "
            "else a good score says little.",
        )
