"""Training a projection head on cached base embeddings.

Every text is encoded once; an epoch after that is a few matrix products::

    Collection ──► TrainingData (pairs, weighted negatives) ──► train_head ──► Progress ──► checkpoints
    Collection ──► Validator (ranks, violations, effective rank) ──┘      └──► TrainingRecord ──► curves

``fit`` does all of it from settings to files. Importing this package loads no torch.
"""

from embedscope.train.base import load_base
from embedscope.train.fitting import Fitted, fit
from embedscope.train.loss import info_nce
from embedscope.train.pairs import TrainingData, training_data
from embedscope.train.trainer import Progress, train_head, training_record
from embedscope.train.validation import Validator

__all__ = [
    "Fitted",
    "Progress",
    "TrainingData",
    "Validator",
    "fit",
    "info_nce",
    "load_base",
    "train_head",
    "training_data",
    "training_record",
]
