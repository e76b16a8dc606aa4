"""What a training chooses by its data: steps, trials, and when it ends."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import numpy as np
import pytest
from tests.support.tiny_training import collection, data, options, validator
from tests.train.test_trainer import StoppedError, states_equal

from embedscope.errors import EmbedscopeError
from embedscope.log import Silent
from embedscope.protocols import ProgressCallback
from embedscope.settings import Against
from embedscope.train import Progress, sweep, train_head
from embedscope.train.checkpoints import Checkpointer, epoch_file, read_progress
from embedscope.train.defaults import AGAINST, LEARNING_RATE, Limits, Mark
from embedscope.train.sweep import RATES, Choice, Trial, chosen

torch = pytest.importorskip("torch")

OPEN = {"epochs": None, "learning_rate": None, "hard_neg_against": None}


def test_what_is_stated_is_never_swept() -> None:
    c = collection(40)
    measure = validator(c, options())
    stated = options(hard_neg_against=Against.BOTH)
    assert chosen(data(c), stated, measure, "cpu") is None
    rate_alone = chosen(data(c), replace(stated, learning_rate=None), measure, "cpu")
    assert {trial.hard_neg_against for trial in rate_alone.trials} == {Against.BOTH}
    assert [trial.learning_rate for trial in rate_alone.trials] == list(RATES)
    against_alone = chosen(data(c), replace(stated, hard_neg_against=None), measure, "cpu")
    assert [trial.learning_rate for trial in against_alone.trials] == [stated.learning_rate] * 2


def test_a_choice_is_the_same_every_time_and_says_how_optimistic_it_is() -> None:
    c = collection(40)
    first, again = (chosen(data(c), options(**OPEN), validator(c, options()), "cpu") for _ in range(2))
    assert first.as_config() == again.as_config()
    assert first.optimism >= 0
    assert first.learning_rate in RATES
    assert first.metric in first.in_words(validator(c, options()))


def test_few_validation_queries_choose_nothing() -> None:
    c = collection(20)
    measure = validator(c, options())
    found = chosen(data(c), options(**OPEN), measure, "cpu")
    assert (found.learning_rate, found.hard_neg_against, found.trials) == (LEARNING_RATE, AGAINST, ())
    assert "too few queries" in found.in_words(measure)
    assert Limits.of(options(epochs=None), 20, measure).patience is None


def test_why_the_highest_figure_was_not_chosen_is_said() -> None:
    measure = validator(collection(40), options())
    trials = (Trial(1e-3, None, 0.41), Trial(3e-3, None, 0.42))
    said = [Choice(trial.learning_rate, None, "MRR", trials).in_words(measure) for trial in trials]
    assert ["none beats the one chosen" in words for words in said] == [True, False]


def test_lengths_are_counted_in_steps() -> None:
    measure = validator(collection(40), options())
    few, many = (Limits.of(options(epochs=None, batch_size=128), n, measure) for n in (720, 100_000))
    assert (few.epochs, few.patience) == (200, 20)
    assert (many.epochs, many.patience) == (10, 3)
    assert Limits.of(options(epochs=7), 720, measure) == Limits(7)


def test_only_what_exceeds_a_standard_error_moves_the_mark() -> None:
    measure = validator(collection(40), options())
    mark = Mark(1, "MRR", np.full(40, 0.5))
    noise = np.where(np.arange(40) % 2, 0.6, 0.405)  # a mean gain of 0.0025
    assert mark.moved(2, noise, measure) is mark
    assert mark.moved(3, np.full(40, 0.6) + 0.1 * (noise - 0.5), measure).epoch == 3


def test_a_run_without_stated_epochs_ends_by_itself_and_resumes_bit_for_bit(tmp_path) -> None:  # type: ignore[no-untyped-def]
    c = collection(40)
    chosen_options = options(epochs=None, batch_size=16, learning_rate=0.01)

    def run(**more: object) -> tuple[Progress, object]:
        return train_head(data(c), chosen_options, validator=validator(c, chosen_options), **more)

    whole, record = run()
    assert "more than one standard error" in record.stopped
    writer = Checkpointer(tmp_path, {}, save_every=5)

    def stop(state: Progress) -> None:
        writer.after_epoch(state)
        if state.epoch == 5:
            raise StoppedError

    with pytest.raises(StoppedError):
        run(on_epoch=stop)
    stored, _ = read_progress(tmp_path / epoch_file(5))
    resumed, again = run(resume=stored)
    assert states_equal(whole, resumed)
    assert again.stopped == record.stopped


def test_where_there_are_no_hard_negatives_nothing_is_said_of_them() -> None:
    c = collection(40, n_negatives=0)
    measure = validator(c, options())
    found = chosen(data(c), options(**OPEN), measure, "cpu")
    assert found.hard_neg_against is None
    assert len(found.trials) == len(RATES)
    assert not {"hard", "query", "both"} & set(found.in_words(measure).replace(":", "").split())


def test_a_sweep_tells_how_far_it_is_and_nothing_where_nothing_is_tried() -> None:
    told: list[tuple[int, int]] = []

    class Listening(Silent):
        def progress(self, title: str, *, unit: str) -> AbstractContextManager[ProgressCallback]:
            return nullcontext(lambda done, total, message=None: told.append((done, total)))

    c = collection(40)
    measure = validator(c, options())
    chosen(data(c), options(hard_neg_against=Against.BOTH), measure, "cpu", Listening())
    assert told == []
    chosen(data(c), options(**OPEN), measure, "cpu", Listening())
    assert len({total for _, total in told}) == 1
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1][0] == told[-1][1]


def test_where_every_short_run_leaves_the_numbers_the_standard_values_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverging(*arguments: object, **named: object) -> None:
        raise EmbedscopeError("not finite")

    monkeypatch.setattr(sweep, "values_after_epochs", diverging)
    c = collection(40)
    measure = validator(c, options())
    found = chosen(data(c), options(**OPEN), measure, "cpu")
    assert (found.learning_rate, found.hard_neg_against, found.optimism) == (LEARNING_RATE, AGAINST, None)
    assert "too good" not in found.in_words(measure)


def test_without_validation_the_reason_is_that_there_is_none() -> None:
    found = chosen(data(collection(20)), options(**OPEN), None, "cpu")
    assert "there is no validation" in found.in_words(None)
