"""Work that the caller goes on without: by a second process, or here once it is asked for.

Counting words holds the interpreter's lock, so that a thread would only take turns with what else there is to do. The
second process is a help and never a need: where it cannot be started, ends before its time or cannot be sent what it
needs, the same function is called here.
"""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import IO, Any, Self, TypeVar, cast

from embedscope.machine import n_cores

_READY = b"ready"
T = TypeVar("T")


class Beside:
    """Where work is done that is asked for later: here, and only then."""

    is_elsewhere = False
    """Whether it is done while the caller goes on."""

    def begin(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        """What gives ``function(*arguments)``, or raises what that raises; to be called once."""
        return partial(function, *arguments)


HERE = Beside()
"""Nobody else."""


class SecondProcess(Beside):
    """A second process, which calls one function after another; a context manager, at whose end it ends.

    Parameters
    ----------
    *modules : str
        What it loads while there is nothing to do.

    Functions are those of modules that it can import, by name; arguments and values are sent (pickled). What it has
    not begun when the value is asked for is called here.
    """

    def __init__(self, *modules: str) -> None:
        self._process = start_process(f"from embedscope.beside import serve; serve({modules!r})")
        self._asking = ThreadPoolExecutor(1)
        self._asking.submit(self._wait)  # no function is begun before

    @property
    def is_elsewhere(self) -> bool:  # type: ignore[override]
        """Whether the process was started, and has not ended."""
        return self._process is not None and self._process.poll() is None

    def begin(self, function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
        """What waits for ``function(*arguments)``, or calls it here where no answer comes."""
        if not self.is_elsewhere:
            return super().begin(function, *arguments)
        answer = self._asking.submit(self._ask, function, arguments)
        return partial(_answered, answer, function, arguments)

    def _wait(self) -> None:
        if self._process is not None:
            cast(IO[bytes], self._process.stdout).read(len(_READY))

    def _ask(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        process = cast("subprocess.Popen[bytes]", self._process)
        asked, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        asked.write(pickle.dumps((function, arguments), protocol=pickle.HIGHEST_PROTOCOL))
        asked.flush()
        return cast(T, pickle.load(answers))  # noqa: S301 - from a process of our own

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()  # whoever still waits for an answer is told that none comes
        self._asking.shutdown(cancel_futures=True)
        if self._process is not None:
            with suppress(OSError), self._process:  # closes both pipes and waits for the end
                pass


def _answered(answer: Future[T], function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    if answer.cancel():
        return function(*arguments)
    try:
        return answer.result()
    except Exception:  # whatever became of the process or of what was sent: what fails here is told
        return function(*arguments)


def start_process(code: str) -> subprocess.Popen[bytes] | None:
    """A process of this Python that runs ``code``, pipes to both ends; None where it would not help or cannot be.

    The folder in which the user stands is none of its modules', and the keyboard does not interrupt it.
    """
    if n_cores() < 2 or not sys.executable or getattr(sys, "frozen", False):
        return None
    # Where this process found its modules; -P: not in the folder in which the user stands.
    path = os.pathsep.join(entry for entry in sys.path if isinstance(entry, str) and entry)
    # In a group of its own the keyboard does not interrupt it: this process, which is interrupted, ends it.
    group: dict[str, Any] = {"process_group": 0}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            **group,
        )
    except (OSError, ValueError):
        return None


def answers_apart() -> IO[bytes]:
    """What was standard output, for answers alone: whatever a library prints from now on goes to standard error."""
    if hasattr(signal, "SIGTTOU"):  # a terminal may stop processes of the background that print
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def serve(modules: tuple[str, ...]) -> None:
    """Call what comes in on standard input, until it ends: the second process.

    An error ends it without a word: the process that asked calls the function itself then, and says what is wrong.
    """
    answers = answers_apart()
    with suppress(Exception):
        for module in modules:
            importlib.import_module(module)
        answers.write(_READY)
        answers.flush()
        while True:
            function, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this
            pickle.dump(function(*arguments), answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
