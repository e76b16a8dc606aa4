"""``embedscope compare``: several checkpoints on the same queries, paired; those of one training as a timeline."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from embedscope.cli import inputs, outputs
from embedscope.cli.compared_files import PICTURES, draw_pictures, write_page
from embedscope.comparison.animation import draw_animations
from embedscope.comparison.paired import compare_runs
from embedscope.comparison.timeline import build_timeline, epoch_of, timeline_names
from embedscope.data.collection import Collection
from embedscope.decide.verdict import judge, judge_comparison
from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.models.embed import Embeddings
from embedscope.output.run_folder import staged_output, write_parquet
from embedscope.output.table_columns import query_columns
from embedscope.output.terminal import Terminal
from embedscope.pipeline import analyse
from embedscope.result import MapAnimation, ModelFacts, Result, RunComparison, extended
from embedscope.result.report import comparison_report, timeline_report
from embedscope.result.report import report as report_of
from embedscope.result.saved_run import is_run_folder, read_run

ANIMATION_POINTS = 3_000
"""Points on the maps of the runs: each run costs a map of each kind, and the eye follows no more."""

N_TEXTS = 5
"""Lost and gained queries printed for each candidate."""


def run(options: argparse.Namespace) -> int:
    """Measure each checkpoint, compare them with the reference, say and write; the exit status."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    names = run_names(options)
    criteria = inputs.read_criteria(options)
    outputs.check_destinations(options, PICTURES)
    collection = inputs.read_data(options, terminal)
    train = inputs.read_train(options)
    runs = embed_runs(names, collection, options, terminal)
    course = timeline_names({name: run.facts for name, run in runs.items()})
    names = ordered(names, course, reference=options.baseline)
    runs = {name: runs[name] for name in names if name in runs}
    terminal.name_runs(names)
    if course:
        terminal.step(course_sentence(course, runs, names[0], terminal))
    result = measure(names, runs, collection, options, terminal, train=train)
    settings = inputs.analysis_options(options)
    comparison = compare_runs(result, reference=names[0], options=settings)
    timeline = build_timeline({name: result[name] for name in course}, settings) if course else None
    candidate = comparison.best.best if comparison.best is not None else comparison.candidates[0]
    checks, _ = judge(result[candidate], criteria)
    verdict = judge_comparison(comparison, result[candidate], criteria)
    told = told_of(comparison, candidate, course)
    if timeline is not None:
        terminal.timeline(timeline)
    say_comparison(result, told, terminal)
    if len(told.candidates) < len(comparison.candidates):
        n_others = len(comparison.candidates) - len(told.candidates)
        terminal.step(f"The other {n_others} of these checkpoints against the reference: --json, report.json, page")
    terminal.verdict(verdict)
    animations: tuple[MapAnimation, ...] = ()
    if options.output is not None:
        shown = {name: runs[name] for name in course} if candidate in course else runs
        result[candidate], animations = lay_out(shown, candidate, result[candidate], collection, options, terminal)
    judged = report_of(
        extended(result[candidate], Result, checklist=checks, verdict=verdict, inputs=outputs.inputs_of(options))
    )
    report = judged | comparison_report(result, comparison)
    if timeline is not None:
        report["timeline"] = timeline_report(timeline, animations, result[names[0]])
    written = outputs.write_side_files(options, result[candidate], checks, verdict, comparison.comparisons)
    if options.output is not None:
        terminal.step("Drawing the pictures")
        with staged_output(options.output) as staging:
            files = draw_pictures(result, comparison, told, timeline, animations, staging, options)
            files += outputs.write_tables(staging, report, result[candidate], options, started)
            for position, name in enumerate(comparison.candidates, start=2):
                file = f"queries_{position}.parquet"
                write_parquet(staging / file, query_columns(result[name]))
                files.append(file)
            files += write_page(staging, judged, result, comparison, candidate, timeline, animations)
        terminal.files(Path(options.output), files)
    terminal.side_files(written)
    return outputs.finish(options, verdict, report, terminal, started)


def run_names(options: argparse.Namespace) -> list[str]:
    """The runs as they were given; ``--baseline`` first, where it is given."""
    names = list(options.checkpoints)
    if options.baseline is not None:
        names = [options.baseline, *(name for name in names if name != options.baseline)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if len(names) < 2 or repeated:
        came = f"'{repeated[0]}' twice" if repeated else f"only '{names[0]}'"
        raise InvalidOptionError(
            f"compare needs two or more different checkpoints; {came} came. Pass the reference first: "
            f"embedscope compare OLD NEW --data FILE, or name it with --baseline."
        )
    return names


def ordered(names: Sequence[str], course: Sequence[str], *, reference: str | None) -> list[str]:
    """The runs, the reference first and those of ``course`` in its order: a shell gives epoch10 before epoch2.

    The reference is the one that was named, else the first run; the earliest epoch where that is one of the course.
    """
    epochs = iter(course)
    in_order = [next(epochs) if name in course else name for name in names]
    return in_order if reference is None else [reference, *(name for name in in_order if name != reference)]


def course_sentence(course: Sequence[str], runs: Mapping[str, Embeddings], reference: str, terminal: Terminal) -> str:
    """Which runs are taken for one training, and what they are compared with."""
    facts: list[ModelFacts] = [runs[name].facts for name in course]
    epochs = [epoch_of(name, fact) for name, fact in zip(course, facts, strict=True)]
    return (
        f"{len(course)} checkpoints of one training make a timeline, epoch {epochs[0]} to {epochs[-1]}; the reference "
        f"is {terminal.label(reference)} (--baseline names another)"
    )


def embed_runs(
    names: Sequence[str], collection: Collection, options: argparse.Namespace, terminal: Terminal
) -> dict[str, Embeddings]:
    """Vectors of every run; a reference that was measured before needs none.

    All is encoded before anything is measured, so that a checkpoint that cannot be read stops the run early.
    """
    to_encode = names[1:] if is_run_folder(names[0]) else names
    return {name: inputs.embed(name, collection, options, terminal, with_base=False).embeddings for name in to_encode}


def measure(
    names: Sequence[str],
    runs: Mapping[str, Embeddings],
    collection: Collection,
    options: argparse.Namespace,
    terminal: Terminal,
    *,
    train: tuple[str, Collection] | None,
) -> dict[str, Result]:
    """Findings of every run, the reference first; a reference that was measured before is read from its run folder."""
    found = {} if names[0] in runs else {names[0]: read_run(names[0])}
    for name, embeddings in runs.items():
        terminal.step(f"Measuring {terminal.label(name)}")
        found[name] = analyse(collection, embeddings, options=inputs.analysis_options(options), train=train)
    return found


def told_of(comparison: RunComparison, candidate: str, course: Sequence[str]) -> RunComparison:
    """What the terminal tells of a comparison: of the epochs in a timeline, only the judged one in full."""
    kept = tuple(name for name in comparison.candidates if name == candidate or name not in course)
    return replace(
        comparison,
        candidates=kept,
        comparisons=tuple(row for row in comparison.comparisons if row.a in kept),
        type_changes=tuple(row for row in comparison.type_changes if row.candidate in kept),
        level_shifts=tuple(row for row in comparison.level_shifts if row.candidate in kept),
    )


def say_comparison(runs: Mapping[str, Result], comparison: RunComparison, terminal: Terminal) -> None:
    """Metrics side by side, paired differences, what moved, and whether only the level moved."""
    terminal.metric_table({name: runs[name] for name in (comparison.reference, *comparison.candidates)})
    terminal.comparisons(comparison.comparisons, comparison.reference)
    terminal.type_changes(comparison.type_changes)
    terminal.level_shifts(comparison.level_shifts)
    before = runs[comparison.reference].queries
    for name in comparison.candidates:
        after = runs[name].queries
        for word, rows in (("lost", comparison.lost[name]), ("gained", comparison.gained[name])):
            terminal.moved(word, name, rows[:N_TEXTS], len(rows), before, after)
    terminal.best_of_many(comparison.best)


def lay_out(
    runs: Mapping[str, Embeddings],
    shown: str,
    result: Result,
    collection: Collection,
    options: argparse.Namespace,
    terminal: Terminal,
) -> tuple[Result, tuple[MapAnimation, ...]]:
    """The findings of the run ``shown`` with its maps, and the films of all; without any where none is asked for."""
    methods = [name for name in ("tsne", "umap") if not (options.skip_maps or getattr(options, f"skip_{name}"))]
    if not methods or len(runs) < 2:
        return result, ()
    settings = replace(inputs.analysis_options(options), map_budget=ANIMATION_POINTS)
    terminal.step(f"Laying out the maps of {len(runs)} runs, each from the one before")
    try:
        with terminal.progress("Maps", unit="maps") as progress:
            result, animations = draw_animations(
                runs, shown, result, collection, settings, methods=methods, progress=progress
            )
    except TooFewPointsError:
        terminal.warn("the page has no map of the runs: there are too few points for one")
        return result, ()
    for reason in result.maps_absent.values():
        terminal.warn(reason)
    return result, animations
