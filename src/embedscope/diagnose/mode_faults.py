"""Failure modes that cost a share of the queries worth acting on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embedscope.diagnose.evidence import LEAST_CASES, Candidate, missing_rank, query_candidate, severity_of
from embedscope.diagnose.failure_modes import RISK_RATIO, FailureModes
from embedscope.diagnose.modes import FailureMode
from embedscope.diagnose.slices import SliceSearch
from embedscope.protocols import BoolArray, IntArray
from embedscope.result import QueryTable
from embedscope.result.formatting import percent
from embedscope.stats.resampler import Resampler

LEAST_MODE = 0.01
"""Share of queries, lower end, from which a failure mode is a finding."""

LEAST_UNEXPLAINED = 0.15
"""Share of queries, lower end, from which failures without a known cause are a finding: the checklist lets so many of
them miss rank 1, and a model that it passes is accused of nothing."""

_UNEXPLAINED = frozenset({FailureMode.OTHER, FailureMode.UNRELATED, FailureMode.SEVERAL})

_MODE_WORDS = {
    FailureMode.NEAR_DUPLICATE: (
        "near-duplicate-wins",
        "a near duplicate of the positive wins {share} of the queries",
        "Merge the near duplicates or label both relevant (embedscope audit lists them); these are no faults of the "
        "model.",
    ),
    FailureMode.FALSE_NEGATIVE: (
        "false-negative-suspected",
        "in {share} of the queries the winner seems to answer as well as the positive",
        "Read the rows listed and label the winner relevant where it is; until then the score is too low.",
    ),
    FailureMode.TIE: (
        "ties-lose",
        "{share} of the queries are tied between the positive and another document",
        "Look for documents that the model maps to one point (equal beginnings, cut-off texts, a dead head).",
    ),
    FailureMode.HUB: (
        "hub-wins",
        "{hubs} {share} of the queries, whatever is asked",
        "Read the documents: short, generic or empty texts become hubs. Train with them as negatives{of_vectors}.",
    ),
    FailureMode.LURE: (
        "lexical-lure",
        "queries that share more words with a wrong document fail more often ({with_it} against {without} of the "
        "others); {share} of all are lost so",
        "Add hard negatives that share the query's words and differ in meaning.",
    ),
    FailureMode.OUTLIER: (
        "outlier-query",
        "{share} of the queries fail far from every document",
        "Read them: foreign languages, empty or garbled queries do not belong in the test set, or do in the training.",
    ),
    FailureMode.TRUNCATED: (
        "truncated-text-loses",
        "queries with a text that is cut off fail more often ({with_it} against {without} of the others); {share} of "
        "all are lost so",
        "Raise the maximum length in training and in serving, or put what decides at the beginning.",
    ),
    FailureMode.LENGTH: (
        "length-decides",
        "queries whose right document is three times as long as the winner, or a third, fail more often ({with_it} "
        "against {without} of the others); {share} of all are lost so",
        "Split long documents into passages of one size, or add training pairs of mixed length.",
    ),
    FailureMode.VALUE: (
        "value-contradicted",
        "in {share} of the queries the winner meets one value that was asked for and contradicts another",
        "Add hard negatives that differ in one value alone; --export-failures writes the winners as such.",
    ),
    FailureMode.LANGUAGE: (
        "other-language-wins",
        "{share} of the queries are lost to a document in their own language or script, the right one is in another",
        "Train on pairs across these languages, or start from a multilingual model.",
    ),
    FailureMode.NOTHING: (
        "nothing-returned",
        "for {share} of the queries the run has no document",
        "Look up how they were searched: a time limit, a filter or a failed request leaves a query without a list. "
        "Each counts as 0.",
    ),
    FailureMode.CUT_OFF: (
        "words-cut-off",
        "in {share} of the queries the model stops reading the right document before the words that were asked for",
        "Raise the maximum length in training and in serving, or split the documents into passages.",
    ),
    FailureMode.UNJUDGED: (
        "likely-unjudged",
        "in {share} of the queries the winner has the words of the query, and nobody judged it: a guess",
        "Judge the winners (--export-unjudged lists them, the surest first); until then the score may be too low.",
    ),
    FailureMode.NEGATION: (
        "negation-ignored",
        "in {share} of the queries the winner lacks a negation that query and right document have",
        "Add hard negatives that differ from the positive in the negation alone.",
    ),
    FailureMode.NUMBER: (
        "number-ignored",
        "in {share} of the queries the winner lacks a number that query and right document have",
        "Add hard negatives that differ from the positive in a number alone, or filter by it beside the search.",
    ),
    FailureMode.NAME: (
        "name-ignored",
        "in {share} of the queries the winner lacks a name that query and right document have",
        "Add hard negatives that differ from the positive in a name alone, or combine the model with a lexical search.",
    ),
    FailureMode.RARE: (
        "rare-word-ignored",
        "in {share} of the queries the winner lacks a rare word that query and right document have",
        "Combine the model with a lexical search (BM25), or train on texts that have such words.",
    ),
    FailureMode.WORD: (
        "word-ignored",
        "in {share} of the queries the winner lacks a telling word that query and right document have",
        "Read the words beside the queries; train with the winners as hard negatives (--export-failures).",
    ),
    FailureMode.GAP: (
        "other-words",
        "queries whose right document says it in other words fail more often ({with_it} against {without} of the "
        "others); {share} of all are lost so",
        "Train on pairs that say the same in different words: paraphrases, questions written for passages.",
    ),
    FailureMode.VAGUE: (
        "vague-query",
        "in {share} of the queries many documents have all the words that query and right document share",
        "Label relevant what answers them too, or make the queries say what tells their documents apart.",
    ),
    FailureMode.UNREACHABLE: (
        "unreachable-document",
        "{share} of the queries are lost with a relevant document that is near to no query at all (anti-hub)",
        "Read the documents: very long, mixed or badly encoded texts end there. Split or clean them.",
    ),
}


def failure_findings(
    queries: QueryTable, modes: FailureModes, resampler: Resampler, *, has_vectors: bool = True
) -> Iterator[Candidate]:
    """The failure modes that cost a share of the queries worth acting on; ignored attributes are reported by type.

    A cause that right queries may have as well (a text that is cut off) is a finding only where queries that have it
    fail significantly more often. Its effect is that difference, and only as much of its failures counts as gain. A
    cause that the texts show is one only where it is more frequent than among queries lost to any document.
    """
    failed = ~queries.is_correct
    for mode, (code, title, action) in _MODE_WORDS.items():
        rows = modes.rows(mode)
        if len(rows) < LEAST_CASES or not _is_beyond_chance(mode, queries, modes, resampler):
            continue
        effect = found = resampler.share(_flags(queries, rows))
        if found.at_least <= LEAST_MODE and mode is not FailureMode.HUB:
            continue  # hubs have had their own test
        risks, gain = {}, missing_rank(queries, rows)
        condition = modes.conditions.get(mode)
        if condition is not None:
            effect = resampler.contrast(failed, condition)
            with_it = float(failed[condition].mean())
            risks = {"with_it": percent(with_it), "without": percent(with_it - (effect.value or 0.0))}
            gain *= (effect.value or 0.0) / with_it
        n_hubs = len(np.unique(queries.wrong_document[rows]))
        hubs = "1 document wins" if n_hubs == 1 else f"{n_hubs:,} documents win"
        words = title.format(share=percent(found.value or 0.0), hubs=hubs, **risks)
        advice = action.format(of_vectors=", or centre the vectors before normalising" if has_vectors else "")
        yield query_candidate(code, words, severity_of(effect.value or 0.0), effect, advice, queries, rows, gain)


def _is_beyond_chance(mode: FailureMode, queries: QueryTable, modes: FailureModes, resampler: Resampler) -> bool:
    """Whether a mode is twice as frequent as with the winners of other queries, and surely more frequent."""
    condition = modes.conditions.get(mode)
    if condition is not None:
        return resampler.contrast(~queries.is_correct, condition).at_least > 0
    if mode in modes.chance:
        share = resampler.share(_flags(queries, modes.rows(mode)))
        by_chance = modes.chance[mode] / len(queries.texts)
        return share.at_least > by_chance and (share.value or 0.0) >= RISK_RATIO * by_chance
    return mode not in _UNEXPLAINED


def _flags(queries: QueryTable, rows: IntArray) -> BoolArray:
    flags = np.zeros(len(queries.texts), dtype=bool)
    flags[rows] = True
    return flags


def unexplained_failures(
    queries: QueryTable, modes: FailureModes, search: SliceSearch, resampler: Resampler
) -> Iterator[Candidate]:
    """Failures without a known cause, where they are many and more than those of any known one.

    A mode that is no more frequent than by chance explains nothing. Queries of a confirmed slice have a cause: what the
    slice has in common.
    """
    counts = modes.counts()
    unknown = [mode for mode in counts if not _is_beyond_chance(mode, queries, modes, resampler)]
    n_other = sum(counts.pop(mode) for mode in unknown)
    flags = np.isin([mode or "" for mode in modes.modes], unknown)
    for one in search.slices:
        flags[one.rows] = False
    found = resampler.share(flags)
    if n_other < max(counts.values(), default=0) or found.at_least <= LEAST_UNEXPLAINED:
        return
    yield query_candidate(
        "unexplained-failures",
        f"{percent(found.value or 0.0)} of the queries fail for none of the reasons that are looked for",
        severity_of(found.value or 0.0),
        found,
        "Read some of them, in the page under Failures: what they have in common is what to train on. Types on the "
        "hard negatives and metadata columns of the queries let more reasons be found.",
        queries,
        np.flatnonzero(flags),
        missing_rank(queries, flags),
    )
