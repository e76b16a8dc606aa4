"""Loops as machine code, by Numba, and on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pickle import UnpicklingError
from typing import Any

Range = tuple[int, int]
Work = Callable[[int, int], object]
"""Of the start and the stop of a range."""

_KEEPING_FAULTS = (OSError, EOFError, UnpicklingError)
"""What Numba raises where the disk is full on which it keeps machine code, or a file on it cut short."""


def compiled(loop: Callable[..., Any], *, fastmath: bool | set[str] = True) -> Callable[..., Any]:
    """``loop`` compiled when it is first called, and kept on disk where there is a folder for it with room in it.

    It runs outside the interpreter lock. Without ``error_model="numpy"`` every division is guarded and nothing
    vectorises; ``fastmath`` (what of it, where not all) lets sums be taken in as many parts as the processor adds at
    once.
    """
    import numba

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    unkept: Callable[..., Any] = numba.njit(**options)(loop)
    try:
        kept: Callable[..., Any] = numba.njit(cache=True, **options)(loop)
    except RuntimeError:  # no folder can be written in which the machine code would be kept for the next process
        return unkept

    def call(*args: Any) -> Any:
        try:
            return kept(*args)
        except _KEEPING_FAULTS:  # raised before the loop begins, which raises none of them
            return unkept(*args)

    return call


@contextmanager
def over_ranges(rounds: Sequence[Sequence[Range]], n_threads: int) -> Iterator[Callable[[Work], None]]:
    """Something that does work on all ranges: those of a round side by side, on ``n_threads``, and round after round.

    The work has to release the interpreter lock, as what is `compiled` does.
    """
    with ThreadPoolExecutor(n_threads) as pool:

        def run(work: Work) -> None:
            for ranges in rounds:
                if len(ranges) == 1:  # no thread is woken for what this one can do
                    work(*ranges[0])
                else:
                    list(pool.map(work, *zip(*ranges, strict=True)))

        yield run
