"""What a training run may be told. Names and defaults are those of the original training script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from embedscope.errors import InvalidOptionError
from embedscope.metrics.metric_names import parse_measure

LOSS = "loss"
VIOLATIONS = "violation_rate"
FALLING = (LOSS, VIOLATIONS)
"""Figures that can select the best epoch and are better when lower; every other one is a rank metric."""

ALWAYS_MEASURED = ("MRR", "Success@1")


class Initialisation(StrEnum):
    """What the head is before its first step."""

    PCA = "pca"
    RANDOM = "random"


class Against(StrEnum):
    """What the hard negatives of a pair stand against in the loss."""

    BOTH = "both"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """Options of one training run.

    ``hard_neg_against`` both: hard negatives stand against the query and, in the other direction, against its
    positive, as in the original training script; query: against the query alone.
    ``gradient_clip_norm`` 0 clips nothing; ``warmup_steps`` steps raise the learning rate linearly, after which it
    stays; ``matryoshka`` are prefix lengths that have to work by themselves, beside the whole vector; ``patience``
    epochs without a better ``select`` end the run (None: never; 0 in a configuration is None); ``n_draws`` bootstrap
    draws make the intervals of an epoch; ``save_every`` epochs a resumable checkpoint is written.

    Raises
    ------
    InvalidOptionError
        If a value makes no sense.
    """

    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 2e-4
    weight_decay: float = 0.01
    d_out: int = 128
    use_layernorm: bool = False
    temperature: float = 0.07
    gradient_clip_norm: float = 1.0
    warmup_steps: int = 0
    use_hard_neg: bool = True
    hard_neg_against: Against = Against.BOTH
    keep_zero_weights: bool = False
    init: Initialisation = Initialisation.PCA
    matryoshka: tuple[int, ...] = ()
    select: str = "MRR"
    patience: int | None = None
    save_every: int = 2
    seed: int = 42
    n_draws: int = 1000

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 2), ("d_out", 1), ("save_every", 1), ("n_draws", 100)):
            _require(name, getattr(self, name), least <= getattr(self, name), f"{least} or more")
        for name in ("learning_rate", "temperature"):
            _require(name, getattr(self, name), 0 < getattr(self, name) < float("inf"), "a finite number above 0")
        for name in ("weight_decay", "gradient_clip_norm", "warmup_steps", "seed"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) < float("inf"), "a finite number, 0 or more")
        _require("patience", self.patience, self.patience is None or self.patience >= 1, "1 or more epochs")
        for size in self.matryoshka:
            _require("matryoshka", size, 1 <= size <= self.d_out, f"prefix lengths from 1 to --d-out ({self.d_out})")
        if self.select not in FALLING:
            parse_measure(self.select)

    @property
    def prefixes(self) -> tuple[int, ...]:
        """Lengths that the loss is taken at, the whole vector first."""
        return tuple(sorted({self.d_out, *self.matryoshka}, reverse=True))

    @property
    def measures(self) -> tuple[str, ...]:
        """Rank metrics measured after each epoch."""
        return tuple(dict.fromkeys((*ALWAYS_MEASURED, self.metric)))

    @property
    def metric(self) -> str:
        """The rank metric that the best epoch is held against its base by: ``select`` where that is one, else MRR."""
        return ALWAYS_MEASURED[0] if self.select in FALLING else self.select

    def as_config(self) -> dict[str, Any]:
        """Plain values, for ``config.json`` and checkpoints."""
        plain = {"init": self.init.value, "hard_neg_against": self.hard_neg_against.value}
        return {**asdict(self), **plain, "matryoshka": list(self.matryoshka)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TrainingOptions:
        """Options from plain values; names that are no options are left aside.

        Raises
        ------
        InvalidOptionError
            If a value has the wrong type or makes no sense.
        """
        known = {field.name for field in fields(cls)}
        values = {name: _typed(name, value) for name, value in config.items() if name in known}
        return cls(**values)


def _require(name: str, value: object, is_good: bool, expected: str) -> None:
    if not is_good:
        raise InvalidOptionError(f"{_flag(name)} is {value}; expected {expected}.")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


_NUMBERS = ("learning_rate", "weight_decay", "temperature", "gradient_clip_norm")
_SWITCHES = ("use_layernorm", "use_hard_neg", "keep_zero_weights")


def _typed(name: str, value: Any) -> Any:
    """``value`` in the type of its option."""
    try:
        if name in _SWITCHES:
            return _exactly(value, bool)
        if name in _NUMBERS:
            return float(_exactly(value, int, float))
        if name == "init":
            return Initialisation(value)
        if name == "hard_neg_against":
            return Against(value)
        if name == "matryoshka":
            return tuple(int(_exactly(size, int)) for size in value)
        if name == "select":
            return _exactly(value, str)
        return None if name == "patience" and value in (None, 0) else int(_exactly(value, int))
    except (TypeError, ValueError):
        raise InvalidOptionError(
            f"The configuration gives '{name}' the value {value!r}, which is not of the kind that {_flag(name)} takes."
        ) from None


def _exactly(value: Any, *types: type) -> Any:
    """``value`` if it is of one of ``types``; true and false are no numbers."""
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise TypeError
    return value
