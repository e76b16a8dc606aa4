"""What a head gains on the test file by the options of its training: none, the original's numbers, chosen by hand.

Claim: without options a head over all-MiniLM-L6-v2, trained on the packaged sample, is at least 0.09 MRR above its base
model on the test file, which chose nothing. The peers have the defaults of the original training script, and the options
that were once picked by hand for this sample.

    PYTHONPATH=src python benchmarks/train_defaults.py --seeds 42 1 2
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.cli.demo_command import packaged_model
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.log import SILENT
from embedscope.models.cache import EmbeddingStore
from embedscope.models.checkpoint import load_projection
from embedscope.result.formatting import difference
from embedscope.settings import Against, TrainSettings
from embedscope.train import fit, load_base
from embedscope.train.checkpoints import BEST
from embedscope.train.sides import encoded_sides

WAYS: dict[str, dict[str, Any]] = {
    "no options": {},
    "original defaults": {"epochs": 10, "learning_rate": 2e-4, "hard_neg_against": Against.BOTH},
    "by hand": {"epochs": 40, "learning_rate": 1e-3, "hard_neg_against": Against.QUERY},
}
TARGET = 0.09
