"""Results on disk, found by what they were made of: a second run computes only what its changed options decide.

A file a result, named by its kind and by the digest of everything that decides it: the inputs by content, the source of
this program, the versions of the libraries that compute. Files are written whole under a temporary name and then
renamed, so that several processes may share one folder and one may be killed at any moment; a file that is not whole is
a result that is not there. Of more than a stated number of bytes those that were used last stay.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from embedscope.errors import InvalidOptionError, OutputError
from embedscope.kept.content import Digests, NoContentError
from embedscope.kept.packed_values import NotWholeError, pack, unpack
from embedscope.kept.program import program_digest
from embedscope.protocols import Warn
from embedscope.publishing import write_whole
from embedscope.settings import Settings
from embedscope.units import parse_bytes

LIMIT_VARIABLE = "EMBEDSCOPE_RESULTS_LIMIT"
DEFAULT_LIMIT = 2 * 10**9
"""Bytes of results that are kept, unless the variable names another number (``500MB``; 0 keeps none)."""

_SUFFIX = ".kept"
_LEFT_AFTER_TRIM = 0.8  # of the limit, so that not every further result has the folder listed again
_log = logging.getLogger(__name__)
T = TypeVar("T")


def default_directory() -> Path:
    """``EMBEDSCOPE_CACHE``, else ``embedscope`` in ``XDG_CACHE_HOME``, else ``~/.cache/embedscope``."""
    named = os.environ.get("EMBEDSCOPE_CACHE")
    if named:
        return Path(os.path.expanduser(named))
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path(os.path.expanduser("~/.cache"))) / "embedscope"


class KeptResults:
    """Results of earlier runs, by content.

    Parameters
    ----------
    directory : Path, optional
        The cache folder; ``default_directory()`` by default.
    warn : callable, optional
        Told once where the folder cannot be used: everything is then computed.
    is_enabled : bool
        False keeps nothing and finds nothing.

    Raises
    ------
    InvalidOptionError
        If ``EMBEDSCOPE_RESULTS_LIMIT`` is no number of bytes.
    """

    def __init__(self, directory: Path | None = None, *, warn: Warn = _log.warning, is_enabled: bool = True) -> None:
        self._folder = (default_directory() if directory is None else directory) / "results"
        self._warn = warn
        self._limit = _limit() if is_enabled else 0
        self._is_read_only = False  # so far the folder has refused nothing
        self._digests = Digests()
        self._n_bytes: int | None = None  # in the folder; None before the first is written
        self.taken: dict[str, None] = {}  # kinds of results that were found, in the order in which they were asked for

    @classmethod
    def of(cls, settings: Settings, warn: Warn) -> KeptResults:
        """Those beside the vectors of ``settings``: ``--cache-dir`` and ``--no-cache`` hold for both."""
        own = settings.model
        return cls(None if own.cache_dir is None else Path(own.cache_dir), warn=warn, is_enabled=not own.no_cache)

    @property
    def is_enabled(self) -> bool:
        """Whether anything is kept."""
        return self._limit > 0

    def value(self, name: str, kind: Any, made_of: Sequence[Any], compute: Callable[[], T]) -> T:
        """What ``compute`` gives, or gave when it was ``made_of`` the same.

        Parameters
        ----------
        name : str
            What it is, in a word or two: part of the key, and what the log says.
        kind : annotation
            Its type, by which it is read.
        made_of : sequence
            Everything that decides it: a value without content (`NoContentError`) is computed anew each time.
        """
        return self.begin(name, kind, made_of, lambda: compute)()

    def begin(
        self, name: str, kind: Any, made_of: Sequence[Any], begin: Callable[[], Callable[[], T]]
    ) -> Callable[[], T]:
        """What gives the same of `value`, later: what was kept is read now, and else ``begin`` called."""
        key = self.key(name, *made_of)
        found = self.find(name, kind, key)
        if found is not None:
            return lambda: cast(T, found)
        pending = begin()

        def made() -> T:
            value = pending()
            self.keep(kind, key, value)
            return value

        return made

    def key(self, name: str, *made_of: Any) -> str | None:
        """The name of a result, by what decides it; None where nothing is kept."""
        if not self.is_enabled:
            return None
        try:
            return f"{name.replace(' ', '-')}-{self._digests.of(program_digest(), *made_of).hex()}"
        except NoContentError:
            return None

    def find(self, name: str | None, kind: Any, key: str | None) -> Any:
        """What was kept under ``key``; None where it is not there, or not whole. ``name`` is what the log says."""
        if key is None or not self.is_enabled:
            return None
        path = self._folder / f"{key}{_SUFFIX}"
        try:
            value = unpack(kind, path.read_bytes(), key)
        except FileNotFoundError:
            return None
        except NotWholeError as error:
            self._warn(f"'{path}' is not whole ({error}) and is made again.")
            return None
        except OSError as error:
            self._limit = 0
            self._tell_refusal(error, "everything is computed")
            return None
        with suppress(OSError):  # a folder that may only be read still serves
            os.utime(path)  # it was used last
        if name is not None:
            self.taken[name] = None
        return value

    def keep(self, kind: Any, key: str | None, value: Any) -> None:
        """Keep ``value`` of type ``kind``, which is not None, under ``key``, if what is written can be read again."""
        if key is None or not self.is_enabled or self._is_read_only:
            return
        try:
            packed = pack(value, key)
            unpack(kind, packed, key)
        except (TypeError, NotWholeError):
            return
        if len(packed) > self._limit // 2:
            return
        try:
            write_whole(self._folder / f"{key}{_SUFFIX}", lambda temporary: temporary.write_bytes(packed))
            self._trim(len(packed))
        except (OSError, OutputError) as error:
            self._is_read_only = True
            self._tell_refusal(error, "what is there is used, and the rest is computed")

    def tell(self, say: Callable[[str], object]) -> None:
        """One line that says what was taken from earlier runs; nothing where nothing was."""
        if self.taken:
            say(f"From the cache: {', '.join(self.taken)}")

    def _trim(self, n_new: int) -> None:
        """Remove those that were used longest ago, once the limit is passed."""
        self._n_bytes = sum(size for _, size, _ in self._files()) if self._n_bytes is None else self._n_bytes + n_new
        if self._n_bytes <= self._limit:
            return
        left = 0
        for _, size, path in sorted(self._files(), reverse=True):
            if left + size > _LEFT_AFTER_TRIM * self._limit:
                with suppress(OSError):  # another process removed it, or reads it (Windows)
                    path.unlink()
            else:
                left += size
        self._n_bytes = left

    def _files(self) -> Iterator[tuple[int, int, Path]]:
        """Time of last use, size and path of each result."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX):
                    with suppress(FileNotFoundError):
                        facts = entry.stat()
                        yield facts.st_mtime_ns, facts.st_size, Path(entry.path)

    def _tell_refusal(self, error: OSError | OutputError, what_follows: str) -> None:
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        self._warn(
            f"Results cannot be kept in '{self._folder}' ({reason}): {what_follows}. Set EMBEDSCOPE_CACHE to a folder "
            f"that can be written to."
        )


NOTHING_KEPT = KeptResults(is_enabled=False)
"""Keeps nothing and finds nothing."""


def _limit() -> int:
    named = os.environ.get(LIMIT_VARIABLE)
    if not named:
        return DEFAULT_LIMIT
    try:
        return parse_bytes(named) if named != "0" else 0
    except ValueError as error:
        raise InvalidOptionError(
            f"{LIMIT_VARIABLE} is {named!r}; expected a number of bytes such as 500MB or 2GB, or 0 to keep no results."
        ) from error
