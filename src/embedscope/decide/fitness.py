"""Whether a test set can answer at all, and what would make it fit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from embedscope.decide.checklist import comparison_with, holds
from embedscope.decide.sensitivity import finds, n_independent
from embedscope.result import Criteria, Mapped, Metric
from embedscope.result.formatting import interval, number, percent

COLLAPSED_STD = 1e-4
"""Below this spread of all negative similarities, times their bound, a space is one point."""

ROUNDING = 1e-9
"""A difference between two readings of one metric that is no difference."""


def unfit_reasons(result: Mapped, criteria: Criteria, *, has_reference: bool = False) -> Iterator[str]:
    """Why this test set cannot answer, and what would make it fit.

    With a reference the two models are held against each other, also where words and letters solve the task.
    """
    fitness, data = criteria.fitness, result.data
    n = n_independent(data)
    if n < fitness.min_clusters:
        smallest = None if result.power is None else result.power.minimum_detectable
        yield (
            f"too few independent queries to judge by: {math.floor(10 * n) / 10:g}, at least {fitness.min_clusters} "
            f"needed (queries that share relevant texts count for less){finds(smallest)}"
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
    if fitness.refuse_lexical_pass and not has_reference:
        yield from _lexical_passes(result, criteria)
    if fitness.refuse_wide_ties and not is_collapsed(result):
        yield from _wide_ties(result, criteria, has_reference=has_reference)


def _high_chance(result: Mapped, limit: float) -> Iterator[str]:
    chance = result.metrics["Success@1"].chance if "Success@1" in result.metrics else None
    if chance is not None and chance > limit:
        yield (
            f"a random order already has Success@1 = {number(chance, 3)} on {result.data.n_documents} documents "
            f"(allowed: {limit:g}); add documents or hard negatives to the pool"
        )


def _lexical_passes(result: Mapped, criteria: Criteria) -> Iterator[str]:
    """Nothing where the model surely differs from the lexical baseline: then this test set does tell them apart."""
    lexical = comparison_with("lexical", "MRR", result)
    if lexical is not None and (lexical.is_surely(1) or lexical.is_surely(-1)):
        return
    ranked = [c for c in criteria.criteria if c.gating and c.metric.startswith("metrics.")]
    metrics = [(c, result.metrics.get(c.metric.removeprefix("metrics."))) for c in ranked]
    known = [(c, m) for c, m in metrics if m is not None and m.lexical is not None]
    passes = [holds(m.lexical, c.direction, c.threshold) for c, m in known if m.lexical is not None]
    if passes and all(passes):
        figures = ", ".join(f"{m.name} {number(m.lexical, 3)}" for _, m in known)
        who = f"{result.baseline_names['lexical']} alone pass{'' if result.lexical_baseline == 'n-grams' else 'es'}"
        yield (
            f"{who} the rank check{'s' if len(known) > 1 else ''} ({figures}), and the model is not surely better, so "
            f"this test set needs no model. Add hard negatives that share words with the positive, paraphrase the "
            f"queries, or compare with another model"
        )


def _wide_ties(result: Mapped, criteria: Criteria, *, has_reference: bool) -> Iterator[str]:
    decides = not has_reference or criteria.gates_comparison
    paths = [c.metric for c in criteria.criteria if c.gating and decides]
    names = dict.fromkeys([*(["MRR"] if has_reference else []), *(p.removeprefix("metrics.") for p in paths)])
    what = "vectors" if result.similarity is not None else "scores"
    for metric in (result.metrics[name] for name in names if name in result.metrics):
        if metric.low is None or metric.high is None:
            continue
        spread, half_width = metric.optimistic - metric.pessimistic, (metric.high - metric.low) / 2
        if spread > max(half_width, ROUNDING):
            ends = f"{number(metric.pessimistic, 3)} or {number(metric.optimistic, 3)}"
            yield (
                f"{metric.name} is {ends} depending on how tied documents are ordered, which is more than its interval "
                f"{interval(metric, 3)} allows. Keep more digits of the {what}, or merge texts that the model cannot "
                f"tell apart"
            )


def is_collapsed(result: Mapped) -> bool:
    """Whether the space is one point: all negative similarities are the same but for rounding, and ranks are chance.

    A narrow space that ranks well is none: its few digits tell the documents apart.
    """
    similarity = result.similarity
    is_a_point = similarity is not None and similarity.negative.std < COLLAPSED_STD * similarity.bound
    return is_a_point and all(_is_chance(metric) for metric in result.metrics.values())


def _is_chance(metric: Metric) -> bool:
    least = metric.value if metric.low is None else metric.low
    return metric.chance is None or least <= metric.chance + ROUNDING
