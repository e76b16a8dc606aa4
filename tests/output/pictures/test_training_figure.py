"""The curves of training by their artists."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from embedscope.output.pictures import style
from embedscope.output.pictures.training_figure import draw_training_curves
from embedscope.result import EpochRecord, Estimate, TrainingRecord


def record(n: int = 12, *, validated: bool = True, types: int = 3, notes: tuple[str, ...] = ()) -> TrainingRecord:
    epochs = []
    for i in range(n + 1):
        mrr = 0.2 + 0.5 * (1 - np.exp(-i / 4))
        epochs.append(
            EpochRecord(
                epoch=i,
                train_loss=None if i == 0 else 2.0 / i,
                valid_loss=2.2 / (i + 1) if validated else None,
                learning_rate=None if i == 0 else 2e-4,
                gradient_norm=1.0,
                metrics={"MRR": Estimate(mrr, mrr - 0.05, mrr + 0.05)} if validated else {},
                violation_rate=0.2,
                violation_rates={f"type $_{k}": 0.5 / (i + 1 + k) for k in range(types)} if validated else {},
                effective_rank=5.0,
                elapsed_s=0.1,
            )
        )
    best = max(1, n - 2)
    base = {"MRR": 0.18} if validated else {}
    select = "MRR" if validated else "loss"
    return TrainingRecord(tuple(epochs), select, best, "all done", base, 100, 300, 40, 30, notes)


def panels(figure: Picture) -> dict[str, Axes]:
    return {str(axes.get_gid()): axes for axes in figure.axes}


def line(axes: Axes, name: str) -> np.ndarray:
    (found,) = [one for one in axes.lines if one.get_gid() == name]
    return np.asarray(found.get_ydata(), dtype=np.float64)


def test_each_panel_shows_the_numbers_of_the_record() -> None:
    shown = record()
    found = panels(draw_training_curves(shown))
    assert list(found) == ["loss", "rate", "metrics", "violations"]
    np.testing.assert_array_equal(line(found["loss"], "train")[1:], [e.train_loss for e in shown.epochs[1:]])
    assert np.isnan(line(found["loss"], "train")[0])
    np.testing.assert_array_equal(line(found["loss"], "validation"), [e.valid_loss for e in shown.epochs])
    np.testing.assert_array_equal(line(found["metrics"], "MRR"), [e.metrics["MRR"].value for e in shown.epochs])
    (band,) = [one for one in found["metrics"].collections if one.get_gid() == "MRR interval"]
    assert band.get_paths()[0].vertices[:, 1].max() == pytest.approx(max(e.metrics["MRR"].high for e in shown.epochs))


def test_panels_without_data_are_left_out() -> None:
    assert list(panels(draw_training_curves(record(validated=False)))) == ["loss", "rate"]
    assert list(panels(draw_training_curves(record(types=0)))) == ["loss", "rate", "metrics"]


def test_the_best_epoch_is_marked_in_each_panel_and_named_once() -> None:
    shown = record()
    figure = draw_training_curves(shown)
    for axes in figure.axes:
        (mark,) = [one for one in axes.lines if one.get_gid() == "best epoch"]
        assert list(mark.get_xdata()) == [shown.best_epoch] * 2
    named = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert named.count(f"best: epoch {shown.best_epoch}") == 1


def test_names_of_curves_keep_apart_and_inside_the_panel() -> None:
    figure = draw_training_curves(record(types=8))
    figure.canvas.draw()
    axes = panels(figure)["violations"]
    names = [text for text in axes.texts if text.get_text().startswith("type")]
    assert len(names) == 8
    boxes = sorted((text.get_window_extent() for text in names), key=lambda box: box.y0)
    middles = [(box.y0 + box.y1) / 2 for box in boxes]
    assert np.diff(middles).min() > 0.9 * style.SMALL_SIZE * figure.dpi / 72
    assert middles[0] >= axes.get_window_extent().y0


def test_names_stand_beside_the_ends_of_their_curves_on_a_logarithmic_axis() -> None:
    figure = draw_training_curves(record(n=40))
    figure.canvas.draw()
    axes = panels(figure)["loss"]
    assert axes.get_yscale() == "log"
    for name in ("train", "validation"):
        (text,) = [one for one in axes.texts if one.get_text() == name]
        box = text.get_window_extent()
        end = axes.transData.transform((40, line(axes, name)[-1]))[1]
        assert (box.y0 + box.y1) / 2 == pytest.approx(end, abs=1.3 * style.SMALL_SIZE * figure.dpi / 72)


def test_over_fitting_stands_under_the_title() -> None:
    figure = draw_training_curves(record(notes=("over-fitting: it went on too long", "another note")))
    texts = [text.get_text() for text in figure.texts]
    assert "Over-fitting: it went on too long" in texts
    assert not any("another note" in text for text in texts)


def test_losses_over_a_wide_range_are_drawn_on_a_logarithmic_axis() -> None:
    assert panels(draw_training_curves(record(n=40)))["loss"].get_yscale() == "log"
    assert panels(draw_training_curves(record(n=3)))["loss"].get_yscale() == "linear"


@pytest.mark.parametrize("n", [1, 2, 500])
def test_a_run_of_any_length_is_drawn_the_same_way_twice(n: int) -> None:
    files = []
    for _ in range(2):
        file = BytesIO()
        style.save(draw_training_curves(record(n=n)), file, dpi=40)
        files.append(file.getvalue())
    assert files[0] == files[1]


def test_a_rate_that_was_never_used_is_drawn() -> None:
    one = record(n=1)
    draw_training_curves(replace(one, epochs=(replace(one.epochs[1], learning_rate=None),)))
