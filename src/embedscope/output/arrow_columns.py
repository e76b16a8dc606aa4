"""Columns of a table as Arrow arrays, made of the memory that they are in.

``pyarrow.array`` does the same, and loads pandas first where that is installed, to see whether it was given something
of pandas: a third of a second, in which all files of a run are written. What is no array and no text is left to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedscope.protocols import BoolArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa

_DTYPES: dict[type, type[np.generic]] = {bool: np.bool_, int: np.int64, float: np.float64}

_MAX_BYTES = 2**31 - 1
"""Of all texts of an Arrow string array."""


@dataclass(frozen=True, slots=True)
class Ragged:
    """A list column: row i owns ``values[indptr[i]:indptr[i + 1]]``."""

    indptr: IntArray  # (n + 1,)
    values: Any  # array or sequence


def arrow_column(values: Any) -> pa.Array:
    """A column as an Arrow array.

    A 1-D array or a sequence becomes a column (NaN and None become null), a 2-D array, a :class:`Ragged` or a sequence
    of sequences a list column, and a mapping of such columns a struct column.
    """
    import pyarrow as pa

    if isinstance(values, Mapping):
        parts = {name: arrow_column(part) for name, part in values.items()}
        return pa.StructArray.from_arrays(list(parts.values()), names=list(parts))
    if isinstance(values, Ragged):
        offsets = _array_of(np.asarray(values.indptr, dtype=np.int32))
        return pa.ListArray.from_arrays(offsets, arrow_column(values.values))
    if isinstance(values, np.ndarray) and values.ndim == 2:
        n_rows, width = values.shape
        return arrow_column(Ragged(np.arange(n_rows + 1, dtype=np.int64) * width, values.ravel()))
    if isinstance(values, np.ndarray) and values.dtype.kind in "bif":
        return _array_of(values)
    if isinstance(values, np.ndarray):
        return pa.array(values, from_pandas=True)
    return _of_sequence(values)


def _of_sequence(values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    kinds = {type(value) for value in values}
    is_null = np.array([value is None for value in values], dtype=np.bool_)
    kinds.discard(type(None))
    if not kinds:
        return pa.nulls(len(values))
    if all(issubclass(kind, str) for kind in kinds):
        return _texts(values, is_null)
    (kind, *others) = kinds
    if kind in _DTYPES and not others:
        filled = [kind() if value is None else value for value in values]
        return _array_of(np.array(filled, dtype=_DTYPES[kind]), is_null)
    are_arrays = kinds == {np.ndarray}
    if (are_arrays or all(issubclass(kind, list | tuple) for kind in kinds)) and not is_null.any():
        indptr = np.concatenate([[0], np.cumsum([len(row) for row in values], dtype=np.int64)])
        flat = np.concatenate(values) if are_arrays else [item for row in values for item in row]
        return arrow_column(Ragged(indptr, flat))
    return pa.array([list(item) if isinstance(item, tuple) else item for item in values], from_pandas=True)


def _array_of(values: NDArray[Any], is_null: BoolArray | None = None) -> pa.Array:
    """Booleans or numbers; NaN, and those of ``is_null``, are null."""
    import pyarrow as pa

    is_nan = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=np.bool_)
    is_null = is_nan if is_null is None else is_nan | is_null
    native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    content = np.packbits(native, bitorder="little") if native.dtype.kind == "b" else native
    buffers = [_validity(is_null), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(native.dtype), len(native), buffers)


def _texts(values: Sequence[str | None], is_null: BoolArray) -> pa.Array:
    import pyarrow as pa

    encoded = [b"" if value is None else value.encode() for value in values]
    ends = np.cumsum([len(each) for each in encoded], dtype=np.int64)
    if ends[-1] > _MAX_BYTES:
        return pa.array(list(values), type=pa.large_string())
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    buffers = [_validity(is_null), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


def _validity(is_null: BoolArray) -> pa.Buffer | None:
    """The bitmap of what is there; None where everything is."""
    import pyarrow as pa

    return pa.py_buffer(np.packbits(~is_null, bitorder="little")) if is_null.any() else None
