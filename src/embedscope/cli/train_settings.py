"""What ``embedscope train`` was told: defaults, a resumed checkpoint, a configuration file, the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from embedscope.errors import InvalidOptionError
from embedscope.output.terminal import Terminal
from embedscope.settings import Pooling, TrainSettings
from embedscope.train import TrainingOptions, read_config
from embedscope.train.checkpoints import RUN_ID

ORIGINAL_ONLY = ("data_path", "train_split", "freeze_encoder", "save_best", "log_every", "validate_every")
"""Entries of the original project's configuration that have another name here, or no effect."""

RECORDED_ONLY = ("activation", "normalizes_input", "encoder_dtype", "device", RUN_ID)
"""Entries of a configuration that say what a run was, and are no options of the next."""

HARMLESS = (
    "epochs", "output_dir", "save_every", "patience", "n_draws", RUN_ID,
    "data", "valid", "split", "base_model",  # by their content, see training.inputs
)  # fmt: skip
"""Recorded options that may differ in a resumed run without being said."""


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_number(value: object, *types: type) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


PLACES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "data": (_is_name, "a path"),
    "valid": (lambda value: value is None or _is_name(value), "a path, or null"),
    "split": (lambda value: _is_number(value, int, float) and 0 <= value < 1, "a number from 0 to below 1"),
    "base_model": (_is_name, "a folder, or a name on the hub"),
    "pooling": (lambda value: value is None or value in set(Pooling), "cls, mean or last, or null"),
    "max_length": (lambda value: value is None or _is_number(value, int), "a whole number, or null"),
    "output_dir": (_is_name, "a path"),
}
"""Options beside those of the training itself that a configuration may give: what they may be, in code and in words."""


def merged_settings(
    options: TrainSettings, stated: frozenset[str], terminal: Terminal, resume_from: Path | None
) -> dict[str, Any]:
    """Options by name: defaults, over them what a resumed checkpoint says, the ``--config`` file, the command line.

    Raises
    ------
    InvalidOptionError
        If the file is no configuration, a value is of the wrong kind, two options contradict one another, or nothing
        names the training data.
    """
    if {"valid", "split"} <= stated:
        raise InvalidOptionError(
            "--valid names validation rows and --split takes them from --data; both came. Pass one of them."
        )
    settings = {**TrainingOptions().as_config(), **{name: getattr(options, name) for name in PLACES}, "data": None}
    if resume_from is not None:
        stored = {name: value for name, value in read_config(resume_from).items() if name in settings}
        settings |= stored | {"output_dir": str(resume_from.parent)}
    if options.config is not None:
        _lay_over(settings, _from_file(Path(options.config), set(settings), terminal))
    _lay_over(settings, {name: getattr(options, name) for name in settings if name in stated})
    if settings["data"] is None:
        raise InvalidOptionError(
            "There is nothing to train on: pass --data FILE (queries, positives, hard negatives), or a --config file "
            "that names one as 'data'."
        )
    for name, (is_good, expected) in PLACES.items():
        if not is_good(settings[name]):
            raise InvalidOptionError(
                f"The configuration gives '{name}' the value {settings[name]!r}; expected {expected}, as --"
                f"{name.replace('_', '-')} takes it."
            )
    return settings


def _lay_over(settings: dict[str, Any], layer: Mapping[str, Any]) -> None:
    """Put ``layer`` over ``settings``; a share to split off takes the place of a validation file further down."""
    if "split" in layer and "valid" not in layer:
        settings["valid"] = None
    settings.update(layer)


def _from_file(path: Path, known: set[str], terminal: Terminal) -> dict[str, Any]:
    """The entries of a configuration file, those of the original project's under their names here."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidOptionError(f"--config {path} cannot be read ({error.strerror or error}).") from error
    except ValueError as error:
        raise InvalidOptionError(f"--config {path} is no JSON: {error}.") from error
    if not isinstance(config, dict):
        raise InvalidOptionError(f"--config {path} holds a {type(config).__name__}; expected an object of options.")
    if config.get("freeze_encoder") is False:
        raise InvalidOptionError(
            f"--config {path} asks for an encoder that is trained too (freeze_encoder: false). embedscope train keeps "
            f"the encoder as it is, which is what makes an epoch cheap; fine-tune it with sentence-transformers."
        )
    found = {name: value for name, value in config.items() if name in known}
    if "data_path" in config:
        found.setdefault("data", config["data_path"])
    if _is_number(config.get("train_split"), int, float):
        found.setdefault("split", round(1 - config["train_split"], 10))
    ignored = {*ORIGINAL_ONLY, *RECORDED_ONLY}
    unknown = sorted(name for name in set(config) - known - ignored if not name.startswith("//"))  # comments
    if unknown:
        terminal.warn(f"--config {path}: no such option, without effect: {', '.join(unknown)}.")
    return found


def changed_options(stored: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Options that are not as they were before a resumed run stopped; more epochs and another folder change nothing."""
    return [
        f"{name} {stored[name]} -> {value}"
        for name, value in config.items()
        if name in stored and name not in HARMLESS and stored[name] != value
    ]
