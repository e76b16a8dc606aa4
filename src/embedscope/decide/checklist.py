"""The checks that criteria make of what was measured, each with one of four outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from embedscope.result import (
    MAP_NAMES,
    NO_VECTORS,
    Check,
    Comparison,
    Criterion,
    Estimate,
    Mapped,
    Outcome,
    run_label,
)
from embedscope.result.formatting import estimate, number

CLUSTERING = "Success@10"
"""The share of queries that cluster with their positives is this metric."""

MIN_TRUSTWORTHINESS = 0.8
"""A map below this shows neighbours that are not there. Clustering, which is measured in the original space, cannot be
read off it."""


_LEVELS = {"margin", "diagonal", "off_diagonal", "gap"}
_OTHER_SCALE = {
    "cosine": "the threshold is a level of cosines, and the model compares by dot product",
    "dot": "the threshold is a level of dot products, and the model compares by cosine",
}


def _is_level(metric: str) -> bool:
    """Whether a figure has the scale of the similarities, so that one threshold cannot serve all of them."""
    return metric.startswith(("similarity.", "negative_types.")) and metric.rpartition(".")[2] in _LEVELS


def apply(criterion: Criterion, result: Mapped) -> Iterator[Check]:
    """The checks that a criterion makes: one, or one per negative type where its metric says ``*``.

    A level whose threshold is on another scale than the model's similarity is not computable, and gates nothing.
    """
    has_levels = result.similarity is not None
    has_other_scale = has_levels and _is_level(criterion.metric) and result.model.similarity != criterion.similarity
    for suffix, figure in estimates_at(criterion.metric, result):
        if has_other_scale:
            outcome, reason = Outcome.NOT_COMPUTABLE, _OTHER_SCALE[criterion.similarity]
        else:
            outcome, reason = _outcome(criterion, figure)
        if criterion.metric == "clustering" and outcome is Outcome.PASS:
            reason += _poor_maps(result)
        is_absent = outcome is Outcome.NOT_COMPUTABLE
        if not is_absent:
            reason += _within_reach(criterion.metric, result)
        yield Check(
            id=criterion.id + (f"[{suffix}]" if suffix else ""),
            title=criterion.title + (f": {suffix}" if suffix else ""),
            value=figure.value,
            low=figure.low,
            high=figure.high,
            threshold=criterion.threshold,
            direction=criterion.direction,
            outcome=outcome,
            reason=reason,
            gating=criterion.gating and not (has_other_scale or (criterion.optional and is_absent)),
        )


def estimates_at(path: str, result: Mapped) -> list[tuple[str, Estimate]]:
    """The figures that a metric path names, each with the part that a ``*`` stood for (else an empty string)."""
    head, _, rest = path.partition(".")
    if head == "similarity" and result.similarity is None:
        return [("", Estimate.absent(NO_VECTORS))]
    if head == "similarity":
        figure = getattr(result.similarity, rest, None)
        return [("", figure if isinstance(figure, Estimate) else Estimate.absent(f"there is no figure '{path}'"))]
    if head == "clustering":
        return [("", result.clustering)]
    if head == "metrics":
        metric = result.metrics.get(rest)
        return [("", metric.estimate if metric else Estimate.absent(f"the metric '{rest}' was not computed"))]
    if head == "weights":
        return [("", result.weights.get(rest, Estimate.absent(f"the data has no weights for '{rest}'")))]
    if head == "negative_types":
        return _of_types(rest, result)
    if head == "comparisons":
        against, _, name = rest.rpartition(".")  # the name of a run is a path and may hold dots
        return [("", _of_comparison(against, name, result))]
    return [("", Estimate.absent(f"there is no figure '{path}'"))]


def _of_types(path: str, result: Mapped) -> list[tuple[str, Estimate]]:
    wanted, _, name = path.rpartition(".")
    types = result.negative_types
    if not types:
        return [("", Estimate.absent("the data has no hard negatives"))]
    names = sorted(types) if wanted == "*" else [wanted]
    missing = Estimate.absent("the data has no such negative type, or no such figure")
    figures = [(n, getattr(types[n], name, missing) if n in types else missing) for n in names]
    return [(n if wanted == "*" else "", f if isinstance(f, Estimate) else missing) for n, f in figures]


def _of_comparison(against: str, metric: str, result: Mapped) -> Estimate:
    found = comparison_with(against, metric, result)
    if found is None:
        others = ", ".join(f"'{name}'" for name in dict.fromkeys(c.b for c in result.comparisons))
        known = f", but with {others}" if others else ""
        return Estimate.absent(f"the model was not compared with '{against}' on {metric}{known}")
    return Estimate(found.difference, found.low, found.high)


def comparison_with(against: str, metric: str, result: Mapped) -> Comparison | None:
    """The paired comparison of the model with ``against`` on ``metric``, if one was made; ``run/`` is ``run``."""
    name = against.rstrip("/\\")
    return next((c for c in result.comparisons if c.b.rstrip("/\\") == name and c.metric == metric), None)


def holds(value: float, direction: str, threshold: float) -> bool:
    """Whether ``value direction threshold``, for direction one of > >= < <=."""
    if direction == ">":
        return value > threshold
    if direction == ">=":
        return value >= threshold
    if direction == "<":
        return value < threshold
    return value <= threshold


def _outcome(criterion: Criterion, figure: Estimate) -> tuple[Outcome, str]:
    if figure.value is None or not math.isfinite(figure.value):
        return Outcome.NOT_COMPUTABLE, figure.reason or "the value is not finite"
    stated = estimate(figure)
    held_against = f"must be {criterion.direction} {criterion.threshold:g}"
    ends: tuple[float, ...] = (figure.value,)
    if criterion.bound == "interval" and figure.low is not None and figure.high is not None:
        ends = (figure.low, figure.high)
    results = [holds(end, criterion.direction, criterion.threshold) for end in ends]
    if all(results):
        return Outcome.PASS, f"{stated}, {held_against}"
    if not any(results):
        return Outcome.FAIL, f"{stated}, {held_against}"
    return Outcome.UNDECIDED, f"{stated} straddles the threshold, {held_against}"


def _within_reach(path: str, result: Mapped) -> str:
    """Where queries have several relevant documents: what a perfect order and the best baseline reach."""
    metric = result.metrics.get(CLUSTERING if path == "clustering" else path.removeprefix("metrics."))
    if metric is None or metric.ideal is None or not (result.queries.n_relevant > 1).any():
        return ""
    names, beside = result.baseline_names, result.references.items()
    reached = {names["lexical"]: metric.lexical, names["base"]: metric.base}
    reached |= {names.get(run, run_label(run)): values.get(metric.name) for run, values in beside}
    known = {name: value for name, value in reached.items() if value is not None}
    best = max(known, key=lambda name: known[name], default=None)
    ideal = f"; with several relevant documents a query the ideal is {number(metric.ideal)}"
    return ideal if best is None else f"{ideal}, and the best baseline, {best}, reaches {number(known[best])}"


def _poor_maps(result: Mapped) -> str:
    """A warning where no map shows what was measured in the original space."""
    poor = [m for m in result.maps.values() if m.trustworthiness < MIN_TRUSTWORTHINESS]
    if not poor or len(poor) < len(result.maps):
        return ""
    figures = ", ".join(f"{MAP_NAMES.get(m.name, m.name)} {number(m.trustworthiness, 3)}" for m in poor)
    return f"; no map is trustworthy enough to show it ({figures}, at least {MIN_TRUSTWORTHINESS:g} needed)"
