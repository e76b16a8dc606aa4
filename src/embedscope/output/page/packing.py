"""Columns of the payload of a page: typed arrays and texts, deflated, in base64."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from embedscope.output.page.contract import Numbers, Texts
from embedscope.plain_files import MOST_PAGE_BYTES, parse_json

_DTYPES = {"uint8": "<u1", "int32": "<i4", "float32": "<f4"}
_WORTH_DEFLATING = 0.9  # of the plain size; a reader should not inflate for nothing


def number_column(values: Any, dtype: Literal["uint8", "int32", "float32"]) -> Numbers:
    """An array as ``{dtype, shape, encoding, data}``: little-endian bytes, deflated where that pays, in base64.

    Parameters
    ----------
    values : array_like of any shape
    dtype : str
        ``uint8``, ``int32`` or ``float32``. Infinite numbers become NaN, which a reader takes for "no value".
    """
    array = np.asarray(values)
    if dtype == "float32":
        array = np.where(np.isfinite(array), array, np.nan)
    plain = np.ascontiguousarray(array, dtype=_DTYPES[dtype]).tobytes()
    packed = zlib.compress(plain, 6)
    is_packed = len(packed) < _WORTH_DEFLATING * len(plain)
    return {
        "dtype": dtype,
        "shape": list(array.shape),
        "encoding": "deflate" if is_packed else "plain",
        "data": _base64(packed if is_packed else plain),
    }


def text_column(texts: Iterable[str]) -> Texts:
    """Texts as ``{n, data}``: a JSON list in UTF-8, deflated, in base64; half surrogate pairs survive as escapes."""
    listed = list(texts)
    # Within JSON, \udc80 as written by backslashreplace is the escape of that very code unit.
    plain = json.dumps(listed, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return {"n": len(listed), "data": _base64(zlib.compress(plain, 6))}


def texts_of_column(column: Any) -> list[str]:
    """The texts of a `text_column`; raises ValueError, LookupError or TypeError where it is none."""
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(base64.b64decode(column["data"], validate=True), MOST_PAGE_BYTES)
    except zlib.error as error:
        raise ValueError(f"a column of texts is damaged ({error})") from error
    texts = parse_json(plain.decode("utf-8"))
    if not inflater.eof or not all(isinstance(text, str) for text in texts):
        raise ValueError("a column of texts is damaged, or larger than a page")
    return list(texts)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
