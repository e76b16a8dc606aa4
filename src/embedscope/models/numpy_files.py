"""Arrays of ``.npy`` and ``.npz`` files: no object is unpickled, and every fault becomes one error."""

from __future__ import annotations

import sys
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from embedscope.errors import InvalidEmbeddingsError
from embedscope.untrusted.limits import unpacked_limit

HEADER_FAULTS = (ValueError, TypeError, SyntaxError, EOFError, tokenize.TokenError)
"""What NumPy raises for the header of a damaged array, which is the text of a dict."""

_FAULTS = (
    *HEADER_FAULTS,
    *(OSError, MemoryError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error),
)


def read_array(path: Path) -> npt.NDArray[Any]:
    """The array of a ``.npy`` file; ``InvalidEmbeddingsError`` if it holds Python objects or is damaged."""
    with _readable(path):
        found: npt.NDArray[Any] = np.load(path, allow_pickle=False)
        _require_characters(found)
        return found


def read_archive(path: Path, is_needed: Callable[[str], bool]) -> dict[str, npt.NDArray[Any] | None]:
    """The arrays of a ``.npz`` file by name; None for Python objects under a name that ``is_needed`` does not ask for.

    Raises InvalidEmbeddingsError if another holds Python objects, or the file is damaged.
    """
    with _readable(path), np.load(path, allow_pickle=False) as archive:
        _refuse_bomb(path, sum(member.file_size for member in archive.zip.infolist()))
        found: dict[str, npt.NDArray[Any] | None] = {}
        for name in archive.files:
            try:
                found[name] = archive[name]
                if not isinstance(found[name], np.ndarray):  # NumPy gives the bytes of what does not begin as an array
                    raise ValueError(f"'{name}' is no array")
                _require_characters(found[name])
            except ValueError as error:
                if not _are_objects(error) or is_needed(name):
                    raise
                found[name] = None
        return found


def _require_characters(array: Any) -> None:
    """Raise ValueError if texts hold numbers that are no characters, of which Python makes a SystemError."""
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        codes = np.ascontiguousarray(array).reshape(-1).view(array.dtype.byteorder.replace("|", "=") + "u4")
        if codes.max() > sys.maxunicode:
            raise ValueError(f"its texts hold {int(codes.max()):#x}, which is no character")


def _refuse_bomb(path: Path, n_bytes: int) -> None:
    limit = unpacked_limit(path)
    if n_bytes > limit:
        raise InvalidEmbeddingsError(
            f"'{path}' unpacks to {n_bytes:,} bytes, more than {limit:,}: vectors do not shrink like that, and memory "
            f"may not hold them. Save them with np.savez, which does not compress."
        )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except InvalidEmbeddingsError:  # which is a ValueError too, and says what is wrong
        raise
    except _FAULTS as error:
        if isinstance(error, ValueError) and _are_objects(error):
            raise InvalidEmbeddingsError(
                f"'{path}' holds Python objects, which are programs and are never loaded. Save texts and ids as "
                f"strings (np.asarray(texts, dtype=str)) and vectors as one float32 matrix."
            ) from error
        raise damaged(path, error) from error


def _are_objects(error: ValueError) -> bool:
    return "allow_pickle" in str(error) or "Object arrays" in str(error)


def damaged(path: Path, error: Exception) -> InvalidEmbeddingsError:
    """The refusal of a file that a library cannot read."""
    return InvalidEmbeddingsError(f"'{path}' cannot be read: {error}. It is cut short or damaged; save it again.")
