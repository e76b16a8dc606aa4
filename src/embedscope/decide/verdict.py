"""From what was measured to what to do: deploy, retrain, undecided or unfit, each with its reasons. Pure.

Conventions, section 6. The order of questions is fixed: can this test set answer at all (``unfit``)? does a gating
check fail, or does the model not beat the lexical baseline (``retrain``)? does an interval straddle its threshold
(``undecided``)? otherwise ``deploy``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from embedscope.result import (
    Check,
    Comparison,
    Criteria,
    Criterion,
    Estimate,
    Mapped,
    Metric,
    Outcome,
    RunComparison,
    Verdict,
    run_labels,
)
from embedscope.result import VerdictOutcome as Word

COLLAPSED_STD = 1e-4
"""Below this spread of all negative similarities (cosine) the space is one point and ranks are rounding."""

ROUNDING = 1e-9
"""A difference between two readings of one metric that is no difference."""

SIGNIFICANCE = 0.05
"""Level of the paired test that decides between two runs."""

MAX_REACH = 10.0
"""An interval that reaches this many times beyond its threshold would need a hundred times as many queries."""

MAP_NAMES = {"tsne": "t-SNE", "umap": "UMAP"}

MIN_TRUSTWORTHINESS = 0.8
"""A map below this shows neighbours that are not there, so clustering cannot be read off it."""


def judge(result: Mapped, criteria: Criteria) -> tuple[tuple[Check, ...], Verdict]:
    """The checklist and the verdict of ``findings`` under ``criteria``."""
    checks = tuple(check for criterion in criteria.criteria for check in apply(criterion, result))
    unfit = tuple(unfit_reasons(result, criteria))
    against = tuple(retrain_reasons(result, criteria, checks))
    open_ = tuple(undecided_reasons(result, criteria, checks))
    passed = tuple(_describe(check) for check in checks if check.outcome is Outcome.PASS)
    for word, reasons in ((Word.UNFIT, unfit), (Word.RETRAIN, against), (Word.UNDECIDED, open_)):
        if reasons:
            rest = against + open_ if word is Word.UNFIT else open_ if word is Word.RETRAIN else ()
            return checks, Verdict(word, criteria.name, reasons[0], reasons + rest + passed)
    return checks, Verdict(Word.DEPLOY, criteria.name, _deploy_headline(result, checks), passed)


def apply(criterion: Criterion, result: Mapped) -> Iterator[Check]:
    """The checks that a criterion makes: one, or one per negative type where its metric says ``*``."""
    for suffix, figure in figures_at(criterion.metric, result):
        outcome, reason = _outcome(criterion, figure)
        if criterion.id == "clustering" and outcome is Outcome.PASS:
            outcome, reason = _believe_maps(result, reason)
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
            gating=criterion.gating,
        )


def figures_at(path: str, result: Mapped) -> list[tuple[str, Estimate]]:
    """The figures that a metric path names, each with the part that a ``*`` stood for (else an empty string)."""
    head, _, rest = path.partition(".")
    if head == "similarity":
        figure = getattr(result.similarity, rest, None)
        return [("", figure if isinstance(figure, Estimate) else Estimate.absent(f"there is no figure '{path}'"))]
    if head == "clustering":
        return [("", result.clustering)]
    if head == "metrics":
        metric = result.metrics.get(rest)
        return [("", _of_metric(metric) if metric else Estimate.absent(f"the metric '{rest}' was not computed"))]
    if head == "weights":
        return [("", result.weights.get(rest, Estimate.absent(f"the data has no weights for '{rest}'")))]
    if head == "negative_types":
        return _of_types(rest, result)
    if head == "comparisons":
        against, _, name = rest.rpartition(".")  # the name of a run is a path and may hold dots
        return [("", _of_comparison(against, name, result))]
    return [("", Estimate.absent(f"there is no figure '{path}'"))]


def _of_metric(metric: Metric) -> Estimate:
    return Estimate(metric.value, metric.low, metric.high)


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
        return Estimate.absent(f"the model was not compared with '{against}' on {metric}")
    return Estimate(found.difference, found.low, found.high)


def comparison_with(against: str, metric: str, result: Mapped) -> Comparison | None:
    """The paired comparison of the model with ``against`` on ``metric``, if one was made."""
    return next((c for c in result.comparisons if c.b == against and c.metric == metric), None)


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
    stated = f"{number(figure.value)} {_interval(figure)}".strip()
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


def _believe_maps(result: Mapped, reason: str) -> tuple[Outcome, str]:
    poor = [m for m in result.maps.values() if m.trustworthiness < MIN_TRUSTWORTHINESS]
    if result.maps and len(poor) == len(result.maps):
        figures = ", ".join(f"{MAP_NAMES.get(m.name, m.name)} {m.trustworthiness:.3f}" for m in poor)
        return Outcome.UNDECIDED, f"{reason}; no map is trustworthy enough to show it ({figures}, at least 0.8 needed)"
    return Outcome.PASS, reason


def unfit_reasons(result: Mapped, criteria: Criteria) -> Iterator[str]:
    """Why this test set cannot answer, and what would make it fit."""
    fitness, data = criteria.fitness, result.data
    if data.n_clusters < fitness.min_clusters:
        yield (
            f"too few independent queries to judge by: {data.n_clusters}, at least {fitness.min_clusters} needed "
            f"(queries that share a relevant text count once){_detectable(_detectable_by(result))}"
        )
    yield from _high_chance(result, fitness.max_chance)
    if result.leakage is not None and result.leakage.share_of_queries > fitness.max_leakage:
        yield (
            f"{percent(result.leakage.share_of_queries)} of the test queries stand in the training file "
            f"{result.leakage.train} (allowed: {percent(fitness.max_leakage)}): the scores measure memory. "
            f"Remove them from one of the two files"
        )
    # Contradictions are those of the whole file, also where its queries were sampled.
    n_contradictory, n_queries = len(data.contradictions), data.n_queries_available
    if n_contradictory > fitness.max_contradictions * n_queries:
        yield (
            f"{n_contradictory} texts are labelled both relevant and negative for the same query, among {n_queries} "
            f"queries (allowed: {percent(fitness.max_contradictions)}). First: {data.contradictions[0].rstrip('.')}"
        )
    if fitness.refuse_lexical_pass:
        yield from _lexical_passes(result, criteria)
    if fitness.refuse_wide_ties and not is_collapsed(result):
        yield from _wide_ties(result, criteria)


def _high_chance(result: Mapped, limit: float) -> Iterator[str]:
    chance = result.metrics["Success@1"].chance if "Success@1" in result.metrics else None
    if chance is not None and chance > limit:
        yield (
            f"a random order already has Success@1 = {chance:.3f} on {result.data.n_documents} documents (allowed: "
            f"{limit:g}); add documents or hard negatives to the pool"
        )


def _lexical_passes(result: Mapped, criteria: Criteria) -> Iterator[str]:
    ranked = [c for c in criteria.criteria if c.gating and c.metric.startswith("metrics.")]
    metrics = [(c, result.metrics.get(c.metric.removeprefix("metrics."))) for c in ranked]
    known = [(c, m) for c, m in metrics if m is not None and m.lexical is not None]
    passes = [holds(m.lexical, c.direction, c.threshold) for c, m in known if m.lexical is not None]
    if passes and all(passes):
        figures = ", ".join(f"{m.name} {m.lexical:.3f}" for _, m in known)
        yield (
            f"character n-grams alone pass the rank check{'s' if len(known) > 1 else ''} ({figures}), so this test "
            f"set needs no model. Add hard negatives that share words with the positive, or paraphrase the queries"
        )


def _wide_ties(result: Mapped, criteria: Criteria) -> Iterator[str]:
    for criterion in criteria.criteria:
        metric = result.metrics.get(criterion.metric.removeprefix("metrics."))
        if not criterion.gating or metric is None or metric.low is None or metric.high is None:
            continue
        spread, half_width = metric.optimistic - metric.pessimistic, (metric.high - metric.low) / 2
        if spread > max(half_width, ROUNDING):
            yield (
                f"{metric.name} is {metric.pessimistic:.3f} or {metric.optimistic:.3f} depending on how tied documents "
                f"are ordered, which is more than its interval [{metric.low:.3f}, {metric.high:.3f}] allows. Keep more "
                f"digits of the vectors, or merge texts that the model cannot tell apart"
            )


def retrain_reasons(result: Mapped, criteria: Criteria, checks: Iterable[Check]) -> Iterator[str]:
    """What speaks against the checkpoint on a fit test set, the decisive first."""
    if is_collapsed(result):
        yield _collapse(result)
    if criteria.must_beat_lexical:
        lexical = comparison_with("lexical", "MRR", result)
        if lexical is not None and lexical.difference <= 0:
            yield f"the model does not beat character n-grams: {_gain(lexical)}"
    for check in checks:
        if check.gating and check.outcome is Outcome.FAIL:
            yield _describe(check)


def undecided_reasons(result: Mapped, criteria: Criteria, checks: Iterable[Check]) -> Iterator[str]:
    """What this test set leaves open, with what would settle it."""
    for check in checks:
        if check.gating and check.outcome in (Outcome.UNDECIDED, Outcome.NOT_COMPUTABLE):
            yield _describe(check) + _clusters_still_needed(check, result)
    if criteria.must_beat_lexical:
        lexical = comparison_with("lexical", "MRR", result)
        if lexical is not None and lexical.difference > 0 and not _above_zero(lexical):
            power = _detectable(_smallest_of(lexical))
            yield f"the gain over character n-grams is not certain: {_gain(lexical)}{power}"


def judge_comparison(comparison: RunComparison, candidate: Mapped, criteria: Criteria) -> Verdict:
    """What the paired comparison says about its best (or only) candidate against the reference.

    ``unfit`` where the test set cannot answer, ``retrain`` where the candidate is worse, ``deploy`` where it is
    better, ``undecided`` where this test set cannot tell. The primary metric is MRR at a level of 0.05 after
    correction (Holm over the primary metrics; max-T over the candidates where several were tried).
    """
    profile = "comparison"
    unfit = tuple(unfit_reasons(candidate, criteria))
    if unfit:
        return Verdict(Word.UNFIT, profile, unfit[0], unfit)
    if is_collapsed(candidate):
        reason = _collapse(candidate)
        return Verdict(Word.RETRAIN, profile, reason, (reason,))
    return _judge_difference(comparison, profile)


def _judge_difference(comparison: RunComparison, profile: str) -> Verdict:
    name, chosen = _chosen(comparison)
    labels = run_labels((comparison.reference, *comparison.candidates))
    ours, reference = labels[name], labels[comparison.reference]
    p = comparison.best.p_adjusted if comparison.best is not None else chosen.p_adjusted
    gain = f"{_gain(chosen)}, {_p(p)}; {chosen.wins} queries better, {chosen.losses} worse, {chosen.ties} equal"
    if chosen.wins == chosen.losses == 0:
        reason = f"{ours} and {reference} have the same MRR on every query: there is nothing to decide"
        return Verdict(Word.UNDECIDED, profile, reason, (reason,))
    if p >= SIGNIFICANCE:
        reason = f"this test set cannot tell {ours} from {reference}: {gain}{_detectable(_smallest_of(chosen))}"
        return Verdict(Word.UNDECIDED, profile, reason, (reason,))
    if chosen.difference < 0:
        reason = f"{ours} is worse than {reference}: {gain}"
        return Verdict(Word.RETRAIN, profile, reason, (reason,))
    reason = f"{ours} is better than {reference}: {gain}"
    worse_types = tuple(
        f"but more '{change.type}' negatives reach the positive: {change.change.value:+.4f} {_interval(change.change)}"
        for change in comparison.type_changes
        if change.candidate == name and change.change.low is not None and change.change.low > 0
    )
    return Verdict(Word.DEPLOY, profile, reason, (reason, *worse_types))


def _chosen(comparison: RunComparison) -> tuple[str, Comparison]:
    name = comparison.best.best if comparison.best is not None else comparison.candidates[0]
    return name, next(c for c in comparison.comparisons if c.a == name and c.metric == "MRR")


def is_collapsed(result: Mapped) -> bool:
    """Whether all negative similarities are the same but for rounding: the space is one point."""
    return result.similarity.negative.std < COLLAPSED_STD


def _collapse(result: Mapped) -> str:
    negative = result.similarity.negative
    return (
        f"the space has collapsed: the similarities of all texts are {negative.mean:.3f} with a standard deviation of "
        f"{negative.std:.1g}, so every ranking is chance"
    )


def _above_zero(comparison: Comparison) -> bool:
    return comparison.low is not None and comparison.low > 0


def _gain(comparison: Comparison) -> str:
    interval = _interval(Estimate(comparison.difference, comparison.low, comparison.high))
    return f"{comparison.metric} difference {comparison.difference:+.4f} {interval}".rstrip()


def _p(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"


def _clusters_still_needed(check: Check, result: Mapped) -> str:
    """How many more clusters would pull the interval off the threshold, were the value to stay where it is.

    The half-width of an interval shrinks with the root of the number of clusters.
    """
    if check.outcome is not Outcome.UNDECIDED or check.value is None or check.low is None or check.high is None:
        return ""
    distance = abs(check.value - check.threshold)
    reach = check.value - check.low if check.value > check.threshold else check.high - check.value
    if reach <= distance:
        return ""
    if reach > MAX_REACH * distance:
        return "; the value is too close to the threshold for more queries to decide it"
    n_clusters = result.data.n_clusters
    more = math.ceil(n_clusters * (reach / distance) ** 2) - n_clusters
    return f"; about {more:,} more independent quer{'y' if more == 1 else 'ies'} would decide it"


def _detectable_by(result: Mapped) -> float | None:
    return None if result.power is None else result.power.minimum_detectable


def _smallest_of(comparison: Comparison) -> float | None:
    """The smallest difference that this comparison finds with 80 % power.

    Half an interval of 95 % is 1.96 standard errors; finding a difference four times in five takes 1.96 + 0.84.
    """
    if comparison.low is None or comparison.high is None or comparison.high <= comparison.low:
        return None
    return (comparison.high - comparison.low) / 2 * (1.96 + 0.84) / 1.96


def _detectable(smallest: float | None) -> str:
    if smallest is None:
        return ""
    return f"; a test set like this one finds MRR differences of {number(smallest)} and more with 80 % power"


def _describe(check: Check) -> str:
    return f"{check.title}: {check.reason}"


def _deploy_headline(result: Mapped, checks: tuple[Check, ...]) -> str:
    gating = sum(check.gating for check in checks)
    metric = result.metrics.get("MRR")
    score = f"; MRR {number(metric.value)} {_interval(_of_metric(metric))}".rstrip() if metric else ""
    return f"all {gating} gating checks pass on {result.data.n_clusters} independent groups of queries{score}"


def number(value: float) -> str:
    """A value with as many digits as a reader needs: four decimals, or one where it is 10 or more."""
    if abs(value) >= 10:
        return f"{value:,.1f}"
    return f"{round(value, 4) + 0.0:.4f}"  # the sum takes the sign from a zero


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage, with a decimal where the share is small."""
    return f"{100 * share:.1f} %" if abs(share) < 0.1 else f"{100 * share:.0f} %"


def _interval(figure: Estimate) -> str:
    return "" if figure.low is None or figure.high is None else f"[{number(figure.low)}, {number(figure.high)}]"


BANDS: dict[str, tuple[tuple[float, str], ...]] = {
    "margin": ((0.40, "excellent"), (0.30, "good"), (0.20, "fair"), (0.10, "poor")),
    "separation": ((3.0, "excellent"), (2.0, "good"), (1.5, "fair"), (1.0, "poor")),
    "MRR": ((0.8, "excellent"), (0.6, "good"), (0.4, "fair")),
}
LOWEST_BAND = {"margin": "bad", "separation": "bad", "MRR": "poor"}


def band(name: str, value: float) -> str:
    """The rated band of a margin, a separation or an MRR (conventions, section 6)."""
    return next((word for floor, word in BANDS[name] if value > floor), LOWEST_BAND[name])
