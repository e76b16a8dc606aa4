"""Checkpoints of one training: which they are, what each segment moved, and over-fitting where it is planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.planted import SETTINGS, collection_of, findings_of, model

from embedscope.comparison.timeline import build_timeline, epoch_numbers, timeline_names
from embedscope.data.collection import Collection
from embedscope.errors import IncomparableRunsError, InvalidOptionError
from embedscope.result import ModelFacts, Result

N = 60


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(N, types=(("price",), ("place",)))


def at(epoch: int, result: Result) -> Result:
    return replace(result, model=facts(epoch))


def facts(epoch: int | None, base: str | None = "base") -> ModelFacts:
    training = {} if epoch is None else {"epoch": str(epoch)}
    return ModelFacts(checkpoint="a.pt", layout="head", dim=8, base_model=base, training=training)


@pytest.fixture(scope="module")
def healthy(collection: Collection) -> dict[str, Result]:
    """Half of the queries at random, then a fifth, then none."""
    shares = {2: 0.5, 4: 0.2, 10: 0.0}
    return {
        f"epoch{epoch}": at(epoch, findings_of(collection, model(collection, share_random=share)))
        for epoch, share in shares.items()
    }


@pytest.fixture(scope="module")
def spoilt(collection: Collection, healthy: dict[str, Result]) -> dict[str, Result]:
    """The healthy course, and two more epochs in which first a third and then half of the queries go wrong."""
    later = {12: 1 / 3, 14: 0.5}
    return healthy | {
        f"epoch{epoch}": at(epoch, findings_of(collection, model(collection, share_wrong=share)))
        for epoch, share in later.items()
    }


# --- which runs make a timeline -----------------------------------------------------------------------------------


def test_runs_stand_in_the_order_of_their_epochs_and_not_of_their_names() -> None:
    runs = {f"ck/epoch{epoch}.pt": facts(epoch) for epoch in (10, 2, 4)}
    assert timeline_names(runs) == ["ck/epoch2.pt", "ck/epoch4.pt", "ck/epoch10.pt"]


def test_two_checkpoints_are_no_timeline() -> None:
    assert timeline_names({f"ck/epoch{epoch}.pt": facts(epoch) for epoch in (1, 2)}) == []
    assert timeline_names({}) == []


def test_an_epoch_that_is_not_recorded_is_read_from_the_name() -> None:
    names = ["runs/epoch-010.npz", "runs/epoch_2.npz", "runs/Epoch3.npz"]
    assert timeline_names({name: facts(None, None) for name in names}) == [names[1], names[2], names[0]]
    assert timeline_names({name: facts(None, None) for name in ("a.npz", "b.npz", "c.npz")}) == []


def test_folders_named_after_epochs_are_one_training() -> None:
    names = [f"run7/epoch{epoch}/model.safetensors" for epoch in (1, 2, 12)]
    runs = {name: facts(epoch) for name, epoch in zip(names, (1, 2, 12), strict=True)}
    assert timeline_names(runs) == names


def test_checkpoints_of_another_folder_or_base_are_another_training() -> None:
    ours = {f"ours/epoch{epoch}.pt": facts(epoch) for epoch in (1, 2, 3)}
    others = {"production/best.pt": facts(2), "theirs/epoch9.pt": facts(9), "ours/epoch7.pt": facts(7, "other")}
    assert timeline_names(others | ours) == list(ours)


def test_checkpoints_of_another_run_in_the_same_folder_are_another_training() -> None:
    def of_run(run: str, epoch: int) -> ModelFacts:
        return replace(facts(epoch), training={"epoch": str(epoch), "config.run_id": run})

    old = {f"ck/epoch{epoch}.pt": of_run("old", epoch) for epoch in (8, 10)}
    new = {f"ck/epoch{epoch}.pt": of_run("new", epoch) for epoch in (2, 4, 6)}
    assert timeline_names(old | new) == list(new)
    assert timeline_names(old | {"ck/epoch6.pt": of_run("new", 6)}) == []
    elsewhere = {"resumed/epoch8.pt": of_run("new", 8)}
    assert timeline_names(new | elsewhere) == [*new, *elsewhere]


def test_of_two_trainings_the_longer_and_of_equals_the_last_is_taken() -> None:
    a = {f"a/epoch{epoch}.pt": facts(epoch) for epoch in (1, 2, 3)}
    b = {f"b/epoch{epoch}.pt": facts(epoch) for epoch in (1, 2, 3)}
    assert timeline_names(a | b) == list(b)
    assert timeline_names(a | {"a/epoch4.pt": facts(4)} | b) == [*a, "a/epoch4.pt"]


def test_the_best_checkpoint_does_not_stand_for_the_epoch_that_has_its_own() -> None:
    epochs = {f"ck/epoch{epoch}.pt": facts(epoch) for epoch in (1, 2, 3)}
    best = {"ck/best.pt": facts(2)}
    assert timeline_names(best | epochs) == timeline_names(epochs | best) == list(epochs)
    assert timeline_names({"ck/epoch1.pt": facts(1), "ck/epoch3.pt": facts(3)} | best) == [
        "ck/epoch1.pt", "ck/best.pt", "ck/epoch3.pt",
    ]  # fmt: skip


def test_epochs_are_counted_where_one_is_not_known_or_they_do_not_rise() -> None:
    assert epoch_numbers({"a": facts(3), "b": facts(5)}) == (3, 5)
    assert epoch_numbers({"a": facts(3), "b": facts(None)}) == (1, 2)
    assert epoch_numbers({"a": facts(5), "b": facts(3)}) == (1, 2)


# --- what it holds ------------------------------------------------------------------------------------------------


def test_every_checkpoint_has_its_metrics_and_violations_with_intervals(healthy: dict[str, Result]) -> None:
    found = build_timeline(healthy, SETTINGS)
    assert (found.names, found.epochs) == (tuple(healthy), (2, 4, 10))
    for name, figures in found.metrics.items():
        assert [f.value for f in figures] == [run.metrics[name].value for run in healthy.values()]
        assert [f.low for f in figures] == [run.metrics[name].low for run in healthy.values()]
    assert set(found.violation_rates) == {"price", "place"}
    for name, figures in found.violation_rates.items():
        assert figures == tuple(run.negative_types[name].violation_rate for run in healthy.values())
    assert (found.n_queries, found.n_effective) == (N, next(iter(healthy.values())).data.n_effective)


def test_gained_and_lost_are_the_queries_that_changed_from_one_checkpoint_to_the_next(
    spoilt: dict[str, Result],
) -> None:
    found = build_timeline(spoilt, SETTINGS)
    right = [run.queries.is_correct for run in spoilt.values()]
    for segment, before, after in zip(found.segments, right[:-1], right[1:], strict=True):
        assert sorted(segment.gained) == np.flatnonzero(~before & after).tolist()
        assert sorted(segment.lost) == np.flatnonzero(before & ~after).tolist()
    # By hand: the last 12 of 60 were at random after epoch 4, the first 20 and then 30 are turned to a negative.
    assert set(found.segments[1].gained) <= set(range(48, 60))
    assert sorted(found.segments[2].lost) == list(range(20))
    assert sorted(found.segments[3].lost) == list(range(20, 30))
    assert not len(found.segments[3].gained)


def test_a_stretch_compares_its_end_with_its_start(healthy: dict[str, Result]) -> None:
    found = build_timeline(healthy, SETTINGS)
    values = [figure.value or 0.0 for figure in found.metrics["MRR"]]
    for place, segment in enumerate(found.segments):
        assert (segment.comparison.a, segment.comparison.b) == (segment.end, segment.start)
        assert segment.comparison.difference == pytest.approx(values[place + 1] - values[place], abs=1e-12)
        assert segment.comparison.low is not None
        assert segment.comparison.low > 0


# --- over-fitting -------------------------------------------------------------------------------------------------


def test_planted_over_fitting_is_named_with_its_epochs_and_figures(spoilt: dict[str, Result]) -> None:
    found = build_timeline(spoilt, SETTINGS)
    assert found.epochs[found.best] == 10
    assert found.since_best is not None
    assert (found.since_best.a, found.since_best.b) == ("epoch14", "epoch10")
    assert found.since_best.difference < 0
    assert found.over_fitting is not None
    assert found.over_fitting.startswith("over-fitting: MRR was best after epoch 10 (1.000)")
    assert "after epoch 14" in found.over_fitting
    assert f"{found.since_best.difference:+.3f}" in found.over_fitting


def test_a_healthy_course_is_not_called_over_fitted(healthy: dict[str, Result]) -> None:
    found = build_timeline(healthy, SETTINGS)
    assert found.best == 2
    assert found.since_best is None
    assert found.over_fitting is None


def test_a_fall_within_chance_is_not_called_over_fitting(collection: Collection) -> None:
    """One query of 60 is lost after the best epoch."""
    shares = {1: 0.5, 2: 0.0, 3: 1 / N}
    runs = {
        f"epoch{epoch}": at(
            epoch, findings_of(collection, model(collection, share_random=share if epoch == 1 else 0.0,
                                                 share_wrong=share if epoch == 3 else 0.0))
        )
        for epoch, share in shares.items()
    }  # fmt: skip
    found = build_timeline(runs, SETTINGS)
    assert found.best == 1
    assert found.since_best is not None
    assert found.since_best.difference < 0
    assert found.over_fitting is None


def test_the_p_value_since_the_best_pays_for_the_choice_of_the_best(spoilt: dict[str, Result]) -> None:
    found = build_timeline(spoilt, SETTINGS).since_best
    assert found is not None
    assert found.p_adjusted == pytest.approx(min(1.0, found.p * (len(spoilt) - 1)))


def test_over_fitting_is_named_after_many_checkpoints_and_with_few_draws(spoilt: dict[str, Result]) -> None:
    """100 draws give no p below 1/101, which times 29 other checkpoints would never be below 0.05."""
    good, bad = spoilt["epoch10"], spoilt["epoch14"]
    runs = {f"epoch{epoch}": at(epoch, good) for epoch in range(1, 30)} | {"epoch30": at(30, bad)}
    found = build_timeline(runs, SETTINGS.with_options(draws=100))
    assert found.over_fitting is not None


def test_the_same_seed_gives_the_same_timeline(healthy: dict[str, Result]) -> None:
    one, other = (build_timeline(healthy, SETTINGS) for _ in range(2))
    assert [s.comparison for s in one.segments] == [s.comparison for s in other.segments]


def test_one_checkpoint_and_checkpoints_on_other_data_are_refused(healthy: dict[str, Result]) -> None:
    first = healthy["epoch2"]
    with pytest.raises(InvalidOptionError, match="at least 2 checkpoints; 1 came"):
        build_timeline({"epoch2": first}, SETTINGS)
    elsewhere = replace(first, data=replace(first.data, digest="other"))
    with pytest.raises(IncomparableRunsError):
        build_timeline({"epoch2": first, "epoch4": elsewhere}, SETTINGS)
