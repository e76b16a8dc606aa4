"""Names that every room shares: array aliases, closed choices, and the shapes of replaceable parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Pooling(StrEnum):
    """How token vectors become one vector of a text."""

    CLS = "cls"
    MEAN = "mean"
    LAST = "last"


class Device(StrEnum):
    """Where the encoder runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Backend(StrEnum):
    """What runs the transformer."""

    TORCH = "torch"
    ONNX = "onnx"
    ONNX_INT8 = "onnx-int8"


class Precision(StrEnum):
    """Number format of an encoder's weights and activations."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class Ties(StrEnum):
    """How documents with equal scores are ordered (conventions, section 2)."""

    EXPECTED = "expected"
    OPTIMISTIC = "optimistic"
    PESSIMISTIC = "pessimistic"
    TREC = "trec"
    ST = "st"


class Role(StrEnum):
    """What a point of the map is."""

    QUERY = "query"
    POSITIVE = "positive"
    HARD_NEGATIVE = "hard negative"
    DOCUMENT = "document"


class ProgressCallback(Protocol):
    """Is told how far a long step has come; ``message`` is shown once, as a line of its own."""

    def __call__(self, done: int, total: int, message: str | None = None) -> None: ...


class Encoder(Protocol):
    """Turns texts into pooled vectors, before any head and before normalisation."""

    @property
    def fingerprint(self) -> str:
        """Hex digest of everything that changes a vector: weights, pooling, prompt, maximum length, dtype."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str], *, batch_size: int) -> Float32Array:
        """Vectors of shape (len(texts), dim), in the order of ``texts``; not normalised."""
        ...


class Projector(Protocol):
    """Turns pooled vectors into the vectors that are compared: a head, or the identity."""

    @property
    def dim_in(self) -> int: ...

    @property
    def dim_out(self) -> int: ...

    def project(self, vectors: Float32Array) -> Float32Array:
        """Vectors of shape (n, dim_in) to unit rows of shape (n, dim_out)."""
        ...


Warn = Callable[[str], None]
"""Takes one line for the person at the terminal."""
