"""Numbers and sentences as the terminal writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from embedscope.result import Comparison, Estimate, LevelShift, ModelFacts, Scored, run_label
from embedscope.result.formatting import band, estimate, interval, number, p_value, percent_estimate, rank_name

_COUNTS = f"{'better':>6}  {'worse':>6}  {'equal':>6}"
COMPARISON_HEADER = f"    {'metric':<11}{'difference':>10}  {'95 % interval':>18}  {'p (Holm)':>8}  {_COUNTS}"
"""Above the rows of ``comparison_row``."""

_SHOWN_OTHERWISE = (
    "base_model", "pooling", "max_length", "activation", "normalizes_input", "query_prompt", "document_prompt",
)  # fmt: skip

AGREEMENT = 0.2
"""Kendall tau-b beyond which the order learnt is said to follow, or to contradict, the weights."""


def model_line(facts: ModelFacts) -> str:
    """What produced the vectors, in one line."""
    parts = [facts.layout, *([f"{facts.dim} dimension{'s' * (facts.dim > 1)}"] if facts.dim else [])]
    parts += [f"head {facts.head}"] if facts.head else []
    parts += [f"base {run_label(facts.base_model)}"] if facts.base_model else []
    parts += [
        f"{name} {_short(value)}"
        for name, value in facts.training.items()  # report.json has them all
        if not name.startswith("config.") and name not in _SHOWN_OTHERWISE
    ]
    parts += [f"pooling {facts.pooling} ({facts.pooling_source})"] if facts.pooling else []
    prompts = {"queries": facts.query_prompt, "documents": facts.document_prompt}
    parts += [f"{prompt!r} before {texts}" for texts, prompt in prompts.items() if prompt]
    parts += [f"{facts.device} {facts.dtype or ''}".strip()] if facts.device else []
    return f"{run_label(facts.checkpoint)}: {', '.join(parts)}"


def _short(value: str) -> str:
    """A number with four significant digits; anything else as it is."""
    try:
        return f"{float(value):.4g}" if "." in value else value
    except ValueError:
        return value


def weight_sentences(weights: Mapping[str, Estimate]) -> list[str]:
    """What the weights of the negatives say, in words."""
    sentences = []
    rate, tau = weights.get("weighted_violation_rate"), weights.get("kendall_tau")
    if rate is not None and rate.value is not None:
        sentences.append(f"weighted by the training weights: {percent_estimate(rate)}")
    if tau is not None and tau.value is not None:
        agrees = "follows" if tau.value > AGREEMENT else "contradicts" if tau.value < -AGREEMENT else "does not follow"
        sentences.append(f"the order of the margins {agrees} the weights (Kendall tau-b {estimate(tau, 2)})")
    return sentences


def level_sentence(shift: LevelShift, name: str) -> str:
    """Whether the level of the similarities moved, told apart from the ranking."""
    levels = {"positive": shift.positive, "negative": shift.negative, "separation": shift.separation, "AUC": shift.auc}
    parts = (f"{what} {number(value, sign=True)}" for what, value in levels.items() if value is not None)
    return f"{name}: {', '.join(parts)}"


def comparison_row(c: Comparison) -> str:
    """One paired difference below ``COMPARISON_HEADER``; 79 columns, so that it stands whole on any terminal."""
    return (
        f"    {c.metric:<11}{number(c.difference, 4, sign=True):>10}  {interval(c):>18}  {p_value(c.p_adjusted):>8}"
        f"  {c.wins:>6,}  {c.losses:>6,}  {c.ties:>6,}"
    )


def rated(name: str | None, figure: Estimate, *, unit: str = "") -> str:
    """A figure with its interval and, by ``name``, its rated band; or why there is none."""
    if figure.value is None:
        return f"not computable: {figure.reason}"
    text = f"{number(figure.value)}{unit}  {interval(figure)}".rstrip()
    return text if name is None else f"{text}   {band(name, figure.value)}"


def metric_warnings(run: Scored) -> Iterator[str]:
    """What a reader of the table of metrics should not miss."""
    if run.data.n_queries_without_relevant:
        yield f"{run.data.n_queries_without_relevant:,} queries without a relevant document are left out"
    for metric in run.metrics.values():
        yield from (f"{metric.name}: {warning}" for warning in metric.warnings)


def ranks(before: float, after: float) -> str:
    """``rank 1 -> 4``."""
    return f"rank {rank_name(before)} -> {rank_name(after)}"
