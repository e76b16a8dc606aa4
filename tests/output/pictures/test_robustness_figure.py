"""Changes under perturbed queries, by their artists."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures.robustness_figure import draw_robustness
from embedscope.result import Comparison, Estimate, PerturbationEffect, Robustness


def effect(name: str, difference: float, p: float = 0.001, n: int = 50) -> PerturbationEffect:
    low, high = difference - 0.02, difference + 0.02
    change = Comparison(name, "as written", "MRR", difference, low, high, p, p, -0.3, 1, 2, 3)
    rows = np.arange(3)
    changes = (change,) if n else ()
    before, after = {"MRR": 0.8}, {"MRR": 0.8 + difference}
    flips = Estimate(0.125, 0.1, 0.15)
    return PerturbationEffect(
        name, f"title of {name}", n, 10, before, after, changes, flips, rows, rows[:1], Estimate(0.9), None
    )


def dots(figure: Figure, kind: str) -> list[float]:
    return [float(c.get_offsets()[0][0]) for c in figure.axes[0].collections if c.get_gid() == kind]


def test_the_largest_fall_stands_first() -> None:
    effects = tuple(effect(name, d) for name, d in (("a", -0.05), ("b", -0.2), ("c", 0.1)))
    figure = draw_robustness(Robustness(60, effects))
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["title of b", "title of a", "title of c"]
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]


def test_significant_changes_are_filled_and_others_hollow_with_the_interval_of_each() -> None:
    figure = draw_robustness(Robustness(60, (effect("a", -0.2), effect("b", -0.01, p=0.4))))
    assert dots(figure, "told") == [-0.2]
    assert dots(figure, "not told") == [-0.01]
    spans = [tuple(line.get_xdata()) for line in figure.axes[0].lines if line.get_gid() == "interval"]
    assert np.array(spans) == pytest.approx(np.array([(-0.22, -0.18), (-0.03, 0.01)]))


def test_flips_are_printed_with_their_interval_and_counts() -> None:
    texts = [text.get_text() for text in draw_robustness(Robustness(60, (effect("a", -0.2),))).axes[0].texts]
    assert texts == ["12.5 % [10.0, 15.0] flips", "3 lost, 1 gained of 50 queries"]


def test_perturbations_that_change_no_query_are_left_out_and_alone_refused() -> None:
    nothing = effect("none", 0.0, n=0)
    figure = draw_robustness(Robustness(60, (effect("a", -0.2), nothing)))
    assert len(figure.axes[0].get_yticklabels()) == 1
    with pytest.raises(InvalidOptionError, match="nothing to draw"):
        draw_robustness(Robustness(60, (nothing,)))
    with pytest.raises(InvalidOptionError, match=r"nDCG@10 was not measured"):
        draw_robustness(Robustness(60, (effect("a", -0.2),)), metric="nDCG@10")
