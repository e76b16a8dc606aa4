"""Documents that nobody judged and that are likely right: what a person should label first."""

from __future__ import annotations

from typing import Any

from embedscope.diagnose.modes import FailureMode
from embedscope.result import DocumentTable, QueryTable

DOUBTFUL = tuple(
    mode.value
    for mode in (FailureMode.UNFILLED, FailureMode.NEAR_DUPLICATE, FailureMode.FALSE_NEGATIVE, FailureMode.UNJUDGED)
)
"""Modes that accuse the label: training on the winner as a negative would teach a fault of the data."""

_BY_SURENESS = DOUBTFUL[1:]


def unjudged_pairs(queries: QueryTable, documents: DocumentTable) -> list[dict[str, Any]]:
    """Queries whose failure mode says that the winner answers them, the surest mode first, then by its lead.

    One object a pair: ``query_id``, ``query``, ``document_id``, ``document``, ``positive`` (the best-scoring relevant
    text), ``why`` (mode and evidence), and ``relevant``, null until a person says true or false. A query whose winner
    is one of its hard negatives was judged, and is left out.
    """
    lead = queries.wrong_similarity - queries.positive_similarity
    rows = [
        row for row, mode in enumerate(queries.failure_modes) if mode in _BY_SURENESS and not queries.wrong_type[row]
    ]
    rows.sort(key=lambda row: (_BY_SURENESS.index(queries.failure_modes[row]), -lead[row]))
    return [_pair(row, queries, documents) for row in rows]


def _pair(row: int, queries: QueryTable, documents: DocumentTable) -> dict[str, Any]:
    wrong = int(queries.wrong_document[row])
    return {
        "query_id": queries.ids[row],
        "query": queries.texts[row],
        "document_id": documents.ids[wrong],
        "document": documents.texts[wrong],
        "positive": documents.texts[queries.best_relevant(row)],
        "why": f"{queries.failure_modes[row]}: {queries.failure_evidence[row]}",
        "relevant": None,
    }
