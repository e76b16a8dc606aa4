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
from contextlib import AbstractContextManager, ContextDecorator, contextmanager, suppress
from typing import Any, TypeVar

from embedscope.machine import n_cores

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def n_threads() -> int:
    """Cores that this process may use, or ``OMP_NUM_THREADS`` where that is less."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(n_cores(), int(asked))) if asked.isdecimal() else n_cores()


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


class _OneThreadProducts(ContextDecorator):
    """The linear algebra library's number of threads, one setting for the whole process, lowered to one.

    The first to come in lowers it and the last to leave restores it, so that uses that overlap in time leave it as it
    was. Both are done by a thread kept for that: threadpoolctl lets nobody change the setting but the thread that
    changed it first, until that one gives it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._keeper: ThreadPoolExecutor | None = None
        self._lowered: AbstractContextManager[Any] | None = None

    def __enter__(self) -> None:
        from threadpoolctl import threadpool_limits

        with self._lock:
            if self._n_inside == 0:
                self._keeper = self._keeper or ThreadPoolExecutor(1, thread_name_prefix="one-thread-products")
                self._lowered = self._keeper.submit(threadpool_limits, 1, user_api="blas").result()
            self._n_inside += 1

    def __exit__(self, *failure: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0 and self._keeper is not None and self._lowered is not None:
                with suppress(RuntimeError):  # when the process is ending, nobody is kept and nothing need be restored
                    self._keeper.submit(self._lowered.__exit__, None, None, None).result()
                self._lowered = None


_products = _OneThreadProducts()


def one_thread_products() -> _OneThreadProducts:
    """While inside, NumPy computes each matrix product in the thread that asks for it; a context, or a decorator."""
    return _products


@contextmanager
def one_thread_loops() -> Iterator[None]:
    """While inside, libraries that use OpenMP (FAISS) run the loops of this thread in it alone."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"):
        yield
