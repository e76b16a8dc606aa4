"""What queries typed differently do to the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from embedscope.protocols import IntArray
from embedscope.result.comparisons import Comparison
from embedscope.result.estimate import Estimate


@dataclass(frozen=True, slots=True)
class PerturbationEffect:
    """What one way of typing the queries differently does, on the queries that it changes.

    ``changes`` are perturbed minus as written, paired; ``flip_rate`` is the share of queries whose rank-1 correctness
    changes, ``lost`` and ``gained`` their rows in QueryTable, the largest fall (rise) in reciprocal rank first.
    ``similarity`` is the mean cosine of a query with its perturbed self.
    """

    name: str
    title: str
    n_changed: int
    n_unchanged: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    changes: tuple[Comparison, ...]
    flip_rate: Estimate
    lost: IntArray
    gained: IntArray
    similarity: Estimate
    example: tuple[str, str] | None  # a query as written and as perturbed; None where none is changed


@dataclass(frozen=True, slots=True)
class Robustness:
    """Paired change of the metrics under perturbed queries; p-values are Holm-adjusted over all of them."""

    n_queries: int
    effects: tuple[PerturbationEffect, ...]
