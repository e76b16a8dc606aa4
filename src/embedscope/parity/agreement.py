"""How alike two sets of vectors of the same texts are: directions, norms, and the ranks that they give."""

from __future__ import annotations

import numpy as np

from embedscope.data.collection import Collection
from embedscope.measure.scoring import rank_values
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import unit_rows
from embedscope.parity.encodings import Vectors
from embedscope.protocols import Float32Array, Float64Array
from embedscope.result import Cosines, DifferingText, NormDifference, RankAgreement
from embedscope.settings import TIE_TOLERANCE, SimilarityFunction

K = 10


def directions_apart(one: Float32Array, other: Float32Array) -> Float64Array:
    """``1 - cosine`` of matched rows, shape (n,): ``|u - v|^2 / 2`` of their unit rows in float64.

    Computed from the difference, because ``1 - u.v`` loses all that is smaller than the rounding of 1.

    Raises
    ------
    InvalidEmbeddingsError
        If a row is zero or not finite.
    """
    u, v = (unit_rows(rows.astype(np.float64), what="text") for rows in (one, other))
    apart: Float64Array = np.square(u - v).sum(axis=1) / 2
    return apart


def apart_by_role(model: Vectors, served: Vectors) -> dict[str, Float64Array]:
    """``1 - cosine`` of the texts of each role; empty where the widths differ."""
    if model.dim != served.dim:
        return {}
    return {
        "query": directions_apart(model.queries, served.queries),
        "document": directions_apart(model.documents, served.documents),
    }


def cosines_of(apart: Float64Array, tolerance: float) -> Cosines:
    """The figures of one role."""
    p05, median = 1 - np.quantile(apart, [0.95, 0.5])
    return Cosines(
        n=len(apart),
        n_same=int(np.count_nonzero(apart <= tolerance)),
        mean=float(1 - apart.mean()),
        min=float(1 - apart.max()),
        p05=float(p05),
        median=float(median),
    )


def differing_texts(
    sample: Collection, apart: dict[str, Float64Array], tolerance: float
) -> tuple[DifferingText | None, DifferingText | None]:
    """The first text that differs, queries before documents, and the one that differs most."""
    texts = {"query": sample.queries, "document": sample.documents}
    found = [(float(far), role, row) for role, column in apart.items() for row, far in enumerate(column)]
    differing = [(far, DifferingText(role, texts[role][row], 1 - far)) for far, role, row in found if far > tolerance]
    if not differing:
        return None, None
    return differing[0][1], max(differing, key=lambda each: each[0])[1]


def norms_of(model: Vectors, served: Vectors) -> NormDifference:
    """The norms of both sides, and how far they are apart text by text."""
    ours, theirs = (
        np.linalg.norm(np.concatenate([side.queries, side.documents]).astype(np.float64), axis=1)
        for side in (model, served)
    )
    relative = np.abs(ours - theirs) / np.maximum(ours, theirs)
    return NormDifference(
        model=(float(ours.min()), float(ours.max())),
        served=(float(theirs.min()), float(theirs.max())),
        mean=float(relative.mean()),
        max=float(relative.max()),
    )


def ranks_of(sample: Collection, model: Vectors, served: Vectors, similarity: str) -> RankAgreement:
    """The documents of the sample ranked for its queries by both sides, each in its own space."""
    judgments = Judgments(sample.indptr, sample.relevant, sample.gains, len(sample.documents), sample.own)
    with_relevant = np.flatnonzero(np.diff(sample.indptr))
    scores, mrr = [], {}
    for name, side in (("model", model), ("served", served)):
        queries, documents = side.queries, side.documents
        if similarity == SimilarityFunction.COSINE:
            queries, documents = unit_rows(queries, what="query"), unit_rows(documents, what="document")
        found = queries @ documents.T
        tolerance = TIE_TOLERANCE * max(1.0, float(np.abs(found).max()))
        if sample.own is not None:
            found[sample.own.query_of_pair, sample.own.documents] = -np.inf
        values = rank_values(
            queries[with_relevant], documents, judgments.select(with_relevant), ["MRR"], tolerance=tolerance
        )
        mrr[name] = float(values["MRR"].mean()) if len(with_relevant) else float("nan")
        scores.append(found)
    from scipy.stats import kendalltau  # which takes longer to load than a run on a few texts

    k = min(K, len(sample.documents))
    orders = [np.argsort(-found, axis=1, kind="stable") for found in scores]
    pairs = list(zip(*(order[:, :k].tolist() for order in orders), strict=True))
    return RankAgreement(
        n_queries=len(sample.queries),
        n_documents=len(sample.documents),
        k=k,
        top_1=float(np.mean(orders[0][:, 0] == orders[1][:, 0])),
        top_k=float(np.mean([len(set(a) & set(b)) / k for a, b in pairs])),
        kendall=float(np.nanmean([kendalltau(a, b).statistic for a, b in zip(*scores, strict=True)])),
        n_with_relevant=len(with_relevant),
        mrr=mrr,
    )
