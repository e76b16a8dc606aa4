"""Files: the original's keys, safe to read, resumable, whole whatever kills the writer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.tiny_training import collection, data, options, validator
from tests.train.test_trainer import states_equal

from embedscope.errors import CheckpointError, OutputError
from embedscope.models.head_files import read_head_file
from embedscope.models.weights import read_torch_file
from embedscope.publishing import write_whole
from embedscope.train import Progress, train_head
from embedscope.train.checkpoints import (
    BEST,
    FINAL,
    SERVED,
    Checkpointer,
    epoch_file,
    other_checkpoints,
    read_config,
    read_progress,
    require_unmixed,
    resumable_file,
)

torch = pytest.importorskip("torch")

CONFIG = {"epochs": 4, "d_out": 6, "base_model": "some/base", "pooling": "mean", "max_length": 64}


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, Progress]:
    """The folder of a finished run of 4 epochs, and its state at the end."""
    c = collection(30)
    saver = Checkpointer(tmp_path, CONFIG, save_every=2, inputs={"train": "abc"})
    state, _ = train_head(data(c), options(), validator=validator(c, options()), on_epoch=saver.after_epoch)
    saver.final(state)
    return tmp_path, state


def test_the_files_and_keys_are_those_of_the_original(trained: tuple[Path, Progress]) -> None:
    folder, state = trained
    assert {path.name for path in folder.iterdir()} == {"config.json", BEST, FINAL, epoch_file(2), epoch_file(4)}
    for name in (BEST, FINAL, epoch_file(2)):
        stored = read_torch_file(folder / name)
        assert {"epoch", "model_state_dict", "loss", "config"} <= stored.keys()
        assert stored["config"] == CONFIG
        assert list(stored["model_state_dict"]) == ["head.linear.weight"]
    assert read_torch_file(folder / BEST)["epoch"] == state.best_epoch
    assert "optimizer_state_dict" not in read_torch_file(folder / BEST)


def test_the_safe_reader_finds_the_head_and_what_it_was_trained_on(trained: tuple[Path, Progress]) -> None:
    folder, state = trained
    head = read_head_file(folder / FINAL)
    np.testing.assert_array_equal(head.steps[0].weight, state.head["head.linear.weight"].numpy())
    assert {"base_model": "some/base", "pooling": "mean", "max_length": "64"}.items() <= head.recorded.items()
    assert read_head_file(folder / BEST).steps[0].dim_out(head.dim_in) == 6
    assert head.training["epoch"] == "4"
    assert not any("embedscope" in name or "optimizer" in name for name in head.training)


@pytest.mark.parametrize("name", [epoch_file(2), FINAL])
def test_a_run_resumed_from_a_file_equals_one_that_never_stopped_bit_for_bit(
    trained: tuple[Path, Progress], name: str
) -> None:
    folder, _ = trained
    c, longer = collection(30), options(epochs=7)
    whole, _ = train_head(data(c), longer, validator=validator(c, longer))
    progress, digests = read_progress(folder / name)
    resumed, _ = train_head(data(c), longer, validator=validator(c, longer), resume=progress)
    assert digests == {"train": "abc"}
    assert states_equal(whole, resumed)


def test_the_latest_checkpoint_of_a_folder_is_resumed(trained: tuple[Path, Progress]) -> None:
    folder, _ = trained
    assert resumable_file(folder).name in (FINAL, epoch_file(4))
    (folder / FINAL).unlink()
    assert resumable_file(folder).name == epoch_file(4)
    assert resumable_file(folder / epoch_file(2)) == folder / epoch_file(2)
    assert read_config(folder / epoch_file(2)) == CONFIG


def run_into(folder: Path, run_id: str, epochs: int, **named: Any) -> Checkpointer:
    """A short training whose checkpoints say that they are of the run ``run_id``."""
    saver = Checkpointer(folder, CONFIG | {"run_id": run_id}, save_every=2, **named)
    c, chosen = collection(30), options(epochs=epochs)
    state, _ = train_head(data(c), chosen, validator=validator(c, chosen), on_epoch=saver.after_epoch)
    saver.final(state)
    return saver


def test_a_second_run_into_the_folder_of_another_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    run_into(tmp_path, "first", 4)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match=r"epoch2\.pt and 3 more of another training.*--overwrite"):
        run_into(tmp_path, "second", 2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(OutputError, match="of another training"):
        Checkpointer(tmp_path, CONFIG, save_every=1).after_epoch(Progress(0, 0, {}, {}, 0, {}, []))


def test_overwriting_removes_every_checkpoint_of_another_run_and_nothing_else(tmp_path: Path) -> None:
    run_into(tmp_path, "first", 6)
    (tmp_path / SERVED).mkdir()
    (tmp_path / SERVED / "modules.json").write_text("[]")
    (tmp_path / f"{SERVED}.safetensors").write_bytes(b"old")
    (tmp_path / "notes.txt").write_text("mine")
    run_into(tmp_path, "second", 2, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", BEST, FINAL, epoch_file(2), "notes.txt"}
    assert read_config(tmp_path / epoch_file(2))["run_id"] == "second"


def test_a_folder_with_two_runs_is_resumed_from_that_which_its_configuration_names(tmp_path: Path) -> None:
    run_into(tmp_path / "first", "first", 6)
    run_into(tmp_path / "second", "second", 2)
    (tmp_path / "first" / epoch_file(6)).rename(tmp_path / "second" / epoch_file(6))
    assert resumable_file(tmp_path / "second").name in (FINAL, epoch_file(2))
    (tmp_path / "second" / "config.json").unlink()
    for name in (FINAL, epoch_file(2)):
        os.utime(tmp_path / "second" / name, ns=(0, 0))
    assert resumable_file(tmp_path / "second").name == epoch_file(6)


def test_epochs_after_the_one_that_is_resumed_are_of_a_course_that_is_left(tmp_path: Path) -> None:
    run_into(tmp_path, "first", 6)
    left = {path.name for path in other_checkpoints(tmp_path, "first", after=2)}
    assert left == {epoch_file(4), epoch_file(6), FINAL}
    assert other_checkpoints(tmp_path, "first", after=6) == []
    with pytest.raises(OutputError, match="epochs after epoch 2 that are to be trained again"):
        require_unmixed(tmp_path, "first", after=2)


def test_an_interrupted_run_saves_the_last_epoch_that_is_done(tmp_path: Path) -> None:
    c, chosen = collection(30), options(epochs=3)
    saver = Checkpointer(tmp_path, CONFIG, save_every=100)
    states: list[Progress] = []
    train_head(data(c), chosen, validator=validator(c, chosen), on_epoch=states.append)
    saver.after_epoch(states[0])
    assert saver.interrupted(states[0]) is None
    assert saver.interrupted(states[3]) == tmp_path / epoch_file(3)
    assert states_equal(read_progress(tmp_path / epoch_file(3))[0], states[3])


def test_what_cannot_be_resumed_is_refused_with_the_reason(trained: tuple[Path, Progress], tmp_path: Path) -> None:
    folder, _ = trained
    with pytest.raises(CheckpointError, match="not the state of its optimiser"):
        read_progress(folder / BEST)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        resumable_file(tmp_path / "absent.pt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="holds no checkpoint to resume"):
        resumable_file(tmp_path / "empty")
    torch.save({"epoch": 1, "optimizer_state_dict": {}, "embedscope": {}}, tmp_path / "half.pt")
    with pytest.raises(CheckpointError, match="as embedscope train writes it"):
        read_progress(tmp_path / "half.pt")


def test_the_best_file_always_holds_the_best_so_far(tmp_path: Path) -> None:
    c, chosen = collection(30), options(epochs=8, learning_rate=0.3)
    saver = Checkpointer(tmp_path, CONFIG, save_every=100)

    def check(progress: Progress) -> None:
        saver.after_epoch(progress)
        if progress.epoch:
            assert read_torch_file(tmp_path / BEST)["epoch"] == progress.best_epoch

    train_head(data(c), chosen, validator=validator(c, chosen), on_epoch=check)


def test_a_full_disk_leaves_the_old_checkpoint_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(b"old")

    def full(temporary: Path) -> None:
        temporary.write_bytes(b"ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"No space left on device.*unchanged"):
        write_whole(path, full)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
