"""Every exception that embedscope raises on purpose.

::

    EmbedscopeError
    ├── InputError                  the user's input cannot be used; the CLI prints it and exits with status 2
    │   ├── DataFormatError         a data set is not in a form we read, or a row of it is broken
    │   ├── CheckpointError         a checkpoint cannot be read, or does not fit its base model
    │   │   └── UnsafeCheckpointError   loading it would run code that came with it
    │   ├── EndpointError           an endpoint does not answer, or not with vectors
    │   ├── InvalidEmbeddingsError  vectors of the wrong shape, or rows without a direction (also a ValueError)
    │   ├── IncomparableRunsError   runs on different queries, judgments or pools (also a ValueError)
    │   ├── InvalidOptionError      an option has a value that makes no sense here (also a ValueError)
    │   ├── TooFewPointsError       fewer queries or points than the computation needs (also a ValueError)
    │   └── OutputError             results cannot be written where they were asked for
    └── MissingExtraError           an optional dependency is absent (also an ImportError; exit status 2)

A message says what was expected, what came, where, why it matters and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec


class EmbedscopeError(Exception):
    """Base class of everything embedscope raises on purpose."""


class InputError(EmbedscopeError):
    """The user's input cannot be used."""


class DataFormatError(InputError):
    """A data set is not in a form we read, or one of its rows is broken."""


class CheckpointError(InputError):
    """A checkpoint cannot be read, or does not fit its base model."""


class UnsafeCheckpointError(CheckpointError):
    """Loading the checkpoint would run code that came with it."""


class EndpointError(InputError):
    """An endpoint does not answer, or not with vectors."""


class InvalidEmbeddingsError(InputError, ValueError):
    """Vectors of the wrong shape, or rows that have no direction."""


class IncomparableRunsError(InputError, ValueError):
    """Runs were measured on different queries, judgments or pools."""


class InvalidOptionError(InputError, ValueError):
    """An option has a value that makes no sense here."""


class TooFewPointsError(InputError, ValueError):
    """Fewer queries, documents or points than the computation needs."""


class OutputError(InputError):
    """Results cannot be written where they were asked for."""


class MissingExtraError(EmbedscopeError, ImportError):
    """An optional dependency is absent: what needs it, the extra's name, the command that installs it."""

    def __init__(self, *, needed_for: str, package: str, extra: str) -> None:
        from embedscope.installation import install_command  # here, because its imports take 40 ms

        super().__init__(
            f"{needed_for} needs the package '{package}', which is not installed. "
            f"Install it with: {install_command(extra)}"
        )
        self.package = package
        self.extra = extra


@contextmanager
def importing(package: str, *, needed_for: str, extra: str) -> Iterator[None]:
    """Imports of an optional package; ``MissingExtraError`` where it is not installed."""
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(needed_for=needed_for, package=package, extra=extra) from error


def require_installed(packages: Iterable[str], *, needed_for: str, extra: str) -> None:
    """``MissingExtraError`` for the first of ``packages`` that is not installed; imports none, which takes seconds."""
    for package in packages:
        if find_spec(package.replace("-", "_")) is None:
            raise MissingExtraError(needed_for=needed_for, package=package, extra=extra)
