"""Checkpoints and texts to embeddings: layouts, safe loading, encoders, heads, and the cache on disk.

Importing this package loads no torch; it is imported inside the functions that need it.
"""

from embedscope.models.cache import EmbeddingStore
from embedscope.models.checkpoint import load_checkpoint
from embedscope.models.embed import Embeddings, embed_collection, encode_texts
from embedscope.models.model import Model, load_model
from embedscope.models.precomputed import is_precomputed_file, load_precomputed
from embedscope.models.projectors import Identity

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
