"""Types of hard negatives that a model does not keep apart from the positive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from embedscope.diagnose.evidence import LEAST_CASES, Candidate, candidate, missing_rank, severity_of
from embedscope.diagnose.failure_modes import says_nothing
from embedscope.diagnose.type_names import names_attribute
from embedscope.measure.negatives import UNTYPED
from embedscope.protocols import BoolArray, IntArray
from embedscope.result import DocumentTable, QueryTable
from embedscope.result.formatting import percent
from embedscope.stats.resampler import Resampler

LEAST_RATE = 0.01
"""Rate of violations that only hard negatives of the query have part in, lower end, from which a type is a finding."""

CLEARLY_MORE = 0.02
"""Violation rate of a type minus that of the others, lower end, from which it is a finding whatever else wins."""

LEAST_PAIRS = 20
IGNORED, OFTEN = 0.35, 0.1
"""A model blind to a difference places half of such pairs wrongly; from a third on "ignored" is the right word."""


@dataclass(frozen=True, slots=True)
class _Pairs:
    """All (query, hard negative) pairs of queries whose positive says something, as columns of shape (E,)."""

    owners: IntArray
    documents: IntArray
    margins: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    is_violated: BoolArray
    is_own_doing: BoolArray  # violated, and whatever stands above the positive is a hard negative of this query
    types: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, queries: QueryTable, documents: DocumentTable, tolerance: float) -> _Pairs:
        n_queries = len(queries.texts)
        owners = np.repeat(np.arange(n_queries), np.diff(queries.negative_indptr))
        margins = queries.positive_similarity[owners] - queries.negative_scores
        is_violated = margins <= tolerance
        # Expected ranks have fractions where documents tie: none counts as more than one document.
        n_above = np.bincount(owners[is_violated], minlength=n_queries)
        is_own_doing = is_violated & (queries.rank - 1 <= n_above)[owners]
        kept = np.flatnonzero(~says_nothing(queries, documents)[owners])
        return cls(
            owners[kept],
            queries.negative_documents[kept],
            margins[kept],
            is_violated[kept],
            is_own_doing[kept],
            tuple(queries.negative_types[place] or (UNTYPED,) for place in kept.tolist()),
        )

    def of_type(self, name: str) -> BoolArray:
        """Pairs of this type alone where there are enough, so that no other difference speaks for it; else all."""
        alone = np.array([types == (name,) for types in self.types], dtype=bool)
        return alone if alone.sum() >= LEAST_PAIRS else self.with_type(name)

    def with_type(self, name: str) -> BoolArray:
        """Pairs that have this type, shape (E,)."""
        return np.array([name in types for types in self.types], dtype=bool)


def ignored_types(
    queries: QueryTable, documents: DocumentTable, resampler: Resampler, *, tolerance: float
) -> Iterator[Candidate]:
    """Types of hard negatives that reach the positive too often, and not only where everything does.

    The violation rate of a type is counted over pairs of this type alone where there are at least 20, so that a
    negative that differs in two things does not speak for either; else over all pairs of the type. Queries whose
    positive says nothing take no part. Where a query is lost altogether its hard negatives lie above the positive as
    other documents do, and that says nothing about their type. So a type is reported where the rate of violations in
    queries that are lost to hard negatives alone exceeds 1 % with its lower end, or where the rate of all violations
    exceeds that of the other types by 2 %.
    """
    pairs = _Pairs.of(queries, documents, tolerance)
    of_pairs = resampler.among(pairs.owners)
    for name in sorted({kind for types in pairs.types for kind in types}):
        chosen = np.flatnonzero(pairs.of_type(name))
        violated = pairs.is_violated[chosen]
        if violated.sum() < LEAST_CASES:
            continue
        of_type, ones = of_pairs.among(chosen), np.ones(len(chosen))
        found = of_type.rate(violated, ones)
        own_doing = of_type.rate(pairs.is_own_doing[chosen], ones)
        if own_doing.at_least <= LEAST_RATE and not _exceeds_others(pairs, name, chosen, of_pairs):
            continue
        value = found.value or 0.0
        worst = chosen[violated][np.argsort(pairs.margins[chosen][violated], kind="stable")]
        lost = np.array([name in kind.split(" + ") for kind in queries.wrong_type], dtype=bool) & ~queries.is_correct
        is_alone = len(chosen) < pairs.with_type(name).sum()  # then the rate is not that of all its pairs
        title, action = _type_words(name, value, len(chosen), is_alone=is_alone)
        yield candidate(
            "type-ignored",
            title,
            severity_of(value),
            found,
            action,
            gain=missing_rank(queries, lost),
            n=len(chosen),
            rows=pairs.owners[worst],
            documents=pairs.documents[worst],
        )


def _exceeds_others(pairs: _Pairs, name: str, chosen: IntArray, of_pairs: Resampler) -> bool:
    rows = np.union1d(chosen, np.flatnonzero(~pairs.with_type(name)))
    found = of_pairs.among(rows).contrast(pairs.is_violated[rows], np.isin(rows, chosen))
    return found.at_least > CLEARLY_MORE


def _type_words(name: str, value: float, n: int, *, is_alone: bool = False) -> tuple[str, str]:
    """Title and action for a type: what is ignored where it names an attribute, else who wins."""
    how_often = "often" if value >= OFTEN else "sometimes"
    others = " of no other type" if is_alone else ""
    if names_attribute(name):
        verb = "is ignored" if value >= IGNORED else f"is {how_often} overlooked"
        return (
            f"{name} {verb}: {percent(value)} of {n:,} '{name}' negatives{others} score as high as the positive",
            f"Train on more hard negatives that differ in {name} alone, or give them more weight; the rows listed are "
            "the first to use.",
        )
    who = "hard negatives without a type" if name == UNTYPED else f"negatives of type '{name}'"
    return (
        f"{who} {how_often} outrank the positive: {percent(value)} of {n:,}{others} score as high",
        "Read the rows listed: label relevant what answers the query, train on the others, and give them types by what "
        "is wrong with them.",
    )
