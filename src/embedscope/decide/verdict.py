"""From what was measured to what to do: deploy, retrain, undecided or unfit, each with its reasons. Pure.

Conventions, section 6. First: can this test set answer at all (``unfit``)? Then, without a reference, the criteria
judge the model alone: does a gating check fail, or is it surely worse than what needs no training (``retrain``)? does
an interval straddle its threshold (``undecided``)? otherwise ``deploy``. With a reference the paired difference
decides, and the checklist stands beside it; criteria that gate a comparison have to hold as well. A difference is sure
by its test, never by its sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from embedscope.decide.checklist import apply, comparison_with
from embedscope.decide.fitness import is_collapsed, unfit_reasons
from embedscope.decide.reference import N_PRIMARY, PRIMARY, Reference, reference_of, reference_of_runs
from embedscope.decide.sensitivity import finds, more_queries, n_independent, smallest_difference
from embedscope.result import (
    BASELINES,
    SIGNIFICANCE,
    Check,
    Comparison,
    Criteria,
    Mapped,
    Outcome,
    RunComparison,
    Similarity,
    Verdict,
    run_labels,
)
from embedscope.result import VerdictOutcome as Word
from embedscope.result.formatting import count, difference, estimate, number, p_equals

_BEATS = {
    "n-grams": "n-grams beat",
    "BM25": "BM25 beats",
    "base": "the base model beats",
    "PCA": "the PCA of the base model beats",
    "random": "a random projection of the base model beats",
}


def judge(result: Mapped, criteria: Criteria, *, n_sets: int = 1) -> tuple[tuple[Check, ...], Verdict]:
    """The checklist and the verdict of ``result`` under ``criteria``, against its reference where it has one.

    ``n_sets`` is over how many data sets the p-values of its reference were corrected.
    """
    return _decided(result, criteria, reference_of(result, n_sets=n_sets))


def judge_comparison(
    comparison: RunComparison, candidate: Mapped, criteria: Criteria, *, n_sets: int = 1
) -> tuple[tuple[Check, ...], Verdict]:
    """The checklist of the best (or only) candidate, and the verdict on it against the reference of ``comparison``.

    The primary metric is MRR at a level of 0.05 after correction: Holm over the primary metrics, max-T over the
    candidates where several were tried. As for a run that names the same reference by ``--baseline``.
    """
    reference = reference_of_runs(comparison, n_sets=n_sets)
    own = tuple(c for c in comparison.comparisons if c.a == reference.difference.a)
    return _decided(replace(candidate, comparisons=(*candidate.comparisons, *own)), criteria, reference)


def _decided(result: Mapped, criteria: Criteria, reference: Reference | None) -> tuple[tuple[Check, ...], Verdict]:
    checks = tuple(check for criterion in criteria.criteria for check in apply(criterion, result))
    unfit = tuple(unfit_reasons(result, criteria, has_reference=reference is not None))
    if reference is None:
        return checks, _alone(result, criteria, checks, unfit)
    verdict = _compared(result, criteria, checks, unfit, reference)
    # Where the difference decides, a check that fails must not fail a CI job either.
    return tuple(replace(check, gating=check.gating and criteria.gates_comparison) for check in checks), verdict


# --- alone --------------------------------------------------------------------------------------------------------


def _alone(result: Mapped, criteria: Criteria, checks: Sequence[Check], unfit: tuple[str, ...]) -> Verdict:
    against = tuple(retrain_reasons(result, criteria, checks))
    open_ = tuple(undecided_reasons(result, criteria, checks))
    advice = tuple(check.sentence for check in checks if not check.gating and check.outcome is Outcome.FAIL)
    for word, reasons in ((Word.UNFIT, unfit), (Word.RETRAIN, against), (Word.UNDECIDED, open_)):
        if reasons:
            rest = against + open_ if word is Word.UNFIT else open_ if word is Word.RETRAIN else ()
            return Verdict(word, criteria.name, reasons[0], reasons + rest + advice)
    headline = _deploy_headline(result, criteria, checks)
    return Verdict(Word.DEPLOY, criteria.name, headline, (headline, *_no_gain_over_base(result), *advice))


def retrain_reasons(result: Mapped, criteria: Criteria, checks: Iterable[Check]) -> Iterator[str]:
    """What speaks against the checkpoint on a fit test set, the decisive first."""
    if result.similarity is not None and is_collapsed(result):
        yield _collapse(result.similarity)
    for comparison in _against_baselines(result):
        if comparison.is_surely(-1) and (comparison.b != "lexical" or criteria.must_beat_lexical):
            yield f"the model ranks worse than {result.baseline_names[comparison.b]}: {_gain(comparison)}"
    yield from (check.sentence for check in checks if check.gating and check.outcome is Outcome.FAIL)


def undecided_reasons(result: Mapped, criteria: Criteria, checks: Sequence[Check]) -> Iterator[str]:
    """What this test set leaves open, with what would settle it."""
    yield from _open_checks(result, criteria, checks)
    lexical = comparison_with("lexical", PRIMARY, result)
    if criteria.must_beat_lexical and lexical is not None and not (lexical.is_surely(1) or lexical.is_surely(-1)):
        power = finds(smallest_difference(lexical, result.data, n_tests=N_PRIMARY))
        yield f"a gain over {result.baseline_names['lexical']} is not certain: {_gain(lexical)}{power}"


def _open_checks(result: Mapped, criteria: Criteria, checks: Sequence[Check]) -> Iterator[str]:
    if not any(check.gating for check in checks):
        yield "no gating check could be computed, so that nothing speaks for this model or against it"
    for check in checks:
        if check.gating and check.outcome in (Outcome.UNDECIDED, Outcome.NOT_COMPUTABLE):
            yield check.sentence + more_queries(check, result.data, least=criteria.fitness.min_clusters)


def _deploy_headline(result: Mapped, criteria: Criteria, checks: Sequence[Check]) -> str:
    outside = _levels_outside(criteria, checks)
    if outside:
        return (
            f"deploy by its ranks; {count(outside, 'similarity level lies', 'similarity levels lie')} outside the "
            f"checklist, which matters only where scores are thresholded"
        )
    gating = sum(check.gating for check in checks)
    metric = result.metrics.get(PRIMARY)
    score = f"; {PRIMARY} {estimate(metric.estimate)}" if metric else ""
    passes = {1: "the gating check passes", 2: "both gating checks pass"}
    what = passes.get(gating, f"all {gating} gating checks pass")
    return f"{what} on {n_independent(result.data):,.0f} independent queries{score}"


def _levels_outside(criteria: Criteria, checks: Sequence[Check]) -> int:
    """How many similarity figures fail their check, where ranks alone gate."""
    levels = {criterion.id for criterion in criteria.criteria if criterion.metric.startswith("similarity.")}
    if any(check.id in levels and check.gating for check in checks):
        return 0
    return sum(check.id in levels and not check.gating and check.outcome is Outcome.FAIL for check in checks)


def _no_gain_over_base(result: Mapped) -> Iterator[str]:
    base = comparison_with("base", PRIMARY, result)
    if base is not None and not base.is_surely(1):
        yield f"but a gain over {result.baseline_names['base']} is not certain: {_gain(base)}"


# --- against a reference ------------------------------------------------------------------------------------------


def _compared(
    result: Mapped, criteria: Criteria, checks: Sequence[Check], unfit: tuple[str, ...], reference: Reference
) -> Verdict:
    profile = f"comparison and {criteria.name}" if criteria.gates_comparison else "comparison"
    word, relation = _by_difference(result, reference)
    failing = [check.sentence for check in checks if check.gating and check.outcome is Outcome.FAIL]
    open_ = list(_open_checks(result, criteria, checks))
    if not criteria.gates_comparison:
        failing, open_ = [], []
    if unfit:
        return Verdict(Word.UNFIT, profile, unfit[0], (*unfit, *result.caveats))
    figures = _figures(result, reference, word)
    if result.similarity is not None and is_collapsed(result):
        word, headline = Word.RETRAIN, _collapse(result.similarity)
    elif failing and word is not Word.RETRAIN:
        word, headline = Word.RETRAIN, f"{relation}, but a gating check fails: {failing.pop(0)}"
    elif open_ and word is Word.DEPLOY:
        word, headline = Word.UNDECIDED, f"{relation}, but a gating check is open: {open_.pop(0)}"
    else:
        headline = "; ".join([f"{relation}: {word.value}", *_what_beats(result, word), _checklist_line(checks)])
    return Verdict(
        word, profile, headline, (headline, figures, *result.caveats, *_worse_types(reference), *failing, *open_)
    )


def _by_difference(result: Mapped, reference: Reference) -> tuple[Word, str]:
    """What the paired difference says, as a verdict and in words."""
    found, own = reference.difference, reference.difference.a
    labels = run_labels((reference.name, own))
    other, best = labels[reference.name], reference.best
    who = "" if best is None else f"the best of {best.n_candidates}, {labels[own]}, is "
    if found.wins == found.losses == 0:
        return Word.UNDECIDED, f"{who}the same as {other} in the MRR of every query"
    if found.p_adjusted >= SIGNIFICANCE:
        return Word.UNDECIDED, f"{who}not surely better or worse than {other}"
    if found.difference < 0:
        return Word.RETRAIN, f"{who}worse than {other}"
    return Word.DEPLOY, f"{who}better than {other}"


def _figures(result: Mapped, reference: Reference, word: Word) -> str:
    found = reference.difference
    queries = f"{count(found.wins, 'query', 'queries')} better, {found.losses} worse, {found.ties} equal"
    smallest = smallest_difference(found, result.data, n_tests=reference.n_tests)
    power = finds(smallest) if word is Word.UNDECIDED else ""
    return f"{_gain(found)}, {p_equals(found.p_adjusted)}; {queries}{power}"


def _checklist_line(checks: Sequence[Check]) -> str:
    """What the checklist alone would say, and how many of its checks pass."""
    outcomes = {check.outcome for check in checks if check.gating}
    word = Word.DEPLOY if outcomes == {Outcome.PASS} else Word.RETRAIN if Outcome.FAIL in outcomes else Word.UNDECIDED
    passed = sum(check.outcome is Outcome.PASS for check in checks)
    return f"by the checklist alone: {word.value}, {passed} of {len(checks)} pass"


def _what_beats(result: Mapped, word: Word) -> Iterator[str]:
    """What surely beats the model; and so the reference too, where the model is better than that."""
    for comparison in _against_baselines(result):
        if comparison.is_surely(-1):
            what = result.lexical_baseline if comparison.b == "lexical" else comparison.b
            yield f"{_BEATS[what]} {'both' if word is Word.DEPLOY else 'it'}"


def _worse_types(reference: Reference) -> Iterator[str]:
    for each in reference.type_changes:
        if each.change.low is not None and each.change.low > 0:
            yield f"but more '{each.type}' negatives reach the positive: {estimate(each.change, 4, sign=True)}"


# --- words --------------------------------------------------------------------------------------------------------


def _against_baselines(result: Mapped) -> Iterator[Comparison]:
    found = (comparison_with(name, PRIMARY, result) for name in BASELINES)
    return (comparison for comparison in found if comparison is not None)


def _collapse(similarity: Similarity) -> str:
    negative = similarity.negative
    return (
        f"the space has collapsed: the similarities of all texts are {number(negative.mean, 3)} with a standard "
        f"deviation of {negative.std:.1g}, and every ranking is chance"
    )


def _gain(comparison: Comparison) -> str:
    return f"{comparison.metric} difference {difference(comparison)}"
