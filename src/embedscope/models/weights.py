"""Reading the files of a model folder without running what may stand in them.

A ``.pt`` file is a pickle, that is, a program. It is read by ``torch.load(weights_only=True)``, which builds tensors,
numbers, strings and containers and refuses every other instruction; the few further classes admitted here hold plain
values (NumPy scalars, ``argparse.Namespace``, paths) because training scripts put such things beside the weights.
The format is recognised from the first bytes of a file, never from its name.
"""

from __future__ import annotations

import pickletools
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from embedscope import plain_files
from embedscope.errors import CheckpointError, UnsafeCheckpointError
from embedscope.machine import require_torch
from embedscope.protocols import Float32Array

if TYPE_CHECKING:
    import torch


_MOST_INSTRUCTIONS = 2_000_000
"""Of the pickle in a torch file: a checkpoint of a large model has some ten thousand."""

_DEEPEST_TUPLE = 100

_PICKLES_OF_OLD_FILES = 4  # before the numbers: magic number, version, system, the object
_DAMAGED = (zipfile.BadZipFile, zlib.error)


class FileKind(StrEnum):
    """What a file is, by its first bytes."""

    EMPTY = "an empty file"
    TORCH_ZIP = "a torch file (zip)"
    PICKLE = "a pickle or an old torch file"
    SAFETENSORS = "a safetensors file"
    NPZ = "a NumPy .npz archive"
    NPY = "a NumPy .npy array"
    ZIP = "a zip archive that torch did not write"
    PARQUET = "a Parquet file"
    ARROW = "an Arrow file"
    ARROW_STREAM = "an Arrow stream"
    FAISS = "a FAISS index"
    HDF5 = "an HDF5 file"
    IMAGE = "an image"
    GZIP = "a gzip archive"
    JSON = "a JSON file"
    TEXT = "a text file"
    UNKNOWN = "a file of unknown format"


_MAGIC: tuple[tuple[bytes, FileKind], ...] = (
    (b"\x89PNG", FileKind.IMAGE),
    (b"\xff\xd8\xff", FileKind.IMAGE),
    (b"GIF8", FileKind.IMAGE),
    (b"PAR1", FileKind.PARQUET),
    (b"\x93NUMPY", FileKind.NPY),
    (b"ARROW1", FileKind.ARROW),
    (b"\xff\xff\xff\xff", FileKind.ARROW_STREAM),
    (b"\x89HDF", FileKind.HDF5),
    (b"\x1f\x8b", FileKind.GZIP),
    (b"\x80", FileKind.PICKLE),
)

VECTOR_KINDS = frozenset(
    {FileKind.NPZ, FileKind.NPY, FileKind.PARQUET, FileKind.ARROW, FileKind.ARROW_STREAM, FileKind.FAISS}
)
"""Files that hold vectors; JSON may hold them too."""

_FAISS = re.compile(rb"I[xwHB][A-Za-z0-9]{2}")
"""How a FAISS index begins; its dimension follows, whose bytes are no text."""

WEIGHT_KINDS = frozenset({FileKind.TORCH_ZIP, FileKind.PICKLE, FileKind.SAFETENSORS})

EXPECTED = "a torch .pt file, a .safetensors file, or a sentence-transformers or Hugging Face folder"


def file_kind(path: Path) -> FileKind:
    """What the file at ``path`` is, by its content; ``CheckpointError`` if it cannot be opened."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    if not head:
        return FileKind.EMPTY
    if head.startswith(b"PK"):
        return _zip_kind(path)
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100_000_000:
        return FileKind.SAFETENSORS
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if _FAISS.match(head) and 0 in head[4:12]:
        return FileKind.FAISS
    return _text_kind(head)


def _zip_kind(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return FileKind.TORCH_ZIP  # cut short: its directory stands at the end. Reading it will say so.
    if any(name.endswith("/data.pkl") for name in names):
        return FileKind.TORCH_ZIP
    return FileKind.NPZ if names and all(name.endswith(".npy") for name in names) else FileKind.ZIP


def _text_kind(head: bytes) -> FileKind:
    # A multi-byte character may be cut at the end of what was read.
    text = head.decode("utf-8", errors="ignore")
    if len(text.encode("utf-8")) < len(head) - 4 or any(ord(c) < 32 and c not in "\t\n\r\f" for c in text):
        return FileKind.UNKNOWN
    return FileKind.JSON if text.lstrip()[:1] in ("{", "[") else FileKind.TEXT


def read_torch_file(path: Path) -> Any:
    """The object stored in a torch file: containers, numbers, strings and CPU tensors only.

    Zip files are memory-mapped: a tensor is read from disk when it is used.

    Raises
    ------
    UnsafeCheckpointError
        If the file wants anything built that is not plain data; nothing of it has run.
    CheckpointError
        If the file is cut short or is not a torch file.
    """
    require_torch()
    import torch

    is_zip = file_kind(path) is FileKind.TORCH_ZIP
    _refuse_bomb(path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_plain_classes()):
            warnings.simplefilter("ignore")  # torch remarks on pickle protocols; the outcome below says what matters
            stored = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except Exception as error:
        raise _refusal(path, error) from error
    if any(getattr(value, "is_nested", False) for value in values_within(stored)):
        raise CheckpointError(
            f"'{path}' holds a nested tensor, which has no shape. Save model.state_dict() with torch.save."
        )
    return stored


def _refuse_bomb(path: Path) -> None:
    """Refuse a file that would take more memory than its size lets expect, before anything of it is built."""
    tuples = _Tuples()
    for n, (instruction, argument) in enumerate(_instructions(path)):
        if not tuples.follow(instruction, argument):
            raise CheckpointError(
                f"'{path}' holds a tuple of more than {_MOST_INSTRUCTIONS:,} values, or nested deeper than "
                f"{_DEEPEST_TUPLE}, which no table of weights needs. Save model.state_dict() with torch.save."
            )
        if n == _MOST_INSTRUCTIONS:
            raise CheckpointError(
                f"'{path}' builds more than {n:,} values, which no table of weights does. Save model.state_dict() with "
                f"torch.save."
            )
        if instruction.name == "GLOBAL" and str(argument).endswith(" bytearray"):
            raise CheckpointError(
                f"'{path}' asks for a bytearray, whose size a file states without holding it. Expected are tensors, "
                f"numbers and strings: save model.state_dict() with torch.save."
            )


class _Tuples:
    """The tuples that the instructions of a pickle build, by size and depth; nothing is built.

    A dict asks for the hash of its keys, and that of a tuple takes as many steps as it has values, each counted as
    often as it stands there, and as much of the stack as it is deep.
    """

    def __init__(self) -> None:
        self._stack: list[tuple[int, int] | None] = []  # (values, depth) of each; None for a mark
        self._memo: dict[int, tuple[int, int]] = {}

    def follow(self, instruction: pickletools.OpcodeInfo, argument: Any) -> bool:
        """Take the next step; whether what it builds is within bounds."""
        name, before, after = instruction.name, instruction.stack_before, instruction.stack_after
        if name == "STOP":
            self._stack, self._memo = [], {}
        elif name == "MARK":
            self._stack.append(None)
        elif name.endswith("PUT") or name == "MEMOIZE":
            number = len(self._memo) if argument is None else int(argument)
            self._memo[number] = (self._stack[-1:] or [None])[0] or (1, 0)
        elif name.endswith("GET"):
            self._stack.append(self._memo.get(int(argument), (1, 0)))
        else:
            taken = self._taken(before)
            made = (1, 0)
            if name.startswith("TUPLE"):
                made = 1 + sum(n for n, _ in taken), 1 + max((depth for _, depth in taken), default=0)
            elif name == "DUP":
                made = taken[0] if taken else made
            self._stack += [made] * len(after)
            return made[0] <= _MOST_INSTRUCTIONS and made[1] <= _DEEPEST_TUPLE
        return True

    def _taken(self, before: list[pickletools.StackObject]) -> list[tuple[int, int]]:
        """What an instruction takes from the stack; of a damaged pickle what is there."""
        taken: list[tuple[int, int]] = []
        n_alone = len(before)
        if pickletools.markobject in before:
            while self._stack and (top := self._stack.pop()) is not None:
                taken.append(top)
            n_alone = before.index(pickletools.markobject)
        return taken + [self._stack.pop() or (1, 0) for _ in range(min(n_alone, len(self._stack)))]


def _instructions(path: Path) -> Iterator[tuple[pickletools.OpcodeInfo, Any]]:
    """The pickle instructions of a torch file and their arguments; they are listed, not executed.

    What is damaged ends the list: reading the file says so.
    """
    try:
        with _pickle_of(path) as stream:
            for _ in range(_PICKLES_OF_OLD_FILES):
                for instruction, argument, _ in pickletools.genops(stream):
                    yield instruction, argument
    except (ValueError, OSError, KeyError, IndexError, NotImplementedError, RuntimeError, *_DAMAGED):
        return


@contextmanager
def _pickle_of(path: Path) -> Iterator[IO[bytes]]:
    """The pickle in a torch file, as a stream."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        name = next((name for name in archive.namelist() if name.endswith("data.pkl")), "data.pkl")
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise CheckpointError(
                f"'{path}' is a compressed zip archive, and torch stores its files plain: what it unpacks to may not "
                f"fit into memory. Save it again with torch.save."
            )
        with archive.open(name) as stream:
            yield stream


def _plain_classes() -> list[Any]:
    """Classes that hold plain values and are often stored beside weights; building them runs nothing."""
    import argparse
    import pathlib

    scalar = np.float64(0).__reduce__()[0]
    return [
        scalar,
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        *(type(np.dtype(code)) for code in ("f2", "f4", "f8", "i4", "i8", "?")),
        argparse.Namespace,
        (pathlib.PurePosixPath, "pathlib.PosixPath"),
        (pathlib.PurePosixPath, "pathlib._local.PosixPath"),
        (pathlib.PureWindowsPath, "pathlib.WindowsPath"),
        (pathlib.PureWindowsPath, "pathlib._local.WindowsPath"),
    ]


def _refusal(path: Path, error: Exception) -> CheckpointError:
    """The error that says why torch would not read ``path``."""
    message = str(error)
    wanted = _wanted_global(path, message)
    if "TorchScript" in message:
        return UnsafeCheckpointError(
            f"'{path}' is a TorchScript archive: a program, not a table of weights. "
            f"Save the model's state_dict() with torch.save instead."
        )
    if wanted is not None:
        return UnsafeCheckpointError(
            f"'{path}' was refused: reading it would call '{wanted[:200]}', and a checkpoint must hold only tensors, "
            f"numbers and strings. Nothing in it was run. If it is your own, save model.state_dict() (not the model, "
            f"and no objects of your classes) with torch.save."
        )
    size = path.stat().st_size
    return CheckpointError(
        f"'{path}' ({size:,} bytes) begins like a torch file but cannot be read: it is cut short or damaged "
        f"({type(error).__name__}). Copy or save it again; expected {EXPECTED}."
    )


def _wanted_global(path: Path, message: str) -> str | None:
    """The class or function that a refused pickle asked for, without running any of it."""
    named = re.search(r"GLOBAL ([\w.]+)", message)
    if named:
        return named.group(1)
    if "Unsupported operand" not in message and "Weights only" not in message:
        return None
    return next(iter(_globals_in(path)), None)


def _globals_in(path: Path) -> Iterator[str]:
    """Names that the pickle instructions of ``path`` refer to, in order."""
    strings: list[str] = []
    for instruction, argument in _instructions(path):
        if instruction.name == "GLOBAL":
            yield str(argument).replace(" ", ".")
        elif instruction.name == "STACK_GLOBAL":
            yield ".".join(strings[-2:])
        elif isinstance(argument, str):
            strings.append(argument)


def read_json(path: Path) -> Any:
    """The JSON value in ``path``; ``CheckpointError`` where it is unreadable."""
    try:
        return plain_files.read_json(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"'{path}' should be a JSON file but cannot be read as one: {error}.") from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; empty where there is no such file."""
    if not path.is_file():
        return {}
    value = read_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"'{path}' should hold a JSON object; it holds a {type(value).__name__}.")
    return value


class LazyTensors(Mapping[str, "torch.Tensor"]):
    """Tensors by name (name -> stored name), each read when it is asked for."""

    def __init__(self, names: Mapping[str, str], read: Callable[[str], torch.Tensor]) -> None:
        self._names = dict(names)
        self._read = read

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._read(self._names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def read_safetensors(path: Path) -> tuple[LazyTensors, dict[str, str]]:
    """The tensors of a safetensors file and its string metadata; ``CheckpointError`` if it is cut short or damaged."""
    require_torch()
    import safetensors

    open_file: Any = safetensors.safe_open
    try:
        file = open_file(path, framework="pt")
        names = file.keys()
        return LazyTensors(dict(zip(names, names, strict=True)), file.get_tensor), dict(file.metadata() or {})
    except (safetensors.SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"'{path}' ({path.stat().st_size:,} bytes) begins like a safetensors file but cannot be read: "
        f"{str(error)[:300]}. "
        f"It is cut short or damaged; copy or save it again."
    )


def tensor_types(path: Path) -> dict[str, str]:
    """Name -> number format of every tensor in a weights file; of a safetensors file only the header is read.

    Raises as ``read_tensors``.
    """
    if file_kind(path) is not FileKind.SAFETENSORS:
        return {name: str(tensor.dtype).removeprefix("torch.") for name, tensor in read_tensors(path).items()}
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError(f"it states a header of {size:,} bytes, which is more than it has")
            header = plain_files.parse_json(file.read(size).decode())
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        if path.stat().st_size < 8 + size + end:
            raise ValueError("its header describes more than it holds")
        return {name: str(entry["dtype"]) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _damaged(path, error) from error


def read_tensors(path: Path) -> Mapping[str, torch.Tensor]:
    """Tensors by name from a weights file of a model folder (safetensors, or a pickle read as plain data).

    Raises as ``read_torch_file``; also ``CheckpointError`` if the file holds something else than tensors.
    """
    kind = file_kind(path)
    if kind is FileKind.SAFETENSORS:
        return read_safetensors(path)[0]
    if kind not in WEIGHT_KINDS:
        raise CheckpointError(f"'{path}' should hold the weights of a model but is {kind}.")
    stored = read_torch_file(path)
    tensors = tensors_of(stored) if isinstance(stored, Mapping) else {}
    if not tensors:
        raise CheckpointError(f"'{path}' should hold tensors by name; it holds {type(stored).__name__}.")
    return tensors


def tensors_of(stored: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    """The entries of ``stored`` that are tensors under a string name."""
    import torch

    return {key: value for key, value in stored.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}


def values_within(value: Any) -> Iterator[Any]:
    """What is in mappings and lists at any depth, each once: a pickle may hold itself, or one list a thousand times."""
    seen: set[int] = set()
    open_ones = [value]
    while open_ones:
        value = open_ones.pop()
        if not isinstance(value, Mapping | list | tuple):
            yield value
        elif id(value) not in seen:
            seen.add(id(value))
            open_ones += value.values() if isinstance(value, Mapping) else value


def read_weights(path: Path) -> Mapping[str, torch.Tensor]:
    """The tensors of a file as `read_tensors` gives them, each refused where it is no plain table of its numbers."""
    tensors = read_tensors(path)
    return LazyTensors(dict(zip(tensors, tensors, strict=True)), lambda name: plain_weight(path, name, tensors[name]))


def as_float32(tensor: torch.Tensor) -> Float32Array:
    """A float32 NumPy copy of ``tensor``, independent of the file it came from."""
    return np.array(tensor.detach().float().numpy(), dtype=np.float32, copy=True)


def plain_weight(path: str | Path, name: str, tensor: torch.Tensor) -> torch.Tensor:
    """``tensor``; ``CheckpointError`` where it is not a plain table of its numbers."""
    fault = _fault_of(tensor)
    if fault is not None:
        raise CheckpointError(
            f"In '{path}' the tensor '{name}' {fault}. Expected a dense tensor of float32, float16, bfloat16 or "
            f"float64: save the weights in one of these formats."
        )
    return tensor


def _fault_of(tensor: torch.Tensor) -> str | None:
    """Why a tensor is no plain table of numbers; None where it is one."""
    import torch

    if tensor.is_quantized:
        return f"is quantised ({_dtype(tensor)}), and its values depend on scales"
    if tensor.layout is not torch.strided:
        return f"is sparse ({str(tensor.layout).removeprefix('torch.')})"
    if tensor.is_meta:
        return "has a shape and no values (it is on torch's device 'meta')"
    if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        return f"holds numbers of the type {_dtype(tensor)}"
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        return f"has the shape {tuple(tensor.shape)} and fewer numbers, which it repeats"
    return None


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
