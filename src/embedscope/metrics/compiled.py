"""Loops as machine code, by Numba."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


def compiled(loop: Callable[..., Any], *, fastmath: bool | set[str] = True) -> Callable[..., Any]:
    """``loop`` compiled when it is first called, and kept on disk where there is a folder for it.

    It runs outside the interpreter lock. Without ``error_model="numpy"`` every division is guarded and nothing
    vectorises; ``fastmath`` (what of it, where not all) lets sums be taken in as many parts as the processor adds at
    once.

    Raises
    ------
    ImportError
        Numba is not installed.
    """
    import numba

    how: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        function: Callable[..., Any] = numba.njit(cache=True, **how)(loop)
    except RuntimeError:  # no folder can be written in which the machine code would be kept for the next process
        function = numba.njit(**how)(loop)
    return function


def over_range(loop: Callable[..., Any], *arguments: Any) -> Callable[[int, int], None]:
    """``loop`` as a function of the range that it runs over; the other arguments stay."""

    def run(start: int, stop: int) -> None:
        loop(start, stop, *arguments)

    return run


def numba_if_usable() -> ModuleType | None:
    """Numba, loaded; None where it is not installed, cannot be loaded, or is told not to compile."""
    try:
        import numba
    except (ImportError, AttributeError, SystemError):  # the last two: a release that does not fit this environment
        return None
    except (OSError, MemoryError):  # its library takes 150 MB of addresses, which a limit of the process may forbid
        return None
    return None if getattr(numba.config, "DISABLE_JIT", False) else numba
