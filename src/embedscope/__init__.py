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
    from embedscope.comparison.runs_on_sets import SetRuns, compare_sets, run_sets
    from embedscope.data.readers import read_collection
    from embedscope.errors import EmbedscopeError, InputError
    from embedscope.pipeline import read_run, run
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
    "SetRuns": "embedscope.comparison.runs_on_sets",
    "Settings": "embedscope.settings",
    "compare": "embedscope.comparison.comparing",
    "compare_sets": "embedscope.comparison.runs_on_sets",
    "evaluate": "embedscope.arrays",
    "judge": "embedscope.arrays",
    "read_collection": "embedscope.data.readers",
    "read_run": "embedscope.pipeline",
    "run": "embedscope.pipeline",
    "run_sets": "embedscope.comparison.runs_on_sets",
    "write_shards": "embedscope.scale.shard_writer",
}

__all__ = [
    "ComparedRuns",
    "EmbeddingVisualizer",
    "EmbedscopeError",
    "Evaluation",
    "InputError",
    "Result",
    "SetRuns",
    "Settings",
    "__version__",
    "compare",
    "compare_sets",
    "evaluate",
    "judge",
    "read_collection",
    "read_run",
    "run",
    "run_sets",
    "write_shards",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'embedscope' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
