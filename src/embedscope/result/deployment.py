"""What serving costs: storage formats and thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from embedscope.protocols import Float64Array, IntArray
from embedscope.result.codec import ADDED, Finite
from embedscope.result.comparisons import Comparison
from embedscope.result.estimate import Estimate


@dataclass(frozen=True, slots=True)
class StorageFormat:
    """What one way of storing the documents costs and keeps, against float32 at full width.

    ``bytes_in_index`` are searched for every query; ``bytes_in_all`` adds the float32 vectors that rescoring reads.
    ``changes`` are this format minus float32, paired, empty for float32 itself; ``tie_share`` is the share of queries
    whose best relevant document ties with another; ``overlap`` that of the 10 nearest documents under float32.
    ``reason`` says why a format could not be measured; its figures are then absent.
    """

    name: str
    precision: str
    width: int
    n_rescored: int  # 0 where nothing is rescored
    bytes_in_index: int
    bytes_in_all: int
    metrics: Mapping[str, Estimate]
    changes: tuple[Comparison, ...]
    tie_share: Estimate
    overlap: Estimate
    reason: str | None = None
    reduction: str = field(default="prefix", metadata=ADDED)  # which dimensions: "prefix", "random", or of a "PCA"


@dataclass(frozen=True, slots=True)
class IndexSetting:
    """What one index of FAISS, with one setting of its search, keeps of the list that exact search returns.

    ``metrics`` are of the ``DeploymentCost.k`` documents returned; a document that is not counts as not found.
    ``changes`` are against exact search, paired, empty for that itself; ``overlap`` is the share of its list that is
    returned too. ``bytes_in_index`` grow with every document: vectors, links and ids, without codebooks.
    ``queries_per_second``: by the median time of one alone, on one thread of the machine that measured; None with a
    ``reason``.
    """

    name: str
    kind: str  # exact, int8, binary, HNSW, IVF-PQ
    bytes_in_index: int
    metrics: Mapping[str, Estimate]
    changes: tuple[Comparison, ...]
    overlap: Estimate
    queries_per_second: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DeploymentCost:
    """Quality against bytes for every storage format tried, the reference (float32, full width) first.

    ``indexes`` are lists of ``k`` documents, exact search first.
    """

    reference: str
    formats: tuple[StorageFormat, ...]
    n_documents: int
    k: int  # of the overlap
    indexes: tuple[IndexSetting, ...] = field(default=(), metadata=ADDED)


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """The lowest threshold that keeps a precision of ``wanted`` by its interval's lower end.

    Half of the clusters say where the precision is surest, the others how far down from there it lasts: ``precision``
    and ``recall`` are those of the others.

    ``threshold`` is None where there is none; ``reason`` says why.
    """

    wanted: Finite
    threshold: float | None
    precision: Estimate
    recall: Estimate
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ThresholdTable:
    """Precision and recall of "every document with a similarity of at least t", over all (query, document) pairs.

    Columns of shape (T,), thresholds ascending. NaN stands where a figure or its interval is undefined. Precision
    depends on the size of the pool: a larger one has more wrong documents above any threshold.
    """

    thresholds: Annotated[Float64Array, "finite"] = field(repr=False)
    n_retrieved: IntArray = field(repr=False)  # pairs at or above the threshold
    precision: Float64Array = field(repr=False)
    precision_low: Float64Array = field(repr=False)
    precision_high: Float64Array = field(repr=False)
    recall: Float64Array = field(repr=False)
    recall_low: Float64Array = field(repr=False)
    recall_high: Float64Array = field(repr=False)
    choices: tuple[ThresholdChoice, ...]
    n_documents: int
