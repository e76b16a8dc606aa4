"""Geometry, thresholds, robustness and deployment cost as the terminal shows them: a few lines each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console

from embedscope.output.terminal import wording as words
from embedscope.output.terminal.hanging import Columns, Hanging, heading, indented, number_table, shorten, table
from embedscope.result import (
    Comparison,
    DeploymentCost,
    Estimate,
    Geometry,
    Result,
    Robustness,
    SpaceGeometry,
    ThresholdTable,
)

METRIC = "MRR"
SPACE_NAMES = {"model": "this model", "base": "base model", "PCA": "PCA of it", "random": "random"}


def print_measures(result: Result, results: Console) -> None:
    """Whatever of the four was measured."""
    if result.geometry is not None:
        _print_geometry(result.geometry, result.documents.texts, results)
    if result.thresholds is not None:
        _print_thresholds(result.thresholds, results)
    if result.robustness is not None:
        _print_robustness(result.robustness, results)
    if result.deployment is not None:
        _print_deployment(result.deployment, results)


def _print_geometry(geometry: Geometry, texts: Sequence[str], results: Console) -> None:
    heading(results, "The space")
    rows = _GEOMETRY_ROWS if len(geometry.spaces) > 1 else _GEOMETRY_ROWS[:-1]
    columns: Columns = {
        SPACE_NAMES.get(name, name): [cell(space) for _, cell in rows] for name, space in geometry.spaces.items()
    }
    results.print(number_table([title.format(k=geometry.k) for title, _ in rows], columns, header="figure"))
    hubness = next(iter(geometry.spaces.values())).hubness
    if hubness.hubs.size:
        lead = f"  in {hubness.hub_wrong_occurrences[0]:,} lists without being relevant: "
        results.print(lead, shorten(texts[hubness.hubs[0]], results.width - len(lead)), sep="", soft_wrap=True)


def _overlap(space: SpaceGeometry) -> str:
    return words.ABSENT if space.overlap is None or space.overlap.value is None else _share(space.overlap.value)


def _alignment(space: SpaceGeometry) -> str:
    return words.ABSENT if space.alignment.value is None else f"{space.alignment.value:.3f}"


_GEOMETRY_ROWS: tuple[tuple[str, Callable[[SpaceGeometry], str]], ...] = (
    ("dimensions", lambda space: f"{space.documents.dim}"),
    ("effective rank of the documents", lambda space: f"{space.documents.effective_rank:.0f}"),
    ("effective rank of the queries", lambda space: f"{space.queries.effective_rank:.0f}"),
    ("mean cosine of two documents", lambda space: f"{space.documents.mean_cosine:.3f}"),
    ("uniformity of the documents", lambda space: f"{space.documents.uniformity:.3f}"),
    ("alignment of relevant pairs", _alignment),
    ("distance of queries to documents", lambda space: f"{space.centroid_distance:.3f}"),
    ("documents in no top {k}", lambda space: _share(space.hubness.anti_hub_share)),
    ("top {k} of the base model kept", _overlap),
)
"""Title and cell of each row; the last one only where there is a base model."""


def _print_thresholds(found: ThresholdTable, results: Console) -> None:
    heading(results, f"Cosine threshold for a wanted precision, among {found.n_documents:,} documents")
    unreachable: dict[str, list[str]] = {}
    for choice in found.choices:
        wanted = f"{100 * choice.wanted:g} %"
        if choice.threshold is None:
            unreachable.setdefault(str(choice.reason), []).append(wanted)
        else:
            reached = f"precision {_with_interval(choice.precision)}, recall {_with_interval(choice.recall)}"
            results.print(f"  {wanted}: {choice.threshold:.2f}, {reached}")
    for reason, wanted_by in unreachable.items():
        results.print(Hanging(f"  {', '.join(wanted_by)}: ", reason))


def _print_robustness(found: Robustness, results: Console) -> None:
    heading(results, f"The same queries typed differently: change of {METRIC}")
    made = table(["  typing", "change", "95 % interval", "p (Holm)", "flips", "queries"], words=["  typing"])
    for effect in found.effects:
        change = _of_metric(effect.changes)
        cells = (words.ABSENT, "", "", "") if change is None else _change_cells(change, effect.flip_rate)
        made.add_row(indented(effect.title), *cells, f"{effect.n_changed:,}")
    results.print(made)


def _change_cells(change: Comparison, flips: Estimate) -> tuple[str, str, str, str]:
    return (
        f"{change.difference:+.4f}",
        words.interval(change, sign="+"),
        words.p_value(change.p_adjusted),
        _optional_share(flips),
    )


def _print_deployment(found: DeploymentCost, results: Console) -> None:
    heading(results, f"Fewer bytes a document: change of {METRIC} against {found.reference}")
    headers = ["  format", "bytes", METRIC, "change", "95 % interval", "tied", f"top {found.k} kept"]
    made = table(headers, words=["  format"])
    for each in found.formats:
        value, change = each.metrics.get(METRIC), _of_metric(each.changes)
        made.add_row(
            indented(each.name),
            f"{each.bytes_in_index:,}",
            words.ABSENT if value is None else words.optional(value.value),
            "" if change is None else f"{change.difference:+.4f}",
            "" if change is None else words.interval(change, sign="+"),
            _optional_share(each.tie_share),
            _optional_share(each.overlap),
        )
    results.print(made)


def _of_metric(changes: Sequence[Comparison]) -> Comparison | None:
    return next((change for change in changes if change.metric == METRIC), None)


def _with_interval(figure: Estimate) -> str:
    ends = "" if figure.low is None or figure.high is None else f" [{figure.low:.2f}, {figure.high:.2f}]"
    return words.ABSENT if figure.value is None else f"{figure.value:.2f}{ends}"


def _optional_share(figure: Estimate) -> str:
    return words.ABSENT if figure.value is None else _share(figure.value)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
