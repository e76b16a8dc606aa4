"""``embedscope evaluate``: the numbers, the checklist and the verdict, without pictures."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from embedscope import pipeline
from embedscope.cli import ending
from embedscope.cli.data_sets import data_sets, evaluate_sets, with_data
from embedscope.errors import InvalidOptionError
from embedscope.output.run_files import write_run
from embedscope.output.terminal import Terminal
from embedscope.result import Result
from embedscope.result.report import report
from embedscope.scale.remote_storage import is_remote
from embedscope.settings import RAY, CorpusSettings, Engine, SetsSettings, Settings, flag


def run(settings: Settings, sets: SetsSettings, corpus: CorpusSettings) -> int:
    """Measure, judge, print; write where ``--output`` says so. The exit status."""
    started = time.perf_counter()
    named = data_sets(sets, settings)
    if len(named) > 1:
        _require_no_corpus(corpus)
        return evaluate_sets(settings, named)
    settings = with_data(settings, named)
    terminal = ending.terminal_of(settings)
    ending.require_writable(settings)
    manifest = _manifest_of(settings.model.embeddings)
    result = _evaluate(settings, corpus, terminal, is_corpus=manifest is not None)
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


def _manifest_of(embeddings: str | None) -> Path | None:
    """The manifest of the shard folder that the vectors lie in; None, with nothing loaded, where they lie in a file."""
    if embeddings is None or Path(os.path.expanduser(embeddings)).is_file():
        return None
    from embedscope.scale.shard_folder import MANIFEST, is_shard_folder

    return Path(embeddings) / MANIFEST if is_remote(embeddings) or is_shard_folder(embeddings) else None


def _evaluate(settings: Settings, corpus: CorpusSettings, terminal: Terminal, *, is_corpus: bool) -> Result:
    """A shard folder is read from disk in one pass; everything else is measured in memory."""
    if is_corpus:
        from embedscope.scale.corpus import run_on_shards

        return run_on_shards(settings, corpus, terminal)
    _require_no_corpus(corpus)
    left_out: dict[str, Any] = {"skip_tsne": True, "skip_umap": True}
    if settings.output.output is None:
        left_out["heatmap_cells"] = 0  # only the page shows one, and none is written
    return pipeline.run(settings.with_options(**left_out), terminal)


def _require_no_corpus(corpus: CorpusSettings) -> None:
    """Refuse options that only a shard folder has a use for."""
    named = [name for name in ("memory", *RAY) if getattr(corpus, name) is not None]
    named += ["engine"] if corpus.engine is not Engine.LOCAL else []
    if named:
        raise InvalidOptionError(
            f"{flag(named[0])} is for a shard folder (--embeddings FOLDER), and --embeddings names none. Make one "
            f"with: embedscope shard --data FILE --embeddings FILE --output FOLDER"
        )
