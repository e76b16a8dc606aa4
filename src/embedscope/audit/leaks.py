"""Faults between files and in the task itself: leakage from the training file, and shortcuts past the meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.audit.faults import GAIN, Fault, Hit, fault, hit
from embedscope.audit.preferences import compared
from embedscope.audit.subject import Subject
from embedscope.data.collection import Collection, Row, excerpt, identity, keep_queries
from embedscope.diagnose.evidence import candidate
from embedscope.diagnose.leakage import Overlap, leakage_of, normalised, overlaps
from embedscope.diagnose.near_duplicates import differ_by_slips, say_the_same
from embedscope.result import Leakage, Severity
from embedscope.result.formatting import count, percent

SHORTCUT = 0.9
"""Share of (query, hard negative) pairs in which shared letters prefer the positive: above it no model is needed."""


def check_leakage(subject: Subject, train: Collection, *, name: str) -> tuple[Leakage | None, list[Fault]]:
    """Overlap with the training file, and the faults that it makes."""
    if subject.collection is None:
        return None, []
    queries, positives = overlaps(subject.collection, train)
    of_queries = _Leaked(
        "query-in-training",
        "queries",
        queries,
        train.queries,
        lambda row: (row.query,),
        Severity.HIGH,
        "Remove these rows from the test set: the model may have learnt their answers by heart. --fix does it.",
    )
    of_positives = _Leaked(
        "positive-in-training",
        "positives",
        positives,
        [train.documents[d] for d in np.unique(train.relevant)],
        lambda row: row.positives,
        Severity.MEDIUM,
        "Divide the data by document and not by row, unless the same documents are searched in use.",
    )
    found = (one for leaked in (of_queries, of_positives) for one in _leaks(subject, leaked, name))
    return leakage_of(queries, positives, train_name=name), list(found)


@dataclass(frozen=True, slots=True)
class _Leaked:
    """Which texts of a row may have leaked, and which did."""

    code: str
    what: str
    overlap: Overlap
    train: Sequence[str]
    texts_of: Callable[[Row], tuple[str, ...]]
    severity: Severity
    action: str


def _leaks(subject: Subject, leaked: _Leaked, name: str) -> Iterator[Fault]:
    """Texts that stand in the training file, and texts that nearly do and say the same.

    Templated data holds honest near neighbours.
    """
    exact = len(leaked.overlap.exact)
    n = exact + len(leaked.overlap.normalised)
    if n:
        yield fault(
            subject,
            leaked.code,
            f"{n:,} of {leaked.overlap.n:,} distinct {leaked.what} stand in {name} ({exact:,} word for word)",
            leaked.severity,
            _hits(subject, leaked.texts_of, leaked.train),
            action=leaked.action,
        )
    twins = {text: twin for text, twin in leaked.overlap.near if _is_the_same_text(subject, text, twin)}
    hits = []
    for unit, row in enumerate(subject.rows):
        found = [text for text in map(identity, leaked.texts_of(row)) if text in twins]
        if found:
            said = f"{excerpt(found[0], 90)} stands there as {excerpt(twins[found[0]], 90)}"
            hits.append(hit(subject, unit, said))
    if hits:
        yield fault(
            subject,
            f"{leaked.code}-nearly",
            f"{len(twins):,} of {leaked.overlap.n:,} distinct {leaked.what} stand in {name} but for slips or the order "
            "of their words",
            Severity.MEDIUM if leaked.severity is Severity.HIGH else Severity.LOW,
            hits,
            action="Read the pairs: where they say the same, remove the rows from the test set. --fix leaves them.",
        )


def _is_the_same_text(subject: Subject, first: str, second: str) -> bool:
    denials = subject.attributes.denials
    is_alike = say_the_same(first, second, denials) or differ_by_slips(first, second, denials)
    return is_alike and not subject.differ_in_values(first, second)


def leaked_rows(subject: Subject, train: Collection) -> list[int]:
    """Places of the rows whose query stands in the training file, exactly or after normalisation."""
    return [one.unit for one in _hits(subject, lambda row: (row.query,), train.queries)]


def _hits(subject: Subject, texts_of: Callable[[Row], tuple[str, ...]], train: Sequence[str]) -> list[Hit]:
    known = {normalised(text) for text in train}
    hits = []
    for unit, row in enumerate(subject.rows):
        found = [text for text in texts_of(row) if normalised(text) in known]
        if found:
            hits.append(hit(subject, unit, excerpt(found[0], 90)))
    return hits


def check_shortcut(subject: Subject) -> Iterator[Fault]:
    """Whether character n-grams alone tell the positives from their hard negatives."""
    collection, lexical = subject.collection, subject.lexical
    if collection is None or lexical is None or not len(collection.negatives.queries):
        return
    chosen = keep_queries(collection, subject.compared) if subject.is_sampled else collection
    queries, _, differences = compared(chosen, lexical)
    wins = (differences < 0) + 0.5 * (differences == 0)
    found = subject.resampler.among(subject.units[subject.compared[queries]]).rate(wins, np.ones_like(wins))
    if found.at_least > SHORTCUT:
        whole = candidate(
            "lexical-shortcut",
            f"shared letters alone prefer the positive in {percent(found.value or 0.0)} of "
            f"{count(len(wins), 'pair', 'pairs')} with a hard negative: the task can be solved without meaning",
            Severity.MEDIUM,
            found,
            "Add hard negatives that share the query's words, and queries in other words than their positives; "
            "else a good score says little.",
            gain=GAIN[Severity.MEDIUM],
            n=len(wins),
        )
        yield Fault(whole, ())  # no row to point at
