"""Values to bytes and back, to the last bit: plain JSON that refers to arrays, checked by a digest.

`result.codec` writes what people read, and leaves out or rounds what they do not need; here everything comes back. What
is read is built by the annotations of this program alone, so that no file can name a class or run code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from io import BytesIO
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

MAGIC = b"embedscope kept result 1\n"
_DIGEST_BYTES = 32


class NotWholeError(ValueError):
    """Bytes are not what `pack` wrote: cut short, damaged, of another key or of another form."""


def pack(value: Any, key: str) -> bytes:
    """``value`` of plain values, arrays, enums, sequences, mappings and records, under its ``key``.

    Raises TypeError for a value of another type.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    head = json.dumps({"key": key, "value": _encode(value, arrays)}, separators=(",", ":")).encode()
    body = BytesIO()
    body.write(len(head).to_bytes(8, "little") + head)
    for array in arrays:
        np.lib.format.write_array(body, array, allow_pickle=False)
    content = body.getvalue()
    return MAGIC + _digest(content) + content


def unpack(kind: Any, packed: bytes, key: str) -> Any:
    """The value of type ``kind`` (an annotation) that `pack` wrote under ``key``.

    Raises NotWholeError where the bytes are anything else.
    """
    start = len(MAGIC) + _DIGEST_BYTES
    content = packed[start:]
    if packed[: len(MAGIC)] != MAGIC or packed[len(MAGIC) : start] != _digest(content):
        raise NotWholeError("its checksum is another")
    try:
        body = BytesIO(content)
        head = json.loads(body.read(int.from_bytes(body.read(8), "little")))
        if head["key"] != key:
            raise NotWholeError("it stands under the name of another")
        arrays = []
        while body.tell() < len(content):
            arrays.append(np.lib.format.read_array(body, allow_pickle=False))
        return _decode(kind, head["value"], arrays)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise NotWholeError(str(error) or type(error).__name__) from error


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _encode(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, Enum):
        return _encode(value.value, arrays)
    if isinstance(value, np.float64 | np.int64 | np.bool_):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | bytes) and not getattr(value, "dtype", np.dtype(np.uint8)).hasobject:
        arrays.append(np.frombuffer(value, np.uint8) if isinstance(value, bytes) else value)
        return len(arrays) - 1
    if is_dataclass(value) and not isinstance(value, type):
        return [_encode(getattr(value, each.name), arrays) for each in fields(value)]
    if isinstance(value, Mapping):
        return [[_encode(key, arrays), _encode(item, arrays)] for key, item in value.items()]
    if isinstance(value, tuple | list):
        return [_encode(each, arrays) for each in value]
    raise TypeError(f"a {type(value).__name__} has no packed form")


def _decode(kind: Any, plain: Any, arrays: list[Any]) -> Any:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _decode_union(args, plain, arrays)
    if origin is np.ndarray or kind is np.ndarray:
        return arrays[plain]
    if kind is bytes:
        return arrays[plain].tobytes()
    if is_dataclass(kind) or hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        names = [each.name for each in fields(kind)] if is_dataclass(kind) else kind._fields
        return kind(*(_decode(hints[name], item, arrays) for name, item in zip(names, plain, strict=True)))
    if origin is tuple:
        each = (args[0],) * len(plain) if args[-1] is Ellipsis else args
        return tuple(_decode(a, item, arrays) for a, item in zip(each, plain, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {_decode(args[0], key, arrays): _decode(args[1], item, arrays) for key, item in plain}
    if origin is list:
        return [_decode(args[0], item, arrays) for item in plain]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    if not isinstance(plain, (int, float) if kind is float else kind):
        raise TypeError(f"expected {kind}, not {plain!r}")
    return plain


def _decode_union(kinds: tuple[Any, ...], plain: Any, arrays: list[Any]) -> Any:
    """None, a plain value that is one of several plain kinds, or the only kind beside None."""
    if plain is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    if len(others) == 1:
        return _decode(others[0], plain, arrays)
    if type(plain) not in others:
        raise TypeError(f"expected one of {others}, not {plain!r}")
    return plain
