"""What bounds a server: bytes, characters, requests in a second, work that waits, and time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a server; sizes in bytes, times in seconds."""

    rate: float = 20.0  # requests in a second, with twice as many at once
    body: int = 64 << 10
    waiting: int = 32  # requests that wait for the model, the one that it works on included
    body_s: float = 10.0
    head_s: float = 10.0
    work_s: float = 60.0
    idle_s: int = 30
    connections: int = 128


class RefusedError(Exception):
    """A request that gets no answer: the status and one line; seconds after which it may come again, where it may."""

    def __init__(self, status: int, reason: str, *, retry_s: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_s = status, reason, retry_s


@dataclass(slots=True)
class Rate:
    """A bucket of ``2 * per_s`` requests that fills at ``per_s`` a second; ``clock`` tells seconds."""

    per_s: float
    clock: Callable[[], float] = time.monotonic
    _left: float = field(init=False)
    _since: float = field(init=False)

    def __post_init__(self) -> None:
        self._left, self._since = max(1.0, 2 * self.per_s), self.clock()

    def take(self) -> None:
        """Let one request pass, or raise `RefusedError` (429)."""
        now = self.clock()
        self._left = min(max(1.0, 2 * self.per_s), self._left + self.per_s * (now - self._since))
        self._since = now
        if self._left < 1:
            wait = max(1, round((1 - self._left) / self.per_s))
            raise RefusedError(429, f"more than {self.per_s:g} requests a second", retry_s=wait)
        self._left -= 1


class UnwantedError(Exception):
    """Work for which nobody waits any more."""


_ABANDONED: ContextVar[threading.Event | None] = ContextVar("abandoned", default=None)


def require_wanted(done: int = 0, total: int = 0, message: str | None = None) -> None:
    """Raise `UnwantedError` in the thread of `OneAtATime` where nobody waits for its work any more.

    It can be told of progress, as which it is called between batches of texts.
    """
    abandoned = _ABANDONED.get()
    if abandoned is not None and abandoned.is_set():
        raise UnwantedError


class OneAtATime:
    """Work that is done in one thread, in turn, behind a queue of ``limits.waiting``.

    ``prepare`` is called in that thread before each piece of work, with its query and those of all that waits: what
    many wait for is then encoded at once.
    """

    def __init__(self, limits: Limits, prepare: Callable[[Sequence[str]], None]) -> None:
        self._limits, self._prepare = limits, prepare
        self._queries: list[str] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embedscope-serve")

    async def do(self, work: Callable[[], T], query: str) -> T:
        """What ``work`` on a query returns; `RefusedError` (503) where the queue is full, (504) where it took too long.

        Work that took too long, or whose request was cancelled, is dropped if it has not begun, and ends where it next
        calls `require_wanted`.
        """
        if len(self._queries) >= self._limits.waiting:
            raise RefusedError(503, "the model is busy with other requests", retry_s=1)
        self._queries.append(query)
        abandoned = threading.Event()
        future = self._thread.submit(self._done, work, query, abandoned)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._limits.work_s)
        except TimeoutError:
            raise RefusedError(504, f"no answer within {self._limits.work_s:g} s") from None
        finally:
            abandoned.set()
            self._queries.remove(query)

    def _done(self, work: Callable[[], T], query: str, abandoned: threading.Event) -> T:
        _ABANDONED.set(abandoned)
        self._prepare([query, *self._queries])
        return work()

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
