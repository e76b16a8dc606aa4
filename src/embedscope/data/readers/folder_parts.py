"""Which files of a folder hold the corpus, the queries, the judgments or rows, and of which subset and split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedscope.data.readers.compressed import COMPRESSION_SUFFIXES
from embedscope.data.readers.source import located, names
from embedscope.errors import DataFormatError, InvalidOptionError
from embedscope.plain_files import read_json

CORPUS, QUERIES, QRELS, ROWS = "corpus", "queries", "qrels", "rows"

_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".feather")
_NO_DATA = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
_DEPTH = 5
"""Levels of folders that are looked through: subset, configuration, split and one more."""

_SHARD = re.compile(r"(^|[-_.])(\d{5}-of-\d{5}.*|part-\d{5}.*)\Z|\A0\d{3}\Z")
_ROLE = re.compile(r"(?:(?P<before>.+)[-_.])?(?P<role>corpus|queries|qrels)(?:[-_.](?P<after>.+))?", re.IGNORECASE)
_UNNAMED = {"", "data", "default"}
"""Names of folders and files that name neither subset nor split."""


@dataclass(frozen=True, slots=True)
class Part:
    """The files that together are one part of a data set."""

    role: str
    subset: tuple[str, ...]  # a language, a subforum: what its queries share with its corpus
    split: str  # "" where it serves all
    home: str  # the outermost folder it is in, "" at the top
    paths: tuple[Path, ...]

    @property
    def marks(self) -> set[str]:
        """What names the part among those of its role."""
        return {*self.subset, self.split} - {""}

    @property
    def label(self) -> str:
        """The name by which the part is asked for."""
        return "/".join(filter(None, (*self.subset, self.split))) or self.role


def find_parts(folder: Path) -> list[Part]:
    """The parts of a folder, by the names of its folders and files.

    Raises DataFormatError if one part is there in two containers.
    """
    paths: dict[tuple[str, tuple[str, ...], str, str], list[Path]] = {}
    for path in _data_files(folder, _DEPTH):
        key = _key(path.relative_to(folder))
        if key[0] == QRELS or ".txt" not in path.suffixes:  # other texts are notes for people
            paths.setdefault(key, []).append(path)
    return [Part(*key, _of_one_container(folder, found)) for key, found in sorted(paths.items())]


def choose_part(parts: Sequence[Part], asked: str | None) -> tuple[Part, list[str]]:
    """The part whose split or subset is ``asked``, else ``test``, else the only one; and what to tell the person.

    Raises InvalidOptionError if there are several, or none.
    """
    labels = [part.label for part in parts]
    if asked is not None:
        found = [part for part in parts if part.label == asked] or [part for part in parts if asked in part.marks]
        if not found:
            raise InvalidOptionError(f"there is no split '{asked}'; there are {names(labels)}. Ask for one of these.")
    else:
        found = list(parts)
    tests = [part for part in found if "test" in part.marks]
    if len(found) == 1:
        return found[0], []
    if len(tests) == 1:
        others = [label for label in labels if label != tests[0].label]
        return tests[0], [f"the split '{tests[0].label}' is used; the folder also has {names(others)}."]
    why = "none is called 'test'" if not tests else f"{len(tests)} are called 'test'"
    raise InvalidOptionError(
        f"the folder has the splits {names(part.label for part in found)} and {why}. Ask for one "
        "with --split, or give the file that is meant."
    )


def part_for(parts: Sequence[Part], judgments: Part, role: str) -> tuple[Part, list[str]]:
    """The corpus or the queries that go with the judgments: of their subset and split, else those that serve all.

    Raises DataFormatError if there is none, or several and it is unclear which.
    """
    own = [part for part in parts if part.role == role and set(part.subset) <= judgments.marks]
    if not own:
        there = names(part.label for part in parts if part.role == role)
        raise DataFormatError(
            f"there are judgments but no {role} for the split '{judgments.label}' (there is {there or 'nothing'}); add "
            f"the file of the {role}."
        )
    fitting = [part for part in own if part.marks <= judgments.marks] or own
    n_shared = max(len(part.marks) for part in fitting) if fitting is not own else 0
    fitting = [part for part in fitting if len(part.marks) >= n_shared]
    if len(fitting) > 1:
        raise DataFormatError(
            f"the {role} of the folder has {names(part.label for part in fitting)}, and none of these belongs to the "
            f"judgments '{judgments.label}' alone. Name them after the split, or keep the one that is meant."
        )
    part = fitting[0]
    if part.marks <= judgments.marks:
        return part, []
    return part, [f"the {role} '{part.label}', the only one, is used for the judgments '{judgments.label}'."]


def _data_files(folder: Path, depth: int) -> Iterator[Path]:
    """Files that may hold data; of a saved data set those that its ``state.json`` lists, because others are stale."""
    entries = sorted(path for path in folder.iterdir() if path.name[0] not in "._")
    state = folder / "state.json"
    if state.is_file() and (folder / "dataset_info.json").is_file():
        yield from _saved_files(state)
        return
    for path in entries:
        if path.is_dir():
            if depth:
                yield from _data_files(path, depth - 1)
        elif path.name not in _NO_DATA and _bare(path)[1]:
            yield path


def _saved_files(state: Path) -> list[Path]:
    with located(state.name):
        try:
            stated = read_json(state)
            files = [state.parent / entry["filename"] for entry in stated["_data_files"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataFormatError("expected the list of data files that save_to_disk writes. Save it again.") from error
        missing = [path.name for path in files if not path.is_file()]
        if missing:
            raise DataFormatError(f"it lists {names(missing)}, which the folder does not have. Copy the whole folder.")
        return files


def is_data_file(path: Path) -> bool:
    """Whether the name of a file says that it holds rows, texts or judgments; other texts are notes for people."""
    return path.name not in _NO_DATA and bool(_bare(path)[1]) and ".txt" not in path.suffixes


def bare_name(path: Path) -> str:
    """The name of a file or folder without the suffixes of a data file."""
    return _bare(path)[0]


def states_role(path: Path) -> bool:
    """Whether the name of a file or folder says that it holds the corpus, the queries or the judgments of a set."""
    return _ROLE.fullmatch(bare_name(path)) is not None


def _bare(path: Path) -> tuple[str, str]:
    """The name of a data file without suffixes, and its suffixes; "" where it is no data file."""
    name, packed = path.name, ""
    for suffix in COMPRESSION_SUFFIXES:
        if name.lower().endswith(suffix):
            name, packed = name[: -len(suffix)], suffix
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], suffix + packed
    return path.name, ""


def _key(path: Path) -> tuple[str, tuple[str, ...], str, str]:
    """Role, subset, split and home of a file by its place in the folder.

    The deepest name that states a role decides. What stands in it, or above it, is the subset; what stands below it,
    the split: ``en-corpus/test-00000-of-00001.parquet``, ``en/qrels/test.tsv``, ``dev_queries.jsonl``.
    """
    tokens = [*path.parts[:-1], _SHARD.sub("", _bare(path)[0])]
    matches = [_ROLE.fullmatch(token) for token in tokens]
    deepest, found = next(((i, match) for i, match in reversed([*enumerate(matches)]) if match), (0, None))
    home = path.parts[0] if len(path.parts) > 1 else ""
    if found is None:
        *subset, split = dict.fromkeys(token for token in tokens if token not in _UNNAMED) or [""]
        return ROWS, tuple(subset), split, home
    role = found["role"].lower()
    above: list[str] = []
    for token, match in zip(tokens[: deepest + 1], matches, strict=False):
        is_same = match is not None and match["role"].lower() == role
        above += [match["before"], match["after"]] if match is not None and is_same else [token]
    below = list(dict.fromkeys(token for token in tokens[deepest + 1 :] if token not in _UNNAMED))
    subset = [*dict.fromkeys(token for token in [*above, *below[:-1]] if token and token not in _UNNAMED)]
    return role, tuple(subset), below[-1] if below else "", home


def _of_one_container(folder: Path, paths: list[Path]) -> tuple[Path, ...]:
    """The files of a part, without compressed copies of files that are there; all are in one container."""
    there = {path.name for path in paths}
    kept = [path for path in paths if path.suffix not in COMPRESSION_SUFFIXES or path.stem not in there]
    if len({_bare(path)[1] for path in kept}) > 1 or (len(kept) > 1 and len({_bare(path)[0] for path in kept}) == 1):
        shown = names(path.relative_to(folder) for path in kept)
        raise DataFormatError(f"the files {shown} hold one part of the data set several times. Keep one of them.")
    return tuple(kept)
