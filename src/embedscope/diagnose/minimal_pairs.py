"""Values that a model does not keep apart: a wrong one in the right document, beside the right one spelt otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from embedscope.diagnose.edited_values import EditedValue, ValueEditor, by_cluster, spread_over_kinds
from embedscope.diagnose.evidence import Candidate, candidate, missing_rank, severity_of
from embedscope.diagnose.type_faults import IGNORED, LEAST_PAIRS
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, Float32Array, Float64Array
from embedscope.result import DocumentTable, MinimalPairs, QueryTable
from embedscope.result.formatting import percent
from embedscope.settings import TIE_TOLERANCE
from embedscope.stats.resampler import Resampler

EncodeDocuments = Callable[[Sequence[str]], Float32Array]
"""Document texts to rows of the space that is measured."""

LEAST_TOKENS = 128
BYTES_PER_TOKEN = 3
"""Bytes of UTF-8 that a token has at least in most texts: a value further on may be cut off, and is left out."""


def minimal_pairs(
    queries: QueryTable,
    documents: DocumentTable,
    query_vectors: Float32Array,
    document_vectors: Float32Array,
    encode_documents: EncodeDocuments,
    resampler: Resampler,
    *,
    seed: int,
    attributes: AttributeReader = NO_ATTRIBUTES,
    budget: int,
    max_length: int | None = None,
    tolerance: float = TIE_TOLERANCE,
) -> tuple[MinimalPairs, ...]:
    """For each kind of value, how often the wrong value is ignored; the kind with the most pairs first.

    With ``s`` the score of a query, ``d`` its right document, ``d'`` the same with another value and ``d"`` with
    another spelling, a value is ignored where ``s(d) - s(d') < s(d) - s(d")``; a tie counts half. A typed hard negative
    that differs from ``d`` in one span is a ``d'`` whose kind is its type.

    Parameters
    ----------
    query_vectors, document_vectors : ndarray of shape (Q, dim) and (N, dim), float32
        As they are compared, by their inner product.
    resampler : Resampler
        Of these queries.
    budget : int
        Texts to encode at most; the queries are spread over clusters, the pairs over kinds.
    max_length : int, optional
        Tokens that the model reads (128 where nobody knows): values that may lie behind them are left out.
    tolerance : float
        Scores closer than this are tied.
    """
    edits = chosen_edits(queries, documents, seed=seed, attributes=attributes, budget=budget, max_length=max_length)
    if not edits:
        return ()
    texts = list(dict.fromkeys(text for edit in edits for text in _encoded(edit)))
    place = {text: row for row, text in enumerate(texts)}
    vectors = encode_documents(texts)

    def lead(edit: EditedValue) -> float:
        """Score of the document with the wrong value minus that with the other spelling."""
        changed = document_vectors[edit.negative] if edit.negative >= 0 else vectors[place[edit.changed]]
        difference = changed.astype(np.float64) - vectors[place[str(edit.respelt)]]
        return float(query_vectors[edit.query].astype(np.float64) @ difference)

    by_kind: dict[str, list[tuple[EditedValue, float]]] = {}
    for edit in edits:
        by_kind.setdefault(edit.kind, []).append((edit, lead(edit)))
    found = [_measured(kind, pairs, documents, resampler, tolerance) for kind, pairs in by_kind.items()]
    return tuple(sorted(found, key=lambda pairs: (-pairs.n, pairs.kind)))


def chosen_edits(
    queries: QueryTable,
    documents: DocumentTable,
    *,
    seed: int,
    attributes: AttributeReader,
    budget: int,
    max_length: int | None,
) -> list[EditedValue]:
    """The edits whose texts are encoded: at most ``budget`` different ones, spread over clusters and kinds."""
    editor = ValueEditor(queries, documents, attributes, seed)
    within = BYTES_PER_TOKEN * (max_length or LEAST_TOKENS)
    order = by_cluster(queries, np.random.default_rng([seed, len(queries.texts)]))[: 2 * budget]
    edits = [edit for row in order for edit in editor.edits(row, within=within) if edit.respelt is not None]
    chosen, texts = [], set[str]()
    for edit in spread_over_kinds(edits):
        more = {*_encoded(edit)} - texts
        if len(texts) + len(more) <= budget:
            texts |= more
            chosen.append(edit)
    return chosen


def _encoded(edit: EditedValue) -> tuple[str, ...]:
    """The texts of a pair that have no vector yet."""
    return (str(edit.respelt),) if edit.negative >= 0 else (edit.changed, str(edit.respelt))


def _measured(
    kind: str,
    pairs: Sequence[tuple[EditedValue, float]],
    documents: DocumentTable,
    resampler: Resampler,
    tolerance: float,
) -> MinimalPairs:
    leads = np.array([lead for _, lead in pairs])
    values: Float64Array = np.full(len(resampler.clusters), np.nan)
    rows = np.array([edit.query for edit, _ in pairs])
    values[rows] = np.where(np.abs(leads) <= tolerance, 0.5, leads > 0)
    ignored = replace(resampler.means({kind: values})[kind], n=len(pairs))
    order = np.argsort(-leads, kind="stable")
    clearest = pairs[int(order[0])][0]
    return MinimalPairs(
        kind=kind,
        n=len(pairs),
        ignored=ignored,
        example=(documents.texts[clearest.document], clearest.changed, str(clearest.respelt)),
        queries=tuple(int(rows[place]) for place in order if values[rows[place]] > 0),
    )


def ignored_values(pairs: Sequence[MinimalPairs], queries: QueryTable) -> Iterator[Candidate]:
    """Kinds of values that are ignored, with the lower end, in more than 35 % of at least 20 pairs.

    A model that is blind to a kind ignores half of the pairs or more.
    """
    for found in pairs:
        if found.n < LEAST_PAIRS or found.ignored.at_least <= IGNORED:
            continue
        value, rows = found.ignored.value or 0.0, np.array(found.queries, dtype=np.int64)
        yield candidate(
            "value-ignored",
            f"a wrong {found.kind} lowers the score no more than another spelling of the same {found.kind} in "
            f"{percent(value)} of {found.n:,} pairs",
            severity_of(value),
            found.ignored,
            f"Train on hard negatives that differ from their positive in the {found.kind} alone: --export-failures "
            "writes such rows for the queries that fail.",
            gain=missing_rank(queries, rows),
            n=found.n,
            rows=rows,
            documents=np.array([queries.best_relevant(row) for row in found.queries], dtype=np.int64),
        )
