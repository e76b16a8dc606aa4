"""A training on the terminal: metrics by epoch, what each segment gained and lost, and when it was enough."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from embedscope.output.terminal.hanging import Columns, Hanging, fits, heading, number_table
from embedscope.result import Timeline
from embedscope.result.formatting import estimate, number, p_equals, p_value, percent, queries_in_words, sentence

SECOND_METRIC = "Success@1"
CHANGE, P = "change", "p"

N_EPOCHS = 7
"""Epochs across the table of types; of more the first, the best, the last and some between."""


def print_timeline(timeline: Timeline, console: Console) -> None:
    """Metrics with intervals over the epochs, queries gained and lost on the way, violations by type, what follows."""
    heading(
        console,
        f"Training over {len(timeline.names)} checkpoints: "
        f"{queries_in_words(timeline.n_queries, timeline.n_effective)}",
    )
    epochs = [str(epoch) for epoch in timeline.epochs]
    columns = _columns(timeline)
    made = number_table(epochs, columns, header="epoch")
    for name in (SECOND_METRIC, CHANGE, P):  # what a narrow terminal does without
        if not fits(made, console) and name != timeline.metric:
            columns.pop(name, None)
            made = number_table(epochs, columns, header="epoch")
    console.print(made)
    console.print(
        Hanging(
            "  ",
            "gained, lost: queries right at rank 1 that were not one checkpoint before, and the reverse; change: of "
            f"{timeline.metric} since then, p not adjusted for the number of checkpoints",
        )
    )
    _print_types(timeline, console)
    console.print()
    console.print(Hanging("", _conclusion(timeline)))


def _columns(timeline: Timeline) -> Columns:
    columns: Columns = {
        name: [estimate(figure) for figure in timeline.metrics[name]]
        for name in (timeline.metric, SECOND_METRIC)
        if name in timeline.metrics
    }
    columns["gained"] = ["", *(f"{len(segment.gained):,}" for segment in timeline.segments)]
    columns["lost"] = ["", *(f"{len(segment.lost):,}" for segment in timeline.segments)]
    steps = [segment.comparison for segment in timeline.segments]
    columns[CHANGE] = ["", *(number(step.difference, sign=True) for step in steps)]
    columns[P] = ["", *(p_value(step.p) for step in steps)]
    return columns


def _print_types(timeline: Timeline, console: Console) -> None:
    if not timeline.violation_rates:
        return
    heading(console, "Hard negatives that score at or above the positive, by epoch")
    chosen = chosen_epochs(len(timeline.epochs), timeline.best)
    columns: Columns = {
        str(timeline.epochs[place]): [percent(rates[place].value, 1) for rates in timeline.violation_rates.values()]
        for place in chosen
    }
    console.print(number_table(timeline.violation_rates, columns, header="type"))


def chosen_epochs(n: int, best: int, limit: int = N_EPOCHS) -> list[int]:
    """At most ``limit`` of ``n`` places: the first, the best and the last, the others at even distances."""
    if n <= limit:
        return list(range(n))
    even = [round(place * (n - 1) / (limit - 1)) for place in range(limit)]
    inner: Sequence[int] = even[1:-1]
    nearest = min(inner, key=lambda place: abs(place - best))
    return sorted({best if place == nearest and best not in even else place for place in even})


def _conclusion(timeline: Timeline) -> str:
    """Whether training went on too long, was still rising, or levelled off."""
    if timeline.over_fitting is not None:
        return sentence(timeline.over_fitting)
    last, best = timeline.epochs[-1], timeline.epochs[timeline.best]
    if timeline.since_best is None:
        return f"{timeline.metric} is best after the last epoch, {last}: nothing shows over-fitting"
    return (
        f"{timeline.metric} is best after epoch {best}; after epoch {last} it differs by "
        f"{number(timeline.since_best.difference, sign=True)}, which is not more than chance "
        f"({p_equals(timeline.since_best.p_adjusted)} with the choice of the best paid for)"
    )
