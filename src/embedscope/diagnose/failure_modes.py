"""Why each failed query failed: the first cause of a fixed order that its texts and scores show.

The order asks of the labels first, because a query whose label is wrong is no evidence about the model; then of how the
model decided, the more specific cause first. What many texts have (they are long, they share words) stands behind what
few have, and is a cause only where queries that have it fail at least twice as often as those that have it not, and not
by chance: then it is more likely than not the reason of a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from scipy.special import gammaln, pdtrc

from embedscope.data.text_features import placeholder, strip_diacritics, words
from embedscope.diagnose.leakage import NEAR_JACCARD, normalised
from embedscope.diagnose.near_duplicates import near_duplicates, say_the_same
from embedscope.diagnose.second_opinion import Scorer, answers_as_well, lexical_scorer
from embedscope.diagnose.type_names import names_attribute
from embedscope.measure.ngrams import SplitTexts
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, BoolArray, Float64Array, IntArray
from embedscope.result import DocumentTable, QueryTable

RISK_RATIO = 2.0
"""How much more often queries with a common condition must fail: from here on it is the likelier reason."""

CHANCE = 0.05

LEAST_WINS = 5
LEAST_HUB_CLUSTERS = 3
HUB_LEVEL = 0.01
"""A hub wins more often than a Poisson count with the mean of all winners does at this level, over all winners."""

FAR_FENCES = 3.0
"""Interquartile ranges below the first quartile from which a best score is far out (Tukey 1977)."""


class FailureMode(StrEnum):
    """The first cause that was found for a failed query, in the order in which they are looked for."""

    UNFILLED = "positive says nothing"  # it is an unfilled template or a word for nothing
    NEAR_DUPLICATE = "near duplicate of the positive wins"  # the winner says the same (label noise)
    FALSE_NEGATIVE = "suspected false negative"  # it states all that both share, and a second opinion prefers it
    TIE = "tie"  # the winner scores what the positive scores
    ATTRIBUTE = "attribute ignored"  # the winner is a hard negative that differs in one stated attribute
    HUB = "hub document wins"  # the winner wins far more often than others, whatever is asked
    LURE = "lexical lure"  # the winner shares more words with the query than the positive does
    OUTLIER = "outlier or empty query"  # the query has no word of the pool, or is far from every document
    TRUNCATED = "truncated text"  # query, positive or winner is longer than the model reads
    NEGATIVE = "hard negative wins"  # one of several attributes, or of a type that names none ("mined")
    UNREACHABLE = "right document unreachable"  # relevant documents that stand in no top list of any query (anti-hubs)
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class FailureModes:
    """The mode of each query, None where it is right at rank 1.

    ``conditions`` says for the causes that right queries may have as well which queries have them, shape (Q,).
    """

    modes: tuple[FailureMode | None, ...]
    conditions: Mapping[FailureMode, BoolArray]

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
    opinion: Scorer | None = None,
    n_tokens: Mapping[str, int] | None = None,
    max_length: int | None = None,
    tolerance: float = 1e-6,
    attributes: AttributeReader = NO_ATTRIBUTES,
) -> FailureModes:
    """The failure mode of every query that is not right at rank 1.

    Parameters
    ----------
    opinion : Scorer, optional
        What decides on false negatives, over the rows of both tables: the base model for example, never the audited
        one; by default character n-grams.
    n_tokens : mapping of text to number of tokens, optional
    max_length : int, optional
        Tokens that the model reads; without it and ``n_tokens`` no text counts as truncated.
    tolerance : float
        Scores closer than this are tied.
    """
    is_failed = ~queries.is_correct
    failed = np.flatnonzero(is_failed & (queries.wrong_document >= 0))
    best_positive = _best_positive(queries)
    lured = _lures(queries, documents, best_positive)
    truncated = _truncated(queries, documents, best_positive, n_tokens or {}, max_length)
    scorer = opinion or lexical_scorer(SplitTexts.of(queries.texts), SplitTexts.of(documents.texts))
    lead = queries.wrong_similarity - queries.positive_similarity
    causes: dict[FailureMode, BoolArray] = {  # in the order in which they are looked for
        FailureMode.UNFILLED: says_nothing(queries, documents),
        FailureMode.NEAR_DUPLICATE: _near_winners(queries, documents, failed, attributes),
        FailureMode.FALSE_NEGATIVE: _answering_winners(queries, documents, scorer, failed, best_positive, attributes),
        FailureMode.TIE: np.abs(lead) <= tolerance,
        FailureMode.ATTRIBUTE: np.array([is_one_attribute(types) for types in queries.wrong_type], dtype=bool),
        FailureMode.HUB: np.isin(queries.wrong_document, winning_hubs(queries)),
        FailureMode.LURE: lured & explains(lured, is_failed),
        FailureMode.OUTLIER: _outliers(queries, documents),
        FailureMode.TRUNCATED: truncated & explains(truncated, is_failed),
        FailureMode.NEGATIVE: np.array([bool(types) for types in queries.wrong_type], dtype=bool),
        FailureMode.UNREACHABLE: ~_reachable(queries),
    }
    modes: list[FailureMode | None] = [FailureMode.OTHER if lost else None for lost in is_failed.tolist()]
    for row in failed.tolist():
        modes[row] = next((mode for mode, holds in causes.items() if holds[row]), FailureMode.OTHER)
    return FailureModes(tuple(modes), {FailureMode.LURE: lured, FailureMode.TRUNCATED: truncated})


def explains(condition: BoolArray, failed: BoolArray) -> bool:
    """Whether queries with a condition fail at least twice as often as those without it, and not by chance.

    Twice, because the condition is then the likelier reason of a failure (:data:`RISK_RATIO`); chance is Fisher's exact
    test, one-sided: the probability that as many of the failed have the condition where failing has nothing to do with
    it, at most 5 %. False where all queries have it: nothing is there to compare with.
    """
    n, n_with, n_failed, hits = len(condition), int(condition.sum()), int(failed.sum()), int((condition & failed).sum())
    if not hits or n_with == n:
        return False
    if hits / n_with < RISK_RATIO * (n_failed - hits) / (n - n_with):
        return False
    more = np.arange(hits, min(n_with, n_failed) + 1)
    logs = _log_choose(n_with, more) + _log_choose(n - n_with, n_failed - more) - _log_choose(n, n_failed)
    return bool(np.exp(logs).sum() <= CHANCE)


def _log_choose(n: int, k: IntArray | int) -> Float64Array:
    """Logarithm of the binomial coefficient, k being n at most."""
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - np.asarray(k) + 1))


def says_nothing(queries: QueryTable, documents: DocumentTable) -> BoolArray:
    """Queries all of whose relevant documents are unfilled templates or words for nothing, shape (Q,)."""
    relevant, places = np.unique(queries.relevant_documents, return_inverse=True)
    is_empty = np.array([placeholder(documents.texts[row]) is not None for row in relevant.tolist()], dtype=bool)
    starts: Sequence[int] = queries.relevant_indptr[:-1].tolist()
    return np.asarray(np.logical_and.reduceat(is_empty[places], starts), dtype=bool)


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


def _best_positive(queries: QueryTable) -> IntArray:
    """The best-scoring relevant document of each query, shape (Q,)."""
    starts, ends = queries.relevant_indptr[:-1], queries.relevant_indptr[1:]
    places = [
        start + int(np.argmax(queries.relevant_scores[start:end])) for start, end in zip(starts, ends, strict=True)
    ]
    return np.asarray(queries.relevant_documents[np.array(places, dtype=np.int64)], dtype=np.int64)


def is_one_attribute(wrong_type: str) -> bool:
    """Whether the types of a winner (``QueryTable.wrong_type``) are one attribute: "colour", not "colour + size"."""
    return bool(wrong_type) and " + " not in wrong_type and names_attribute(wrong_type)


def _lures(queries: QueryTable, documents: DocumentTable, best_positive: IntArray) -> BoolArray:
    """Queries that share more words with their best wrong document than with their best positive, shape (Q,).

    Words and not n-grams of letters, because a longer document has more n-grams of anything. Diacritics do not count.
    """
    flags = np.zeros(len(queries.texts), dtype=bool)
    for row in np.flatnonzero(queries.wrong_document >= 0).tolist():
        asked = _bare_words(queries.texts[row])
        ours, theirs = (
            len(asked & _bare_words(documents.texts[int(document)]))
            for document in (best_positive[row], queries.wrong_document[row])
        )
        flags[row] = theirs > ours
    return flags


def _bare_words(*texts: str) -> set[str]:
    return set().union(*map(_bare_words_between_blanks, {piece for text in texts for piece in text.split()}))


@lru_cache(maxsize=1 << 15)
def _bare_words_between_blanks(piece: str) -> tuple[str, ...]:
    return tuple(strip_diacritics(word) for word in words(piece))


def _truncated(
    queries: QueryTable,
    documents: DocumentTable,
    best_positive: IntArray,
    n_tokens: Mapping[str, int],
    max_length: int | None,
) -> BoolArray:
    """Queries that are, or whose best positive or best wrong document is, longer than the model reads, shape (Q,)."""
    if max_length is None:
        return np.zeros(len(queries.texts), dtype=bool)
    is_long = np.array([n_tokens.get(text, 0) > max_length for text in documents.texts], dtype=bool)
    long_query = np.array([n_tokens.get(text, 0) > max_length for text in queries.texts], dtype=bool)
    has_wrong = queries.wrong_document >= 0
    return np.asarray(long_query | is_long[best_positive] | (is_long[queries.wrong_document] & has_wrong), dtype=bool)


def _answering_winners(
    queries: QueryTable,
    documents: DocumentTable,
    scorer: Scorer,
    failed: IntArray,
    best_positive: IntArray,
    attributes: AttributeReader,
) -> BoolArray:
    """Failed queries whose winner answers as well as the best positive, and is preferred by ``scorer``, shape (Q,)."""
    flags = np.zeros(len(queries.texts), dtype=bool)
    ours, theirs = (scorer.pairs(failed, chosen[failed]) for chosen in (best_positive, queries.wrong_document))
    for row in failed[theirs >= ours].tolist():
        positive, wrong = (documents.texts[int(chosen[row])] for chosen in (best_positive, queries.wrong_document))
        flags[row] = answers_as_well(queries.texts[row], positive, wrong, attributes)
    return flags


def _near_winners(
    queries: QueryTable, documents: DocumentTable, failed: IntArray, attributes: AttributeReader
) -> BoolArray:
    """Queries whose winner is a near duplicate of a relevant document, other than a stated hard negative."""
    flags = np.zeros(len(queries.texts), dtype=bool)
    for row in failed.tolist():
        wrong = documents.texts[int(queries.wrong_document[row])]
        own = queries.relevant_documents[queries.relevant_indptr[row] : queries.relevant_indptr[row + 1]]
        flags[row] = any(
            _say_the_same(documents.texts[int(d)], wrong, attributes, is_stated=bool(queries.wrong_type[row]))
            for d in own
        )
    return flags


def _say_the_same(positive: str, wrong: str, attributes: AttributeReader, *, is_stated: bool) -> bool:
    if normalised(positive) == normalised(wrong):
        return True
    if is_stated or not say_the_same(positive, wrong, attributes.denials):
        return False  # what is stated as a negative differs, whatever the letters say
    return bool(near_duplicates([positive, wrong], threshold=NEAR_JACCARD))


def _outliers(queries: QueryTable, documents: DocumentTable) -> BoolArray:
    known = _bare_words(*documents.texts)
    wordless = np.array([not known & _bare_words(text) for text in queries.texts])
    best = queries.top_scores[:, 0].astype(np.float64)
    first, third = np.quantile(best, (0.25, 0.75))
    is_far = (best < first - FAR_FENCES * (third - first)) & (third > first)  # equal scores have no outliers
    return np.asarray(wordless | is_far, dtype=bool)


def _reachable(queries: QueryTable) -> BoolArray:
    """Queries with a relevant document that stands in the top list of some query."""
    seen = np.isin(queries.relevant_documents, np.unique(queries.top_documents))
    starts: Sequence[int] = queries.relevant_indptr[:-1].tolist()
    return np.asarray(np.logical_or.reduceat(seen, starts), dtype=bool)
