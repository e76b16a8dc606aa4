"""Checkpoints and texts to embeddings: layouts, safe loading, encoders, heads, and the cache on disk.

Importing this package loads nothing; a name is loaded when it is first asked for, and torch inside the functions that
need it. So a run on vectors that were made before loads none of what reads a checkpoint.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedscope.models.cache import EmbeddingStore
    from embedscope.models.checkpoint import load_checkpoint
    from embedscope.models.embed import Embeddings, embed_collection, encode_texts
    from embedscope.models.model import Model, load_model
    from embedscope.models.precomputed import is_precomputed_file, load_precomputed
    from embedscope.models.projectors import Identity

_HOMES = {
    "EmbeddingStore": "embedscope.models.cache",
    "Embeddings": "embedscope.models.embed",
    "Identity": "embedscope.models.projectors",
    "Model": "embedscope.models.model",
    "embed_collection": "embedscope.models.embed",
    "encode_texts": "embedscope.models.embed",
    "is_precomputed_file": "embedscope.models.precomputed",
    "load_checkpoint": "embedscope.models.checkpoint",
    "load_model": "embedscope.models.model",
    "load_precomputed": "embedscope.models.precomputed",
}

__all__ = [
    "EmbeddingStore",
    "Embeddings",
    "Identity",
    "Model",
    "embed_collection",
    "encode_texts",
    "is_precomputed_file",
    "load_checkpoint",
    "load_model",
    "load_precomputed",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'embedscope.models' has no attribute '{name}'")
