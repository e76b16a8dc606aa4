"""What the curves say in words."""

from __future__ import annotations

import math

import pytest

from embedscope.result import Comparison, EpochRecord, Estimate
from embedscope.settings import TrainSettings
from embedscope.train.selection import best_epoch_of, is_better, notes_on, selected_value


def record(epoch: int, train: float | None, valid: float | None, mrr: float = 0.5) -> EpochRecord:
    return EpochRecord(epoch, train, valid, 1e-4, 1.0, {"MRR": Estimate(mrr)}, 0.2, {}, 3.0, 0.1)


def course(valid: list[float], train: list[float]) -> list[EpochRecord]:
    start = record(0, None, valid[0])
    return [start, *(record(i, t, v) for i, (t, v) in enumerate(zip(train, valid, strict=True), start=1))]


def test_a_validation_loss_that_rises_while_the_training_loss_falls_is_over_fitting() -> None:
    (note,) = notes_on(course([1.0, 0.8, 0.9], [1.0, 0.7, 0.5]), TrainSettings(epochs=3), best_epoch=2)
    assert note == (
        "over-fitting: the validation loss was lowest after epoch 2 (0.800) and is 0.900 after epoch 3, while the "
        "training loss fell from 0.700 to 0.500"
    )


@pytest.mark.parametrize(
    ("valid", "train"),
    [
        ([1.0, 0.8, 0.7], [1.0, 0.7, 0.5]),  # still falling
        ([1.0, 0.8, 0.82], [1.0, 0.7, 0.5]),  # a rise of chance
        ([1.0, 0.8, 0.9], [1.0, 0.7, 0.8]),  # both rise: no over-fitting but trouble
    ],
)
def test_other_courses_are_not(valid: list[float], train: list[float]) -> None:
    notes = notes_on(course(valid, train), TrainSettings(epochs=9), best_epoch=2)
    assert notes == ()


def test_a_best_epoch_at_the_end_is_said_unless_the_run_stopped_early() -> None:
    records = course([1.0, 0.8], [1.0, 0.7])
    assert "ended before it stopped improving" in notes_on(records, TrainSettings(), best_epoch=2, n_epochs=2)[0]
    assert notes_on(records, TrainSettings(), best_epoch=2, n_epochs=5) == ()
    assert notes_on(records, TrainSettings(), best_epoch=1, n_epochs=2) == ()
    assert notes_on(records, TrainSettings(), best_epoch=2) == ()


def test_lower_is_better_for_losses_and_violations_and_higher_for_metrics() -> None:
    assert is_better(0.1, 0.2, "loss")
    assert is_better(0.1, 0.2, "violation_rate")
    assert is_better(0.2, 0.1, "MRR")
    assert not is_better(0.1, 0.1, "MRR")
    assert is_better(0.1, math.nan, "MRR")
    assert not is_better(math.nan, 0.1, "MRR")


def test_with_validation_only_its_loss_selects_and_without_it_only_the_training_loss() -> None:
    assert selected_value(record(1, 0.4, None), "loss", has_validation=False) == 0.4
    assert selected_value(record(1, 0.4, 0.6), "loss", has_validation=True) == 0.6
    assert math.isnan(selected_value(record(1, 0.4, None), "loss", has_validation=True))
    assert selected_value(record(1, 0.4, 0.6), "violation_rate", has_validation=True) == 0.2


def test_a_figure_that_an_epoch_does_not_have_is_no_number() -> None:
    assert math.isnan(selected_value(record(1, 0.4, 0.6), "nDCG@10", has_validation=True))
    records = [record(1, 0.4, None), record(2, 0.3, 0.7), record(3, 0.2, 0.6), record(4, 0.1, 0.6)]
    assert best_epoch_of(records, "loss", has_validation=True) == 3
    assert best_epoch_of(records, "loss", has_validation=False) == 4
    assert best_epoch_of(records, "nDCG@10", has_validation=True) is None


def gain(difference: float, low: float, high: float) -> Comparison:
    return Comparison("head", "base model", "MRR", difference, low, high, 0.01, 0.02, None, 1, 2, 3)


def test_a_head_that_is_not_surely_better_than_its_base_is_said_and_nothing_untried_is_advised() -> None:
    records, options = course([1.0, 0.8], [1.0, 0.7]), TrainSettings(epochs=9)
    (note,) = notes_on(records, options, best_epoch=2, against_base=gain(-0.05, -0.09, -0.01))
    assert note == (
        "the best head is worse than the base model without it: MRR -0.050 [-0.090, -0.010] on the same validation "
        "queries. Deploy the base model"
    )
    (unsure,) = notes_on(records, options, best_epoch=2, against_base=gain(0.01, -0.03, 0.05))
    assert "not surely better" in unsure
    assert notes_on(records, options, best_epoch=2, against_base=gain(0.05, 0.01, 0.09)) == ()


def test_a_head_that_was_still_improving_when_its_run_ended_is_not_dismissed() -> None:
    notes = notes_on(
        course([1.0, 0.8], [1.0, 0.7]), TrainSettings(), best_epoch=2, n_epochs=2, against_base=gain(0.01, -0.03, 0.05)
    )
    assert "not surely better" in notes[0]
    assert "Deploy" not in " ".join(notes)


def test_few_effectively_independent_validation_queries_are_said() -> None:
    records, options = course([1.0, 0.8], [1.0, 0.7]), TrainSettings(epochs=9)
    assert notes_on(records, options, best_epoch=1, n_effective=30.0) == ()
    (note,) = notes_on(records, options, best_epoch=1, n_effective=29.96)
    assert note.startswith("validation rests on 29.9 effectively independent queries, fewer than 30")
