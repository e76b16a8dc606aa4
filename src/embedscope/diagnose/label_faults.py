"""Faults of the data that the evaluation itself meets: unfilled positives, contradictions, leakage."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embedscope.data.collection import Collection, excerpt
from embedscope.diagnose.evidence import METRIC, Candidate, candidate, missing_rank
from embedscope.diagnose.failure_modes import says_nothing
from embedscope.result import Scored, Severity
from embedscope.result.formatting import percent
from embedscope.stats.resampler import Resampler


def contradictions(scored: Scored, collection: Collection, resampler: Resampler) -> Iterator[Candidate]:
    """Pairs that the data calls relevant and a hard negative, among those of the measured queries."""
    queries = scored.queries
    row_of = {name: row for row, name in enumerate(queries.ids)}
    said_both = {(row_of[name], document) for name, document in collection.contradicting if name in row_of}
    owners = np.repeat(np.arange(len(queries.texts)), queries.n_relevant)
    pairs = zip(owners.tolist(), queries.relevant_documents.tolist(), strict=True)
    flags = np.array([pair in said_both for pair in pairs], dtype=bool)
    n_bad = int(flags.sum())
    if not n_bad:
        return
    found = resampler.among(owners).share(flags)
    rows = owners[flags]
    yield candidate(
        "positive-also-negative",
        f"{percent(found.value or 0.0)} of positives are also labelled negative ({n_bad:,} of {len(flags):,} pairs)",
        Severity.HIGH,
        found,
        "Run embedscope audit --fix: training pulls and pushes the same pair.",
        gain=missing_rank(queries, np.unique(rows)),
        n=len(flags),
        rows=rows,
        documents=queries.relevant_documents[flags],
    )


def leaked_queries(scored: Scored, resampler: Resampler) -> Iterator[Candidate]:
    """Queries of the training file; without them the MRR falls by what they now add to it at most."""
    leakage, queries = scored.leakage, scored.queries
    if leakage is None:
        return
    leaked = set(leakage.leaked_queries)
    flags = np.array([text in leaked for text in queries.texts], dtype=bool)
    if not flags.any():
        return
    found, rows = resampler.share(flags), np.flatnonzero(flags)
    yield candidate(
        "query-in-training",
        f"{percent(found.value or 0.0)} of the queries stand in {leakage.train}: scores on them show memory",
        Severity.HIGH,
        found,
        "Remove them from the test set (embedscope audit --train ... --fix).",
        gain=float(queries.values[METRIC][rows].sum()) / len(flags),
        n=len(flags),
        rows=rows,
    )


def unfilled_positives(scored: Scored, resampler: Resampler) -> Iterator[Candidate]:
    """Queries all of whose positives say nothing."""
    queries, texts = scored.queries, scored.documents.texts
    flags = says_nothing(queries, scored.documents)
    rows = np.flatnonzero(flags)
    if not rows.size:
        return
    first = queries.relevant_documents[queries.relevant_indptr[rows]]
    n, example = len(rows), excerpt(texts[int(first[0])], 30)
    yield candidate(
        "placeholder-text",
        f"{n:,} {'query has' if n == 1 else 'queries have'} a positive that says nothing, such as {example}",
        Severity.HIGH,
        resampler.share(flags),
        "Run embedscope audit --fix: no model can find such a text, and training on it teaches noise.",
        gain=missing_rank(queries, rows),
        n=len(flags),
        rows=rows,
        documents=first,
    )
