"""Loops as machine code, by Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compiled(loop: Callable[..., Any], *, fastmath: bool | set[str] = True) -> Callable[..., Any]:
    """``loop`` compiled when it is first called, and kept on disk where there is a folder for it.

    It runs outside the interpreter lock. Without ``error_model="numpy"`` every division is guarded and nothing
    vectorises; ``fastmath`` (what of it, where not all) lets sums be taken in as many parts as the processor adds at
    once.
    """
    import numba

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        function: Callable[..., Any] = numba.njit(cache=True, **options)(loop)
    except RuntimeError:  # no folder can be written in which the machine code would be kept for the next process
        function = numba.njit(**options)(loop)
    return function
