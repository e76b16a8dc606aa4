"""From the verdicts on several data sets to one. Pure.

Alone: what is to be retrained by one set is to be retrained; it is deployed where every set says so. With a reference:
the mean difference decides, and a set on which the model is surely worse (forgetting) speaks against it whatever the
mean is. A set that cannot answer leaves the verdict unfit, unless another one says retrain, and is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from embedscope.decide.fitness import is_collapsed
from embedscope.result import SIGNIFICANCE, Comparison, Estimate, Outcome, Result, Verdict, run_labels
from embedscope.result import VerdictOutcome as Word
from embedscope.result.formatting import count, difference, estimate, p_equals

_ORDER = (Word.RETRAIN, Word.UNFIT, Word.UNDECIDED, Word.DEPLOY)
"""Of verdicts on single sets: the first that is there holds for all."""


def judge_sets_alone(results: Mapping[str, Result], mean: Estimate | None) -> Verdict:
    """The verdict on a model without a reference; ``mean`` is its MRR over the sets."""
    verdicts = {name: result.verdict for name, result in results.items()}
    word = next(word for word in _ORDER if any(verdict.outcome is word for verdict in verdicts.values()))
    first = [name for name, verdict in verdicts.items() if verdict.outcome is word]
    if word is Word.DEPLOY:
        score = "" if mean is None else f"; mean MRR {estimate(mean)}"
        headline = f"every one of {len(results)} sets says deploy{score}"
    elif len(first) == 1:
        headline = f"{first[0]} says {word.value}: {verdicts[first[0]].headline}"
    else:
        headline = f"{len(first)} of {len(results)} sets say {word.value}; {first[0]}: {verdicts[first[0]].headline}"
    others = [name for name in first[1:] if word is not Word.DEPLOY]
    others += [name for name, verdict in verdicts.items() if verdict.outcome not in (word, Word.DEPLOY)]
    profile = next(iter(verdicts.values())).profile
    return Verdict(word, profile, headline, (headline, *(_said(name, verdicts[name]) for name in others)))


def judge_sets_compared(results: Mapping[str, Result], rows: Mapping[str, Comparison], mean: Comparison) -> Verdict:
    """The verdict on a model against a reference.

    Parameters
    ----------
    results : mapping of name to Result
    rows : mapping of name to Comparison
        The difference in MRR on each set, its p corrected over the sets.
    mean : Comparison
        Of these differences.
    """
    profile = next(iter(results.values())).verdict.profile
    labels = run_labels((mean.a, mean.b))
    other, relation = labels[mean.b], _relation(mean, labels[mean.b], len(rows))
    fit = {name: result for name, result in results.items() if result.verdict.outcome is not Word.UNFIT}
    worse = [name for name in fit if rows[name].is_surely(-1)]
    against, undecided = list(_against(fit)), list(_open(fit))
    unfit = [_said(name, result.verdict) for name, result in results.items() if name not in fit]
    if worse:
        word, headline = Word.RETRAIN, _worse_on(worse, rows, other, mean)
    elif against:
        word, headline = Word.RETRAIN, f"{relation}, but {against.pop(0)}"
    elif unfit:  # the mean holds what that set says
        word, headline = Word.UNFIT, unfit.pop(0)
    elif mean.is_surely(-1):
        word, headline = Word.RETRAIN, f"{relation}: retrain"
    elif not mean.is_surely(1):
        word, headline = Word.UNDECIDED, f"{relation}: undecided"
    elif undecided:
        word, headline = Word.UNDECIDED, f"{relation}, but {undecided.pop(0)}"
    else:
        word, headline = Word.DEPLOY, f"{relation}, and surely worse on none of them: deploy"
    others = [f"surely worse on {name}: {_figures(rows[name])}" for name in worse[1:]]
    others += [f"on {name} {caveat}" for name, result in results.items() for caveat in result.caveats]
    reasons = (headline, f"mean over the sets: {_figures(mean)}", *others, *against, *unfit, *undecided)
    return Verdict(word, profile, headline, reasons)


def _relation(mean: Comparison, other: str, n_sets: int) -> str:
    on = f"{other} on the mean of {n_sets} sets"
    if mean.wins == mean.losses == 0:
        return f"the same as {other} in the MRR of every query of {n_sets} sets"
    if mean.p_adjusted >= SIGNIFICANCE:
        return f"not surely better or worse than {on}"
    return f"{'better' if mean.difference > 0 else 'worse'} than {on}"


def _worse_on(worse: Sequence[str], rows: Mapping[str, Comparison], other: str, mean: Comparison) -> str:
    where = worse[0] if len(worse) == 1 else f"{len(worse)} sets, first {worse[0]}"
    found = f"surely worse than {other} on {where} ({difference(rows[worse[0]])})"
    if mean.difference <= 0:
        return f"{found}: retrain"
    how = "surely better" if mean.is_surely(1) else "not worse"
    return f"forgetting: {found}, though {how} on the mean of {len(rows)} sets: retrain"


def _against(results: Mapping[str, Result]) -> Sequence[str]:
    """What speaks against the model on single sets, whatever the difference is."""
    collapsed = [f"on {name} {result.verdict.headline}" for name, result in results.items() if is_collapsed(result)]
    return collapsed + _checks(results, "fails", (Outcome.FAIL,))


def _open(results: Mapping[str, Result]) -> Sequence[str]:
    return _checks(results, "is open", (Outcome.UNDECIDED, Outcome.NOT_COMPUTABLE))


def _checks(results: Mapping[str, Result], how: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Gating checks with these outcomes; none gates where the difference alone decides."""
    return [
        f"a gating check {how} on {name}: {check.sentence}"
        for name, result in results.items()
        for check in result.checklist
        if check.gating and check.outcome in outcomes
    ]


def _said(name: str, verdict: Verdict) -> str:
    return f"{name}: {verdict.outcome.value}, {verdict.headline}"


def _figures(found: Comparison) -> str:
    queries = f"{count(found.wins, 'query', 'queries')} better, {found.losses:,} worse, {found.ties:,} equal"
    return f"{found.metric} difference {difference(found)}, {p_equals(found.p_adjusted)}; {queries}"
