"""From scores to findings: every check that names a fault, joined and put in order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embedscope.data.collection import Collection
from embedscope.diagnose.evidence import METRIC, Candidate, ordered
from embedscope.diagnose.failure_modes import FailureModes
from embedscope.diagnose.label_faults import contradictions, leaked_queries, unfilled_positives
from embedscope.diagnose.mode_faults import failure_findings, unexplained_failures
from embedscope.diagnose.model_faults import collapsed_space, slice_findings, unbeaten_baselines
from embedscope.diagnose.query_features import QueryFacts, query_features
from embedscope.diagnose.slices import SliceSearch, find_slices
from embedscope.diagnose.themes import ThemeLevel
from embedscope.diagnose.type_faults import ignored_types
from embedscope.metrics.norms import directions_of
from embedscope.metrics.threads import one_thread_products
from embedscope.models.embed import Embeddings
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, IntArray
from embedscope.result import Finding, Scored
from embedscope.stats.resampler import Resampler

_ALL_WRONG = frozenset({"below-lexical", "below-base", "space-collapsed"})
"""Findings that explain failures of any query."""


@one_thread_products()
def find_faults(
    scored: Scored,
    collection: Collection,
    modes: FailureModes,
    resampler: Resampler,
    *,
    embeddings: Embeddings | None = None,
    themes: ThemeLevel | None = None,
    more: Sequence[Candidate] = (),
    attributes: AttributeReader = NO_ATTRIBUTES,
) -> tuple[Finding, ...]:
    """What is wrong with model and data, the fault whose correction would gain most first; nothing where nothing is.

    Parameters
    ----------
    modes : FailureModes
        What `classify_failures` gave for these scores.
    resampler : Resampler
        Of the measured queries: every interval, and the halves of the search for slices.
    embeddings : Embeddings, optional
        Of the collection: the space is looked at.
    themes : ThemeLevel, optional
        Of the queries: each is a slice.
    more : sequence of Candidate
        Findings made elsewhere, to be put in order with these.
    """
    queries, documents = scored.queries, scored.documents
    search = search_slices(scored, collection, resampler, themes=themes, attributes=attributes)
    candidates = [
        *ignored_types(queries, documents, resampler, tolerance=scored.tie_tolerance),
        *unbeaten_baselines(scored),
        *failure_findings(queries, modes, resampler, has_vectors=scored.similarity is not None),
        *slice_findings(search, queries),
        *unfilled_positives(scored, resampler),
        *contradictions(scored, collection, resampler),
        *leaked_queries(scored, resampler),
        *(() if embeddings is None else collapsed_space(queries, directions_of(embeddings.documents), resampler)),
        *more,
    ]
    if not _ALL_WRONG & {candidate.finding.code for candidate in candidates}:
        candidates += unexplained_failures(queries, modes, search, resampler)
    return ordered(candidates)


def search_slices(
    scored: Scored,
    collection: Collection,
    resampler: Resampler,
    *,
    themes: ThemeLevel | None = None,
    attributes: AttributeReader = NO_ATTRIBUTES,
) -> SliceSearch:
    """Slices of the queries on which the reciprocal rank is worse than on the rest."""
    queries = scored.queries
    rows = measured_rows(scored, collection)
    types = [
        frozenset(name for place in queries.negatives_of(row) for name in queries.negative_types[place])
        for row in range(len(rows))
    ]
    columns: dict[str, Sequence[str | None]] = {**collection.metadata}
    if collection.groups:
        columns.setdefault("group", collection.groups)
    frequency = np.maximum.reduceat(
        scored.documents.n_relevant_to[queries.relevant_documents], queries.relevant_indptr[:-1]
    )
    facts = QueryFacts(
        texts=queries.texts,
        documents=scored.documents.texts,
        positive_frequency=frequency,
        negative_types=types,
        metadata={name: [values[row] for row in rows] for name, values in columns.items()},
        themes=themes,
    )
    return find_slices(
        queries.values[METRIC],
        query_features(facts, attributes=attributes),
        resampler,
    )


def measured_rows(scored: Scored, collection: Collection) -> IntArray:
    """Row in ``collection`` of each query of the query table, shape (Q,)."""
    place = {name: row for row, name in enumerate(collection.query_ids)}
    return np.array([place[name] for name in scored.queries.ids], dtype=np.int64)
