"""Vectors as an index would store them: half precision, bytes, bits, and fewer dimensions.

Only documents are stored, so only they are rounded, and queries stay in float32; but bits are compared with bits, so
that binary codes turn both sides into signs. What comes back are float rows whose inner products are the scores that
such an index gives, ready for the same ranking as any other vectors.

Sources
-------
Jegou, Douze & Schmid, "Product quantization for nearest neighbor search", TPAMI 33 (2011): comparing a query as it
is with rounded documents (asymmetric distances).
Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002: signs stand for angles.
Kusupati et al., "Matryoshka representation learning", NeurIPS 2022: the first dimensions as an embedding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidEmbeddingsError, InvalidOptionError
from embedscope.metrics.vectors import compared_rows, require_matrix
from embedscope.protocols import Float32Array, FloatArray, IntArray

SHARD_ROWS = 1 << 16
"""Documents turned into their stored form at a time."""

INT8_LEVELS = 127
"""Largest code of a signed byte; -128 is not used, so that the codes are symmetric."""


class Precision(StrEnum):
    """In what numbers a document vector is stored."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"
    BINARY = "binary"


_BITS = {Precision.FLOAT32: 32, Precision.FLOAT16: 16, Precision.INT8: 8, Precision.BINARY: 1}


@dataclass(frozen=True, slots=True, eq=False)
class Codec:
    """One way to store documents: ``width`` leading dimensions in numbers of ``precision``.

    Cut rows are made unit rows again where ``is_unit``, that is, where vectors are compared by the cosine. ``scale`` of
    shape (width,) is the step of each dimension for int8, None otherwise.
    """

    precision: Precision
    width: int
    scale: Float32Array | None = None
    is_unit: bool = True

    @property
    def bytes_per_document(self) -> int:
        """Bytes of one stored vector, without ids and index structures; bits are filled up to whole bytes."""
        return -(-self.width * _BITS[self.precision] // 8)

    @property
    def has_exact_scores(self) -> bool:
        """Whether scores are whole numbers, so that two are equal or not and no tolerance is needed."""
        return self.precision is Precision.BINARY

    def queries(self, vectors: Float32Array) -> Float32Array:
        """Query rows of shape (n, width), float32, to be multiplied with `documents`.

        Raises InvalidEmbeddingsError if the leading dimensions of a row are all zero: it has no direction.
        """
        rows = truncated(vectors, self.width, what="query", is_unit=self.is_unit)
        return signs(rows) if self.precision is Precision.BINARY else np.asarray(rows, dtype=np.float32)

    def documents(self, vectors: Float32Array) -> Float32Array:
        """Document rows of shape (n, width), float32, as they come back from storage.

        Raises InvalidEmbeddingsError if the leading dimensions of a row are all zero: it has no direction.
        """
        rows = truncated(vectors, self.width, what="document", is_unit=self.is_unit)
        if self.precision is Precision.FLOAT16:
            return _halved(rows)
        if self.precision is Precision.INT8:
            assert self.scale is not None  # noqa: S101 - fit_codec gives every int8 codec its scale
            return dequantized(int8_codes(rows, self.scale), self.scale)
        return signs(rows) if self.precision is Precision.BINARY else np.asarray(rows, dtype=np.float32)

    def shards(
        self, vectors: Float32Array, order: IntArray, *, rows: int = SHARD_ROWS
    ) -> Iterator[tuple[int, Float32Array]]:
        """`documents` of ``vectors[order]`` part by part: (first place, stored rows); no copy of all is made."""
        for start in range(0, len(order), rows):
            yield start, self.documents(vectors[order[start : start + rows]])


def fit_codec(documents: Float32Array, precision: Precision, width: int, *, is_unit: bool = True) -> Codec:
    """The codec of ``precision`` over the first ``width`` dimensions, its scale taken from all documents.

    Parameters
    ----------
    documents : ndarray of shape (n, dim), float32
    width : int
        1 ... dim.
    is_unit : bool
        Whether cut rows are made unit rows again.

    Raises
    ------
    InvalidOptionError
        If the width is out of range.
    InvalidEmbeddingsError
        If the leading dimensions of a document are all zero.
    """
    require_matrix(documents)
    _require_width(width, documents.shape[1])
    if precision is not Precision.INT8:
        return Codec(precision, width, is_unit=is_unit)
    peak = np.zeros(width, dtype=np.float32)
    for start in range(0, len(documents), SHARD_ROWS):
        rows = truncated(documents[start : start + SHARD_ROWS], width, what="document", is_unit=is_unit)
        np.maximum(peak, np.abs(rows).max(axis=0, initial=0.0), out=peak)
    return Codec(precision, width, int8_scale(peak), is_unit)


def truncated(vectors: FloatArray, width: int, *, what: str = "document", is_unit: bool = True) -> FloatArray:
    """The first ``width`` dimensions, made unit rows again if ``is_unit``; all of a row where the width is its own.

    Shape (n, width), dtype of the input.

    Raises
    ------
    InvalidOptionError
        If the width is not 1 ... dim.
    InvalidEmbeddingsError
        If the leading dimensions of a row are all zero.
    """
    require_matrix(vectors, what=what)
    _require_width(width, vectors.shape[1])
    if width == vectors.shape[1]:
        return vectors
    return compared_rows(np.ascontiguousarray(vectors[:, :width]), is_unit=is_unit, what=what)


def _halved(rows: FloatArray) -> Float32Array:
    """Rows as they come back from float16; an InvalidEmbeddingsError if a number is beyond its range."""
    with np.errstate(over="ignore"):
        out = rows.astype(np.float16).astype(np.float32)
    if not np.isfinite(out).all():
        raise InvalidEmbeddingsError(
            f"float16 holds numbers up to 65,504, and a document has {np.abs(rows).max():.4g}: it cannot be stored so."
        )
    return out


def int8_scale(peak: Float32Array) -> Float32Array:
    """Step of each dimension, ``peak / 127`` with ``peak = max_i |d_ij|`` of shape (dim,); 1 where that is 0."""
    return np.where(peak > 0, peak / np.float32(INT8_LEVELS), np.float32(1)).astype(np.float32)


def int8_codes(vectors: FloatArray, scale: Float32Array) -> npt.NDArray[np.int8]:
    """Codes ``round(v_ij / scale_j)``, halves to even, cut to -127 ... 127; shape of ``vectors``."""
    codes: FloatArray = np.clip(np.rint(vectors / scale), -INT8_LEVELS, INT8_LEVELS)
    return codes.astype(np.int8)


def dequantized(codes: npt.NDArray[np.int8], scale: Float32Array) -> Float32Array:
    """``codes_ij * scale_j`` in float32: at most half a step away from what was stored."""
    return np.asarray(codes * scale, dtype=np.float32)


def signs(vectors: FloatArray) -> Float32Array:
    """``+1`` where a component is positive, else ``-1``: one bit a dimension.

    ``<signs(a), signs(b)> = dim - 2 * Hamming distance`` of the bits; a whole number, exact in float32, so that the
    inner product orders documents as the Hamming distance does and ties where it ties.
    """
    return np.where(vectors > 0, np.float32(1), np.float32(-1))


def _require_width(width: int, dim: int) -> None:
    if not 1 <= width <= dim:
        raise InvalidOptionError(
            f"Expected a width of 1 to {dim} dimensions, got {width}: vectors can be cut, not lengthened."
        )
