"""The distributions of similarity, by their artists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from tests.support.drawn_runs import make_findings

from embedscope.output.pictures import draw_similarity_distribution
from embedscope.result import Estimate, Result


def curves(figure: Figure, part: str) -> dict[str, StepPatch]:
    found = {patch.get_gid(): patch for patch in figure.axes[0].patches if isinstance(patch, StepPatch)}
    return {name.removeprefix(f"density {part} "): each for name, each in found.items() if part in name}


def by_gid(figure: Figure, prefix: str) -> dict[str, str]:
    artists = [text for axes in figure.axes for text in axes.texts] + figure.texts
    return {text.get_gid(): text.get_text() for text in artists if (text.get_gid() or "").startswith(prefix)}


def at(result: Result, **means: float) -> Result:
    similarity = result.similarity
    moved = {name: replace(getattr(similarity, name), mean=mean) for name, mean in means.items()}
    return replace(result, similarity=replace(similarity, **moved))


def test_each_population_has_a_filled_curve_and_an_outline_on_the_same_edges() -> None:
    figure = draw_similarity_distribution(make_findings(60))
    filled, outlined = curves(figure, "fill"), curves(figure, "outline")
    assert set(filled) == set(outlined) == {"positive", "hard negative", "negative"}
    assert len({each.get_data().edges.tobytes() for each in filled.values()}) == 1
    assert len({to_hex(each.get_facecolor()) for each in filled.values()}) == 3
    assert len({str(each.get_linestyle()) + str(each._dash_pattern) for each in outlined.values()}) == 3


def test_every_curve_has_area_one() -> None:
    for curve in curves(draw_similarity_distribution(make_findings(60)), "fill").values():
        data = curve.get_data()
        assert (data.values * np.diff(data.edges)).sum() == pytest.approx(1)


def test_a_few_positives_stay_visible_beside_a_million_negatives() -> None:
    figure = draw_similarity_distribution(make_findings(800, n_positives=100))
    heights = {name: np.nanmax(curve.get_data().values) for name, curve in curves(figure, "fill").items()}
    assert min(heights.values()) > figure.axes[0].get_ylim()[1] / 10


def test_a_peak_that_dwarfs_the_others_puts_the_axis_on_a_square_root_scale_and_says_so() -> None:
    result = make_findings(60)
    similarity = result.similarity
    peak = np.zeros_like(similarity.positive.density)
    peak[350] = 200.0
    spiked = replace(similarity, positive=replace(similarity.positive, density=peak))
    figure = draw_similarity_distribution(replace(result, similarity=spiked))
    assert "square-root" in figure.axes[0].get_ylabel()
    assert figure.axes[0].get_ylim()[1] > np.nanmax(curves(figure, "fill")["positive"].get_data().values)


def test_means_are_vertical_lines_at_their_values_with_labels() -> None:
    result = make_findings(60)
    figure = draw_similarity_distribution(result)
    lines = {line.get_gid(): line for line in figure.axes[0].lines}
    for name in ("positive", "negative", "hard negative"):
        mean = getattr(result.similarity, name.replace(" ", "_")).mean
        assert set(lines[f"mean {name}"].get_xdata()) == {mean}
        assert by_gid(figure, "mean label")[f"mean label {name}"] == f"{name} {mean:.3f}"


@pytest.mark.parametrize(
    "means",
    [(0.3, 0.3, 0.3), (0.30, 0.31, 0.32), (0.95, 0.2, 0.6), (0.97, 0.95, 0.96), (0.05, 0.9, 0.5), (0.88, 0.08, 0.7)],
)
def test_labels_of_means_never_meet_each_other_or_leave_the_axes(means: tuple[float, float, float]) -> None:
    result = at(make_findings(60), positive=means[0], negative=means[1], hard_negative=means[2])
    figure = draw_similarity_distribution(result)
    figure.canvas.draw()
    texts = [text for text in figure.axes[0].texts if (text.get_gid() or "").startswith("mean label")]
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    axes_box = figure.axes[0].get_window_extent()
    assert all(box.y0 > axes_box.y0 and box.y1 <= axes_box.y1 + 3 for box in boxes)


def test_labels_stand_above_the_curves() -> None:
    figure = draw_similarity_distribution(make_findings(60))
    highest = max(np.nanmax(curve.get_data().values) for curve in curves(figure, "fill").values())
    lowest_label = min(text.xy[1] for text in figure.axes[0].texts)
    assert highest / figure.axes[0].get_ylim()[1] < lowest_label


def test_boxes_show_the_stored_quantiles() -> None:
    result = make_findings(60)
    figure = draw_similarity_distribution(result)
    box = next(patch for patch in figure.axes[1].patches if patch.get_gid() == "box positive")
    quantiles = result.similarity.positive.quantiles
    ends = box.get_path().vertices[:, 0]
    assert (ends.min(), ends.max()) == pytest.approx((quantiles["0.25"], quantiles["0.75"]))
    assert "whiskers: 5 to 95 %" in figure.texts[2].get_text()
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_the_four_figures_are_printed_with_their_intervals() -> None:
    result = make_findings(60)
    margin = result.similarity.margin
    assert by_gid(draw_similarity_distribution(result), "value") == {
        "value margin": f"{margin.value:.3f} [{margin.low:.3f}, {margin.high:.3f}]",
        "value separation": "2.40 [2.20, 2.60]",
        "value AUC": "0.970 [0.960, 0.980]",
        "value overlap": "0.110",
    }


def test_a_figure_that_could_not_be_computed_gives_its_reason() -> None:
    result = make_findings(60)
    similarity = replace(result.similarity, auc=Estimate.absent("one population is empty"))
    figure = draw_similarity_distribution(replace(result, similarity=similarity))
    assert by_gid(figure, "value")["value AUC"] == "\N{EN DASH}"
    texts = [text.get_text().replace("\n", " ") for text in figure.axes[2].texts]
    assert "not computed: one population is empty" in texts


def test_the_axis_is_fitted_to_the_data() -> None:
    low, high = draw_similarity_distribution(make_findings(60, difficulty=0.02)).axes[0].get_xlim()
    assert 0.1 < low < 0.3
    assert 0.75 < high < 0.9


def test_without_hard_negatives_two_curves_are_drawn() -> None:
    figure = draw_similarity_distribution(make_findings(30, n_hard_negatives=0))
    assert set(curves(figure, "fill")) == {"positive", "negative"}
