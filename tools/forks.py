"""Forks of a process that has loaded everything and started nothing: each runs a command at once, as if alone."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from importlib import import_module
from typing import Any

MODULES = (
    "sentence_transformers", "transformers.models.xlm_roberta.modeling_xlm_roberta", "torch._dynamo", "faiss", "numba",
    "embedscope.pipeline", "embedscope.audit.audit_file", "embedscope.comparison.comparing",
    "embedscope.output.comparison_files", "embedscope.output.pictures.training_figure",
    "embedscope.output.run_files", "embedscope.output.terminal", "embedscope.parity", "embedscope.migration",
    "embedscope.scale.corpus", "embedscope.scale.sharding", "embedscope.train.fitting", "embedscope.cli.ending",
)  # fmt: skip
"""What the commands load when they run."""


def load_all() -> None:
    """Load what the commands need, on one thread, so that a fork lacks none."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    os.environ["HF_HUB_OFFLINE"] = "1"
    for name in MODULES:
        import_module(name)
    import torch

    torch.set_num_threads(1)


def in_child(action: Callable[[], Any]) -> Any:
    """What ``action`` gives in a fork, so that this process starts no thread, which a fork would lack.

    Raises
    ------
    RuntimeError
        If it raises anything.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = (True, action())
        except BaseException as error:
            answer = (False, f"{type(error).__name__}: {error}")
        with os.fdopen(writer, "wb") as file:
            pickle.dump(answer, file)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        is_good, found = pickle.load(file)  # noqa: S301 - from a process of our own
    os.waitpid(child, 0)
    if not is_good:
        raise RuntimeError(found)
    return found
