"""From what was measured to what to do: deploy, retrain, undecided or unfit, each with its reasons. Pure.

Conventions, section 6. The order of questions is fixed: can this test set answer at all (``unfit``)? does a gating
check fail, or does the model not beat the lexical baseline (``retrain``)? does an interval straddle its threshold
(``undecided``)? otherwise ``deploy``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from embedscope.decide.checklist import apply, comparison_with
from embedscope.decide.fitness import detectable, is_collapsed, unfit_reasons
from embedscope.result import (
    Check,
    Comparison,
    Criteria,
    Mapped,
    Outcome,
    RunComparison,
    Verdict,
    run_labels,
)
from embedscope.result import VerdictOutcome as Word
from embedscope.result.formatting import count, difference, estimate, number, p_equals

SIGNIFICANCE = 0.05
"""Level of the paired test that decides between two runs."""

MAX_REACH = 10.0
"""An interval that reaches this many times beyond its threshold would need a hundred times as many queries."""


def judge(result: Mapped, criteria: Criteria) -> tuple[tuple[Check, ...], Verdict]:
    """The checklist and the verdict of ``result`` under ``criteria``."""
    checks = tuple(check for criterion in criteria.criteria for check in apply(criterion, result))
    unfit = tuple(unfit_reasons(result, criteria))
    against = tuple(retrain_reasons(result, criteria, checks))
    open_ = tuple(undecided_reasons(result, criteria, checks))
    passed = tuple(check.sentence for check in checks if check.outcome is Outcome.PASS)
    for word, reasons in ((Word.UNFIT, unfit), (Word.RETRAIN, against), (Word.UNDECIDED, open_)):
        if reasons:
            rest = against + open_ if word is Word.UNFIT else open_ if word is Word.RETRAIN else ()
            return checks, Verdict(word, criteria.name, reasons[0], reasons + rest + passed)
    return checks, Verdict(Word.DEPLOY, criteria.name, _deploy_headline(result, checks), passed)


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
            yield check.sentence


def undecided_reasons(result: Mapped, criteria: Criteria, checks: Iterable[Check]) -> Iterator[str]:
    """What this test set leaves open, with what would settle it."""
    for check in checks:
        if check.gating and check.outcome in (Outcome.UNDECIDED, Outcome.NOT_COMPUTABLE):
            yield check.sentence + _clusters_still_needed(check, result)
    if criteria.must_beat_lexical:
        lexical = comparison_with("lexical", "MRR", result)
        if lexical is not None and lexical.difference > 0 and not (lexical.low is not None and lexical.low > 0):
            power = detectable(_smallest_of(lexical))
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
    queries = f"{count(chosen.wins, 'query', 'queries')} better, {chosen.losses} worse, {chosen.ties} equal"
    gain = f"{_gain(chosen)}, {p_equals(p)}; {queries}"
    if chosen.wins == chosen.losses == 0:
        reason = f"{ours} and {reference} have the same MRR on every query: there is nothing to decide"
        return Verdict(Word.UNDECIDED, profile, reason, (reason,))
    if p >= SIGNIFICANCE:
        reason = f"this test set cannot tell {ours} from {reference}: {gain}{detectable(_smallest_of(chosen))}"
        return Verdict(Word.UNDECIDED, profile, reason, (reason,))
    if chosen.difference < 0:
        reason = f"{ours} is worse than {reference}: {gain}"
        return Verdict(Word.RETRAIN, profile, reason, (reason,))
    reason = f"{ours} is better than {reference}: {gain}"
    worse_types = tuple(
        f"but more '{change.type}' negatives reach the positive: {estimate(change.change, 4, sign=True)}"
        for change in comparison.type_changes
        if change.candidate == name and change.change.low is not None and change.change.low > 0
    )
    return Verdict(Word.DEPLOY, profile, reason, (reason, *worse_types))


def _chosen(comparison: RunComparison) -> tuple[str, Comparison]:
    name = comparison.best.best if comparison.best is not None else comparison.candidates[0]
    return name, next(c for c in comparison.comparisons if c.a == name and c.metric == "MRR")


def _collapse(result: Mapped) -> str:
    negative = result.similarity.negative
    return (
        f"the space has collapsed: the similarities of all texts are {number(negative.mean, 3)} with a standard "
        f"deviation of {negative.std:.1g}, so every ranking is chance"
    )


def _gain(comparison: Comparison) -> str:
    return f"{comparison.metric} difference {difference(comparison)}"


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
    return f"; about {count(more, 'more independent query', 'more independent queries')} would decide it"


def _smallest_of(comparison: Comparison) -> float | None:
    """The smallest difference that this comparison finds with 80 % power.

    Half an interval of 95 % is 1.96 standard errors; finding a difference four times in five takes 1.96 + 0.84.
    """
    if comparison.low is None or comparison.high is None or comparison.high <= comparison.low:
        return None
    return (comparison.high - comparison.low) / 2 * (1.96 + 0.84) / 1.96


def _deploy_headline(result: Mapped, checks: tuple[Check, ...]) -> str:
    gating = sum(check.gating for check in checks)
    metric = result.metrics.get("MRR")
    score = f"; MRR {estimate(metric.estimate)}" if metric else ""
    return f"all {gating} gating checks pass on {result.data.n_clusters} independent groups of queries{score}"
