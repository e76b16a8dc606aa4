"""The settings of a training: defaults, under a resumed checkpoint, a configuration file and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from embedscope.errors import InvalidOptionError
from embedscope.log import Log
from embedscope.metrics.metric_names import parse_measure
from embedscope.plain_files import read_json
from embedscope.settings import PROMPTS, TrainSettings, flag
from embedscope.train.checkpoints import CHOSEN, RUN_ID, read_config, resumable_file
from embedscope.train.selection import FALLING

OF_ONE_CALL = frozenset({
    "device", "encode_batch_size", "columns", "group", "drop_empty", "config", "resume", "cache_dir", "no_cache",
    "overwrite", "save_format", "with_encoder", "tensorboard", "mlflow", "wandb", "trackio", "quiet", "json",
})  # fmt: skip
"""Settings that neither a checkpoint records nor a configuration gives."""

RECORDED = tuple(f.name for f in fields(TrainSettings) if f.name not in OF_ONE_CALL)

ORIGINAL_ONLY = frozenset({"data_path", "train_split", "freeze_encoder", "save_best", "log_every", "validate_every"})
"""Entries of the original project's configuration that have another name here, or no effect."""

FACTS = frozenset({"activation", "normalizes_input", "encoder_dtype", "device", RUN_ID, CHOSEN})
"""Entries of a configuration that say what a run was, and are no settings of the next."""

_KINDS = get_type_hints(TrainSettings)


def merged(settings: TrainSettings, stated: frozenset[str], log: Log) -> TrainSettings:
    """``settings`` with what a resumed checkpoint and a ``--config`` file say where the command line says nothing.

    Parameters
    ----------
    settings : TrainSettings
        Of the command line.
    stated : set of str
        The settings that the command line names; the others stand at their defaults.
    log : Log
        Hears of entries without effect.

    Raises
    ------
    InvalidOptionError
        If the file is not a configuration, a value is of the wrong kind, two settings contradict one another, or
        nothing names the training data.
    """
    if {"valid", "split"} <= stated:
        raise InvalidOptionError(
            "--valid names validation rows and --split takes them from --data; both came. Pass one of them."
        )
    resume = None if settings.resume is None else resumable_file(Path(settings.resume))
    layers: list[Mapping[str, Any]] = [{name: getattr(settings, name) for name in RECORDED if name in stated}]
    if settings.config is not None:
        layers.insert(0, _from_file(Path(settings.config), log))
    if resume is not None:
        layers.insert(0, {**read_config(resume), "output_dir": str(resume.parent)})
    chosen: dict[str, Any] = {}
    for layer in layers:
        if "split" in layer and "valid" not in layer:
            chosen["valid"] = None  # a share to split off takes the place of a validation file further down
        chosen |= {name: value for name, value in layer.items() if name in RECORDED}
    read = {name: value if name in stated else _read(name, value) for name, value in chosen.items()}
    whole = replace(settings, **read, resume=None if resume is None else str(resume))
    if whole.data is None:
        raise InvalidOptionError(
            "There is nothing to train on: pass --data FILE (queries, positives, hard negatives), or a --config file "
            "that names one as 'data'."
        )
    return whole


def require_sound(settings: TrainSettings) -> None:
    """Refuse settings that each are of their kind and together make no sense, with ``InvalidOptionError``."""
    for name, least in (("batch_size", 2), ("n_draws", 100)):
        _require(name, getattr(settings, name), least <= getattr(settings, name), f"{least} or more")
    for size in settings.matryoshka:
        expected = f"prefix lengths from 1 to --d-out ({settings.d_out})"
        _require("matryoshka", size, 1 <= size <= settings.d_out, expected)
    if settings.select not in FALLING:
        parse_measure(settings.select)


def _require(name: str, value: object, is_good: bool, expected: str) -> None:
    if not is_good:
        raise InvalidOptionError(f"{flag(name)} is {value}; expected {expected}.")


def _from_file(path: Path, log: Log) -> dict[str, Any]:
    """The entries of a configuration file, those of the original project's under their names here."""
    try:
        config = read_json(path)
    except OSError as error:
        raise InvalidOptionError(f"--config {path} cannot be read ({error.strerror or error}).") from error
    except ValueError as error:
        raise InvalidOptionError(f"--config {path} is not JSON: {error}.") from error
    if not isinstance(config, dict):
        raise InvalidOptionError(f"--config {path} holds a {type(config).__name__}; expected an object of options.")
    if config.get("freeze_encoder") is False:
        raise InvalidOptionError(
            f"--config {path} asks for an encoder that is trained too (freeze_encoder: false). embedscope train keeps "
            f"the encoder as it is, which is what makes an epoch cheap; fine-tune it with sentence-transformers."
        )
    unknown = sorted(set(config) - set(RECORDED) - ORIGINAL_ONLY - FACTS)
    if unknown := [name for name in unknown if not name.startswith("//")]:  # comments
        log.warn(f"--config {path}: no such option, without effect: {', '.join(unknown)}.")
    if "data_path" in config:
        config.setdefault("data", config["data_path"])
    if type(config.get("train_split")) in (int, float):
        config.setdefault("split", round(1 - config["train_split"], 10))
    return config


def _read(name: str, value: Any) -> Any:
    """An entry of a configuration as its option reads it; true is not a number, and neither is "64"."""
    try:
        if type(value) not in _plain_kinds(_KINDS[name]) or (value == "" and name not in PROMPTS):
            raise TypeError
        return getattr(TrainSettings(**{name: value}), name)
    except (TypeError, InvalidOptionError) as error:
        reason = f": {error}" if str(error) else ""
        raise InvalidOptionError(
            f"The configuration gives '{name}' the value {value!r}, which is not of the kind that {flag(name)} takes"
            f"{reason.rstrip('.')}."
        ) from None


def _plain_kinds(kind: Any) -> tuple[type, ...]:
    """The types that a value of ``kind`` has in JSON."""
    if isinstance(kind, UnionType):
        return tuple(plain for part in get_args(kind) for plain in _plain_kinds(part))
    if get_origin(kind) is tuple:
        return (list, tuple)
    if kind is float:
        return (int, float)
    return (str,) if issubclass(kind, StrEnum) else (kind,)
