"""Options: the original's defaults, refused nonsense, values from a configuration file."""

from __future__ import annotations

import json

import pytest

from embedscope.errors import InvalidOptionError
from embedscope.train import Initialisation, TrainingOptions


def test_the_defaults_are_the_originals() -> None:
    found = TrainingOptions()
    assert (found.epochs, found.batch_size, found.learning_rate, found.weight_decay) == (10, 128, 2e-4, 0.01)
    assert (found.d_out, found.use_layernorm, found.temperature) == (128, False, 0.07)
    assert (found.gradient_clip_norm, found.warmup_steps, found.save_every, found.use_hard_neg) == (1.0, 0, 2, True)


def test_options_survive_a_json_file() -> None:
    chosen = TrainingOptions(matryoshka=(64, 32), init=Initialisation.RANDOM, patience=3, select="nDCG@10")
    assert TrainingOptions.from_config(json.loads(json.dumps(chosen.as_config()))) == chosen


def test_names_that_are_no_options_are_left_aside() -> None:
    assert TrainingOptions.from_config({"epochs": 3, "base_model": "x"}) == TrainingOptions(epochs=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("batch_size", 1), ("learning_rate", 0.0), ("learning_rate", float("nan")),
        ("temperature", -1.0), ("weight_decay", -0.1), ("gradient_clip_norm", float("inf")), ("d_out", 0),
        ("warmup_steps", -1), ("save_every", 0), ("patience", 0), ("matryoshka", (200,)), ("matryoshka", (0,)),
        ("select", "accuracy"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidOptionError):
        TrainingOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", "ten"), ("epochs", True), ("use_hard_neg", "yes"), ("temperature", None), ("init", "zeros"),
        ("matryoshka", 64), ("matryoshka", ["a"]), ("select", 3), ("epochs", 2.5),
    ],
)  # fmt: skip
def test_a_configuration_of_the_wrong_kind_is_refused_with_its_name(name: str, value: object) -> None:
    with pytest.raises(InvalidOptionError, match=f"'{name}'"):
        TrainingOptions.from_config({name: value})


def test_prefixes_begin_with_the_whole_vector() -> None:
    assert TrainingOptions(d_out=128, matryoshka=(32, 64, 128)).prefixes == (128, 64, 32)
