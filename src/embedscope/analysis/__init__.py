"""The one place that calls the numerics in order: a collection and its embeddings in, findings out."""

from __future__ import annotations

from embedscope.analysis.evaluation import Evaluation, evaluate
from embedscope.analysis.options import DEFAULT_MEASURES, Options
from embedscope.analysis.pipeline import analyse

__all__ = ["DEFAULT_MEASURES", "Evaluation", "Options", "analyse", "evaluate"]
