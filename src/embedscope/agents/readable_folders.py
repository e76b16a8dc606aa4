"""What an agent may read: the folders that the server was given, and what lies in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from embedscope.errors import InputError
from embedscope.plain_files import MOST_PAGE_BYTES, read_json
from embedscope.result.saved_run import is_run_folder

MOST_FOLDERS = 10_000
"""Folders that are looked into for runs; what a tree of more holds is not listed."""

MOST_LEVELS = 4
"""Levels below a given folder in which runs are listed."""


class Kind(StrEnum):
    """What a folder of embedscope holds, by its files."""

    RUN = "run"
    COMPARISON = "comparison"  # the run of its candidate, beside the others
    SETS = "several sets"
    AUDIT = "audit"
    TRAINING = "training"
    PARITY = "parity"
    MIGRATION = "migration"


_ONLY_FILE = {"training.json": Kind.TRAINING, "parity.json": Kind.PARITY, "migration.json": Kind.MIGRATION}


@dataclass(frozen=True, slots=True)
class ReadableFolders:
    """The folders that may be read, with everything below them; links are followed before that is asked."""

    roots: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Sequence[str]) -> ReadableFolders:
        """Those folders; raises InputError where there is none, or one is no folder."""
        if not folders:
            raise InputError("embedscope mcp needs the folders that it may read: embedscope mcp runs/")
        for folder in folders:
            if not Path(folder).is_dir():
                what = "is a file" if Path(folder).exists() else "is not there"
                raise InputError(f"'{folder}' {what}. Expected a folder of runs, or one that has such folders in it.")
        roots = list(dict.fromkeys(Path(folder).resolve() for folder in folders))
        return cls(tuple(root for root in roots if not any(other in root.parents for other in roots)))

    def folder(self, name: str) -> Path:
        """The folder that an agent names: an absolute path, or one relative to a root.

        Raises
        ------
        InputError
            If it is not there, lies outside the roots, or has a file that leads outside.
        """
        try:
            places = [root / name for root in self.roots]
            own = next((place for place in places if self._is_inside(place) and place.is_dir()), None)
        except (OSError, ValueError) as error:  # a name with a zero byte, or one that is too long
            raise InputError(f"'{name[:200]}' is no path ({error}).") from None
        if own is None:
            raise InputError(
                f"'{name[:200]}' is no folder in {', '.join(map(str, self.roots))}, and nothing else may be read. "
                "list_runs names the folders that can be read."
            )
        outside = self._leading_out(own)
        if outside is not None:
            raise InputError(f"{outside} leads out of the folders that may be read, so {own} is not read.")
        return own

    def runs(self) -> Iterator[tuple[Path, Kind]]:
        """The folders that embedscope wrote, each with what it holds, in the order of their paths."""
        n_folders = 0
        for root in self.roots:
            waiting = [(root, 0)]
            while waiting and n_folders < MOST_FOLDERS:
                folder, level = waiting.pop()
                n_folders += 1
                kind = kind_of(folder) if self._leading_out(folder) is None else None
                if kind is not None:
                    yield folder, kind
                if level < MOST_LEVELS and kind not in (Kind.SETS, Kind.TRAINING):
                    waiting += [(below, level + 1) for below in reversed(_folders_below(folder))]

    def name_of(self, folder: Path) -> str:
        """The path of a folder as an agent may name it: relative to the only root, else absolute."""
        return str(folder.relative_to(self.roots[0])) if len(self.roots) == 1 else str(folder)

    def _leading_out(self, folder: Path) -> Path | None:
        """A file of ``folder`` that is a link to outside the roots; a folder is asked for by its own name."""
        try:
            links = (path for path in folder.iterdir() if path.is_symlink() and not path.is_dir())
            return next((path for path in links if not self._is_inside(path)), None)
        except OSError:  # a folder that cannot be listed, whose files then are not there
            return None

    def _is_inside(self, path: Path) -> bool:
        real = path.resolve()
        return any(real.is_relative_to(root) for root in self.roots)


def kind_of(folder: Path) -> Kind | None:
    """What a folder holds; None where embedscope did not write it."""
    if is_run_folder(folder):
        return Kind.COMPARISON if (folder / "queries_2.parquet").is_file() else Kind.RUN
    if (folder / "report.json").is_file():
        return Kind.AUDIT if read_report(folder).get("command") == "audit" else Kind.SETS
    return next((kind for name, kind in _ONLY_FILE.items() if (folder / name).is_file()), None)


def read_report(folder: Path) -> dict[str, object]:
    """The report of a folder; an empty one where it cannot be read, which whoever needs more of it finds out."""
    try:
        report = read_json(folder / "report.json", most_bytes=MOST_PAGE_BYTES)
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _folders_below(folder: Path) -> list[Path]:
    """Folders in ``folder`` that are no links, in the order of their names."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []
