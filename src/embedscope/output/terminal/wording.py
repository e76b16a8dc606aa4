"""Numbers and sentences as the terminal writes them."""

from __future__ import annotations

from collections.abc import Mapping

from embedscope.decide.verdict import band, percent
from embedscope.result import Check, Comparison, Estimate, LevelShift, Metric, ModelFacts, run_label

BASELINE_NAMES = {"lexical": "character n-grams", "base": "base model without head"}

ABSENT = "–"

_COUNTS = f"{'better':>6}  {'worse':>6}  {'equal':>6}"
COMPARISON_HEADER = f"    {'metric':<11}{'difference':>10}  {'95 % interval':>18}  {'p (Holm)':>8}  {_COUNTS}"
"""Above the rows of ``comparison_row``."""

AGREEMENT = 0.2
"""Kendall tau-b beyond which the order learnt is said to follow, or to contradict, the weights."""

Ends = Estimate | Metric | Check | Comparison


def model_line(facts: ModelFacts) -> str:
    """What produced the vectors, in one line."""
    parts = [facts.layout, f"{facts.dim} dimensions"]
    parts += [f"head {facts.head}"] if facts.head else []
    parts += [f"base {run_label(facts.base_model)}"] if facts.base_model else []
    parts += [f"{name} {_short(value)}" for name, value in facts.training.items() if _is_told(name)]
    parts += [f"pooling {facts.pooling} ({facts.pooling_source})"] if facts.pooling else []
    parts += [f"{facts.device} {facts.dtype or ''}".strip()] if facts.device else []
    return f"{run_label(facts.checkpoint)}: {', '.join(parts)}"


_TOLD_OTHERWISE = ("base_model", "pooling", "max_length", "activation", "normalizes_input")


def _is_told(name: str) -> bool:
    """Whether an entry of a checkpoint about its training is worth a place in the line; report.json has them all."""
    return not name.startswith("config.") and name not in _TOLD_OTHERWISE


def _short(value: str) -> str:
    """A number with four significant digits; anything else as it is."""
    try:
        return f"{float(value):.4g}" if "." in value else value
    except ValueError:
        return value


def name_of(run: str) -> str:
    """A run or a baseline as a person calls it."""
    return BASELINE_NAMES.get(run, run_label(run))


def weight_sentences(weights: Mapping[str, Estimate]) -> list[str]:
    """What the weights of the negatives say, in words."""
    sentences = []
    rate, tau = weights.get("weighted_violation_rate"), weights.get("kendall_tau")
    if rate is not None and rate.value is not None:
        sentences.append(f"weighted by the training weights: {percent(rate.value)} {percent_interval(rate)}".rstrip())
    if tau is not None and tau.value is not None:
        agrees = "follows" if tau.value > AGREEMENT else "contradicts" if tau.value < -AGREEMENT else "does not follow"
        ends = "" if tau.low is None or tau.high is None else f" [{tau.low:.2f}, {tau.high:.2f}]"
        sentences.append(f"the order of the margins {agrees} the weights (Kendall tau-b {tau.value:.2f}{ends})")
    return sentences


def level_sentence(shift: LevelShift, name: str) -> str:
    """Whether the level of the similarities moved, told apart from the ranking."""
    parts = [f"positive {shift.positive:+.4f}", f"negative {shift.negative:+.4f}"]
    parts += [f"separation {shift.separation:+.4f}"] if shift.separation is not None else []
    parts += [f"AUC {shift.auc:+.4f}"] if shift.auc is not None else []
    return f"{name}: {', '.join(parts)}"


def comparison_row(c: Comparison) -> str:
    """One paired difference below ``COMPARISON_HEADER``; 79 columns, so that it stands whole on any terminal."""
    return (
        f"    {c.metric:<11}{c.difference:>+10.4f}  {interval(c, sign='+'):>18}  {p_value(c.p_adjusted):>8}"
        f"  {c.wins:>6,}  {c.losses:>6,}  {c.ties:>6,}"
    )


def rated(name: str, figure: Estimate, *, unit: str = "") -> str:
    """A figure with its rated band."""
    text = figure_with_interval(figure, unit=unit)
    return text if figure.value is None else f"{text}   {band(name, figure.value)}"


def figure_with_interval(figure: Estimate, *, unit: str = "") -> str:
    """A figure with its interval, or why there is none."""
    if figure.value is None:
        return f"not computable: {figure.reason}"
    return f"{figure.value:.4f}{unit}  {interval(figure)}".rstrip()


def interval(figure: Ends, *, sign: str = "") -> str:
    """``[low, high]``, or nothing."""
    if figure.low is None or figure.high is None:
        return ""
    return f"[{figure.low:{sign}.4f}, {figure.high:{sign}.4f}]"


def percent_interval(figure: Estimate) -> str:
    """``[low, high]`` of a share in percent, or nothing."""
    if figure.low is None or figure.high is None:
        return ""
    return f"[{100 * figure.low:.0f}, {100 * figure.high:.0f}]"


def points_interval(figure: Estimate) -> str:
    """``[low, high]`` of a difference of shares in percentage points, or nothing."""
    if figure.low is None or figure.high is None:
        return ""
    return f"[{100 * figure.low:+.1f}, {100 * figure.high:+.1f}]"


def optional(value: float | None) -> str:
    """Four decimals, or a dash."""
    return ABSENT if value is None else f"{value:.4f}"


def p_value(p: float) -> str:
    """A p-value; below four decimals it is said to be below them."""
    return "< 0.0001" if p < 0.00005 else f"{p:.4f}"


def ranks(before: float, after: float) -> str:
    """``rank 1 -> 4``; expected ranks of tied documents have a fraction."""
    return f"rank {_rank(before)} -> {_rank(after)}"


def _rank(rank: float) -> str:
    return f"{rank:.0f}" if rank == round(rank) else f"{rank:.1f}"
