"""Checkpoints and texts to embeddings: layouts, safe loading, encoders, heads, and the cache on disk.

Importing this package loads no torch; it is imported inside the functions that need it.
"""

from embedscope.models.cache import EmbeddingStore, default_directory
from embedscope.models.checkpoint import Checkpoint, load_checkpoint
from embedscope.models.embed import Embeddings, EncodedTexts, embed_collection, encode_texts
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.model import Model, load_model
from embedscope.models.precomputed import is_precomputed_file, load_precomputed
from embedscope.models.projectors import Identity, LinearHead, Projection

__all__ = [
    "Checkpoint",
    "EmbeddingStore",
    "Embeddings",
    "EncodedTexts",
    "Identity",
    "LinearHead",
    "Model",
    "Projection",
    "SentenceTransformerEncoder",
    "default_directory",
    "embed_collection",
    "encode_texts",
    "is_precomputed_file",
    "load_checkpoint",
    "load_model",
    "load_precomputed",
]
