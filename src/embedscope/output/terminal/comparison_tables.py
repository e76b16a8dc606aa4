"""Several runs on the same queries: metrics side by side, paired differences, what moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from embedscope.output.terminal.hanging import Columns, Hanging, fits, heading, indented, number_table, shorten, table
from embedscope.output.terminal.run_tables import print_comparisons, ranking_title
from embedscope.output.terminal.wording import level_sentence, ranks
from embedscope.protocols import IntArray
from embedscope.result import RunComparison, Scored, TypeChange, run_labels
from embedscope.result.formatting import interval, number, p_equals, similarity_name, with_interval

Labels = Mapping[str, str]


def print_run_comparison(
    runs: Mapping[str, Scored], comparison: RunComparison, results: Console, *, n_texts: int
) -> None:
    """Metrics side by side, paired differences, what moved, and whether only the level moved.

    ``n_texts`` queries are printed of those that a candidate lost and gained.
    """
    labels, reference = run_labels(runs), comparison.reference
    _print_metrics({name: runs[name] for name in (reference, *comparison.candidates)}, labels, results)
    heading(results, f"Difference to {labels[reference]}, on the same queries")
    print_comparisons(comparison.comparisons, labels, "a", results)
    if comparison.type_changes:
        _print_type_changes(comparison.type_changes, labels, results)
    heading(results, "Change of the similarity level")
    shifts = {shift.candidate: level_sentence(shift, labels[shift.candidate]) for shift in comparison.level_shifts}
    for name in comparison.candidates:
        none = f"{labels[name]}: none, because it compares by another similarity than the reference"
        results.print(Hanging("  ", shifts.get(name, none)))
    results.print(
        Hanging("  ", Text("a level moves with the temperature of the training, ranks and AUC do not", "dim"))
    )
    for name in comparison.candidates:
        for verb, rows in (("lost", comparison.lost[name]), ("gained", comparison.gained[name])):
            title = f"{len(rows):,} queries {verb} at rank 1 by {labels[name]}"
            _print_moved(title, rows, n_texts, runs[reference], runs[name], results)
    best = comparison.best
    if best is not None:
        results.print()
        sentence = (
            f"Best of {best.n_candidates}: {labels[best.best]}, {best.metric} {number(best.difference, sign=True)}, "
            f"{p_equals(best.p_adjusted)} after paying for the choice (max-T)"
        )
        results.print(Hanging("", sentence))


def _print_metrics(runs: Mapping[str, Scored], labels: Labels, results: Console) -> None:
    """The intervals give way where the terminal is too narrow."""
    first = next(iter(runs.values()))
    heading(results, ranking_title(first))
    values: Columns = {}
    intervals: Columns = {}
    for place, (name, run) in enumerate(runs.items(), start=1):
        about = [labels[name], *(["the reference"] if place == 1 else []), *_similarity_words(run, runs)]
        results.print(Hanging(f"  ({place}) ", ", ".join(about)))
        found = [run.metrics[metric] for metric in first.metrics]
        values[f"({place})"] = [number(metric.value) for metric in found]
        intervals[f"({place})"] = [with_interval(number(metric.value), metric) for metric in found]
    wide = number_table(first.metrics, intervals)
    results.print(wide if fits(wide, results) else number_table(first.metrics, values))


def _similarity_words(run: Scored, runs: Mapping[str, Scored]) -> list[str]:
    """By which similarity a run is judged, where the runs are not judged by one."""
    if len({each.model.similarity for each in runs.values()}) == 1:
        return []
    return [f"judged by its {similarity_name(run.model.similarity)}"]


def _print_type_changes(changes: Sequence[TypeChange], labels: Labels, results: Console) -> None:
    heading(results, "Hard negatives at or above the positive: change in percentage points")
    made = table(["  run", "type", "change", "95 % interval", "pairs"], texts=["  run", "type"])
    for each in changes:
        change = None if each.change.value is None else 100 * each.change.value
        ends = interval(each.change, 1, scale=100)
        made.add_row(indented(labels[each.candidate]), each.type, number(change, 1, sign=True), ends, f"{each.n:,}")
    results.print(made)


def _print_moved(title: str, rows: IntArray, n_texts: int, before: Scored, after: Scored, results: Console) -> None:
    """Queries that were lost or gained at rank 1, the largest moves first."""
    shown = rows[:n_texts]
    heading(results, title + (f", {len(shown)} of them:" if len(rows) > len(shown) else ":" if len(rows) else ""))
    moves = [ranks(before.queries.rank[row], after.queries.rank[row]) for row in shown]
    width = max(map(len, moves), default=0)
    for row, move in zip(shown, moves, strict=True):
        lead = f"  {move:<{width}}  "
        results.print(lead, shorten(before.queries.texts[row], results.width - len(lead)), sep="")
