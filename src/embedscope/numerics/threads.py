"""Work dealt to threads, each of which computes its matrix products by itself.

A product shared among threads makes them wait for one another at its end, spinning. That is quick on idle cores; on
cores that others use as well, products of a few milliseconds then take many times as long. Threads that share nothing
wait once, when all is done.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def n_threads() -> int:
    """Cores that this process may use, or ``OMP_NUM_THREADS`` where that is less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(asked))) if asked.isdecimal() else cores


def in_threads(function: Callable[[Item], Outcome], items: Sequence[Item]) -> Iterator[Outcome]:
    """``function(item)`` for every item, in the order of ``items``, computed by `n_threads` threads.

    Meant for work of at least a few milliseconds an item that releases the interpreter lock. The first exception stops
    what has not begun and is raised here.
    """
    with one_thread_products():
        pool = ThreadPoolExecutor(max(1, min(n_threads(), len(items))))
        try:
            yield from pool.map(function, items)
        finally:
            pool.shutdown(cancel_futures=True)


class _OneThread:
    """A setting of one thread for a kind of library, which the whole process shares.

    The first to come in lowers it and the last to leave restores it, so that uses that overlap in time leave it as it
    was.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._n_inside = 0
        self._limit: Any = None

    @contextmanager
    def inside(self) -> Iterator[None]:
        with self._lock:
            if self._n_inside == 0:
                self._limit = self._lowered()
            self._n_inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                if self._n_inside == 0 and self._limit is not None:
                    self._limit.restore_original_limits()
                    self._limit = None

    def _lowered(self) -> Any:
        from threadpoolctl import threadpool_limits

        return threadpool_limits(1, user_api=self._kind)


_products, _loops = _OneThread("blas"), _OneThread("openmp")


def one_thread_products() -> AbstractContextManager[None]:
    """While inside, NumPy computes each matrix product in the thread that asks for it."""
    return _products.inside()


def one_thread_loops() -> AbstractContextManager[None]:
    """While inside, libraries that use OpenMP (FAISS) run their loops in the thread that asks for them."""
    return _loops.inside()
