"""Which epoch is the best, and what the curves say that a person should hear."""

from __future__ import annotations

import math
from collections.abc import Sequence

from embedscope.errors import InvalidOptionError
from embedscope.findings import EpochRecord
from embedscope.training.options import FALLING, LOSS, VIOLATIONS, TrainingOptions

RISE = 0.05
"""Share by which the validation loss must have risen above its lowest before it is called over-fitting."""


def require_selectable(options: TrainingOptions, *, has_validation: bool, has_negatives: bool) -> None:
    """Refuse a figure to select by that this run will not measure.

    Raises
    ------
    InvalidOptionError
        Without validation only ``loss`` (then the training loss) can select, and ``violation_rate`` needs hard
        negatives among the validation rows.
    """
    if not has_validation and options.select != LOSS:
        raise InvalidOptionError(
            f"--select {options.select} is measured on validation queries, and there are none. Pass --valid or "
            f"--split, or select by the training loss with --select loss."
        )
    if options.select == VIOLATIONS and not has_negatives:
        raise InvalidOptionError(
            "--select violation_rate needs hard negatives among the validation rows, and they have none. Select by "
            "MRR or loss."
        )


def selected_value(record: EpochRecord, select: str) -> float:
    """The figure ``select`` of an epoch; the validation loss for "loss", or the training loss without validation."""
    if select == LOSS:
        value = record.train_loss if record.valid_loss is None else record.valid_loss
    elif select == VIOLATIONS:
        value = record.violation_rate
    else:
        value = record.metrics[select].value
    return math.nan if value is None else value


def is_better(value: float, than: float, select: str) -> bool:
    """Whether ``value`` of the figure ``select`` is strictly better; no number is better than nothing."""
    if math.isnan(than):
        return not math.isnan(value)
    return value < than if select in FALLING else value > than


def notes_on(records: Sequence[EpochRecord], options: TrainingOptions, best_epoch: int) -> tuple[str, ...]:
    """Over-fitting, and a best epoch at the end of the run, in words."""
    trained = [record for record in records if record.epoch > 0]
    if len(trained) < 2:
        return ()
    return tuple(note for note in (_over_fitting(trained), _still_rising(trained, options, best_epoch)) if note)


def _over_fitting(records: Sequence[EpochRecord]) -> str | None:
    """Named where the validation loss rises after its lowest point while the training loss goes on falling."""
    losses = [(record.valid_loss, record) for record in records if record.valid_loss is not None]
    if not losses:
        return None
    lowest, at = min(losses, key=lambda pair: pair[0])
    last = records[-1]
    if at is last or last.train_loss is None or at.train_loss is None or last.valid_loss is None:
        return None
    if last.valid_loss <= lowest * (1 + RISE) or last.train_loss >= at.train_loss:
        return None
    return (
        f"over-fitting: the validation loss was lowest after epoch {at.epoch} ({lowest:.3f}) and is "
        f"{last.valid_loss:.3f} after epoch {last.epoch}, while the training loss fell from {at.train_loss:.3f} to "
        f"{last.train_loss:.3f}"
    )


def _still_rising(records: Sequence[EpochRecord], options: TrainingOptions, best_epoch: int) -> str | None:
    if best_epoch != records[-1].epoch or records[-1].epoch < options.epochs:
        return None
    return (
        f"the last epoch is the best by {options.select}: more epochs (--epochs) or a higher --learning-rate may still "
        f"improve it; --resume goes on from here"
    )
