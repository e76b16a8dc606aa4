"""embedscope: look inside a retrieval embedding model after fine-tuning.

The public names are the ones listed in ``__all__``. They are loaded on first use, so that ``import embedscope`` and
``embedscope --help`` stay fast: no torch, Matplotlib, scikit-learn or Numba is imported until something needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from embedscope.arrays import Evaluation, evaluate, judge
    from embedscope.comparison.comparing import ComparedRuns, compare
    from embedscope.data.readers import read_collection
    from embedscope.errors import EmbedscopeError, InputError
    from embedscope.pipeline import run
    from embedscope.result import Result
    from embedscope.scale.shard_writer import write_shards
    from embedscope.settings import Settings
    from embedscope.visualizer import EmbeddingVisualizer

_HOMES = {
    "ComparedRuns": "embedscope.comparison.comparing",
    "EmbeddingVisualizer": "embedscope.visualizer",
    "EmbedscopeError": "embedscope.errors",
    "Evaluation": "embedscope.arrays",
    "InputError": "embedscope.errors",
    "Result": "embedscope.result",
    "Settings": "embedscope.settings",
    "compare": "embedscope.comparison.comparing",
    "evaluate": "embedscope.arrays",
    "judge": "embedscope.arrays",
    "read_collection": "embedscope.data.readers",
    "run": "embedscope.pipeline",
    "write_shards": "embedscope.scale.shard_writer",
}

__all__ = [
    "ComparedRuns",
    "EmbeddingVisualizer",
    "EmbedscopeError",
    "Evaluation",
    "InputError",
    "Result",
    "Settings",
    "__version__",
    "compare",
    "evaluate",
    "judge",
    "read_collection",
    "run",
    "write_shards",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'embedscope' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
