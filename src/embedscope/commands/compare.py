"""``embedscope compare``: several checkpoints on the same queries, paired."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.analysis import analyse
from embedscope.analysis.comparison import compare_runs
from embedscope.analysis.film import draw_film
from embedscope.commands import inputs, outputs
from embedscope.data.collection import Collection
from embedscope.data.run_folder import staged_output, write_parquet
from embedscope.encoding.encode import Embeddings
from embedscope.errors import InvalidOptionError, TooFewPointsError
from embedscope.findings import Figure, Findings, MapLayout, RunComparison, run_label
from embedscope.report import html, page
from embedscope.report.columns import query_columns
from embedscope.report.payload import comparison_report
from embedscope.report.payload import report as report_of
from embedscope.report.saved_run import is_run_folder, read_run
from embedscope.report.sections import comparison_section, timeline_section
from embedscope.terminal import Terminal
from embedscope.verdict import judge, judge_comparison

FILM_POINTS = 3_000
"""Points on the maps of the runs: each run costs a t-SNE, and the eye follows no more."""

N_TEXTS = 5
"""Lost and gained queries printed for each candidate."""


def run(options: argparse.Namespace) -> int:
    """Measure each checkpoint, compare them with the reference, say and write; the exit status."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    names = run_names(options)
    criteria = inputs.read_criteria(options)
    outputs.check_destinations(options, ("metrics_comparison", "rank_changes"))
    collection = inputs.read_data(options, terminal)
    train = inputs.read_train(options)
    runs = embed_runs(names, collection, options, terminal)
    findings = measure(names, runs, collection, options, terminal, train=train)
    comparison = compare_runs(findings, reference=names[0], options=inputs.analysis_options(options))
    candidate = comparison.best.best if comparison.best is not None else comparison.candidates[0]
    checks, _ = judge(findings[candidate], criteria)
    verdict = judge_comparison(comparison, findings[candidate], criteria)
    say_comparison(findings, comparison, terminal)
    terminal.verdict(verdict)
    film = None
    if options.output is not None and len(runs) > 1 and not options.skip_maps:
        terminal.step(f"Laying out the t-SNE map of {len(runs)} runs")
        settings = replace(inputs.analysis_options(options), map_budget=FILM_POINTS)
        try:
            findings[candidate], film = draw_film(runs, candidate, findings[candidate], collection, settings)
        except TooFewPointsError:
            terminal.warn("the page has no map of the runs: there are too few points for one")
    judged = report_of(findings[candidate], checks, verdict, inputs=outputs.inputs_of(options))
    report = judged | comparison_report(findings, comparison)
    written = outputs.write_side_files(options, findings[candidate], checks, verdict, comparison.comparisons)
    if options.output is not None:
        with staged_output(options.output) as staging:
            files = draw_pictures(findings, comparison, staging, options)
            files += outputs.write_tables(staging, report, findings[candidate], options, started)
            for position, name in enumerate(comparison.candidates, start=2):
                file = f"queries_{position}.parquet"
                write_parquet(staging / file, query_columns(findings[name]))
                files.append(file)
            files += write_page(staging, judged, findings, comparison, candidate, film)
        terminal.files(Path(options.output), files)
    terminal.side_files(written)
    return outputs.finish(options, verdict, report, terminal, started)


def write_page(
    folder: Path,
    judged: dict[str, Any],
    runs: dict[str, Findings],
    comparison: RunComparison,
    candidate: str,
    film: dict[str, MapLayout] | None,
) -> list[str]:
    """The page of the judged candidate with the comparison in it, and the data it is drawn from; the file names."""
    section = comparison_section(runs, comparison, judged=candidate)
    timeline = None if film is None else film_section(runs, film, candidate)
    payload = page.page_payload(judged, runs[candidate], compare=section, timeline=timeline)
    (folder / page.PAGE_FILE).write_text(page.to_json(payload), encoding="utf-8")
    (folder / "report.html").write_text(html.render(payload, title=html.page_title(judged)), encoding="utf-8")
    return ["report.html", page.PAGE_FILE]


def film_section(runs: dict[str, Findings], film: dict[str, MapLayout], shown: str) -> dict[str, Any]:
    """The runs one after the other, for the page: metrics, violation rates by type, and where the points move."""
    found = {name: runs[name] for name in film}
    first = found[shown]
    return timeline_section(
        labels=[run_label(name) for name in film],
        epochs=range(1, len(film) + 1),
        metrics={
            name: [Figure(m.value, m.low, m.high) for m in (run.metrics[name] for run in found.values())]
            for name in first.metrics
        },
        violation={
            name: [run.negative_types[name].violation_rate for run in found.values()] for name in first.negative_types
        },
        shown=list(film).index(shown),
        maps={"tsne": [layout.xy for layout in film.values()]},
        drawn=page.drawn_points(first, page.POINT_BUDGET),
        is_correct=np.stack([run.queries.is_correct for run in found.values()]),
    )


def run_names(options: argparse.Namespace) -> list[str]:
    """The runs in order, the reference first: ``--baseline`` where given, else the first checkpoint."""
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


def embed_runs(
    names: list[str], collection: Collection, options: argparse.Namespace, terminal: Terminal
) -> dict[str, Embeddings]:
    """Vectors of every run; a reference that was measured before needs none.

    All is encoded before anything is measured, so that a checkpoint that cannot be read stops the run early.
    """
    to_encode = names[1:] if is_run_folder(names[0]) else names
    return {name: inputs.embed(name, collection, options, terminal, with_base=False).embeddings for name in to_encode}


def measure(
    names: list[str],
    runs: dict[str, Embeddings],
    collection: Collection,
    options: argparse.Namespace,
    terminal: Terminal,
    *,
    train: tuple[str, Collection] | None,
) -> dict[str, Findings]:
    """Findings of every run, the reference first; a reference that was measured before is read from its run folder."""
    found = {} if names[0] in runs else {names[0]: read_run(names[0])}
    for name, embeddings in runs.items():
        terminal.step(f"Measuring {run_label(name)}")
        found[name] = analyse(collection, embeddings, options=inputs.analysis_options(options), train=train)
    return found


def say_comparison(runs: dict[str, Findings], comparison: RunComparison, terminal: Terminal) -> None:
    """Metrics side by side, paired differences, what moved, and whether only the level moved."""
    terminal.metric_table(runs)
    terminal.comparisons(comparison.comparisons, comparison.reference)
    terminal.type_changes(comparison.type_changes)
    terminal.level_shifts(comparison.level_shifts)
    before = runs[comparison.reference].queries
    for name in comparison.candidates:
        after = runs[name].queries
        for word, rows in (("lost", comparison.lost[name]), ("gained", comparison.gained[name])):
            terminal.moved(word, name, rows[:N_TEXTS], len(rows), before, after)
    terminal.best_of_many(comparison.best)


def draw_pictures(
    runs: dict[str, Findings], comparison: RunComparison, folder: Path, options: argparse.Namespace
) -> list[str]:
    """The metric intervals of all runs, and for each candidate the queries that moved; the file names."""
    from embedscope import plots

    drawn: dict[str, Any] = {"metrics_comparison": plots.draw_metric_comparison(runs, comparison)}
    for position, name in enumerate(comparison.candidates, start=2):
        suffix = "" if len(comparison.candidates) == 1 else f"_{position}"
        drawn[f"rank_changes{suffix}"] = plots.draw_rank_slopes(runs, comparison, name)
    names = []
    for name, figure in drawn.items():
        file = f"{name}.{options.format}"
        plots.save(figure, folder / file, dpi=options.dpi, format=options.format)
        names.append(file)
    return names
