"""A result as tables: columns of ``queries.parquet``, ``explanations.parquet`` and ``points.parquet`` (contract)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from embedscope.protocols import Role
from embedscope.result import Diagnosed, DocumentTable, Mapped, QueryTable, Scored


def query_columns(result: Scored) -> dict[str, Any]:
    """One row a query: what was asked, where its relevant document stands, and what beat it."""
    return columns_of_queries(result.queries, result.documents)


def columns_of_queries(q: QueryTable, d: DocumentTable) -> dict[str, Any]:
    """The same of the tables alone."""
    relevant, negatives = (
        [slice(start, stop) for start, stop in pairwise(indptr.tolist())]
        for indptr in (q.relevant_indptr, q.negative_indptr)
    )
    return {
        "id": list(q.ids),
        "text": list(q.texts),
        "cluster": q.clusters,
        "n_relevant": q.n_relevant,
        "rank": q.rank,
        "n_tied": q.n_tied,
        "is_correct": q.is_correct,
        "positive_similarity": q.positive_similarity,
        "negative_similarity": q.negative_similarity,
        "margin": q.margin,
        "gap": q.gap,
        "wrong_id": [d.ids[i] if i >= 0 else None for i in q.wrong_document],
        "wrong_text": [d.texts[i] if i >= 0 else None for i in q.wrong_document],
        "wrong_similarity": q.wrong_similarity,
        "wrong_type": list(q.wrong_type),
        **({"failure_mode": [mode or None for mode in q.failure_modes]} if q.failure_modes else {}),
        **({"failure_evidence": [shown or None for shown in q.failure_evidence]} if q.failure_evidence else {}),
        "relevant_ids": [[d.ids[i] for i in q.relevant_documents[own]] for own in relevant],
        "negative_ids": [[d.ids[i] for i in q.negative_documents[own]] for own in negatives],
        "negative_scores": [q.negative_scores[own] for own in negatives],
        "negative_types": [[list(types) for types in q.negative_types[own]] for own in negatives],
        "top_ids": [[d.ids[i] if i >= 0 else None for i in row] for row in q.top_documents],
        "top_scores": q.top_scores.astype(np.float64),
        "top_is_relevant": q.top_is_relevant,
        **q.values,
    }


def columns_of_documents(d: DocumentTable) -> dict[str, Any]:
    """One row a document, and of how many queries it is a positive or a hard negative."""
    return {
        "id": list(d.ids),
        "text": list(d.texts),
        "n_relevant_to": d.n_relevant_to,
        "n_negative_of": d.n_negative_of,
    }


def deletion_columns(result: Diagnosed) -> dict[str, Any]:
    """One row a word that was left out, failures in the order in which they were looked at."""
    q, d = result.queries, result.documents
    if result.explanations is None:
        return {}
    pairs = [(each, deletion) for each in result.explanations.failures for deletion in each.deletions]
    rows = [each.document(one.role) for each, one in pairs]
    return {
        "query_id": [q.ids[each.query] for each, _ in pairs],
        "role": [one.role.value for _, one in pairs],
        "document_id": [None if row is None else d.ids[row] for row in rows],
        "start": np.array([one.start for _, one in pairs], dtype=np.int64),
        "end": np.array([one.end for _, one in pairs], dtype=np.int64),
        "text": [each.word(one, q, d) for each, one in pairs],
        "change": np.array([one.change for _, one in pairs], dtype=np.float64),
        "puts_right_first": np.array([one.puts_right_first for _, one in pairs], dtype=bool),
    }


def point_columns(result: Mapped) -> dict[str, Any]:
    """One row a point of the map; embedding-atlas opens the file as it is.

    ``projection_x``/``y`` are of the UMAP map where there is one, else of the t-SNE map; both maps stand beside under
    their own names.
    """
    points, q, d = result.points, result.queries, result.documents
    if points is None:
        return {}
    shown = [
        (q if role is Role.QUERY else d, row) for role, row in zip(points.roles, points.rows.tolist(), strict=True)
    ]
    columns: dict[str, Any] = {
        "row": np.arange(len(shown)),
        "id": [table.ids[row] for table, row in shown],
        "text": [table.texts[row] for table, row in shown],
        "role": [role.value for role in points.roles],
        **({"theme": [result.themes[t].name if t >= 0 else None for t in points.themes]} if result.themes else {}),
        "is_correct": [bool(q.is_correct[row]) if table is q else None for table, row in shown],
        "rank": [float(q.rank[row]) if table is q else None for table, row in shown],
    }
    for name, layout in result.maps.items():
        columns |= {f"{name}_x": layout.xy[:, 0], f"{name}_y": layout.xy[:, 1], f"{name}_kept": layout.kept}
    best = result.maps.get("umap") or result.maps.get("tsne")
    if best is not None:
        columns |= {"projection_x": best.xy[:, 0], "projection_y": best.xy[:, 1]}
    distances = points.neighbor_distances.astype(np.float64)
    columns["neighbors"] = {"ids": points.neighbor_ids, "distances": distances}
    return columns
