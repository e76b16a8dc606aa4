"""A line whenever a long step has said nothing for ten seconds, which looks like a hang."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from embedscope.output.streams import STDERR, STDOUT, say

SECONDS = 10.0


def _last_written() -> float:
    return max(STDOUT.written_at, STDERR.written_at)


class Silence:
    """Tells on stderr which step goes on, while the process is `watched` and a step is known."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, last_written: Callable[[], float] = _last_written
    ) -> None:
        self._clock, self._last_written = clock, last_written
        self._step: tuple[str, float] | None = None  # what was said last, and when
        self._broken_at = clock()

    def during(self, step: str | None) -> None:
        """What goes on from now; None where silence is nothing to tell of."""
        words = (step or "").strip().partition("\n")[0]
        self._broken_at = self._clock()
        self._step = (words, self._broken_at) if words else None

    @contextmanager
    def inside(self, step: str | None) -> Iterator[None]:
        """`during` for the block; the step around it goes on afterwards."""
        around = self._step
        self.during(step)
        try:
            yield
        finally:
            self._broken_at = self._clock()
            self._step = around

    def check(self) -> float:
        """Say what goes on, if nothing else was said for long; seconds until it is time to look again."""
        step, now = self._step, self._clock()
        left = max(self._broken_at, self._last_written()) + SECONDS - now
        if step is None or left > 0:
            return SECONDS if step is None else left
        words, began = step
        self._broken_at = now
        say(f"Still running after {now - began:.0f} s: {words}")
        return SECONDS

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Check, in a thread, until the block ends."""
        self.during(None)
        is_over = Event()

        def watch() -> None:
            left = SECONDS
            while not is_over.wait(left):
                left = self.check()

        thread = Thread(target=watch, name="silence", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.during(None)
            is_over.set()
            thread.join()


SILENCE = Silence()
