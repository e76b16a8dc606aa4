"""The pictures of a run, drawn stage by stage by a second process while this one goes on measuring.

The second process is a help and never a need: where it cannot be started or ends before its time, the same function
draws here.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self, cast

from embedscope.machine import n_cores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from embedscope.result import Scored

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


def picture_files(
    stage: Scored,
    *,
    dpi: float,
    format: str,  # noqa: A002
    color_by: str | None = None,
    without: Collection[str] = (),
) -> dict[str, bytes]:
    """The content of the picture files that ``stage`` has enough for, by name, but for the files ``without``.

    One is packed while the next is drawn.
    """
    from embedscope.output import pictures

    source = source_of(stage)
    with ThreadPoolExecutor(1) as packing:
        files = {
            f"{name}.{format}": packing.submit(pictures.drawn(pictures.sign(draw(), source), dpi=dpi, format=format))
            for name, draw in pictures_of(stage, color_by).items()
            if f"{name}.{format}" not in without
        }
    return {name: file.result() for name, file in files.items()}


def in_order(files: Mapping[str, bytes], format: str) -> dict[str, bytes]:  # noqa: A002
    """Picture files, which stages gave in any order, in that of `PICTURES`."""
    return {name: files[name] for picture in PICTURES if (name := f"{picture}.{format}") in files}


def source_of(stage: Scored) -> str:
    """What was measured on what, as the pictures name it."""
    from embedscope.result import run_label

    return " on ".join(filter(None, (run_label(stage.model.checkpoint), run_label(stage.data.name))))


def pictures_of(stage: Scored, color_by: str | None = None) -> dict[str, Callable[..., Figure]]:
    """What draws each picture of a stage, by name: each shows what no later stage changes."""
    return dict(_pictures(stage, color_by))


def _pictures(stage: Scored, color_by: str | None) -> Iterator[tuple[str, Callable[..., Figure]]]:
    from embedscope.output import pictures
    from embedscope.result import Diagnosed, Mapped

    if stage.examples:
        yield "top_k_predictions", partial(pictures.draw_top_k, stage)
    if stage.heatmap is not None:
        yield "similarity_heatmap", partial(pictures.draw_heatmap, stage)
    if stage.similarity is not None:
        yield "similarity_distribution", partial(pictures.draw_similarity_distribution, stage)
    if stage.negative_types and stage.similarity is not None:
        yield "negative_types", partial(pictures.draw_negative_types, stage)
    if isinstance(stage, Diagnosed):
        if stage.geometry is not None:
            yield "spectrum", partial(pictures.draw_spectrum, stage.geometry)
        if stage.thresholds is not None:
            yield "thresholds", partial(pictures.draw_thresholds, stage.thresholds, similarity=stage.model.similarity)
        if stage.robustness is not None and any(effect.changes for effect in stage.robustness.effects):
            yield "robustness", partial(pictures.draw_robustness, stage.robustness)
        if stage.deployment is not None:
            yield (
                "deployment_cost",
                partial(pictures.draw_deployment_cost, stage.deployment, similarity=stage.model.similarity),
            )
    if isinstance(stage, Mapped):
        for name in stage.maps:
            yield f"{name}_projection", partial(pictures.draw_map, stage, name, color_by=color_by)


class Drawing:
    """The pictures of one run, drawn beside what else there is to do; a context manager."""

    def __init__(self, *, dpi: float, format: str, color_by: str | None = None) -> None:  # noqa: A002
        self._settings: dict[str, Any] = {"dpi": dpi, "format": format, "color_by": color_by}
        self._process = _started()
        self._waiting = ThreadPoolExecutor(1)
        self._answers: list[Future[dict[str, bytes]]] = []
        self._stage: Scored | None = None

    def begin(self, stage: Scored) -> None:
        """Have the pictures drawn that ``stage`` adds to those of the stages before it."""
        self._stage = stage
        self._answers.append(self._waiting.submit(self._ask, stage))

    def files(self) -> dict[str, bytes]:
        """Wait for the pictures of the last stage; the content of their files, by name."""
        if self._stage is None:
            return {}
        files: dict[str, bytes] = {}
        try:
            for answer in self._answers:
                files |= answer.result()
        except Exception:  # whatever became of the process or of what was sent to it: what fails here is told
            files |= picture_files(self._stage, **self._settings, without=files)
        return in_order(files, self._settings["format"])

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

    def _ask(self, stage: Scored) -> dict[str, bytes]:
        process = self._process
        if process is None or len(stage.queries.texts) + len(stage.documents.texts) > MAX_TEXTS:
            raise EOFError("nobody is asked")
        asked, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        asked.write(pickle.dumps((stage, self._settings), protocol=pickle.HIGHEST_PROTOCOL))
        asked.flush()
        files: dict[str, bytes] = pickle.load(answers)  # noqa: S301 - from a process of our own
        return files


def serve() -> None:
    """Draw the stages that come in on standard input, until it ends: the second process.

    An error ends it without a word: the process that asked draws for itself then, and says what is wrong.
    """
    if hasattr(signal, "SIGTTOU"):  # a terminal may stop processes of the background that print
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    with suppress(Exception):
        import embedscope.output.pictures  # noqa: F401 - loads Matplotlib while there is nothing to draw

        names: set[str] = set()
        while True:
            stage, settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
            files = picture_files(stage, **settings, without=names)
            names |= files.keys()
            pickle.dump(files, answers, protocol=pickle.HIGHEST_PROTOCOL)
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
