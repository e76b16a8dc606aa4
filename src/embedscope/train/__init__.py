"""Training a projection head on cached base embeddings.

Every text is encoded once; an epoch after that is a few matrix products::

    Collection ──► TrainingData (pairs, weighted negatives) ──► train_head ──► Progress ──► checkpoints
    Collection ──► Validator (ranks, violations, effective rank) ──┘      └──► TrainingRecord ──► curves

Importing this package loads no torch.
"""

from embedscope.train.base import Base, load_base
from embedscope.train.checkpoints import Checkpointer, read_config, read_progress, resumable_file
from embedscope.train.export import require_replaceable, save_safetensors, save_sentence_transformers
from embedscope.train.loss import info_nce, prefix_losses
from embedscope.train.options import Against, Initialisation, TrainingOptions
from embedscope.train.pairs import TrainingData, training_data
from embedscope.train.record import training_report
from embedscope.train.split import Split, split_collection
from embedscope.train.trackers import Tool, Trackers, require_installed
from embedscope.train.trainer import Progress, train_head, training_record
from embedscope.train.validation import Validator

__all__ = [
    "Against",
    "Base",
    "Checkpointer",
    "Initialisation",
    "Progress",
    "Split",
    "Tool",
    "Trackers",
    "TrainingData",
    "TrainingOptions",
    "Validator",
    "info_nce",
    "load_base",
    "prefix_losses",
    "read_config",
    "read_progress",
    "require_installed",
    "require_replaceable",
    "resumable_file",
    "save_safetensors",
    "save_sentence_transformers",
    "split_collection",
    "train_head",
    "training_data",
    "training_record",
    "training_report",
]
