"""What was measured: the data set and the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from embedscope.result.codec import ADDED


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the data set holds, after equal texts were merged (conventions, section 1).

    ``n_clusters`` counts the connected groups of queries that share a relevant text, ``n_effective`` is the effective
    number of independent queries for MRR (conventions, section 5): what intervals and verdict rest on.
    ``columns`` are those of a file of rows by role: query, positive, negatives, label, group, metadata, "not used".
    ``n_own_documents`` counts documents that are a query themselves and are left out of its ranking.
    ``digest`` is the SHA-256 of queries, pool, judgments and negatives: runs of different digests are not comparable.
    ``name`` is what the data set was called in the options.
    """

    format: str
    n_rows: int
    n_queries: int
    n_queries_available: int
    n_documents: int
    n_relevant_documents: int
    n_hard_negatives: int
    n_clusters: int
    n_duplicate_queries: int
    n_duplicate_documents: int
    n_queries_without_relevant: int
    contradictions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    digest: str = field(default="", metadata=ADDED)
    n_effective: float | None = field(default=None, metadata=ADDED)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict, metadata=ADDED)
    n_own_documents: int = field(default=0, metadata=ADDED)
    name: str = field(default="", metadata=ADDED)


@dataclass(frozen=True, slots=True)
class TensorAccount:
    """What became of every tensor of a checkpoint; one that is in neither place is refused at loading.

    ``renamed`` and ``ignored`` count tensors by the rule that was applied: "without '_orig_mod.'", "pooler".
    """

    n_used: int
    renamed: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What produced the vectors: shown in every output so that two runs can be told apart.

    ``similarity`` is "cosine", "dot" or, of ranked lists, "score"; their ``dim`` is 0. ``tensors`` is None where no
    weights were read (vectors made before).
    """

    checkpoint: str
    layout: str
    dim: int
    base_model: str | None = None
    pooling: str | None = None
    pooling_source: str | None = None
    max_length: int | None = None
    device: str | None = None
    dtype: str | None = None
    head: str | None = None
    training: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str | None = None
    notes: tuple[str, ...] = ()
    similarity: str = field(default="cosine", metadata=ADDED)
    query_prompt: str = field(default="", metadata=ADDED)
    document_prompt: str = field(default="", metadata=ADDED)
    tensors: TensorAccount | None = field(default=None, metadata=ADDED)
