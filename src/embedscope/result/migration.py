"""Migration: what becomes of the index in production where one model takes the place of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from embedscope.result.comparisons import Comparison
from embedscope.result.estimate import Estimate
from embedscope.result.provenance import DataFacts, ModelFacts


class PathKind(StrEnum):
    """Which model encodes the queries and which the documents, and how the two are brought together."""

    OLD = "old"  # OLD queries, OLD documents
    NEW = "new"  # NEW queries, NEW documents
    UNADAPTED = "unadapted"  # NEW queries as they are, OLD documents
    ORTHOGONAL = "orthogonal"  # NEW queries carried into the OLD space by an orthogonal matrix
    AFFINE = "affine"  # the same by an affine map
    MIXED_UNADAPTED = "mixed, new queries"  # NEW queries as they are, a share of the documents NEW
    MIXED_ADAPTED = "mixed, adapted queries"  # NEW queries, carried into the OLD space for OLD documents, scaled
    MIXED_BOTH = "mixed, both queries"  # the query of each document's own model
    MIXED_SCALED = "mixed, both queries, scaled"  # the same, NEW scores brought to mean and spread of OLD ones
    FUSED = "fused"  # both indexes whole, their lists fused by reciprocal ranks


@dataclass(frozen=True, slots=True)
class MigrationPath:
    """One way to serve during or after a swap, measured on the same queries as all others.

    ``share`` is that of the documents whose NEW vectors are searched. ``from_old`` and ``from_new`` are this path minus
    OLD alone and minus NEW alone, paired; ``kept`` is ``(path - OLD) / (NEW - OLD)`` in MRR. ``draws`` holds the MRR of
    each random choice of documents, of which the metrics are the mean. ``n_texts`` documents are encoded by NEW before
    the path serves, ``n_bytes`` are those of the vectors searched, both for ``MigrationCost.n_documents`` documents.
    ``reason`` says why a path was not measured; its figures are then absent.
    """

    kind: PathKind
    share: float
    metrics: Mapping[str, Estimate]
    from_old: tuple[Comparison, ...]
    from_new: tuple[Comparison, ...]
    kept: Estimate
    n_texts: int
    n_bytes: int
    query_encodings: int  # by either model, of each query
    draws: tuple[float, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AdapterFit:
    """A map from the NEW space to the OLD one, fitted on documents encoded by both, in two halves of them.

    ``cosine`` is the mean cosine of a document's OLD vector and its carried NEW vector, by the map fitted on the half
    that the document is not in; ``identified`` the share of documents to which no OLD vector of their half is nearer
    than their own. ``ridge`` is the larger penalty of the two halves, chosen by generalised cross-validation; None for
    the orthogonal map.
    """

    kind: PathKind
    n_fitted: int  # documents of both halves
    n_queries: int  # of them, the text of a query as well
    cosine: Estimate
    identified: Estimate
    ridge: float | None = None


@dataclass(frozen=True, slots=True)
class Turnover:
    """How much of the first ``k`` documents of a query changes from OLD to NEW.

    ``changed`` is the share of the k that are others; ``rank_biased_overlap`` weighs the ranks too (Webber et al. 2010,
    extrapolated, p = 0.9); ``first_changed`` is the share of queries with another first document.
    """

    k: int
    changed: Estimate
    first_changed: Estimate
    rank_biased_overlap: Estimate


@dataclass(frozen=True, slots=True)
class MovedQuery:
    """A query that one model has right at rank 1 and the other has not; ranks of the first relevant document."""

    text: str
    old_rank: float
    new_rank: float


@dataclass(frozen=True, slots=True)
class HeadProduct:
    """The NEW index as a product of stored base vectors with the NEW head, where both models share the encoder.

    ``is_old_index_enough`` says whether the OLD index itself holds those base vectors: NEW vectors computed from it are
    the same within a cosine of 1e-6.
    """

    dim_in: int
    dim_out: int
    flops: float  # 2 N d_in d_out, over all matrices of the head
    seconds: float  # on this machine
    base_bytes: int  # of the stored base vectors, float32
    is_old_index_enough: bool


@dataclass(frozen=True, slots=True)
class MigrationCost:
    """What the NEW index takes, for ``n_documents`` documents: those of the data set, or of ``--corpus``.

    ``texts_per_s`` is that of the NEW encoder on this machine and ``hours`` those of all documents; None where no rate
    is known, and ``rate_source`` says why, or where the rate is from. Bytes are those of float32 vectors.
    """

    n_documents: int
    texts_per_s: float | None
    hours: float | None
    rate_source: str
    old_bytes: int
    new_bytes: int
    head: HeadProduct | None = None


@dataclass(frozen=True, slots=True)
class Migration:
    """OLD and NEW on the same queries and documents, by every path from one to the other.

    ``lost`` and ``gained`` hold the queries that moved farthest, ``n_lost`` and ``n_gained`` count all. ``advice`` is
    what to do, the first sentence first.
    """

    data: DataFacts
    old: ModelFacts
    new: ModelFacts
    paths: tuple[MigrationPath, ...]
    adapters: tuple[AdapterFit, ...]
    turnover: Turnover
    n_lost: int
    n_gained: int
    lost: tuple[MovedQuery, ...]
    gained: tuple[MovedQuery, ...]
    chance: Mapping[str, float]
    cost: MigrationCost
    is_same: bool  # both give the same vectors, within a cosine of 1e-6
    advice: tuple[str, ...]
    notes: tuple[str, ...]
    seed: int
    n_draws: int

    def path(self, kind: PathKind, share: float | None = None) -> MigrationPath:
        """The path of this kind, and of this share of NEW documents where there are several."""
        return next(path for path in self.paths if path.kind is kind and share in (None, path.share))
