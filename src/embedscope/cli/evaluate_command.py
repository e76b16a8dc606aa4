"""``embedscope evaluate``: the numbers, the checklist and the verdict, without pictures."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.beside import HERE, Beside, SecondProcess
from embedscope.cli.data_sets import data_sets, evaluate_sets, with_data
from embedscope.errors import InvalidOptionError
from embedscope.settings import RAY, CorpusSettings, Engine, SetsSettings, Settings, flag

if TYPE_CHECKING:
    from embedscope.output.terminal import Terminal
    from embedscope.result import Result


def run(settings: Settings, sets: SetsSettings, corpus: CorpusSettings) -> int:
    """Measure, judge, print; write where ``--output`` says so. The exit status."""
    started = time.perf_counter()
    named = data_sets(sets, settings)
    if len(named) > 1:
        _require_no_corpus(corpus)
        return evaluate_sets(settings, named)
    settings = with_data(settings, named)
    manifest = _manifest_of(settings.model.embeddings)
    with _words_beside(settings, is_corpus=manifest is not None) as beside:
        # Loaded here, so that the second process loads what it needs meanwhile.
        from embedscope.cli import ending
        from embedscope.output.run_files import write_run
        from embedscope.result.report import report

        terminal = ending.terminal_of(settings)
        ending.require_writable(settings)
        result = _evaluate(settings, corpus, terminal, beside, is_corpus=manifest is not None)
    written = ending.write_side_files(result, settings)
    folder = settings.output.output
    if folder is not None:
        names = write_run(
            result,
            folder,
            options=settings.as_options(),
            elapsed_s=time.perf_counter() - started,
            digested=None if manifest is None else {"embeddings": manifest},
        )
        terminal.files(folder, names, first="report.html")
    terminal.side_files(written)
    if terminal.verbose or settings.measure.query:
        terminal.examples(result)
    terminal.report(result, has_evidence=settings.output.findings)
    terminal.verdict_line(result.verdict_line)
    return ending.finish(settings, result.verdict, report(result), terminal, started)


@contextmanager
def _words_beside(settings: Settings, *, is_corpus: bool) -> Iterator[Beside]:
    """A second process that counts words, but where an earlier run of these files has kept what is counted."""
    if is_corpus:
        yield HERE
        return
    from embedscope.kept import KeptResults

    kept = KeptResults.of(settings, lambda _: None)  # the run itself says where nothing can be kept
    run = kept.key("run with counted words", settings.inputs())
    if kept.find(None, bool, run) is not None:
        yield HERE
        return
    with SecondProcess("embedscope.diagnose.failure_modes") as beside:
        yield beside
    kept.keep(bool, run, True)


def _manifest_of(embeddings: str | None) -> Path | None:
    """The manifest of the shard folder that the vectors lie in; None, with nothing loaded, where they lie in a file."""
    if embeddings is None or Path(os.path.expanduser(embeddings)).is_file():
        return None
    from embedscope.scale.remote_storage import is_remote
    from embedscope.scale.shard_folder import MANIFEST, is_shard_folder

    return Path(embeddings) / MANIFEST if is_remote(embeddings) or is_shard_folder(embeddings) else None


def _evaluate(
    settings: Settings, corpus: CorpusSettings, terminal: Terminal, beside: Beside, *, is_corpus: bool
) -> Result:
    """A shard folder is read from disk in one pass; everything else is measured in memory."""
    if is_corpus:
        from embedscope.scale.corpus import run_on_shards

        return run_on_shards(settings, corpus, terminal)
    _require_no_corpus(corpus)
    left_out: dict[str, Any] = {"skip_tsne": True, "skip_umap": True}
    if settings.output.output is None:
        left_out["heatmap_cells"] = 0  # only the page shows one, and none is written
    from embedscope import pipeline

    return pipeline.run_on(settings.with_options(**left_out), {}, terminal, beside=beside)


def _require_no_corpus(corpus: CorpusSettings) -> None:
    """Refuse options that only a shard folder has a use for."""
    named = [name for name in ("memory", *RAY) if getattr(corpus, name) is not None]
    named += ["engine"] if corpus.engine is not Engine.LOCAL else []
    if named:
        raise InvalidOptionError(
            f"{flag(named[0])} is for a shard folder (--embeddings FOLDER), and --embeddings names none. Make one "
            f"with: embedscope shard --data FILE --embeddings FILE --output FOLDER"
        )
