"""Training a projection head on cached base embeddings.

Every text is encoded once; an epoch after that is a few matrix products::

    Collection ──► TrainingData (pairs, weighted negatives) ──► train_head ──► Progress ──► checkpoints
    Collection ──► Validator (ranks, violations, effective rank) ──┘      └──► TrainingRecord ──► curves

Importing this package loads no torch.
"""

from embedscope.training.base import Base, load_base
from embedscope.training.checkpoints import Checkpointer, read_config, read_progress, resumable_file
from embedscope.training.export import require_replaceable, save_safetensors, save_sentence_transformers
from embedscope.training.loss import info_nce, prefix_losses
from embedscope.training.options import Against, Initialisation, TrainingOptions
from embedscope.training.pairs import TrainingData, training_data
from embedscope.training.record import training_report
from embedscope.training.split import Split, split_collection
from embedscope.training.trackers import Tool, Trackers, require_installed
from embedscope.training.trainer import Progress, train_head, training_record
from embedscope.training.validation import Validator

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
