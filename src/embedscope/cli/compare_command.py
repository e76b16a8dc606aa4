"""``embedscope compare``: several checkpoints on the same queries, paired; those of one training as a timeline."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

from embedscope.cli import ending
from embedscope.cli.data_sets import compare_sets, data_sets, on_one_set, with_data
from embedscope.comparison.comparing import ComparedRuns, compare, page_sections
from embedscope.decide.reference import reference_of_runs
from embedscope.output.comparison_files import PICTURES, comparison_pictures
from embedscope.output.run_files import write_run
from embedscope.result import RunComparison
from embedscope.result.report import comparison_report, report, timeline_report
from embedscope.settings import CompareSettings, OutputSettings, SetsSettings, Settings

N_TEXTS = 5
"""Lost and gained queries printed for each candidate."""


def run(settings: Settings, chosen: CompareSettings, sets: SetsSettings) -> int:
    """Measure each checkpoint, compare them with the reference, print and write; the exit status."""
    started = time.perf_counter()
    if not chosen.checkpoints:  # --data FILE OLD NEW
        sets, chosen = replace(sets, data=sets.data[:1]), replace(chosen, checkpoints=sets.data[1:])
    named = data_sets(sets, settings)
    if len(named) > 1:
        return compare_sets(settings, chosen, named)
    settings = with_data(settings, named)
    checkpoints = tuple(on_one_set(name, settings.data.data) for name in chosen.checkpoints)
    terminal = ending.terminal_of(settings)
    ending.require_writable(settings, PICTURES, read=checkpoints)
    skip_maps = chosen.skip_maps or settings.output.output is None
    found = compare(*checkpoints, settings=settings, skip_maps=skip_maps, log=terminal)
    shown = shown_of(found)
    if found.timeline is not None:
        terminal.timeline(found.timeline)
    terminal.comparison(found.runs, shown, n_texts=N_TEXTS)
    if len(shown.candidates) < len(found.comparison.candidates):
        n_others = len(found.comparison.candidates) - len(shown.candidates)
        terminal.step(f"The other {n_others} of these checkpoints against the reference: --json, report.json, page")
    terminal.verdict(found.result.verdict)
    against = reference_of_runs(found.comparison)
    written = ending.write_side_files(found.result, settings, found.comparison.comparisons, against)
    folder, more = settings.output.output, files_of(found, settings.output)
    if folder is not None:
        terminal.step("Drawing the pictures")
        names = write_run(
            found.result, folder, options=settings.as_options(), elapsed_s=time.perf_counter() - started, **more
        )
        terminal.files(folder, names)
    terminal.side_files(written)
    terminal.verdict_line(found.verdict_line)
    return ending.finish(settings, found.result.verdict, report(found.result) | more["more_report"], terminal, started)


def files_of(found: ComparedRuns, output: OutputSettings) -> dict[str, Any]:
    """What `write_run` is given beside the result of the candidate: pictures, tables and parts of the page."""
    more = comparison_report(found.runs, found.comparison)
    if found.timeline is not None:
        reference = found.runs[found.comparison.reference]
        more["timeline"] = timeline_report(found.timeline, found.animations, reference)
    candidates = enumerate(found.comparison.candidates, start=2)
    return {
        "pictures": partial(
            comparison_pictures,
            found.runs,
            found.comparison,
            shown_of(found),
            found.timeline,
            found.animations,
            dpi=output.dpi,
            format=output.format,
        ),
        "more_report": more,
        "more_queries": {f"queries_{place}.parquet": found.runs[name] for place, name in candidates},
        "sections": page_sections(found),
    }


def shown_of(found: ComparedRuns) -> RunComparison:
    """What the terminal shows of a comparison: of the epochs in a timeline, only the judged one in full."""
    comparison = found.comparison
    epochs = () if found.timeline is None else found.timeline.names
    kept = tuple(name for name in comparison.candidates if name == found.candidate or name not in epochs)
    return replace(
        comparison,
        candidates=kept,
        comparisons=tuple(row for row in comparison.comparisons if row.a in kept),
        type_changes=tuple(row for row in comparison.type_changes if row.candidate in kept),
        level_shifts=tuple(row for row in comparison.level_shifts if row.candidate in kept),
    )
