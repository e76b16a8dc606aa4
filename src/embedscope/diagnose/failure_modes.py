"""Why each failed query failed: the first cause of a fixed order that its texts and scores show.

The order asks of the labels first, because a query whose label is wrong is no evidence about the model; then of how the
model decided, the more specific cause first. What many texts have whatever is asked (they are long) is a cause only
where queries that have it fail at least twice as often as those that have it not, and not by chance: then it is more
likely than not the reason of a failure. What the words of the three texts show is evidence for one query, and is named
beside its mode: that the model would have been right by these words, not that nothing else misled it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.special import gammaln, pdtrc

from embedscope.data.collection import excerpt
from embedscope.data.text_features import placeholder, script
from embedscope.diagnose.leakage import NEAR_JACCARD, normalised
from embedscope.diagnose.losses import N_SHIFTS, Cause, Losses
from embedscope.diagnose.modes import FailureMode
from embedscope.diagnose.near_duplicates import near_duplicates, say_the_same
from embedscope.diagnose.second_opinion import AS_CLOSE, Scorer, answers_as_well, lexical_scorer
from embedscope.diagnose.shared_words import Vocabulary
from embedscope.diagnose.type_names import names_attribute
from embedscope.diagnose.word_causes import in_other_words, word_causes
from embedscope.measure.texts import Texts
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, BoolArray, Float64Array, IntArray
from embedscope.result import DocumentTable, QueryTable

RISK_RATIO = 2.0
"""How much more often queries with a common condition must fail: from here on it is the likelier reason."""

CHANCE = 0.05

LEAST_WINS = 5
LEAST_HUB_CLUSTERS = 3
HUB_LEVEL = 0.01
"""A hub wins more often than a Poisson count with the mean of all winners does at this level, over all winners."""

FAR_LENGTH = 3.0
FOUND = 10
"""How many times as long a text is of another length; ranks up to which a relevant document counts as found."""

FAR_FENCES = 3.0
"""Interquartile ranges below the first quartile from which a best score is far out (Tukey 1977)."""


BY_TEXTS = (
    FailureMode.VALUE, FailureMode.LANGUAGE, FailureMode.CUT_OFF, FailureMode.UNJUDGED, FailureMode.NEGATION,
    FailureMode.NUMBER, FailureMode.NAME, FailureMode.RARE, FailureMode.WORD, FailureMode.VAGUE,
)  # fmt: skip
"""Modes that the texts show of one query, and that can be there by chance."""

_LATER = (*BY_TEXTS, FailureMode.UNRELATED, FailureMode.GAP, FailureMode.LURE, FailureMode.UNREACHABLE,
          FailureMode.SEVERAL, FailureMode.OTHER)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FailureModes:
    """The mode of each query, None where it is right at rank 1.

    ``conditions`` says for the causes that right queries may have as well which queries have them, shape (Q,).
    ``chance`` is how many of the queries of no earlier mode would have a mode of :data:`BY_TEXTS` had they been lost to
    what beat another query: a mode that is no more frequent is no fault of the model that its texts show.
    """

    modes: tuple[FailureMode | None, ...]
    conditions: Mapping[FailureMode, BoolArray]
    evidence: tuple[str, ...] = ()  # (Q,) the words, numbers or document that show the mode, "" where there is none
    chance: Mapping[FailureMode, float] = field(default_factory=dict)

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
    opinion: Scorer | Texts | None = None,
    n_tokens: Mapping[str, int] | None = None,
    read_ends: Mapping[str, int] | None = None,
    max_length: int | None = None,
    tolerance: float = 1e-6,
    attributes: AttributeReader = NO_ATTRIBUTES,
) -> FailureModes:
    """The failure mode of every query that is not right at rank 1.

    Parameters
    ----------
    opinion : Scorer or Texts, optional
        What decides on false negatives, over the rows of both tables: the base model for example, never the audited
        one; by default, and of texts, character n-grams.
    n_tokens : mapping of text to number of tokens, optional
    read_ends : mapping of text to number of characters, optional
        Where the model stops reading each text that is too long for it.
    max_length : int, optional
        Tokens that the model reads; without it and ``n_tokens`` no text counts as truncated.
    tolerance : float
        Scores closer than this are tied.
    """
    losses = Losses.of(queries, documents)
    opinion = opinion or Texts(queries.texts, documents.texts)
    if isinstance(opinion, Texts):
        opinion = lexical_scorer(*opinion.split)
    vocabulary = Vocabulary(queries.texts, documents.texts, attributes.denials)
    by_texts, *by_chance = (
        _shown_by_texts(own, vocabulary, opinion, read_ends or {}, attributes) for own in (losses, *losses.by_chance())
    )
    unrelated = by_texts.pop(FailureMode.UNRELATED, {})
    wordless = np.array([vocabulary.knows_none(text) for text in queries.texts], dtype=bool)
    gap, lured = in_other_words(losses, vocabulary)
    conditions: dict[FailureMode, BoolArray] = {
        FailureMode.TRUNCATED: _truncated(losses, n_tokens or {}, max_length),
        FailureMode.LENGTH: _of_other_length(losses),
    }
    controlled = {
        mode: losses.cause(condition, partial(_lengths, losses, n_tokens or {}))
        for mode, condition in conditions.items()
        if explains(condition, ~queries.is_correct)
    }
    stated = partial(_stated_type, losses)
    causes: Sequence[tuple[FailureMode, Cause]] = (
        (FailureMode.UNFILLED, losses.cause(says_nothing(queries, documents), partial(_positive, losses))),
        (FailureMode.NEAR_DUPLICATE, _near_winners(losses, attributes)),
        (FailureMode.FALSE_NEGATIVE, _answering_winners(losses, opinion, attributes)),
        (
            FailureMode.TIE,
            losses.cause(np.abs(losses.lead) <= tolerance, partial(_equal_score, losses)),
        ),
        (FailureMode.ATTRIBUTE, losses.cause(_typed(queries, is_one_attribute), stated)),
        (FailureMode.HUB, _hub_wins(losses)),
        (FailureMode.NEGATIVE, losses.cause(_typed(queries, names_attribute), stated)),
        (FailureMode.OUTLIER, _outliers(losses, wordless)),
        *controlled.items(),
        *by_texts.items(),
        (FailureMode.NEGATIVE, losses.cause(_typed(queries, bool), stated)),
        (FailureMode.UNREACHABLE, losses.cause(~_reachable(queries), partial(_rank, losses))),
        (FailureMode.UNRELATED, unrelated),
        (FailureMode.SEVERAL, _found_another(losses)),
    )
    modes: list[FailureMode | None] = [None if right else FailureMode.OTHER for right in queries.is_correct.tolist()]
    evidence = [""] * len(modes)
    for row in losses.rows.tolist():
        found = ((mode, cause[row]) for mode, cause in causes if row in cause)
        modes[row], evidence[row] = next(found, (FailureMode.OTHER, ""))
    for row in np.flatnonzero(~queries.is_correct & (queries.wrong_document < 0)).tolist():
        if np.isnan(queries.top_scores[row, 0]):
            modes[row], evidence[row] = FailureMode.NOTHING, "the run has no document for it"
        elif not np.isnan(queries.wrong_similarity[row]):
            evidence[row] = "it is lost to a document that the data set does not have"
    chance = Counter(
        next((mode for mode, cause in shifted.items() if row in cause), FailureMode.OTHER)
        for shifted in by_chance
        for row in losses.rows.tolist()
        if modes[row] in _LATER
    )
    conditions |= {FailureMode.GAP: gap, FailureMode.LURE: lured}
    return FailureModes(tuple(modes), conditions, tuple(evidence), {mode: chance[mode] / N_SHIFTS for mode in BY_TEXTS})


def _shown_by_texts(
    losses: Losses,
    vocabulary: Vocabulary,
    opinion: Scorer,
    read_ends: Mapping[str, int],
    attributes: AttributeReader,
) -> dict[FailureMode, Cause]:
    """Causes that the three texts of a query show, in the order in which they are looked for."""
    words = word_causes(losses, vocabulary, opinion, read_ends, attributes)
    first = {
        FailureMode.VALUE: _contradictions(losses, attributes),
        FailureMode.LANGUAGE: _other_languages(losses, attributes),
    }
    return first | words


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
    failed = queries.lost
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


def is_one_attribute(wrong_type: str) -> bool:
    """Whether the types of a winner (``QueryTable.wrong_type``) are one attribute: "colour", not "colour + size"."""
    return bool(wrong_type) and " + " not in wrong_type and names_attribute(wrong_type)


def _typed(queries: QueryTable, fits: Callable[[str], bool]) -> BoolArray:
    return np.array([bool(types) and fits(types) for types in queries.wrong_type], dtype=bool)


def _equal_score(losses: Losses, row: int) -> str:
    return f"'{losses.winner(row)}' scores the same, {losses.queries.positive_similarity[row]:.4f}"


def _stated_type(losses: Losses, row: int) -> str:
    return f"'{losses.winner(row)}' is its hard negative of type '{losses.queries.wrong_type[row]}'"


def _positive(losses: Losses, row: int) -> str:
    return f"the right document is {excerpt(losses.texts(row)[1], 30)}"


def _rank(losses: Losses, row: int) -> str:
    return f"its rank is {losses.queries.rank[row]:,.0f}, and it is in no top list of any query"


def _hub_wins(losses: Losses) -> Cause:
    wins = Counter(losses.wrong[losses.rows].tolist())
    is_hub = np.isin(losses.wrong, winning_hubs(losses.queries))
    return losses.cause(
        is_hub,
        lambda row: f"'{losses.winner(row)}' wins {wins[int(losses.wrong[row])]:,} queries",
    )


def _contradictions(losses: Losses, attributes: AttributeReader) -> Cause:
    """Failed queries whose winner meets one value that is asked for and contradicts another, unlike the right one."""
    found: dict[int, str] = {}
    for row in losses.rows.tolist():
        query, right, wrong = losses.texts(row)
        kinds = attributes.conflicts(query, wrong)
        if kinds and not attributes.conflicts(query, right) and attributes.met_values(query, wrong, tolerance=AS_CLOSE):
            found[row] = f"the winner states another {' and another '.join(kinds)} than the query"
    return found


def _other_languages(losses: Losses, attributes: AttributeReader) -> Cause:
    """Failed queries in the language, or the script, of the winner and not of the right document."""
    found: dict[int, str] = {}
    for row in losses.rows.tolist():
        texts = losses.texts(row)
        for read in (attributes.language, script):
            query, right, wrong = map(read, texts)
            if query == wrong != right and None not in (query, right) and "none" not in (query, right):
                found[row] = f"query and winner are {query}, the right document is {right}"
                break
    return found


def _truncated(losses: Losses, n_tokens: Mapping[str, int], max_length: int | None) -> BoolArray:
    """Queries that are, or whose best positive or best wrong document is, longer than the model reads, shape (Q,)."""
    queries, documents = losses.queries, losses.documents
    if max_length is None:
        return np.zeros(len(queries.texts), dtype=bool)
    is_long = np.array([n_tokens.get(text, 0) > max_length for text in documents.texts], dtype=bool)
    long_query = np.array([n_tokens.get(text, 0) > max_length for text in queries.texts], dtype=bool)
    has_wrong = queries.wrong_document >= 0
    return np.asarray(long_query | is_long[losses.right] | (is_long[queries.wrong_document] & has_wrong), dtype=bool)


def _of_other_length(losses: Losses) -> BoolArray:
    """Queries whose best positive is :data:`FAR_LENGTH` times as long as their best wrong document, or the reverse."""
    queries = losses.queries
    lengths = np.array([1 + len(text) for text in losses.documents.texts], dtype=np.float64)
    ratio = np.abs(np.log(lengths[losses.right] / lengths[queries.wrong_document]))
    flags = np.asarray((ratio >= np.log(FAR_LENGTH)) & (queries.wrong_document >= 0), dtype=bool)
    return flags if flags[losses.rows].sum() >= LEAST_WINS else np.zeros_like(flags)  # few are everyday noise


def _lengths(losses: Losses, n_tokens: Mapping[str, int], row: int) -> str:
    query, right, wrong = (
        f"{n_tokens[text]:,} tokens" if text in n_tokens else f"{len(text):,} characters" for text in losses.texts(row)
    )
    return f"query {query}, right document {right}, winner {wrong}"


def _answering_winners(losses: Losses, opinion: Scorer, attributes: AttributeReader) -> Cause:
    """Failed queries whose winner answers as well as the best positive, and is preferred by ``opinion``."""
    rows = losses.rows
    ours, theirs = (opinion.pairs(rows, of[rows]) for of in (losses.right, losses.wrong))
    return {
        row: f"'{losses.winner(row)}' states all that query and right document share; "
        f"{opinion.name}: {their:.2f} against {our:.2f}"
        for row, our, their in zip(rows.tolist(), ours.tolist(), theirs.tolist(), strict=True)
        if their >= our and answers_as_well(*losses.texts(row), attributes)
    }


def _near_winners(losses: Losses, attributes: AttributeReader) -> Cause:
    """Failed queries whose winner is a near duplicate of a relevant document, other than a stated hard negative."""
    queries, documents = losses.queries, losses.documents
    found: dict[int, str] = {}
    for row in losses.rows.tolist():
        wrong = losses.texts(row)[2]
        for document in queries.relevant_documents[queries.relevant_of(row)].tolist():
            is_stated = bool(queries.wrong_type[row])
            if _say_the_same(documents.texts[document], wrong, attributes, is_stated=is_stated):
                found[row] = f"'{losses.winner(row)}' says what the right document '{documents.ids[document]}' says"
    return found


def _say_the_same(positive: str, wrong: str, attributes: AttributeReader, *, is_stated: bool) -> bool:
    if normalised(positive) == normalised(wrong):
        return True
    if is_stated or not say_the_same(positive, wrong, attributes.denials):
        return False  # what is stated as a negative differs, whatever the letters say
    return any(near_duplicates([positive, wrong], threshold=NEAR_JACCARD))


def _outliers(losses: Losses, wordless: BoolArray) -> Cause:
    best = losses.queries.top_scores[:, 0].astype(np.float64)
    is_listed = ~np.isnan(best)
    first, middle, third = np.quantile(best[is_listed], (0.25, 0.5, 0.75)) if is_listed.any() else (np.nan,) * 3
    is_far = (best < first - FAR_FENCES * (third - first)) & (third > first)  # equal scores have no outliers
    return {
        **losses.cause(is_far, lambda row: f"its best score is {best[row]:.2f}, the median {middle:.2f}"),
        **losses.cause(wordless, lambda row: "no document has a word of the query"),
    }


def _reachable(queries: QueryTable) -> BoolArray:
    """Queries with a relevant document that stands in the top list of some query."""
    seen = np.isin(queries.relevant_documents, np.unique(queries.top_documents))
    starts: Sequence[int] = queries.relevant_indptr[:-1].tolist()
    return np.asarray(np.logical_or.reduceat(seen, starts), dtype=bool)


def _found_another(losses: Losses) -> Cause:
    """Failed queries of several relevant documents of which one is among the first :data:`FOUND`."""
    queries = losses.queries
    is_found = (queries.n_relevant > 1) & (queries.rank <= FOUND)
    return losses.cause(
        is_found,
        lambda row: f"{queries.n_relevant[row]:,} relevant documents, the first at rank {queries.rank[row]:.0f}",
    )
