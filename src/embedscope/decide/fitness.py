"""Whether a test set can answer at all, and what would make it fit."""

from __future__ import annotations

from collections.abc import Iterator

from embedscope.decide.checklist import holds
from embedscope.result import Criteria, Mapped
from embedscope.result.formatting import interval, number, percent

COLLAPSED_STD = 1e-4
"""Below this spread of all negative similarities, times their bound, the space is one point and ranks are rounding."""

ROUNDING = 1e-9
"""A difference between two readings of one metric that is no difference."""


def unfit_reasons(result: Mapped, criteria: Criteria) -> Iterator[str]:
    """Why this test set cannot answer, and what would make it fit."""
    fitness, data = criteria.fitness, result.data
    if data.n_clusters < fitness.min_clusters:
        smallest = None if result.power is None else result.power.minimum_detectable
        yield (
            f"too few independent queries to judge by: {data.n_clusters}, at least {fitness.min_clusters} needed "
            f"(queries that share a relevant text count once){detectable(smallest)}"
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
            f"a random order already has Success@1 = {number(chance, 3)} on {result.data.n_documents} documents "
            f"(allowed: {limit:g}); add documents or hard negatives to the pool"
        )


def _lexical_passes(result: Mapped, criteria: Criteria) -> Iterator[str]:
    ranked = [c for c in criteria.criteria if c.gating and c.metric.startswith("metrics.")]
    metrics = [(c, result.metrics.get(c.metric.removeprefix("metrics."))) for c in ranked]
    known = [(c, m) for c, m in metrics if m is not None and m.lexical is not None]
    passes = [holds(m.lexical, c.direction, c.threshold) for c, m in known if m.lexical is not None]
    if passes and all(passes):
        figures = ", ".join(f"{m.name} {number(m.lexical, 3)}" for _, m in known)
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
            ends = f"{number(metric.pessimistic, 3)} or {number(metric.optimistic, 3)}"
            yield (
                f"{metric.name} is {ends} depending on how tied documents are ordered, which is more than its interval "
                f"{interval(metric, 3)} allows. Keep more digits of the vectors, or merge texts that the model cannot "
                f"tell apart"
            )


def is_collapsed(result: Mapped) -> bool:
    """Whether all negative similarities are the same but for rounding: the space is one point."""
    return result.similarity.negative.std < COLLAPSED_STD * result.similarity.bound


def detectable(smallest: float | None) -> str:
    """What else a reason says: the smallest difference that such a test set finds; "" where it is not known."""
    if smallest is None:
        return ""
    return f"; a test set like this one finds MRR differences of {number(smallest)} and more with 80 % power"
