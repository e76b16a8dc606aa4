"""The pictures of a run, drawn stage by stage by a second process while this one goes on measuring.

The second process is a help and never a need: where it cannot be started or ends before its time, the same function
draws here.
"""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields
from functools import partial
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self, cast

from embedscope.beside import answers_apart, start_process

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from embedscope.kept import KeptResults
    from embedscope.result import Diagnosed, QueryTable, Scored
    from embedscope.settings import Settings

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
    from embedscope.output import pictures

    return {
        each.name: partial(getattr(pictures, each.function), *each.arguments, **each.more)
        for each in _pictures(stage, color_by)
    }


class _Picture(NamedTuple):
    """A picture that can be drawn, by a function of `pictures`, which is loaded once one is."""

    name: str
    function: str
    arguments: tuple[Any, ...]
    read: tuple[Any, ...]
    """All that the function reads of its arguments: what decides the picture."""
    more: dict[str, Any]


def _pictures(stage: Scored, color_by: str | None) -> Iterator[_Picture]:
    from embedscope.result import Diagnosed, Mapped, Points

    kind, queries, documents = stage.model.similarity, stage.queries, stage.documents
    if stage.examples:
        read = (stage.examples, _ranking_of(queries), documents.texts, stage.similarity is None)
        yield _Picture("top_k_predictions", "draw_top_k", (stage,), read, {})
    if stage.heatmap is not None:
        read_by_heatmap = (stage.heatmap, queries.texts, documents.texts, kind)
        yield _Picture("similarity_heatmap", "draw_heatmap", (stage,), read_by_heatmap, {})
    if stage.similarity is not None:
        read_by_distribution = (stage.similarity, kind)
        yield _Picture("similarity_distribution", "draw_similarity_distribution", (stage,), read_by_distribution, {})
    if stage.negative_types and stage.similarity is not None:
        yield _Picture("negative_types", "draw_negative_types", (stage,), (stage.negative_types, kind), {})
    if isinstance(stage, Diagnosed):
        yield from _pictures_of_records(stage)
    if isinstance(stage, Mapped):
        values = None if color_by is None else queries.stated
        for name, layout in stage.maps.items():
            labels = tuple(
                (t.name, t.level, t.n_queries + t.n_documents, t.label_points.get(name)) for t in stage.themes
            )
            shown = (layout, _of_class(Points, stage.points), labels, kind, color_by, values)
            yield _Picture(f"{name}_projection", "draw_map", (stage, name), shown, {"color_by": color_by})


def _pictures_of_records(stage: Diagnosed) -> Iterator[_Picture]:
    """Pictures that read one record of a stage each."""
    robustness, similarity = stage.robustness, {"similarity": stage.model.similarity}
    shows_changes = robustness is not None and any(effect.changes for effect in robustness.effects)
    records: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("spectrum", "draw_spectrum", stage.geometry, {}),
        ("thresholds", "draw_thresholds", stage.thresholds, similarity),
        ("robustness", "draw_robustness", robustness if shows_changes else None, {}),
        ("deployment_cost", "draw_deployment_cost", stage.deployment, similarity),
    ]
    for name, function, record, more in records:
        if record is not None:
            yield _Picture(name, function, (record,), (record, more), more)


def _ranking_of(queries: QueryTable) -> tuple[Any, ...]:
    """What a table holds of a ranking, without the metrics and what is found out about failures later."""
    from embedscope.result import QueryTable

    later = ("values", "failure_modes", "failure_evidence", "groups", "metadata")
    return _of_class(QueryTable, queries, without=later)


def _of_class(kind: type[Any], record: Any, without: Collection[str] = ()) -> tuple[Any, ...]:
    """The fields that ``kind`` has: a record of a result in a notebook has the whole result beside them."""
    return tuple(getattr(record, each.name) for each in fields(kind) if each.name not in without)


class Drawing:
    """The pictures of one run, drawn beside what else there is to do; a context manager.

    Those that ``kept`` has are not drawn again. Where it has those of an earlier run ``of`` the same name the second
    process begins with the first picture that is new; else at once, so that it loads Matplotlib meanwhile.
    """

    def __init__(
        self,
        *,
        dpi: float,
        format: str,  # noqa: A002
        color_by: str | None = None,
        kept: KeptResults | None = None,
        of: object = None,
    ) -> None:
        self._settings: dict[str, Any] = {"dpi": dpi, "format": format, "color_by": color_by}
        self._kept = kept
        self._run = None if kept is None else kept.key("run with pictures", of, dpi, format, color_by)
        self._keys: dict[str, str | None] = {}  # of each picture that a stage has had
        self._found: dict[str, bytes] = {}  # those of earlier runs, by the name of their file
        self._process: subprocess.Popen[bytes] | None = None
        self._is_started = False
        if kept is None or kept.find(None, bool, self._run) is None:
            self._start()
        self._waiting = ThreadPoolExecutor(1)
        self._answers: list[Future[dict[str, bytes]]] = []
        self._stage: Scored | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The pictures of a run of ``settings``, those that are kept beside its vectors among them."""
        from embedscope.kept import KeptResults

        output, color_by = settings.output, settings.maps.color_by
        kept = KeptResults.of(settings, lambda _: None)  # the run itself says where nothing can be kept
        return cls(dpi=output.dpi, format=output.format, color_by=color_by, kept=kept, of=settings.inputs())

    def begin(self, stage: Scored) -> None:
        """Have the pictures drawn that ``stage`` adds to those of the stages before it."""
        self._stage = stage
        if not self._find(stage):
            self._start()
            self._answers.append(self._waiting.submit(self._ask, stage, frozenset(self._found)))

    @property
    def plan(self) -> str:
        """What is still to be done, as the log says it."""
        n = len(self._found)
        if n and self._keys.keys() == self._found.keys():
            return f"From the cache: {n} pictures"
        return f"Drawing the pictures, but for {n} from the cache" if n else "Drawing the pictures"

    def _find(self, stage: Scored) -> bool:
        """Look for the pictures that ``stage`` adds; whether all of them are there."""
        if self._kept is None:
            return False
        from embedscope.kept import fonts_installed

        of, file_format = (self._settings["dpi"], self._settings["format"], source_of(stage)), self._settings["format"]
        new = [p for p in _pictures(stage, self._settings["color_by"]) if f"{p.name}.{file_format}" not in self._keys]
        for picture in new:
            file = f"{picture.name}.{file_format}"
            self._keys[file] = self._kept.key(picture.name, *of, fonts_installed(), *picture.read)
            found = self._kept.find(None, bytes, self._keys[file])
            if found is not None:
                self._found[file] = found
        return self._keys.keys() <= self._found.keys()

    def _start(self) -> None:
        if not self._is_started:
            self._process, self._is_started = _started(), True

    def files(self) -> dict[str, bytes]:
        """Wait for the pictures of the last stage; the content of their files, by name."""
        if self._stage is None:
            return {}
        files = dict(self._found)
        try:
            for answer in self._answers:
                files |= answer.result()
        except Exception:  # whatever became of the process or of what was sent to it: what fails here is told
            files |= picture_files(self._stage, **self._settings, without=files)
        self._keep(files)
        return in_order(files, self._settings["format"])

    def _keep(self, files: Mapping[str, bytes]) -> None:
        if self._kept is not None:
            for name in self._keys.keys() & files.keys() - self._found.keys():
                self._kept.keep(bytes, self._keys[name], files[name])
            if self._found.keys() != files.keys():
                self._kept.keep(bool, self._run, True)

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

    def _ask(self, stage: Scored, without: frozenset[str]) -> dict[str, bytes]:
        process = self._process
        if process is None or len(stage.queries.texts) + len(stage.documents.texts) > MAX_TEXTS:
            raise EOFError("nobody is asked")
        asked, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        asked.write(pickle.dumps((stage, self._settings, without), protocol=pickle.HIGHEST_PROTOCOL))
        asked.flush()
        files: dict[str, bytes] = pickle.load(answers)  # noqa: S301 - from a process of our own
        return files


def serve() -> None:
    """Draw the stages that come in on standard input, until it ends: the second process.

    An error ends it without a word: the process that asked draws for itself then, and says what is wrong.
    """
    answers = answers_apart()
    with suppress(Exception):
        import embedscope.output.pictures  # noqa: F401 - loads Matplotlib while there is nothing to draw

        names: set[str] = set()
        while True:
            stage, settings, without = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this
            files = picture_files(stage, **settings, without=names | without)
            names |= files.keys()
            pickle.dump(files, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
    gc.freeze()  # the process that asked waits for the end of this one: nothing is looked through for cycles any more


def _started() -> subprocess.Popen[bytes] | None:
    """The second process; None where it would not help or cannot be started."""
    return start_process(_SERVE)
