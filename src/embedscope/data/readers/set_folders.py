"""Several data sets by their paths: folders of data sets taken apart, and a short name for each set."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from embedscope.data.readers.folder_parts import ROWS, bare_name, find_parts, is_data_file, states_role
from embedscope.data.readers.folders import holds_one_set
from embedscope.data.readers.objects import is_path
from embedscope.errors import DataFormatError, InvalidOptionError

_SPLITS = {"train", "training", "dev", "valid", "val", "validation", "test", "eval", "data", "default"}
"""Names of the parts of one data set: a folder of such parts is no folder of data sets."""

_DEPTH = 3
"""Levels of folders of data sets that are taken apart."""


def named_sets(data: Sequence[str], *, split: str | None = None) -> dict[str, str]:
    """The data sets of ``data`` by short names that tell them apart, in their order.

    A folder that is no data set itself, and whose files and folders are, stands for those, by name; every other path
    for itself. A name is the last part of the path without its suffix, with as many parts before it as tell two sets
    apart.

    Raises
    ------
    InvalidOptionError
        If a data set is there twice: in a mean over sets it would count twice.
    """
    paths = [found for path in data for found in (_sets_in(Path(path), split, _DEPTH) if is_path(path) else [path])]
    repeated = [name for name, n in Counter(_place(path) for path in paths).items() if n > 1]
    if repeated:
        raise InvalidOptionError(
            f"--data names {repeated[0]} twice, and in a mean over data sets it would count twice. Name each once."
        )
    return dict(zip(_names([str(path) for path in paths]), map(str, paths), strict=True))


def _sets_in(path: Path, split: str | None, depth: int) -> list[Path]:
    """The data sets that ``path`` stands for."""
    inner = list(_entries(path)) if path.is_dir() and depth else []
    if not inner or any(states_role(entry) or bare_name(entry) in _SPLITS for entry in inner):
        return [path]  # one data set, perhaps with something wrong, which its reader will say
    if holds_one_set(path, split) and not (split is None and len(inner) > 1 and _has_qrels_below(path)):
        return [path]
    return [found for entry in inner for found in _sets_in(entry, split, depth - 1)]


def _has_qrels_below(folder: Path) -> bool:
    """Whether a folder in ``folder``, which states no role itself, is one of judged queries."""
    return any(part.role != ROWS for part in find_parts(folder))


def _entries(folder: Path) -> Iterator[Path]:
    """The files and folders of ``folder`` that may be data sets; notes for people and empty folders are none."""
    for path in sorted(folder.iterdir()):
        if path.name[0] in "._":
            continue
        try:
            if is_data_file(path) if path.is_file() else path.is_dir() and find_parts(path):
                yield path
        except DataFormatError:  # data, in which its reader will find the fault
            yield path


def _place(path: str | Path) -> str:
    return str(Path(path).resolve()) if is_path(path) else str(path)


def _names(paths: Sequence[str]) -> list[str]:
    """A name for each path: as few of its last parts as tell it from the others."""
    parts = [path.removeprefix("hub:").split("/") if path.startswith("hub:") else _parts(path) for path in paths]
    for n in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(own[-n:]) for own in parts]
        if len({name.casefold() for name in names}) == len(names):
            return names
    return [f"{'/'.join(own)} ({number})" for number, own in enumerate(parts, start=1)]


def _parts(path: str) -> list[str]:
    place = Path(path).absolute()
    return [*place.parts[1:-1], place.name if place.is_dir() else bare_name(place)]


def folder_names(names: Sequence[str]) -> Mapping[str, str]:
    """A name of a folder for each set: letters and their marks, digits, points, hyphens; told apart without case."""
    taken: set[str] = set()
    folders = {}
    for name in names:
        plain = (
            "".join(c if c.isalnum() or c in "._-" or unicodedata.category(c)[0] == "M" else "-" for c in name).strip(
                ".-"
            )
            or "set"
        )
        candidates = (plain, *(f"{plain}-{number}" for number in range(2, len(names) + 2)))
        folders[name] = next(one for one in candidates if one.casefold() not in taken)
        taken.add(folders[name].casefold())
    return folders
