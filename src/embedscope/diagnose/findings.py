"""Findings to diagnoses: every check that names a fault, joined and put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from embedscope.data.collection import Collection
from embedscope.diagnose import model_faults
from embedscope.diagnose.evidence import Candidate, ordered
from embedscope.diagnose.failure_modes import FailureModes, classify_failures
from embedscope.diagnose.query_features import QueryFacts, query_features
from embedscope.diagnose.second_opinion import Scorer, base_scorer, lexical_scorer
from embedscope.diagnose.slices import SliceSearch, find_slices
from embedscope.measure.options import DEFAULTS, Options
from embedscope.models.embed import Embeddings
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, IntArray
from embedscope.result import Finding, Result

SLICE_METRIC = "MRR"

_ALL_WRONG = frozenset({"below-lexical", "below-base", "space-collapsed"})
"""Findings that explain failures of any query."""


def diagnose(
    result: Result,
    collection: Collection,
    *,
    embeddings: Embeddings | None = None,
    base: Embeddings | None = None,
    n_tokens: Mapping[str, int] | None = None,
    modes: FailureModes | None = None,
    metadata: Mapping[str, Sequence[str | None]] | None = None,
    more: Sequence[Candidate] = (),
    attributes: AttributeReader = NO_ATTRIBUTES,
    options: Options = DEFAULTS,
) -> tuple[Finding, ...]:
    """What is wrong with model and data, the fault whose mending would gain most first; nothing where nothing is.

    Parameters
    ----------
    findings : Findings
    collection : Collection
        The one that was measured.
    embeddings : Embeddings, optional
        Its vectors: queries are clustered into topics, and the space is looked at.
    base : Embeddings, optional
        Vectors of the base model: the second opinion on false negatives. Character n-grams without them.
    n_tokens : mapping of text to number of tokens, optional
        Shows which texts were cut off at ``findings.model.max_length``.
    modes : FailureModes, optional
        What `failure_modes` gave for the same findings, where that is known.
    metadata : mapping of column to values, optional
        One value (or None) a query of ``collection``, in its order, beside the columns of the collection itself (its
        groups among them).
    more : sequence of Candidate
        Findings made elsewhere, to be put in order with these.
    attributes : AttributeReader
        What is read of the texts beside their words.
    options : Options
        ``seed`` divides the queries for the search of slices.
    """
    queries = result.queries
    if modes is None:
        modes = failure_modes(result, collection, base=base, n_tokens=n_tokens, attributes=attributes)
    search = search_slices(
        result, collection, embeddings=embeddings, metadata=metadata, attributes=attributes, options=options
    )
    candidates = [
        *model_faults.ignored_types(queries, result.documents, tolerance=result.tie_tolerance),
        *model_faults.unbeaten_baselines(result),
        *model_faults.failure_findings(queries, modes),
        *model_faults.slice_findings(search, SLICE_METRIC, queries),
        *model_faults.label_findings(result, collection),
        *(() if embeddings is None else model_faults.collapsed_space(queries, embeddings.documents)),
        *more,
    ]
    if not _ALL_WRONG & {candidate.finding.code for candidate in candidates}:
        candidates += model_faults.unexplained_failures(queries, modes, search)
    return ordered(candidates)


def failure_modes(
    result: Result,
    collection: Collection,
    *,
    base: Embeddings | None = None,
    n_tokens: Mapping[str, int] | None = None,
    attributes: AttributeReader = NO_ATTRIBUTES,
) -> FailureModes:
    """Why each failed query failed; rows are those of the query table."""
    queries, documents = result.queries, result.documents
    opinion: Scorer | None = None
    if base is not None:
        opinion = base_scorer(base.facts.checkpoint, base.queries[measured_rows(result, collection)], base.documents)
    return classify_failures(
        queries,
        documents,
        lexical=lexical_scorer(queries.texts, documents.texts),
        opinion=opinion,
        n_tokens=n_tokens,
        max_length=result.model.max_length,
        tolerance=result.tie_tolerance,
        attributes=attributes,
    )


def search_slices(
    result: Result,
    collection: Collection,
    *,
    embeddings: Embeddings | None = None,
    metadata: Mapping[str, Sequence[str | None]] | None = None,
    attributes: AttributeReader = NO_ATTRIBUTES,
    options: Options = DEFAULTS,
) -> SliceSearch:
    """Slices of the queries on which the reciprocal rank is worse than on the rest."""
    queries = result.queries
    rows = measured_rows(result, collection)
    types: list[frozenset[str]] = []
    for start, end in zip(queries.negative_indptr[:-1], queries.negative_indptr[1:], strict=True):
        types.append(frozenset(name for own in queries.negative_types[start:end] for name in own))
    columns: dict[str, Sequence[str | None]] = {**collection.metadata, **(metadata or {})}
    if collection.groups:
        columns.setdefault("group", collection.groups)
    frequency = np.maximum.reduceat(
        result.documents.n_relevant_to[queries.relevant_documents], queries.relevant_indptr[:-1]
    )
    facts = QueryFacts(
        texts=queries.texts,
        documents=result.documents.texts,
        positive_frequency=frequency,
        negative_types=types,
        metadata={name: [values[row] for row in rows] for name, values in columns.items()},
        vectors=None if embeddings is None else embeddings.queries[rows],
    )
    return find_slices(
        queries.values[SLICE_METRIC],
        queries.clusters,
        query_features(facts, attributes=attributes, seed=options.seed),
        generator=options.generator("slices"),
    )


def measured_rows(result: Result, collection: Collection) -> IntArray:
    """Row in ``collection`` of each query of the query table, shape (Q,)."""
    place = {name: row for row, name in enumerate(collection.query_ids)}
    return np.array([place[name] for name in result.queries.ids], dtype=np.int64)
