"""Failure modes that cost a share of the queries worth acting on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embedscope.diagnose.evidence import LEAST_CASES, Candidate, missing_rank, query_candidate, severity_of
from embedscope.diagnose.failure_modes import FailureModes
from embedscope.diagnose.modes import FailureMode
from embedscope.diagnose.slices import SliceSearch
from embedscope.result import QueryTable
from embedscope.result.formatting import percent
from embedscope.stats.resampler import Resampler

LEAST_MODE = 0.01
"""Share of queries, lower end, from which a failure mode is a finding."""

LEAST_UNEXPLAINED = 0.15
"""Share of queries, lower end, from which failures without a known cause are a finding: the checklist lets so many of
them miss rank 1, and a model that it passes is accused of nothing."""

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
        "Read the documents: short, generic or empty texts become hubs. Train with them as negatives, or centre the "
        "vectors before normalising.",
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
    FailureMode.UNREACHABLE: (
        "unreachable-document",
        "{share} of the queries are lost with a relevant document that is near to no query at all (anti-hub)",
        "Read the documents: very long, mixed or badly encoded texts end there. Split or clean them.",
    ),
}


def failure_findings(queries: QueryTable, modes: FailureModes, resampler: Resampler) -> Iterator[Candidate]:
    """The failure modes that cost a share of the queries worth acting on; ignored attributes are reported by type.

    A cause that right queries may have as well (a text that is cut off) is a finding only where queries that have it
    fail significantly more often. Its effect is that difference, and only as much of its failures counts as gain.
    """
    failed = ~queries.is_correct
    for mode, (code, title, action) in _MODE_WORDS.items():
        rows = modes.rows(mode)
        flags = np.zeros(len(queries.texts), dtype=bool)
        flags[rows] = True
        if len(rows) < LEAST_CASES:
            continue
        effect = found = resampler.share(flags)
        if found.at_least <= LEAST_MODE and mode is not FailureMode.HUB:
            continue  # hubs have had their own test
        risks, gain = {}, missing_rank(queries, rows)
        condition = modes.conditions.get(mode)
        if condition is not None:
            effect = resampler.contrast(failed, condition)
            if effect.at_least <= 0:
                continue
            with_it = float(failed[condition].mean())
            risks = {"with_it": percent(with_it), "without": percent(with_it - (effect.value or 0.0))}
            gain *= (effect.value or 0.0) / with_it
        n_hubs = len(np.unique(queries.wrong_document[rows]))
        hubs = "1 document wins" if n_hubs == 1 else f"{n_hubs:,} documents win"
        words = title.format(share=percent(found.value or 0.0), hubs=hubs, **risks)
        yield query_candidate(code, words, severity_of(effect.value or 0.0), effect, action, queries, rows, gain)


def unexplained_failures(
    queries: QueryTable, modes: FailureModes, search: SliceSearch, resampler: Resampler
) -> Iterator[Candidate]:
    """Failures without a known cause, where they are many and more than those of any known one.

    Queries of a confirmed slice have one: what the slice has in common.
    """
    counts = modes.counts()
    n_other = counts.pop(FailureMode.OTHER, 0)
    flags = np.zeros(len(queries.texts), dtype=bool)
    flags[modes.rows(FailureMode.OTHER)] = True
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
