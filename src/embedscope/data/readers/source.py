"""From a path to text: existence, encoding, JSON; every low-level failure becomes a message with its place."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sys import intern
from typing import Any, BinaryIO

from embedscope.data.collection import excerpt
from embedscope.data.readers.compressed import open_bytes
from embedscope.data.readers.file_kinds import refuse_known_kinds
from embedscope.errors import DataFormatError, InvalidOptionError, TooFewPointsError
from embedscope.plain_files import RepeatedKeyError, distinct_keys

HEAD_BYTES = 65_536
UTF8_BOM = b"\xef\xbb\xbf"

MOST_LINE_BYTES = 64 << 20
"""Of one line of JSONL, of a table or of judgments; JSON may stand in a single line of any length."""

_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
BINARY_TABLES = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")  # Parquet, an Arrow file, an Arrow stream
_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_CUT_LITERAL = re.compile(r"\s*(-|t|tr|tru|f|fa|fal|fals|n|nu|nul|N|Na)?\s*\Z")


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of ``pairs``; equal keys are one string, since a million lines repeat them."""
    table = {intern(name): value for name, value in pairs}
    return table if len(table) == len(pairs) else distinct_keys(pairs)


_DECODER = json.JSONDecoder(object_pairs_hook=_fields)


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put ``place`` in front of the message of any input error inside, and turn I/O errors into input errors."""
    try:
        yield
    except (DataFormatError, TooFewPointsError, InvalidOptionError) as error:
        raise type(error)(f"{place}: {error}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataFormatError(
            f"{place}: cannot be read ({reason}). Check the path, the permissions and the disk."
        ) from error


def require_path(path: str | Path) -> Path:
    """``path`` if it is an existing file or folder; otherwise an error that suggests near names."""
    path = Path(path)
    try:
        if path.is_dir() or path.is_file():
            return path
        exists = path.exists()
    except OSError as error:
        raise DataFormatError(f"{path} is not a path that can be opened ({error.strerror}). Check the path.") from error
    if exists:
        raise DataFormatError(
            f"{path} is neither a file nor a folder. It would be read more than once, so a pipe or a device will "
            "not do; save it to a file first."
        )
    raise DataFormatError(f"{path} does not exist. {_near_names(path)}")


def _near_names(path: Path) -> str:
    """What stands where ``path`` was looked for, in one sentence."""
    folder = path.parent
    if not folder.is_dir():
        return f"The folder {folder} does not exist either; check the path."
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return "Check the path."
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    near = near or [name for name in names if Path(name).stem == path.stem][:3]
    if near:
        return f"Did you mean {' or '.join(str(folder / name) for name in near)}?"
    return f"No file in {folder.resolve()} has a similar name; check the path."


def read_head(path: Path, *, expected: str = "a data set with at least 2 queries") -> bytes:
    """The first bytes of a data file, unpacked; refuses what is empty, binary, not UTF-8 or of a known other kind."""
    with open_bytes(path) as file:
        head = file.read(HEAD_BYTES)
    if not head.removeprefix(UTF8_BOM).decode("utf-8", errors="replace").strip():
        state = "holds only white space" if head else "is empty"
        raise DataFormatError(f"the file {state}; {expected} was expected.")
    if head.startswith(BINARY_TABLES):
        return head
    refuse_known_kinds(path, head)
    if head.startswith(_UTF16_BOMS) or _looks_like_utf16(head):
        raise DataFormatError(
            "the text is UTF-16 (seen at byte offset 0); UTF-8 was expected. Convert it with: "
            f"iconv -f UTF-16 -t UTF-8 {path.name} > utf8_{path.name}"
        )
    control = _CONTROL_BYTES.search(head)
    if control:
        raise DataFormatError(
            f"the file is binary (byte 0x{head[control.start()]:02X} at byte offset {control.start()}); JSON, JSONL, "
            "CSV, Parquet or Arrow was expected. Embeddings and checkpoints have options of their own."
        )
    return head.removeprefix(UTF8_BOM)


def _looks_like_utf16(head: bytes) -> bool:
    """Whether every other byte tends to be zero, as in UTF-16 without a byte order mark."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    return max(even, odd) > len(head) // 8 and min(even, odd) * 8 < max(even, odd)


def decode(raw: bytes, *, offset: int = 0, line: int = 1) -> str:
    """UTF-8 text; an invalid byte is reported by its offset in the file and its line."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        at_line = line + raw.count(b"\n", 0, error.start)
        raise DataFormatError(
            f"byte 0x{raw[error.start]:02X} at byte offset {offset + error.start} (line {at_line}) is not UTF-8. The "
            "text may be in an older encoding; if it is Latin-1 or Windows-1252, convert it with: "
            "iconv -f WINDOWS-1252 -t UTF-8 FILE > utf8_FILE"
        ) from error


def read_text(path: Path, *, is_table: bool = False) -> str:
    """The whole file as text, without a byte order mark; of a table no line may be longer than `MOST_LINE_BYTES`."""
    with open_bytes(path) as file:
        raw = b"".join(_with_short_lines(file)) if is_table else file.read()
    without_bom = raw.removeprefix(UTF8_BOM)
    return decode(without_bom, offset=len(raw) - len(without_bom))


def _with_short_lines(file: BinaryIO) -> Iterator[bytes]:
    """The content of a file in parts; raises DataFormatError at a line that is too long, before the rest is read."""
    number, n_bytes = 1, 0  # of the line that a part ends in
    while part := file.read(HEAD_BYTES):
        yield part
        first, *others = part.replace(b"\r", b"\n").split(b"\n")
        require_short(n_bytes + len(first), number)
        n_bytes = len(others[-1]) if others else n_bytes + len(first)
        number += max(part.count(b"\n"), part.count(b"\r"))


def require_short(n_bytes: int, number: int) -> None:
    """Raise DataFormatError if line ``number`` has more than `MOST_LINE_BYTES`."""
    if n_bytes > MOST_LINE_BYTES:
        raise DataFormatError(
            f"line {number}: it is longer than {MOST_LINE_BYTES:,} bytes, and a line holds one row. Break the lines of "
            f"the file, or write its rows again."
        )


def begins_with_a_long_line(path: Path) -> bool:
    """Whether the first line is longer than that of a row may be."""
    with open_bytes(path) as file:
        return len(file.readline(MOST_LINE_BYTES + 1)) > MOST_LINE_BYTES


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, text) of every line that is not blank; one line in memory at a time.

    Raises DataFormatError at a line of more than `MOST_LINE_BYTES`, or that is not UTF-8.
    """
    offset = 0
    with open_bytes(path) as file:
        for number, raw in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES + 1), b""), start=1):
            require_short(len(raw), number)
            text = raw.removeprefix(UTF8_BOM) if number == 1 else raw
            line = decode(text, offset=offset + len(raw) - len(text), line=number).strip()
            offset += len(raw)
            if line:
                yield number, line


def parse_json(text: str, *, line: int | None = None) -> tuple[object, int]:
    """The value that ``text`` writes, and how many lone surrogates in it became U+FFFD.

    Parameters
    ----------
    line : int, optional
        The line of the file that ``text`` is; by default ``text`` is the whole file.

    Raises
    ------
    DataFormatError
        If ``text`` is not JSON: with line, column and a short excerpt; or an object in it names a key twice.
    """
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise DataFormatError(_json_fault(error, line)) from error
    except RecursionError as error:
        raise DataFormatError("the JSON is nested too deeply; a list of flat rows was expected.") from error
    except RepeatedKeyError as error:
        place = "" if line is None else f"line {line}: "
        raise DataFormatError(f"{place}{error}. Give each field a name of its own, or make them one list.") from error
    except ValueError as error:  # an integer of thousands of digits
        place = "" if line is None else f"line {line}: "
        raise DataFormatError(f"{place}a number in the JSON is too long to read ({error}).") from error
    return _without_surrogates(value) if "\\ud" in text or "\\uD" in text else (value, 0)


def _json_fault(error: json.JSONDecodeError, line: int | None) -> str:
    text = error.doc
    place = f"line {line or error.lineno}, column {error.colno}"
    around = excerpt(text[max(0, error.pos - 20) : error.pos + 40])
    if _is_cut_off(error):
        unit = "file" if line is None else "line"
        return (
            f"{place}: the JSON is cut off, the {unit} ends early, with {excerpt(text[-40:])}. The download or the "
            "writing program probably stopped; get the complete file."
        )
    if error.msg == "Extra data":
        return (
            f"{place}: more text follows after the end of the JSON value, near {around}. One list of rows was "
            "expected (JSON), or one object with named fields a line (JSONL)."
        )
    return f"{place}: not valid JSON ({error.msg}), near {around}. Correct the place, or write the file again."


def _is_cut_off(error: json.JSONDecodeError) -> bool:
    text = error.doc
    if error.msg.startswith("Unterminated string"):
        return True
    if error.msg.startswith("Invalid \\"):
        return len(text) - error.pos < 6
    return _CUT_LITERAL.match(text, error.pos) is not None


def _without_surrogates(value: object) -> tuple[object, int]:
    """``value`` with U+FFFD for every half of a surrogate pair, at any depth, and how many there were."""
    if isinstance(value, str):
        return _LONE_SURROGATE.subn("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        items = [_without_surrogates(item) for item in value]
        return [item for item, _ in items], sum(n for _, n in items)
    if isinstance(value, dict):
        keys = [_without_surrogates(key) for key in value]
        values = [_without_surrogates(item) for item in value.values()]
        cleaned = {key: item for (key, _), (item, _) in zip(keys, values, strict=True)}
        return cleaned, sum(n for _, n in keys) + sum(n for _, n in values)
    return value, 0


def surrogate_note(n: int) -> list[str]:
    """The warning for ``n`` replaced characters; nothing for none."""
    if n == 0:
        return []
    return [f"{n} halves of surrogate pairs (\\ud800 to \\udfff, no characters by themselves) were read as U+FFFD."]


def kind_of(value: object) -> str:
    """What a JSON value is, in words, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        shown = repr(value) if not isinstance(value, int) or abs(value) < 10**18 else "a very long one"
        return f"a number ({shown})"
    if isinstance(value, str):
        return f"a string ({excerpt(value, 40)})" if value else "an empty string"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with the fields {names(value)}" if value else "an empty object"
    return f"a {type(value).__name__}"


def names(fields: Iterable[object]) -> str:
    """Field names for a message: at most eight, shortened."""
    listed = [excerpt(str(field), 40) for field in fields]
    return ", ".join(listed[:8]) + (", …" if len(listed) > 8 else "")
