"""embedscope inside other programs: the trainers of sentence-transformers, FlagEmbedding and transformers.

Names are loaded on first use; importing this package loads none of the other programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedscope.integrations.sentence_transformers import Evaluation as EmbedscopeEvaluator
    from embedscope.integrations.trainer_callback import Measuring as EmbedscopeCallback

__all__ = ["EmbedscopeCallback", "EmbedscopeEvaluator"]


def __getattr__(name: str) -> Any:
    if name == "EmbedscopeEvaluator":
        from embedscope.integrations.sentence_transformers import evaluator_class

        return evaluator_class()
    if name == "EmbedscopeCallback":
        from embedscope.integrations.trainer_callback import callback_class

        return callback_class()
    raise AttributeError(f"module 'embedscope.integrations' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
