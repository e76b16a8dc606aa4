"""Values by their content: a digest that is the same for equal values, in every process and on every machine."""

from __future__ import annotations

import hashlib
import re
import types
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType
from typing import Any, cast

import numpy as np

from embedscope.errors import EmbedscopeError

DIGEST_BYTES = 20
_LARGE, _MANY = 1 << 16, 256
"""Bytes of an array and members of a tuple from which their digest is remembered."""

_OWN = "embedscope."
_ROW_STARTS = ("data", "indices", "indptr")  # what a sparse array of rows, or of columns, is made of


class NoContentError(EmbedscopeError):
    """A value has no content that could be told from another's: what is made of it is not kept."""


class Digests:
    """Digests of values, those of large ones remembered while they live here.

    Values are not to change once they were given: nothing in a run writes into an argument.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, bytes]] = {}  # the value beside it keeps its id from being another's

    def of(self, *values: Any) -> bytes:
        """The BLAKE2b digest, of `DIGEST_BYTES`, of ``values`` in order.

        Plain values, enums, arrays (type, shape, bytes), sequences, sets, mappings in their order, records (class and
        fields), patterns, functions and objects without state of this package. What `packed_values` reads again has the
        digest of what it wrote: a list is a tuple, a `StrEnum` its text, and a float64 a float.

        Raises NoContentError for any other value.
        """
        total = _hash(b"values")
        for value in values:
            total.update(self._part(value))
        return total.digest()

    def _part(self, value: Any) -> bytes:
        is_large = value.nbytes >= _LARGE if isinstance(value, np.ndarray) else isinstance(value, tuple)
        if not is_large or (isinstance(value, tuple) and len(value) < _MANY):
            return self._computed(value)
        if id(value) not in self._known:
            self._known[id(value)] = (value, self._computed(value))
        return self._known[id(value)][1]

    def _computed(self, value: Any) -> bytes:
        if isinstance(value, np.float64 | np.int64 | np.bool_):
            value = value.item()
        if value is None or isinstance(value, bool | int | float | str | bytes):
            return _of_plain(value)
        if isinstance(value, np.ndarray | np.generic):
            return self._of_array(np.asarray(value))
        if isinstance(value, Mapping):
            return self._of_parts(b"mapping", (each for item in value.items() for each in item))
        if isinstance(value, tuple | list):
            if all(type(each) is str for each in value):
                return _of_texts(value)
            return self._of_parts(b"sequence", value)
        if isinstance(value, Set):
            return _hash(b"set", *sorted(self._computed(each) for each in value)).digest()
        if isinstance(value, re.Pattern):
            return self._of_parts(b"pattern", (value.pattern, value.flags))
        if is_dataclass(value) and type(value).__module__.startswith(_OWN):
            return self._of_parts(_name(type(value)), (getattr(value, each.name) for each in fields(value)))
        if isinstance(value, Enum):
            return self._of_parts(_name(type(value)), (value.name,))
        if all(hasattr(value, part) for part in _ROW_STARTS):
            form = getattr(value, "format", "csr")  # the same three arrays by columns are another matrix
            return self._of_parts(b"rows", (form, value.shape, *(getattr(value, part) for part in _ROW_STARTS)))
        return _of_program(value)

    def _of_parts(self, name: bytes, parts: Any) -> bytes:
        return _hash(name, *(self._part(each) for each in parts)).digest()

    def _of_array(self, array: np.ndarray[Any, Any]) -> bytes:
        if array.dtype.hasobject:
            raise NoContentError(f"an array of {array.dtype} has no bytes of its own")
        head = f"array {array.dtype.str} {array.shape}".encode()
        return _hash(head, np.ascontiguousarray(array).reshape(-1).view(np.uint8)).digest()


def _hash(*parts: Any) -> hashlib.blake2b:
    """A digest begun with ``parts``, each preceded by its length: no two lists of them run together."""
    total = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        total.update(len(part).to_bytes(8, "little"))
        total.update(part)
    return total


def _name(kind: Any) -> bytes:
    return f"{kind.__module__}.{kind.__qualname__}".encode()


def _of_plain(value: Any) -> bytes:
    """Of a plain value; one of a class of its own that is equal to it (StrEnum) has the same."""
    kind = next(each for each in (bool, int, float, str, bytes, NoneType) if isinstance(value, each))
    if isinstance(value, bytes):
        return _hash(b"bytes", value).digest()
    text = str.__str__(value) if isinstance(value, str) else repr(None if value is None else cast(Any, kind)(value))
    return _hash(kind.__name__.encode(), text.encode("utf-8", "surrogatepass")).digest()


def _of_texts(texts: Any) -> bytes:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.array([len(text) for text in encoded], dtype=np.int64)
    return _hash(b"texts", lengths.tobytes(), b"".join(encoded)).digest()


def _of_program(value: Any) -> bytes:
    """Functions and objects without state, by name: what they do is known by the digest of the program."""
    of = value if isinstance(value, types.FunctionType | type) else type(value)
    state = getattr(value, "__dict__", None) if of is type(value) else None
    slots = of is type(value) and any(getattr(kind, "__slots__", ()) for kind in of.__mro__)
    if not of.__module__.startswith(_OWN) or "<" in of.__qualname__ or state or slots:
        raise NoContentError(f"a {type(value).__name__} is known by more than its content")
    if isinstance(value, types.FunctionType) and value.__closure__:
        raise NoContentError(f"{of.__qualname__} holds values of its surroundings")
    return _hash(b"program", _name(of)).digest()
