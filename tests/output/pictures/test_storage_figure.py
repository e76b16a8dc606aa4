"""Quality against bytes, and thresholds, by their artists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures.storage_figure import draw_deployment_cost, draw_thresholds
from embedscope.result import (
    Comparison,
    DeploymentCost,
    Estimate,
    IndexSetting,
    StorageFormat,
    ThresholdChoice,
    ThresholdTable,
)


def stored(
    precision: str, width: int, size: int, mrr: float | None, *, change: float | None = None, n_rescored: int = 0
) -> StorageFormat:
    name = f"{precision} x {width}"
    changes: tuple[Comparison, ...] = ()
    if change is not None:
        low, high = change - 0.02, change + 0.02
        changes = (Comparison(name, "ref", "MRR", change, low, high, 0.01, 0.01, None, 0, 1, 2),)
    figure = Estimate.absent("no direction") if mrr is None else Estimate(mrr, mrr - 0.1, mrr + 0.1)
    reason = "no direction" if mrr is None else None
    return StorageFormat(
        name, precision, width, n_rescored, size, size, {"MRR": figure}, changes, figure, figure, reason
    )


COST = DeploymentCost(
    "float32 x 64",
    (
        stored("float32", 64, 256, 0.8),
        stored("float16", 64, 128, 0.8, change=0.0),
        stored("int8", 64, 64, 0.79, change=-0.01),
        stored("binary", 64, 8, 0.5, change=-0.3),
        stored("binary", 64, 8, 0.7, change=-0.1, n_rescored=100),
        stored("float32", 16, 64, 0.6, change=-0.2),
        stored("binary", 16, 2, None),
    ),
    1000,
    10,
)


def lines(figure: Figure, prefix: str) -> dict[str, tuple[list[float], list[float]]]:
    return {
        str(line.get_gid()).removeprefix(prefix): (list(line.get_xdata()), list(line.get_ydata()))
        for line in figure.axes[0].lines
        if str(line.get_gid()).startswith(prefix)
    }


def test_each_precision_has_a_line_from_few_bytes_to_many() -> None:
    found = lines(draw_deployment_cost(COST), "format ")
    assert set(found) == {"float32", "float16", "int8", "binary", "rescored"}
    assert found["float32"] == ([64, 256], [0.6, 0.8])
    assert found["binary"][1] == [0.5]
    assert found["rescored"][1] == [0.7]
    assert found["int8"][0] == pytest.approx([64], rel=0.05)


def test_bytes_are_on_a_logarithmic_axis_and_quality_starts_at_zero() -> None:
    axes = draw_deployment_cost(COST).axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_ylim()[0] == 0


def test_bars_are_paired_intervals_on_the_level_of_the_reference() -> None:
    axes = draw_deployment_cost(COST).axes[0]
    bars = [tuple(line.get_ydata()) for line in axes.lines if line.get_gid() == "interval"]
    assert len(bars) == 5
    assert any(bar == pytest.approx((0.8 - 0.32, 0.8 - 0.28)) for bar in bars)
    (level,) = [line for line in axes.lines if line.get_gid() == "reference"]
    assert list(level.get_ydata()) == [0.8, 0.8]


def test_widths_stand_beside_the_points() -> None:
    texts = [text.get_text() for text in draw_deployment_cost(COST).axes[0].texts]
    assert sorted(texts) == sorted(["64", "16", "64", "64", "64", "64"])


def index(name: str, kind: str, mrr: float, speed: float, change: float | None = None) -> IndexSetting:
    changes: tuple[Comparison, ...] = ()
    if change is not None:
        changes = (Comparison(name, "exact", "MRR", change, change - 0.02, change + 0.02, 0.01, 0.01, None, 0, 1, 2),)
    return IndexSetting(name, kind, 64, {"MRR": Estimate(mrr)}, changes, Estimate(0.9), speed)


INDEXES = (
    index("exact", "exact", 0.75, 1000),
    index("HNSW M=32, efSearch=16", "HNSW", 0.7, 9000, -0.05),
    index("HNSW M=32, efSearch=64", "HNSW", 0.74, 4000, -0.01),
    IndexSetting("IVF-PQ", "IVF-PQ", 0, {"MRR": Estimate.absent("few")}, (), Estimate.absent("few"), None, "few"),
)


def test_indexes_stand_below_by_their_speed_with_intervals_on_the_level_of_exact_search() -> None:
    upper, lower = draw_deployment_cost(replace(COST, indexes=INDEXES)).axes
    found = {str(line.get_gid()): (list(line.get_xdata()), list(line.get_ydata())) for line in lower.lines}
    assert found["index HNSW"] == ([9000, 4000], [0.7, 0.74])
    assert "index IVF-PQ" not in found
    assert found["exact"][1] == [0.75, 0.75]
    assert sum(line.get_gid() == "interval" for line in lower.lines) == 2
    assert [text.get_text() for text in lower.texts] == ["efSearch=16", "efSearch=64"]
    assert lower.get_ylabel() == "MRR of 10 documents returned"
    assert upper.get_ylabel() == "MRR"


def test_pca_and_random_dimensions_have_lines_of_their_own() -> None:
    both = tuple(replace(COST.formats[5], reduction=name) for name in ("PCA", "random"))
    found = lines(draw_deployment_cost(replace(COST, formats=(*COST.formats, *both))), "format ")
    assert found["PCA"] == found["random"] == ([64], [0.6])
    assert found["float32"] == ([64, 256], [0.6, 0.8])


def test_a_metric_that_was_not_measured_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="nDCG@10 was not measured"):
        draw_deployment_cost(COST, metric="nDCG@10")


def table(*choices: ThresholdChoice) -> ThresholdTable:
    grid = np.linspace(0, 1, 11)
    precision = grid**2
    low = np.where(grid < 0.95, precision - 0.05, np.nan)
    return ThresholdTable(
        grid, np.arange(11, 0, -1), precision, low, precision + 0.05, 1 - grid, 1 - grid, 1 - grid, choices, 500
    )


def test_both_curves_are_drawn_with_their_bands_over_the_thresholds() -> None:
    axes = draw_thresholds(table()).axes[0]
    found = {line.get_gid(): list(line.get_ydata()) for line in axes.lines}
    assert found["precision"] == pytest.approx(list(np.linspace(0, 1, 11) ** 2))
    assert found["recall"] == pytest.approx(list(1 - np.linspace(0, 1, 11)))
    assert {c.get_gid() for c in axes.collections} == {"interval precision", "interval recall"}


def test_suggested_thresholds_are_marked_and_unreachable_ones_said() -> None:
    reached = ThresholdChoice(0.5, 0.8, Estimate(0.64), Estimate(0.2))
    absent = ThresholdChoice(0.95, None, Estimate.absent("x"), Estimate.absent("x"), "x")
    figure = draw_thresholds(table(reached, absent))
    marks = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_gid() == "suggested"]
    assert marks == [0.8]
    subtitles = [text.get_text() for text in figure.texts if text.get_gid() == "subtitle"]
    assert "50 %: 0.80, 95 %: –" in subtitles[1]
    assert "not reachable" in subtitles[1]


def test_one_threshold_alone_is_drawn_as_a_point_in_the_middle() -> None:
    grid, one = np.array([0.75]), np.array([0.5])
    axes = draw_thresholds(ThresholdTable(grid, np.array([1]), one, one, one, one, one, one, (), 5)).axes[0]
    low, high = axes.get_xlim()
    assert low < 0.75 < high
    assert {line.get_marker() for line in axes.lines} == {"o"}
