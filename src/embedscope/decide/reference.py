"""What a model is compared with, and the paired difference that decides."""

from __future__ import annotations

from dataclasses import dataclass, replace

from embedscope.measure.rank_metrics import PRIMARY_METRICS
from embedscope.result import BestOfMany, Comparison, Mapped, RunComparison, TypeChange

PRIMARY, N_PRIMARY = PRIMARY_METRICS[0], len(PRIMARY_METRICS)
"""The metric whose paired difference decides, and how many Holm corrects over."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a model is compared with, and the paired difference on the primary metric that decides."""

    name: str
    difference: Comparison  # p_adjusted pays for the choice of the best, where there was one
    n_tests: int
    best: BestOfMany | None = None
    type_changes: tuple[TypeChange, ...] = ()


def reference_of(result: Mapped, *, n_sets: int = 1) -> Reference | None:
    """What ``result`` is compared with by name, on one of ``n_sets`` data sets; None where it is judged alone."""
    found = result.to_reference
    return None if found is None else Reference(found.b, found, n_sets * N_PRIMARY)


def reference_of_runs(comparison: RunComparison, *, n_sets: int = 1) -> Reference:
    """What the best (or only) candidate of ``comparison`` is compared with, on one of ``n_sets`` data sets."""
    best = comparison.best
    name = best.best if best is not None else comparison.candidates[0]
    found = next(c for c in comparison.comparisons if c.a == name and c.metric == PRIMARY)
    return Reference(
        comparison.reference,
        found if best is None else replace(found, p_adjusted=best.p_adjusted),
        n_sets * (N_PRIMARY if best is None else best.n_candidates),
        best,
        tuple(change for change in comparison.type_changes if change.candidate == name),
    )
