"""The learning rate of a step and the order of an epoch: functions of a number, so that a resumed run repeats them."""

from __future__ import annotations

import numpy as np

from embedscope.protocols import IntArray
from embedscope.train.options import TrainingOptions


def learning_rate(step: int, options: TrainingOptions) -> float:
    """Rate of step 0, 1, ...: ``learning_rate * min(1, (step + 1) / warmup_steps)``, constant after the warm-up."""
    if options.warmup_steps == 0:
        return options.learning_rate
    return options.learning_rate * min(1.0, (step + 1) / options.warmup_steps)


def epoch_order(n: int, epoch: int, options: TrainingOptions) -> IntArray:
    """Order of ``n`` pairs in an epoch (1, 2, ...; 0: the validation batches), from a seed of its own."""
    return np.random.default_rng([options.seed, 2, epoch]).permutation(n)
