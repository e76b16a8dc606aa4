"""Why each failed query failed: the first cause of a fixed order that its texts and scores show.

The order asks of the labels first, then of what the model could read, then of how it decided: a query whose label is
wrong is no evidence about the model, and a text that was cut off cannot be judged by what was cut.

1. positive says nothing: it is an unfilled template or a word for nothing
2. near duplicate: the winner says the same as the positive (label noise)
3. suspected false negative: the winner states all that query and positive share, and a second opinion prefers it
4. truncated: query, positive or winner is longer than the model reads
5. tie: the winner scores what the positive scores
6. attribute ignored: the winner is a hard negative of a stated type
7. hub: the winner wins far more often than others, whatever is asked
8. lexical lure: the winner shares more letters with the query than the positive does
9. outlier: the query has no word of the pool, or is far from every document
10. unreachable: its relevant documents stand in no top list of any query (anti-hubs)
11. other
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import pdtrc

from embedscope.diagnosis.independent import Scorer, answers_as_well
from embedscope.diagnosis.leakage import NEAR_JACCARD, normalised
from embedscope.diagnosis.near_duplicates import near_duplicates, say_the_same
from embedscope.diagnosis.text_features import placeholder, strip_diacritics, words
from embedscope.findings import DocumentTable, QueryTable
from embedscope.protocols import BoolArray, IntArray

LURE = 0.05
"""How much more similar in letters the winner must be; smaller leads are chance."""

LEAST_WINS = 5
LEAST_HUB_CLUSTERS = 3
HUB_LEVEL = 0.01
"""A hub wins more often than a Poisson count with the mean of all winners does at this level, over all winners."""

FAR_FENCES = 3.0
"""Interquartile ranges below the first quartile from which a best score is far out (Tukey 1977)."""


class FailureMode(StrEnum):
    """The first cause that was found for a failed query."""

    UNFILLED = "positive says nothing"
    NEAR_DUPLICATE = "near duplicate of the positive wins"
    FALSE_NEGATIVE = "suspected false negative"
    TRUNCATED = "truncated text"
    TIE = "tie"
    ATTRIBUTE = "attribute ignored"
    HUB = "hub document wins"
    LURE = "lexical lure"
    OUTLIER = "outlier or empty query"
    UNREACHABLE = "right document unreachable"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FailureModes:
    """The mode of each query, None where it is right at rank 1; ``details`` names types of an ignored attribute."""

    modes: tuple[FailureMode | None, ...]
    details: tuple[str, ...]
    hubs: tuple[int, ...]  # documents that win too often, the worst first

    def counts(self) -> dict[FailureMode, int]:
        """Failed queries by mode, in the order of decision."""
        return {mode: self.modes.count(mode) for mode in FailureMode if mode in self.modes}

    def rows(self, mode: FailureMode) -> IntArray:
        """Queries of a mode."""
        return np.array([row for row, own in enumerate(self.modes) if own is mode], dtype=np.int64)


def classify_failures(
    queries: QueryTable,
    documents: DocumentTable,
    *,
    lexical: Scorer,
    opinion: Scorer | None = None,
    n_tokens: Mapping[str, int] | None = None,
    max_length: int | None = None,
    tolerance: float = 1e-6,
) -> FailureModes:
    """The failure mode of every query that is not right at rank 1.

    Parameters
    ----------
    queries, documents : tables of the findings
    lexical : Scorer
        Over the rows of both tables.
    opinion : Scorer, optional
        What decides on false negatives, the base model for example; by default ``lexical``. Never the audited model.
    n_tokens : mapping of text to number of tokens, optional
    max_length : int, optional
        Tokens that the model reads; without it and ``n_tokens`` no text counts as truncated.
    tolerance : float
        Scores closer than this are tied.
    """
    failed = np.flatnonzero(~queries.is_correct & (queries.wrong_document >= 0))
    hubs = winning_hubs(queries)
    evidence = _Evidence(
        queries=queries,
        documents=documents,
        best_positive=_best_positive(queries),
        hubs=frozenset(hubs),
        lures=_lures(queries, lexical, failed),
        preferred=_preferred(queries, opinion or lexical, failed),
        unfilled=says_nothing(queries, documents),
        near=_near_winners(queries, documents, failed),
        outliers=_outliers(queries, documents),
        reachable=_reachable(queries),
        n_tokens=n_tokens or {},
        max_length=max_length,
        tolerance=tolerance,
    )
    modes: list[FailureMode | None] = [None] * len(queries.texts)
    details = [""] * len(queries.texts)
    for row in failed.tolist():
        mode = evidence.decide(row)
        modes[row] = mode
        if mode is FailureMode.ATTRIBUTE:
            details[row] = queries.wrong_type[row]
    for row in np.flatnonzero(~queries.is_correct & (queries.wrong_document < 0)).tolist():
        modes[row] = FailureMode.OTHER
    return FailureModes(tuple(modes), tuple(details), hubs)


def says_nothing(queries: QueryTable, documents: DocumentTable) -> BoolArray:
    """Queries all of whose relevant documents are unfilled templates or words for nothing, shape (Q,)."""
    is_empty = np.array([placeholder(text) is not None for text in documents.texts], dtype=bool)
    starts: Sequence[int] = queries.relevant_indptr[:-1].tolist()
    return np.asarray(np.logical_and.reduceat(is_empty[queries.relevant_documents], starts), dtype=bool)


def winning_hubs(queries: QueryTable) -> tuple[int, ...]:
    """Documents that beat the positives of far more queries than others do, the worst first.

    The wins of a document over failed queries are held against a Poisson count whose mean is that of all winners but
    the document itself; the level is divided by the number of winners (Bonferroni). A hub has at least five wins, in
    three clusters or more: the paraphrases of one query are one observation.
    """
    failed = np.flatnonzero(~queries.is_correct & (queries.wrong_document >= 0))
    winners, counts = np.unique(queries.wrong_document[failed], return_counts=True)
    hubs: list[tuple[int, int]] = []
    for winner, wins in zip(winners.tolist(), counts.tolist(), strict=True):
        clusters = queries.clusters[failed[queries.wrong_document[failed] == winner]]
        if wins < LEAST_WINS or len(np.unique(clusters)) < LEAST_HUB_CLUSTERS:
            continue
        others = (counts.sum() - wins) / max(len(winners) - 1, 1)
        if pdtrc(wins - 1, max(others, 1.0)) * len(winners) < HUB_LEVEL:
            hubs.append((wins, winner))
    return tuple(winner for _, winner in sorted(hubs, key=lambda hub: (-hub[0], hub[1])))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the decision reads, computed once for all queries."""

    queries: QueryTable
    documents: DocumentTable
    best_positive: IntArray
    hubs: frozenset[int]
    lures: BoolArray
    preferred: BoolArray
    unfilled: BoolArray
    near: BoolArray
    outliers: BoolArray
    reachable: BoolArray
    n_tokens: Mapping[str, int]
    max_length: int | None
    tolerance: float

    def decide(self, row: int) -> FailureMode:
        """The first mode that holds."""
        for mode, holds in (
            (FailureMode.UNFILLED, self.unfilled[row]),
            (FailureMode.NEAR_DUPLICATE, self.near[row]),
            (FailureMode.FALSE_NEGATIVE, self._answers(row)),
            (FailureMode.TRUNCATED, self._is_truncated(row)),
            (FailureMode.TIE, self._is_tied(row)),
            (FailureMode.ATTRIBUTE, bool(self.queries.wrong_type[row])),
            (FailureMode.HUB, int(self.queries.wrong_document[row]) in self.hubs),
            (FailureMode.LURE, self.lures[row]),
            (FailureMode.OUTLIER, self.outliers[row]),
            (FailureMode.UNREACHABLE, not self.reachable[row]),
        ):
            if holds:
                return mode
        return FailureMode.OTHER

    def _texts(self, row: int) -> tuple[str, str, str]:
        documents = self.documents.texts
        wrong = documents[int(self.queries.wrong_document[row])]
        return self.queries.texts[row], documents[int(self.best_positive[row])], wrong

    def _answers(self, row: int) -> bool:
        query, positive, wrong = self._texts(row)
        return bool(self.preferred[row]) and answers_as_well(query, positive, wrong)

    def _is_truncated(self, row: int) -> bool:
        limit = self.max_length
        return limit is not None and any(self.n_tokens.get(text, 0) > limit for text in self._texts(row))

    def _is_tied(self, row: int) -> bool:
        lead = self.queries.wrong_similarity[row] - self.queries.positive_similarity[row]
        return bool(abs(lead) <= self.tolerance)


def _best_positive(queries: QueryTable) -> IntArray:
    """The best-scoring relevant document of each query, shape (Q,)."""
    starts, ends = queries.relevant_indptr[:-1], queries.relevant_indptr[1:]
    places = [
        start + int(np.argmax(queries.relevant_scores[start:end])) for start, end in zip(starts, ends, strict=True)
    ]
    return np.asarray(queries.relevant_documents[np.array(places, dtype=np.int64)], dtype=np.int64)


def _lures(queries: QueryTable, scorer: Scorer, failed: IntArray) -> BoolArray:
    return _leads(queries, scorer, failed) > LURE


def _preferred(queries: QueryTable, scorer: Scorer, failed: IntArray) -> BoolArray:
    return _leads(queries, scorer, failed) >= 0


def _leads(queries: QueryTable, scorer: Scorer, failed: IntArray) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Lead of the winner over the best positive under ``scorer``, -inf for queries that did not fail; shape (Q,)."""
    lead = np.full(len(queries.texts), -np.inf)
    ours = scorer.pairs(failed, _best_positive(queries)[failed])
    lead[failed] = scorer.pairs(failed, queries.wrong_document[failed]) - ours
    return lead


def _near_winners(queries: QueryTable, documents: DocumentTable, failed: IntArray) -> BoolArray:
    """Queries whose winner is a near duplicate of a relevant document, other than a stated hard negative."""
    flags = np.zeros(len(queries.texts), dtype=bool)
    for row in failed.tolist():
        wrong = documents.texts[int(queries.wrong_document[row])]
        own = queries.relevant_documents[queries.relevant_indptr[row] : queries.relevant_indptr[row + 1]]
        flags[row] = any(
            _say_the_same(documents.texts[int(d)], wrong, is_stated=bool(queries.wrong_type[row])) for d in own
        )
    return flags


def _say_the_same(positive: str, wrong: str, *, is_stated: bool) -> bool:
    if normalised(positive) == normalised(wrong):
        return True
    if is_stated or not say_the_same(positive, wrong):
        return False  # what is stated as a negative differs, whatever the letters say
    return bool(near_duplicates([positive, wrong], threshold=NEAR_JACCARD))


def _outliers(queries: QueryTable, documents: DocumentTable) -> BoolArray:
    known = {strip_diacritics(word) for text in documents.texts for word in words(text)}
    wordless = np.array([not known & {strip_diacritics(word) for word in words(text)} for text in queries.texts])
    best = queries.top_scores[:, 0].astype(np.float64)
    first, third = np.quantile(best, (0.25, 0.75))
    is_far = (best < first - FAR_FENCES * (third - first)) & (third > first)  # equal scores have no outliers
    return np.asarray(wordless | is_far, dtype=bool)


def _reachable(queries: QueryTable) -> BoolArray:
    """Queries with a relevant document that stands in the top list of some query."""
    seen = np.isin(queries.relevant_documents, np.unique(queries.top_documents))
    starts: Sequence[int] = queries.relevant_indptr[:-1].tolist()
    return np.asarray(np.logical_or.reduceat(seen, starts), dtype=bool)
