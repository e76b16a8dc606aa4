"""Settings: the original's defaults, refused nonsense, values from a configuration file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from embedscope.errors import InvalidOptionError
from embedscope.log import SILENT
from embedscope.result.codec import encode
from embedscope.settings import Initialisation, TrainSettings
from embedscope.train.head import prefixes_of
from embedscope.train.merged_settings import RECORDED, merged, require_sound


def test_the_defaults_are_the_originals_or_by_the_data() -> None:
    found = TrainSettings()
    assert (found.epochs, found.batch_size, found.learning_rate, found.weight_decay) == (None, 128, None, 0.01)
    assert (found.d_out, found.use_layernorm, found.temperature) == (128, False, 0.07)
    assert (found.gradient_clip_norm, found.warmup_steps, found.save_every, found.use_hard_neg) == (1.0, 0, 2, True)


def from_config(folder: Path, config: dict[str, object]) -> TrainSettings:
    """The settings that a configuration file gives, over the defaults."""
    file = folder / "config.json"
    file.write_text(json.dumps({"data": "train.json", **config}), encoding="utf-8")
    return merged(TrainSettings(config=str(file)), frozenset(), SILENT)


def test_options_survive_a_json_file(tmp_path: Path) -> None:
    chosen = TrainSettings(matryoshka=(64, 32), init=Initialisation.RANDOM, patience=3, select="nDCG@10", n_draws=200)
    recorded = {name: encode(getattr(chosen, name)) for name in RECORDED if name != "data"}
    assert from_config(tmp_path, recorded) == replace(chosen, data="train.json", config=str(tmp_path / "config.json"))


def test_names_that_are_no_options_are_left_aside(tmp_path: Path) -> None:
    found = from_config(tmp_path, {"epochs": 3, "quiet": True, "learning_rat": 1})
    assert (found.epochs, found.quiet, found.learning_rate) == (3, False, TrainSettings().learning_rate)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("batch_size", 1), ("learning_rate", 0.0), ("learning_rate", float("nan")),
        ("temperature", -1.0), ("weight_decay", -0.1), ("gradient_clip_norm", float("inf")), ("d_out", 0),
        ("warmup_steps", -1), ("save_every", 0), ("patience", -1), ("n_draws", 99), ("matryoshka", (200,)),
        ("matryoshka", (0, 8)), ("select", "accuracy"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidOptionError):
        require_sound(TrainSettings(**{name: value}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", "ten"), ("epochs", True), ("use_hard_neg", "yes"), ("temperature", None), ("init", "zeros"),
        ("matryoshka", 64), ("matryoshka", ["a"]), ("select", 3), ("epochs", 2.5),
    ],
)  # fmt: skip
def test_a_configuration_of_the_wrong_kind_is_refused_with_its_name(name: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match=f"'{name}'"):
        from_config(tmp_path, {name: value})


def test_prefixes_begin_with_the_whole_vector() -> None:
    assert prefixes_of(TrainSettings(d_out=128, matryoshka=(32, 64, 128))) == (128, 64, 32)
