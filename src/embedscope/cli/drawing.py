"""Pictures drawn by a second process while this one goes on measuring.

Drawing is a third of a run's work and holds the interpreter lock, so threads would take turns. The second process loads
Matplotlib while the data are read, and is given the findings of each stage as soon as they are known, over a pipe that
ends with this process. It is a help and never a need: where it cannot be started, or ends before its time, the pictures
are drawn here, by the same function.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, cast

from embedscope.cli.pictures import Stage, files_of
from embedscope.metrics.threads import n_cores

if TYPE_CHECKING:
    from embedscope.result import Result

MAX_TEXTS = 100_000
"""Above so many queries and documents the findings, which would have to be sent thrice, are drawn here: that is a small
part of the run then."""

_PATIENCE_S = 1.0

_SERVE = "from embedscope.cli.drawing import serve; serve()"


class Drawing:
    """The pictures of one run, drawn as its stages come; a context manager.

    Parameters
    ----------
    dpi : float
    format : str
        ``png``, ``svg`` or ``pdf``.
    """

    def __init__(self, *, dpi: float, format: str) -> None:  # noqa: A002
        self._settings: dict[str, Any] = {"dpi": dpi, "format": format}
        self._process = _started()
        self._asking = ThreadPoolExecutor(1)
        self._asked: dict[Stage, tuple[Result, Future[dict[str, bytes]]]] = {}

    def begin(self, stage: Stage, result: Result) -> None:
        """Have the pictures of ``stage`` drawn; the findings of later stages need not be known."""
        self._asked[stage] = result, self._asking.submit(self._ask, stage, result)

    def files(self) -> dict[str, bytes]:
        """Wait for all pictures; the content of their files, by name."""
        files: dict[str, bytes] = {}
        for stage, (result, drawn) in self._asked.items():
            try:
                files |= drawn.result()
            except Exception:  # whatever became of the process or of what was sent to it: what fails here is told
                files |= files_of(stage, result, **self._settings)
        if self._process is not None:
            with suppress(OSError):
                cast(IO[bytes], self._process.stdin).close()  # it ends by itself meanwhile
        return files

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            if kind is None:  # given time to remove what Matplotlib may have put into a temporary folder
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_PATIENCE_S)
            self._process.kill()  # whoever still waits for an answer is told that none comes
        self._asking.shutdown(cancel_futures=True)
        if self._process is not None:
            with suppress(OSError), self._process:  # closes both pipes and waits for the end
                pass

    def _ask(self, stage: Stage, result: Result) -> dict[str, bytes]:
        process = self._process
        if process is None or len(result.queries.texts) + len(result.documents.texts) > MAX_TEXTS:
            raise EOFError("nobody is asked")
        asked, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        try:
            pickle.dump((stage, result, self._settings), asked, protocol=pickle.HIGHEST_PROTOCOL)
            asked.flush()
            files: dict[str, bytes] = pickle.load(answers)  # noqa: S301 - from a process of our own
        except BaseException:
            process.kill()  # questions and answers are out of step: the next stage must not wait for an answer to this
            raise
        return files


def serve() -> None:
    """Draw what comes in on standard input until it ends: the second process.

    An error ends it without a word: the process that asked draws for itself then, and says what is wrong.
    """
    if hasattr(signal, "SIGTTOU"):  # a terminal may stop processes of the background that print
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    with suppress(ImportError):
        import embedscope.output.pictures  # noqa: F401
    while True:
        try:
            stage, result, settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
            answer = files_of(stage, result, **settings)
            pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
            del stage, result, settings, answer  # not kept while the next are read
        except Exception:
            return


def _started() -> subprocess.Popen[bytes] | None:
    """The second process; None where it would not help or cannot be started."""
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
            [sys.executable, "-P", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            **group,
        )
    except (OSError, ValueError):
        return None
