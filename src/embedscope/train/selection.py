"""Which epoch is the best, and what the curves say that a person should hear."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from embedscope.errors import InvalidOptionError
from embedscope.result import Comparison, EpochRecord
from embedscope.result.formatting import difference, number
from embedscope.settings import TrainSettings
from embedscope.train.validation import Validator

LOSS, VIOLATIONS = "loss", "violation_rate"
FALLING = (LOSS, VIOLATIONS)
"""Figures that can select the best epoch and are better when lower; every other one is a rank metric."""

ALWAYS_MEASURED = ("MRR", "Success@1")

FEW_QUERIES = 30
"""Effectively independent validation queries below which the choice of an epoch is said to rest on little."""

RISE = 0.05
"""Share by which the validation loss must have risen above its lowest before it is called over-fitting."""


def compared_metric(settings: TrainSettings) -> str:
    """The rank metric that the best epoch is held against its base by: ``select`` where that is one, else MRR."""
    return ALWAYS_MEASURED[0] if settings.select in FALLING else settings.select


def measures_of(settings: TrainSettings) -> tuple[str, ...]:
    """Rank metrics measured after each epoch."""
    return tuple(dict.fromkeys((*ALWAYS_MEASURED, compared_metric(settings))))


def require_selectable(settings: TrainSettings, validator: Validator | None) -> None:
    """Refuse a figure to select by that this run will not measure.

    Raises
    ------
    InvalidOptionError
        Without validation only ``loss`` (then the training loss) can select, and ``violation_rate`` needs hard
        negatives among the validation rows.
    """
    if validator is None and settings.select != LOSS:
        raise InvalidOptionError(
            f"--select {settings.select} is measured on validation queries, and there are none. Pass --valid or "
            f"--split, or select by the training loss with --select loss."
        )
    if settings.select == VIOLATIONS and validator is not None and not validator.has_negatives:
        raise InvalidOptionError(
            "--select violation_rate needs hard negatives among the validation rows, and they have none. Select by "
            "MRR or loss."
        )


def selected_value(record: EpochRecord, select: str, *, has_validation: bool) -> float:
    """The figure ``select`` of an epoch, NaN where the epoch has none.

    "loss" is the validation loss of a run with validation and the training loss of one without: the two are never
    held against one another.
    """
    if select == LOSS:
        value = record.valid_loss if has_validation else record.train_loss
    elif select == VIOLATIONS:
        value = record.violation_rate
    else:
        value = record.metrics[select].value if select in record.metrics else None
    return math.nan if value is None else value


def best_epoch_of(records: Iterable[EpochRecord], select: str, *, has_validation: bool) -> int | None:
    """The first of the epochs with the best figure ``select``; None where none has the figure."""
    best, best_value = None, math.nan
    for record in records:
        value = selected_value(record, select, has_validation=has_validation)
        if is_better(value, best_value, select):
            best, best_value = record.epoch, value
    return best


def is_better(value: float, than: float, select: str) -> bool:
    """Whether ``value`` of the figure ``select`` is strictly better; no number is better than nothing."""
    if math.isnan(than):
        return not math.isnan(value)
    return value < than if select in FALLING else value > than


def notes_on(
    records: Sequence[EpochRecord],
    settings: TrainSettings,
    best_epoch: int,
    *,
    n_epochs: int | None = None,
    against_base: Comparison | None = None,
    n_effective: float | None = None,
) -> tuple[str, ...]:
    """In words: over-fitting, a head not surely better than its base, a best epoch that is the last, few queries.

    Each says what this run has measured; what it has not tried it does not advise.

    Parameters
    ----------
    records : sequence of EpochRecord
        Those measured on the same validation queries.
    settings : TrainSettings
    best_epoch : int
    n_epochs : int, optional
        Where the run had to end, whatever its figures; None where it has not ended.
    against_base : Comparison, optional
        The best head against the base model without one.
    n_effective : float, optional
        Effective number of independent validation queries; None without validation.
    """
    trained = [record for record in records if record.epoch > 0]
    still_rising = _still_rising(trained, settings, best_epoch, n_epochs)
    notes = [
        _over_fitting(trained),
        _not_above_base(against_base, is_final=still_rising is None),
        still_rising,
        _few_queries(n_effective),
    ]
    return tuple(note for note in notes if note)


def is_surely_above(found: Comparison) -> bool:
    """Whether the whole interval of the difference is above 0."""
    return found.low is not None and found.low > 0


def _not_above_base(found: Comparison | None, *, is_final: bool) -> str | None:
    """``is_final``: whether the run has shown where it ends, so that its head can be dismissed."""
    if found is None or is_surely_above(found):
        return None
    is_below = found.high is not None and found.high < 0
    advice = ". Deploy the base model" if is_final else ""
    return (
        f"the best head is {'worse' if is_below else 'not surely better'} than the base model without it: "
        f"{found.metric} {difference(found, 3)} on the same validation queries{advice}"
    )


def _few_queries(n_effective: float | None) -> str | None:
    if n_effective is None or n_effective >= FEW_QUERIES:
        return None
    return (
        f"validation rests on {math.floor(10 * n_effective) / 10:g} effectively independent queries, fewer than "
        f"{FEW_QUERIES}: its intervals are wide, and which epoch is the best is mostly luck; validate on more queries "
        f"that share no positive"
    )


def _over_fitting(records: Sequence[EpochRecord]) -> str | None:
    """Named where the validation loss rises after its lowest point while the training loss goes on falling."""
    losses = [(record.valid_loss, record) for record in records if record.valid_loss is not None]
    if len(losses) < 2:
        return None
    lowest, at = min(losses, key=lambda pair: pair[0])
    last = records[-1]
    if at is last or last.train_loss is None or at.train_loss is None or last.valid_loss is None:
        return None
    if last.valid_loss <= lowest * (1 + RISE) or last.train_loss >= at.train_loss:
        return None
    return (
        f"over-fitting: the validation loss was lowest after epoch {at.epoch} ({number(lowest, 3)}) and is "
        f"{number(last.valid_loss, 3)} after epoch {last.epoch}, while the training loss fell from "
        f"{number(at.train_loss, 3)} to {number(last.train_loss, 3)}"
    )


def _still_rising(
    records: Sequence[EpochRecord], settings: TrainSettings, best_epoch: int, n_epochs: int | None
) -> str | None:
    if n_epochs is None or len(records) < 2 or best_epoch != records[-1].epoch or best_epoch < n_epochs:
        return None
    return (
        f"the last epoch is the best by {settings.select}, so the run ended before it stopped improving; --resume with "
        f"a larger --epochs goes on from here"
    )
