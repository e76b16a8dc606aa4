"""The pictures of a run, drawn by a second process that loads Matplotlib while this one measures.

The second process is a help and never a need: where it cannot be started or ends before its time, the same function
draws here.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, cast

from embedscope.machine import n_cores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from embedscope.result import Result

PICTURES = (
    "tsne_projection",
    "umap_projection",
    "similarity_heatmap",
    "similarity_distribution",
    "top_k_predictions",
    "negative_types",
    "spectrum",
    "thresholds",
    "robustness",
    "deployment_cost",
)
"""Names of the pictures, in the order in which they are written."""

MAX_TEXTS = 100_000
"""Above so many queries and documents a result, which would have to be sent, is drawn here: that is a small part of the
run then."""

_PATIENCE_S = 1.0

_SERVE = "from embedscope.output.picture_process import serve; serve()"


def picture_files(result: Result, *, dpi: float, format: str) -> dict[str, bytes]:  # noqa: A002
    """The content of the picture files by name; one is packed while the next is drawn."""
    from embedscope.output import pictures

    with ThreadPoolExecutor(1) as packing:
        files = {
            name: packing.submit(pictures.drawn(figure, dpi=dpi, format=format)) for name, figure in _figures(result)
        }
    return {f"{name}.{format}": files[name].result() for name in PICTURES if name in files}


def _figures(result: Result) -> Iterator[tuple[str, Figure]]:
    from embedscope.output import pictures

    for name in result.maps:
        yield f"{name}_projection", pictures.draw_map(result, name)
    if result.examples:
        yield "top_k_predictions", pictures.draw_top_k(result)
    if result.heatmap is not None:
        yield "similarity_heatmap", pictures.draw_heatmap(result)
    yield "similarity_distribution", pictures.draw_similarity_distribution(result)
    if result.negative_types:
        yield "negative_types", pictures.draw_negative_types(result)
    if result.geometry is not None:
        yield "spectrum", pictures.draw_spectrum(result.geometry)
    if result.thresholds is not None:
        yield "thresholds", pictures.draw_thresholds(result.thresholds)
    if result.robustness is not None and any(effect.changes for effect in result.robustness.effects):
        yield "robustness", pictures.draw_robustness(result.robustness)
    if result.deployment is not None:
        yield "deployment_cost", pictures.draw_deployment_cost(result.deployment)


class Drawing:
    """The pictures of one run, drawn beside what else there is to do; a context manager."""

    def __init__(self, *, dpi: float, format: str) -> None:  # noqa: A002
        self._settings: dict[str, Any] = {"dpi": dpi, "format": format}
        self._process = _started()
        self._waiting = ThreadPoolExecutor(1)
        self._drawn: tuple[Result, Future[dict[str, bytes]]] | None = None

    def begin(self, result: Result) -> None:
        """Have the pictures of ``result`` drawn."""
        self._drawn = result, self._waiting.submit(self._ask, result)

    def files(self) -> dict[str, bytes]:
        """Wait for the pictures; the content of their files, by name."""
        if self._drawn is None:
            return {}
        result, drawn = self._drawn
        try:
            return drawn.result()
        except Exception:  # whatever became of the process or of what was sent to it: what fails here is told
            return picture_files(result, **self._settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is not None and kind is None:  # time to remove what Matplotlib may have put into a temporary folder
            with suppress(OSError, subprocess.TimeoutExpired):
                cast(IO[bytes], process.stdin).close()
                process.wait(_PATIENCE_S)
        if process is not None:
            process.kill()  # whoever still waits for an answer is told that none comes
        self._waiting.shutdown(cancel_futures=True)
        if process is not None:
            with suppress(OSError), process:  # closes both pipes and waits for the end
                pass

    def _ask(self, result: Result) -> dict[str, bytes]:
        process = self._process
        if process is None or len(result.queries.texts) + len(result.documents.texts) > MAX_TEXTS:
            raise EOFError("nobody is asked")
        asked, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        pickle.dump((result, self._settings), asked, protocol=pickle.HIGHEST_PROTOCOL)
        asked.flush()
        files: dict[str, bytes] = pickle.load(answers)  # noqa: S301 - from a process of our own
        return files


def serve() -> None:
    """Draw the result that comes in on standard input: the second process.

    An error ends it without a word: the process that asked draws for itself then, and says what is wrong.
    """
    if hasattr(signal, "SIGTTOU"):  # a terminal may stop processes of the background that print
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    with suppress(Exception):
        import embedscope.output.pictures  # noqa: F401 - loads Matplotlib while there is nothing to draw

        result, settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
        pickle.dump(picture_files(result, **settings), answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


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
