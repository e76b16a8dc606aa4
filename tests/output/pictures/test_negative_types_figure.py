"""Margins by type of hard negative, by their artists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.support.drawn_runs import make_findings

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import draw_negative_types
from embedscope.result import Estimate
from embedscope.result.formatting import count


def dots(figure: Figure, kind: str) -> np.ndarray:
    found = [each.get_offsets() for each in figure.axes[0].collections if each.get_gid() == f"pairs {kind}"]
    return np.vstack(found) if found else np.empty((0, 2))


def names(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_yticklabels()]


def test_types_are_ordered_by_violation_rate_worst_first() -> None:
    result = make_findings(100, difficulty=0.7)
    expected = sorted(result.negative_types.values(), key=lambda each: -each.violation_rate.value)
    figure = draw_negative_types(result)
    assert names(figure) == [each.name for each in expected]
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1]


def test_every_pair_is_a_dot_on_the_side_of_its_sign() -> None:
    result = make_findings(60, difficulty=0.7)
    figure = draw_negative_types(result)
    margins = np.concatenate([each.margins for each in result.negative_types.values()])
    assert len(dots(figure, "violated")) == (margins <= 0).sum()
    assert len(dots(figure, "kept")) == (margins > 0).sum()
    assert dots(figure, "violated")[:, 0].max() <= 0 < dots(figure, "kept")[:, 0].min()


def test_many_pairs_are_thinned_evenly() -> None:
    result = make_findings(5_000, n_positives=50, n_hard_negatives=1)
    figure = draw_negative_types(result)
    n_dots = len(dots(figure, "violated")) + len(dots(figure, "kept"))
    assert 5 * 200 <= n_dots <= 5 * 400


def test_rates_are_printed_with_their_intervals() -> None:
    result = make_findings(60)
    only = replace(result.negative_types["price"], violation_rate=Estimate(0.125, 0.1, 0.15))
    figure = draw_negative_types(replace(result, negative_types={"price": only}))
    assert [t.get_text() for t in figure.axes[0].texts if t.get_gid() == "violation rate"] == [
        "12.5 % [10.0, 15.0] violated"
    ]


def test_zero_is_marked_and_each_type_has_a_box() -> None:
    result = make_findings(60)
    lines = figure_lines = draw_negative_types(result).axes[0].lines
    assert [line.get_xdata()[0] for line in figure_lines if line.get_gid() == "zero"] == [0]
    assert sum(line.get_gid() == "box" for line in lines) == len(result.negative_types)


def test_a_type_of_one_pair_or_of_equal_margins_is_drawn() -> None:
    result = make_findings(60)
    one = replace(result.negative_types["price"], n=1, margins=np.array([0.2]))
    equal = replace(one, name="equal", n=9, margins=np.full(9, -0.1), violation_rate=Estimate.absent("no reason"))
    figure = draw_negative_types(replace(result, negative_types={"price": one, "equal": equal}))
    assert names(figure)[-1] == "equal"
    assert len(dots(figure, "violated")) == 9


def test_long_and_hostile_names_stay_inside_the_picture() -> None:
    result = make_findings(60)
    base = result.negative_types["price"]
    types = {name: replace(base, name=name) for name in ("x" * 300, "$\\frac{", "", "中文类型🏠")}
    figure = draw_negative_types(replace(result, negative_types=types))
    figure.canvas.draw()
    assert all(text.get_window_extent().x0 >= 0 for text in figure.axes[0].get_yticklabels())
    assert "(no type)" in names(figure)


def test_twenty_types_are_drawn_at_most_and_the_others_counted() -> None:
    result = make_findings(60)
    base = result.negative_types["price"]
    types = {str(i): replace(base, name=str(i)) for i in range(25)}
    figure = draw_negative_types(replace(result, negative_types=types))
    assert len(names(figure)) == 20
    assert f"20 of {count(25, 'type')}" in figure.texts[1].get_text()


def test_without_types_the_reason_is_given() -> None:
    with pytest.raises(InvalidOptionError, match="no types"):
        draw_negative_types(replace(make_findings(5), negative_types={}))
