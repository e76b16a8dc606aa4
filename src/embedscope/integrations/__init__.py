"""embedscope inside other programs: an evaluator for the trainer of sentence-transformers.

Names are loaded on first use; importing this package loads none of the other programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedscope.integrations.sentence_transformers import Evaluation as EmbedscopeEvaluator

__all__ = ["EmbedscopeEvaluator"]


def __getattr__(name: str) -> Any:
    if name != "EmbedscopeEvaluator":
        raise AttributeError(f"module 'embedscope.integrations' has no attribute '{name}'")
    from embedscope.integrations.sentence_transformers import evaluator_class

    return evaluator_class()


def __dir__() -> list[str]:
    return sorted(__all__)
