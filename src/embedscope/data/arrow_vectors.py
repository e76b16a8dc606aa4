"""List columns of Arrow as matrices of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from embedscope.errors import InvalidEmbeddingsError
from embedscope.protocols import Float32Array, FloatArray


def is_vector_type(kind: Any) -> bool:
    """Whether an Arrow type is a list of floating-point numbers."""
    import pyarrow as pa

    return is_list_type(kind) and bool(pa.types.is_floating(kind.value_type))


def is_list_type(kind: Any) -> bool:
    """Whether an Arrow type is a list."""
    import pyarrow as pa

    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in tests)


def matrix_of(column: Any, *, name: str, place: str) -> Float32Array:
    """The rows of a list column, shape (n, dim), float32.

    Raises InvalidEmbeddingsError if the column is not a list of numbers, its rows differ in length, or a number is
    missing.
    """
    import pyarrow as pa

    if not is_list_type(column.type):
        raise InvalidEmbeddingsError(
            f"'{name}' in '{place}' is of type {column.type}; expected a list of numbers a row."
        )
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    flat = flat if isinstance(flat, pa.Array) else pa.concat_arrays(flat.chunks)
    values = flat.flatten()
    lengths = np.unique(flat.value_lengths().to_numpy(zero_copy_only=False)) if len(flat) else np.array([0])
    if len(lengths) != 1 or values.null_count or flat.null_count:
        raise InvalidEmbeddingsError(
            f"'{name}' in '{place}' has rows of {len(lengths)} different lengths or missing numbers; "
            f"every row needs the same number of numbers."
        )
    numbers = values.to_numpy(zero_copy_only=False).reshape(len(flat), -1 if len(flat) else 0)
    if numbers.dtype.kind not in "fiu" or (len(flat) and numbers.shape[1] == 0):
        raise InvalidEmbeddingsError(f"'{name}' in '{place}' is of type {column.type}; expected numbers.")
    require_no_codes(numbers.dtype, name=name, place=place)
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused where it is used
        return np.ascontiguousarray(numbers, dtype=np.float32)


def require_no_codes(dtype: np.dtype[Any], *, name: str, place: str) -> None:
    """Raise InvalidEmbeddingsError for unsigned bytes: those are bits or levels of a quantisation, and no numbers."""
    if dtype == np.uint8:
        raise InvalidEmbeddingsError(
            f"'{name}' in '{place}' holds bytes (uint8), which are packed bits or levels of a quantisation: their "
            "cosine is not that of the vectors. Save the vectors as float32."
        )


def vector_column(vectors: FloatArray) -> Any:
    """Rows of shape (n, dim) as a list column, every list of ``dim`` numbers; what `matrix_of` reads."""
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
