"""What ``--data`` names, and the commands where that is several data sets."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from embedscope.output.picture_process import PICTURES, Drawing
from embedscope.settings import SET, CompareSettings, SetsSettings, Settings

if TYPE_CHECKING:
    from embedscope.comparison.runs_on_sets import SetRuns
    from embedscope.output.terminal import Terminal
    from embedscope.result import Scored


def data_sets(sets: SetsSettings, settings: Settings) -> dict[str, str]:
    """The data sets of ``--data`` by name; a folder of data sets stands for those."""
    if len(sets.data) < 2 and not any(map(os.path.isdir, sets.data)):
        return {path: path for path in sets.data}  # with nothing loaded
    from embedscope.data.readers.set_folders import named_sets

    return named_sets(sets.data, split=settings.data.split)


def with_data(settings: Settings, sets: Mapping[str, str]) -> Settings:
    """The settings with the only data set, if there is one, in the names of files too."""
    data, own = next(iter(sets.values()), None), settings.model
    files = {"embeddings": own.embeddings, "run": own.run, "baseline": own.baseline}
    named = {name: on_one_set(path, data) for name, path in files.items() if path is not None}
    return settings.with_options(data=data, **named)


def on_one_set(path: str, data: str | None) -> str:
    """``path`` with the folder name of the only data set where `SET` stands."""
    if SET not in path or data is None:
        return path
    from embedscope.data.readers.set_folders import folder_names, named_sets

    (folder,) = folder_names([*named_sets([data])]).values()
    return path.replace(SET, folder)


def evaluate_sets(settings: Settings, sets: Mapping[str, str]) -> int:
    """``evaluate`` on several sets: measure, judge, print; write where ``--output`` says so. The exit status."""
    from embedscope.cli import ending
    from embedscope.comparison.runs_on_sets import run_sets

    started = time.perf_counter()
    terminal = ending.terminal_of(settings)
    ending.require_writable(settings, read=sets.values(), n_sets=len(sets))
    found = run_sets(sets, settings.with_options(skip_tsne=True, skip_umap=True), terminal)
    return _end(found, settings, terminal, started, {name: {} for name in sets})


def visualize_sets(settings: Settings, sets: Mapping[str, str]) -> int:
    """``visualize`` on several sets: the pictures and the page of each, and the page of all; the exit status."""
    from embedscope.cli import ending
    from embedscope.comparison.runs_on_sets import run_sets
    from embedscope.result import Result

    started = time.perf_counter()
    terminal = ending.terminal_of(settings)
    ending.require_writable(settings, PICTURES, read=sets.values(), n_sets=len(sets))
    pictures: dict[str, dict[str, bytes]] = {}
    with ExitStack() as closing:
        drawings: dict[str, Drawing] = {}

        def draw(name: str, stage: Scored) -> None:
            if name not in drawings:
                drawings[name] = closing.enter_context(Drawing.of(settings.with_options(data=name)))
            drawings[name].begin(stage)
            if isinstance(stage, Result):
                pictures[name] = drawings[name].files()
                closing.close()

        found = run_sets(sets, settings, terminal, on_stage=draw)
    drawn: dict[str, dict[str, Any]] = {name: {"pictures": partial(dict, own)} for name, own in pictures.items()}
    return _end(found, settings, terminal, started, drawn)


def compare_sets(settings: Settings, chosen: CompareSettings, sets: Mapping[str, str]) -> int:
    """``compare`` on several sets: the runs on each, and one verdict; the exit status."""
    from embedscope.cli import compare_command, ending
    from embedscope.comparison import runs_on_sets
    from embedscope.output.comparison_files import PICTURES as RUN_PICTURES

    started = time.perf_counter()
    terminal = ending.terminal_of(settings)
    ending.require_writable(settings, RUN_PICTURES, read=[*sets.values(), *chosen.checkpoints], n_sets=len(sets))
    skip_maps = chosen.skip_maps or settings.output.output is None
    found = runs_on_sets.compare_sets(
        *chosen.checkpoints, data=sets, settings=settings, skip_maps=skip_maps, log=terminal
    )
    more = {name: compare_command.files_of(compared, settings.output) for name, compared in found.compared.items()}
    return _end(found, settings, terminal, started, more)


def _end(
    found: SetRuns, settings: Settings, terminal: Terminal, started: float, more: Mapping[str, Mapping[str, Any]]
) -> int:
    """Print, write what was asked for, and give the exit status; ``more`` is written of each set too."""
    from embedscope.cli import ending
    from embedscope.output.sets_files import write_sets
    from embedscope.result.report import sets_report

    folder, sets = settings.output.output, found.found
    terminal.sets(sets)
    written = ending.write_side_files_of_sets(found, settings)
    if folder is None:
        terminal.step("What each set says in full: --output DIR")
    else:
        options = settings.as_options() | {"data": [each.path for each in sets.sets]}
        elapsed_s = time.perf_counter() - started
        names = write_sets(sets, found.results, folder, options=options, elapsed_s=elapsed_s, more=more)
        terminal.files(folder, names)
    terminal.side_files(written)
    terminal.verdict_line(sets.verdict_line)
    return ending.finish(settings, sets.verdict, sets_report(sets), terminal, started)
