"""Geometry, thresholds, robustness and deployment cost as the terminal shows them: a few lines each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console

from embedscope.output.terminal.hanging import Columns, Hanging, heading, indented, number_table, shorten, table
from embedscope.result import (
    Comparison,
    DeploymentCost,
    Geometry,
    IndexSetting,
    Result,
    Robustness,
    SpaceGeometry,
    StorageFormat,
    ThresholdTable,
)
from embedscope.result.formatting import (
    ABSENT,
    decimals_of,
    estimate,
    interval,
    number,
    p_value,
    percent,
    threshold_name,
)

METRIC = "MRR"
SPACE_NAMES = {"model": "this model", "base": "base model", "PCA": "PCA of it", "random": "random"}


def print_measures(result: Result, results: Console) -> None:
    """Whatever of the four was measured."""
    if result.geometry is not None:
        _print_geometry(result.geometry, result.documents.texts, result.model.similarity, results)
    if result.thresholds is not None:
        _print_thresholds(result.thresholds, result.model.similarity, results)
    if result.robustness is not None:
        _print_robustness(result.robustness, results)
    if result.deployment is not None:
        _print_deployment(result.deployment, results)


def _print_geometry(geometry: Geometry, texts: Sequence[str], similarity: str, results: Console) -> None:
    heading(results, "The space" if similarity == "cosine" else "The space: shapes of directions, lists by dot product")
    rows = _GEOMETRY_ROWS if len(geometry.spaces) > 1 else _GEOMETRY_ROWS[:-1]
    columns: Columns = {
        SPACE_NAMES.get(name, name): [cell(space) for _, cell in rows] for name, space in geometry.spaces.items()
    }
    results.print(number_table([title.format(k=geometry.k) for title, _ in rows], columns, header="figure"))
    hubness = next(iter(geometry.spaces.values())).hubness
    if hubness.hubs.size:
        lead = f"  in {hubness.hub_wrong_occurrences[0]:,} lists without being relevant: "
        results.print(lead, shorten(texts[hubness.hubs[0]], results.width - len(lead)), sep="", soft_wrap=True)


_GEOMETRY_ROWS: tuple[tuple[str, Callable[[SpaceGeometry], str]], ...] = (
    ("dimensions", lambda space: f"{space.documents.dim}"),
    ("effective rank of the documents", lambda space: number(space.documents.effective_rank, 0)),
    ("effective rank of the queries", lambda space: number(space.queries.effective_rank, 0)),
    ("mean cosine of two documents", lambda space: number(space.documents.mean_cosine, 3)),
    ("uniformity of the documents", lambda space: number(space.documents.uniformity, 3)),
    ("alignment of relevant pairs", lambda space: number(space.alignment.value, 3)),
    ("distance of queries to documents", lambda space: number(space.centroid_distance, 3)),
    ("documents in no top {k}", lambda space: percent(space.hubness.anti_hub_share, 1)),
    (
        "top {k} of the base model kept",
        lambda space: percent(None if space.overlap is None else space.overlap.value, 1),
    ),
)
"""Title and cell of each row; the last one only where there is a base model."""


def _print_thresholds(found: ThresholdTable, similarity: str, results: Console) -> None:
    name, decimals = threshold_name(similarity), decimals_of(found.thresholds)
    heading(results, f"{name.capitalize()} for a wanted precision, among {found.n_documents:,} documents")
    unreachable: dict[str, list[str]] = {}
    for choice in found.choices:
        wanted = f"{100 * choice.wanted:g} %"
        if choice.threshold is None:
            unreachable.setdefault(str(choice.reason), []).append(wanted)
        else:
            reached = f"precision {estimate(choice.precision, 2)}, recall {estimate(choice.recall, 2)}"
            results.print(f"  {wanted}: {number(choice.threshold, decimals)}, {reached}")
    for reason, wanted_by in unreachable.items():
        results.print(Hanging(f"  {', '.join(wanted_by)}: ", reason))


def _print_robustness(found: Robustness, results: Console) -> None:
    heading(results, f"The same queries typed differently: change of {METRIC}")
    made = table(["  typing", "change", "95 % interval", "p (Holm)", "flips", "queries"], texts=["  typing"])
    for effect in found.effects:
        change = _of_metric(effect.changes)
        made.add_row(
            indented(effect.title),
            ABSENT if change is None else number(change.difference, sign=True),
            "" if change is None else interval(change),
            "" if change is None else p_value(change.p_adjusted),
            "" if change is None else percent(effect.flip_rate.value, 1),
            f"{effect.n_changed:,}",
        )
    results.print(made)


def _print_deployment(found: DeploymentCost, results: Console) -> None:
    heading(results, f"Fewer bytes a document: change of {METRIC} against {found.reference}")
    headers = ["  format", "bytes", METRIC, "change", "95 % interval", "tied", f"top {found.k} kept"]
    made = table(headers, texts=["  format"])
    for each in found.formats:
        made.add_row(
            *_cost_cells(each),
            percent(each.tie_share.value, 1),
            percent(each.overlap.value, 1),
        )
    results.print(made)
    if found.indexes:
        _print_indexes(found, results)


def _cost_cells(each: StorageFormat | IndexSetting) -> tuple[str, ...]:
    """Name, bytes, and the metric with its change: what formats and indexes have in common."""
    value, change = each.metrics.get(METRIC), _of_metric(each.changes)
    return (
        indented(each.name),
        f"{each.bytes_in_index:,}",
        ABSENT if value is None else number(value.value),
        "" if change is None else number(change.difference, sign=True),
        "" if change is None else interval(change),
    )


def _print_indexes(found: DeploymentCost, results: Console) -> None:
    heading(results, f"Through an index, {found.k} documents a query: change of {METRIC} against exact search")
    headers = ["  index", "bytes", METRIC, "change", "95 % interval", f"top {found.k} kept", "queries/s"]
    made = table(headers, texts=["  index"])
    for each in found.indexes:
        if each.reason is None:
            made.add_row(
                *_cost_cells(each),
                percent(each.overlap.value, 1),
                ABSENT if each.queries_per_second is None else f"{each.queries_per_second:,.0f}",
            )
    results.print(made)
    for each in found.indexes:
        if each.reason is not None:
            results.print(Hanging(f"  {each.name}: ", each.reason))
    results.print(Hanging("  ", "queries/s: one at a time, on one thread of this machine"))


def _of_metric(changes: Sequence[Comparison]) -> Comparison | None:
    return next((change for change in changes if change.metric == METRIC), None)
