"""Hub names: found in the local cache without a network, explained where they cannot be had."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from embedscope.errors import CheckpointError
from embedscope.models import load_checkpoint
from embedscope.models.hub import is_hub_name, locate_model

pytest.importorskip("huggingface_hub")


@pytest.mark.parametrize("name", ["BAAI/bge-m3", "bert-base-uncased", "intfloat/multilingual-e5-small", "a/b.c"])
def test_names_of_the_hub_are_recognised(name: str) -> None:
    assert is_hub_name(name)


@pytest.mark.parametrize(
    "path", ["checkpoints/best.pt", "./model", "/models/bge", "a/b/c", "~/m", "", "best.safetensors"]
)
def test_paths_are_not_taken_for_names(path: str) -> None:
    assert not is_hub_name(path)


@pytest.fixture
def hub_cache(tmp_path: Path, tiny: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's local cache with one model in it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0" * 40
    repository = tmp_path / "models--BAAI--bge-m3"
    shutil.copytree(tiny.folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    return tmp_path


def test_a_model_in_the_local_cache_is_found_without_a_network(hub_cache: Path) -> None:
    assert locate_model("BAAI/bge-m3", option="--base-model").parent.parent == hub_cache / "models--BAAI--bge-m3"
    checkpoint = load_checkpoint("BAAI/bge-m3")
    assert (checkpoint.pooling and checkpoint.pooling.label, checkpoint.pooling_source) == ("cls", "model type")


def test_a_half_downloaded_model_is_not_taken_for_a_whole_one(hub_cache: Path) -> None:
    next(hub_cache.glob("models--BAAI--bge-m3/snapshots/*/model.safetensors")).unlink()
    with pytest.raises(CheckpointError, match="--base-model /path/to/bge-m3"):
        locate_model("BAAI/bge-m3", option="--base-model")


def test_a_model_that_cannot_be_had_is_explained(hub_cache: Path) -> None:
    with pytest.raises(CheckpointError, match=r"not a folder here.*--checkpoint /path/to/name"):
        load_checkpoint("owner/name")
    with pytest.raises(CheckpointError, match=r"nor the name of a model.*--base-model /path/to/model"):
        locate_model("./nowhere/at/all", option="--base-model")


@pytest.mark.parametrize("name", ["9" * 5000, "a/" + "b" * 300, "~nobody-of-this-name/model", "a\0b"])
def test_a_name_that_no_file_can_have_is_refused_in_a_short_message(name: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(name)
    assert len(str(caught.value)) < 600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are those of POSIX")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "best.pt"
    os.mkfifo(pipe)
    with pytest.raises(CheckpointError, match="neither a file nor a folder"):
        load_checkpoint(pipe)
