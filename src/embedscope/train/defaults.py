"""What a run does where its options do not say: learning rate, hard negatives, and how many epochs.

Lengths are counted in steps of the optimiser, which decide how far a head gets: an epoch of 720 pairs is 6 steps, one
of 100,000 is 782.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from embedscope.protocols import Float64Array
from embedscope.settings import Against, TrainSettings
from embedscope.train.pairs import n_batches
from embedscope.train.selection import FALLING, FEW_QUERIES
from embedscope.train.validation import Validator

LEARNING_RATE, AGAINST = 1e-3, Against.QUERY
"""Where nothing is measured that could choose others."""

FIXED_STEPS = 160
"""Of a run that no validation can stop."""

PATIENCE_STEPS, MOST_STEPS = 120, 3000
"""Without a sure improvement, and in all, of a run that validation stops."""


def rate_of(settings: TrainSettings) -> float:
    """The stated learning rate, or the standard one."""
    return LEARNING_RATE if settings.learning_rate is None else settings.learning_rate


def against_of(settings: TrainSettings) -> Against:
    """What hard negatives are stated to stand against, or the standard."""
    return AGAINST if settings.hard_neg_against is None else settings.hard_neg_against


def can_choose(validator: Validator | None) -> bool:
    """Whether validation rests on enough effectively independent queries to choose anything by."""
    return validator is not None and validator.n_effective >= FEW_QUERIES


def epochs_for(steps: int, n_pairs: int, batch_size: int, *, least: int, most: int) -> int:
    """Epochs of at least ``steps`` steps in all, within ``least`` and ``most``."""
    return max(least, min(most, -(-steps // n_batches(n_pairs, batch_size))))


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a run ends: after ``epochs``, or ``patience`` epochs without improvement (None: never).

    ``is_by_noise``: only what exceeds one standard error is an improvement.
    """

    epochs: int
    patience: int | None = None
    is_by_noise: bool = False

    @classmethod
    def of(cls, settings: TrainSettings, n_pairs: int, validator: Validator | None) -> Self:
        """As stated; by the number of pairs, and by what validation can tell, where nothing is."""
        stated = settings.patience or None
        if settings.epochs is not None:
            return cls(settings.epochs, stated)

        def epochs(steps: int, least: int, most: int) -> int:
            return epochs_for(steps, n_pairs, settings.batch_size, least=least, most=most)

        if settings.patience is not None:
            return cls(epochs(MOST_STEPS, 10, 200), stated)
        if not can_choose(validator):
            return cls(epochs(FIXED_STEPS, 10, 40))
        patience = epochs(PATIENCE_STEPS, 3, 40)
        return cls(epochs(MOST_STEPS, 10, 200), patience, is_by_noise=settings.select not in FALLING)

    def in_words(self, select: str) -> str:
        """As the end of 'Epochs: '."""
        if self.patience is None:
            return f"{self.epochs}"
        return f"until {self.out_of_patience(select)}, {self.epochs} at most"

    def out_of_patience(self, select: str) -> str:
        """What ends a run before its last epoch."""
        noise = " by more than one standard error" if self.is_by_noise else ""
        return f"{select} has not improved{noise} for {self.patience} epochs"


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """The last epoch that was surely an improvement, and the figure ``select`` of each validation query then."""

    epoch: int
    select: str
    values: Float64Array  # (Q,)

    def moved(self, epoch: int, values: Float64Array, validator: Validator) -> Mark:
        """The mark after ``epoch``: there, where it is an improvement by more than one standard error."""
        return Mark(epoch, self.select, values) if validator.is_improvement(values, self.values) else self
