"""Compressed files as streams of what they hold, with a limit to how much that may be."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from embedscope.data.collection import excerpt
from embedscope.errors import DataFormatError
from embedscope.untrusted.limits import unpacked_limit

COMPRESSION_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".lz4")

_CHUNK = 2**20


def _by_pyarrow(codec: str) -> Callable[[Path], Any]:
    def unpacked(path: Path) -> Any:
        import pyarrow as pa

        return pa.input_stream(str(path), compression=codec)

    return unpacked


@dataclass(frozen=True, slots=True)
class _Codec:
    """A way to compress a file: how its files begin, and how they are read."""

    name: str
    magic: re.Pattern[bytes]
    open: Callable[[Path], Any]
    command: str  # unpacks FILE


_CODECS = (
    _Codec("gzip", re.compile(rb"\x1f\x8b"), gzip.open, "gzip -d"),
    _Codec("bzip2", re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"), bz2.open, "bzip2 -d"),
    _Codec("xz", re.compile(rb"\xfd7zXZ\x00"), lzma.open, "xz -d"),
    _Codec("Zstandard", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), _by_pyarrow("zstd"), "zstd -d"),
    _Codec("LZ4", re.compile(rb"\x04\x22\x4d\x18"), _by_pyarrow("lz4"), "lz4 -d"),
)


def open_bytes(path: Path) -> BinaryIO:
    """What a file holds, as a stream of bytes; a compressed file (gzip, bzip2, xz, Zstandard, LZ4) is unpacked.

    Raises DataFormatError, when it is read, if a compressed file is damaged or unpacks to more than the limit.
    """
    with path.open("rb") as file:
        codec = _codec(file.read(16))
    if codec is None:
        return path.open("rb")
    return cast(BinaryIO, io.BufferedReader(_Unpacked(codec, path), buffer_size=_CHUNK))


def compression_of(head: bytes) -> str | None:
    """The name of the compression whose files begin as ``head`` does."""
    codec = _codec(head)
    return None if codec is None else codec.name


def _codec(head: bytes) -> _Codec | None:
    return next((codec for codec in _CODECS if codec.magic.match(head)), None)


class _Unpacked(io.RawIOBase):
    """What is in a compressed file: counted as it comes, and with errors that say what to do."""

    def __init__(self, codec: _Codec, path: Path) -> None:
        self._codec, self._path = codec, path
        self._stream = codec.open(path)
        self._limit = unpacked_limit(path, is_text=True)
        self._n_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            chunk = self._stream.read(len(buffer))
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise DataFormatError(
                f"the file is compressed ({self._codec.name}) and cannot be unpacked ({excerpt(str(error), 100)}). It "
                "is damaged or cut off; write or download it again."
            ) from error
        self._n_bytes += len(chunk)
        if self._n_bytes > self._limit:
            raise DataFormatError(
                f"the file is compressed ({self._codec.name}) and unpacks to more than {self._limit:,} bytes, which no "
                f"text of its size does and memory may not hold. If it is what you want to read, unpack it first: "
                f"{self._codec.command} {self._path.name}"
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()
