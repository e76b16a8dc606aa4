"""How a command that judges ends: the files that were asked for by name, and the exit status."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.attribute_packs import load_pack
from embedscope.cli.main import DONE, RETRAIN, UNSETTLED
from embedscope.data.collection import Row
from embedscope.decide.reference import Reference, reference_of
from embedscope.diagnose.failing_rows import failing_rows, rows_as_json
from embedscope.diagnose.unjudged import unjudged_pairs
from embedscope.errors import InvalidOptionError
from embedscope.output import model_card
from embedscope.output.junit import junit_of_sets, junit_xml
from embedscope.output.leaderboards import MAIN, eval_results, task_result
from embedscope.output.markdown import markdown_of_sets, markdown_summary
from embedscope.output.run_files import check_destinations
from embedscope.output.run_folder import (
    MANIFEST,
    manifest,
    rows_text,
    staged_output,
    write_bytes,
    write_json,
    write_text,
)
from embedscope.output.terminal import Terminal
from embedscope.result import Comparison, Result, Verdict, VerdictOutcome
from embedscope.result.codec import encode
from embedscope.settings import Settings

if TYPE_CHECKING:
    from embedscope.comparison.runs_on_sets import SetRuns

EXIT_STATUS = {
    VerdictOutcome.DEPLOY: DONE,
    VerdictOutcome.RETRAIN: RETRAIN,
    VerdictOutcome.UNDECIDED: UNSETTLED,
    VerdictOutcome.UNFIT: UNSETTLED,
}


def terminal_of(settings: Settings) -> Terminal:
    """The terminal as the settings want it; who asks for a closer look wants to see it."""
    own, output = settings.measure, settings.output
    is_closer = own.geometry or own.robustness or own.deployment_cost or bool(own.wanted_precision or own.explain)
    verbose = output.verbose or is_closer
    return Terminal(quiet=output.quiet, json=output.json, verbose=verbose, breaks_silence=True)


def require_writable(
    settings: Settings, pictures: Sequence[str] = (), *, read: Iterable[str] = (), n_sets: int = 1
) -> None:
    """Refuse, before any work, destinations that cannot be written; ``read`` is read beside what the settings name."""
    output = settings.output
    _require_comparable(settings, n_sets)
    side_files = {
        "--junit": output.junit,
        "--summary": output.summary,
        "--card": output.card,
        model_card.OPTION: output.model_card,
        "--eval-results": output.eval_results,
        "--mteb-result": output.mteb_result,
        "--export-failures": output.export_failures,
        "--export-unjudged": output.export_unjudged,
    }
    check_destinations(
        output.output,
        side_files,
        [f"{name}.{output.format}" for name in pictures],
        read=[*settings.inputs().values(), *read],
    )
    if output.model_card is not None:
        model_card.existing_card(output.model_card)


def _require_comparable(settings: Settings, n_sets: int) -> None:
    """Refuse a result for a leaderboard that is not one of all queries of one set by the metric of the leaderboard."""
    output = settings.output
    chosen = {"--eval-results": output.eval_results, "--mteb-result": output.mteb_result}
    option = next((option for option, path in chosen.items() if path is not None), None)
    if (output.eval_results is None) != (output.eval_task is None):
        raise InvalidOptionError(
            "--eval-results FILE.yaml and --eval-task OWNER/NAME:TASK go together: the hub files a result under a "
            "benchmark and a task of its eval.yaml."
        )
    if option is None:
        return
    if n_sets > 1:
        raise InvalidOptionError(f"{option} is a result on one data set, and --data names {n_sets}. Run it on each.")
    if settings.data.max_samples:
        raise InvalidOptionError(
            f"{option} is a result on all queries, and --max-samples is {settings.data.max_samples}: a score on some "
            "compares with no other. Pass --max-samples 0."
        )
    if MAIN.lower() not in map(str.lower, settings.measure.metrics):
        raise InvalidOptionError(f"{option} reports {MAIN}, and --metrics leaves it out. Add it.")


def write_side_files(
    result: Result,
    settings: Settings,
    comparisons: Sequence[Comparison] | None = None,
    reference: Reference | None = None,
) -> list[str]:
    """The files that were asked for by name, a JUnit file, a card, rows of the failures, ...; their paths.

    ``comparisons`` and ``reference`` are those of several runs; else the result has its own.
    """
    checks, verdict = result.checklist, result.verdict
    shown = result.comparisons if comparisons is None else comparisons
    junit, summary = partial(junit_xml, checks, verdict), partial(markdown_summary, result, checks, verdict, shown)
    section = partial(model_card.model_card, result, shown)
    picture = partial(_card, result, reference)
    written = _write([result], settings, junit=junit, summary=summary, card=picture, section=section)
    return written + _write_results(result, settings)


def _write_results(result: Result, settings: Settings) -> list[str]:
    """What leaderboards read, where asked for."""
    output, written = settings.output, []
    if output.eval_results is not None:
        text = eval_results(result, str(output.eval_task), on=datetime.now(UTC).date())
        write_text(output.eval_results, text, option="--eval-results")
        written.append(output.eval_results)
    if output.mteb_result is not None:
        task = Path(output.mteb_result).stem
        content = task_result(result, task=task, split=settings.data.split or "test")
        write_json(output.mteb_result, content, option="--mteb-result")
        written.append(output.mteb_result)
    return written


def write_side_files_of_sets(found: SetRuns, settings: Settings) -> list[str]:
    """The same of several sets: a table and a test suite of them all, the rows of one set after those of another."""
    junit, summary = partial(junit_of_sets, found.found), partial(markdown_of_sets, found.found)
    card = partial(_card_of_sets, found)
    section = partial(model_card.model_card_of_sets, found.found, found.results)
    return _write([*found.results.values()], settings, junit=junit, summary=summary, card=card, section=section)


def _card(result: Result, reference: Reference | None) -> bytes:
    from embedscope.output import pictures

    found = reference or reference_of(result)
    return pictures.drawn(
        pictures.draw_card(result, None if found is None else found.difference), dpi=pictures.CARD_DPI
    )()


def _card_of_sets(found: SetRuns) -> bytes:
    from embedscope.output import pictures

    return pictures.drawn(pictures.draw_card_of_sets(found.found), dpi=pictures.CARD_DPI)()


def _write(
    results: Sequence[Result],
    settings: Settings,
    *,
    junit: Callable[[], str],
    summary: Callable[[], str],
    card: Callable[[], bytes],
    section: Callable[[str | None], str],
) -> list[str]:
    output = settings.output
    written = []
    if output.junit is not None:
        write_text(output.junit, junit(), option="--junit")
        written.append(output.junit)
    if output.summary is not None:
        write_text(output.summary, summary(), option="--summary")
        written.append(output.summary)
    if output.card is not None:
        write_bytes(Path(output.card), card(), option="--card")
        written.append(output.card)
    if output.model_card is not None:
        text = section(model_card.existing_card(output.model_card))
        write_text(output.model_card, text, option=model_card.OPTION)
        written.append(output.model_card)
    if output.export_failures is not None:
        rows = [row for result in results for row in _failing_rows(result, settings)]
        write_text(output.export_failures, rows_text(rows_as_json(rows)), option="--export-failures")
        written.append(output.export_failures)
    if output.export_unjudged is not None:
        pairs = [pair for result in results for pair in unjudged_pairs(result.queries, result.documents)]
        write_text(output.export_unjudged, rows_text(pairs), option="--export-unjudged")
        written.append(output.export_unjudged)
    return written


def _failing_rows(result: Result, settings: Settings) -> Sequence[Row]:
    reader = load_pack(settings.measure.attributes)
    explained = () if result.explanations is None else result.explanations.failures
    return failing_rows(result.queries, result.documents, reader, explanations=explained, seed=result.seed)


def write_record(
    files: Mapping[str, object],
    settings: Settings,
    chosen: Any,
    terminal: Terminal,
    started: float,
    **inputs: str | None,
) -> None:
    """The files of a command that judges no model, and a manifest beside them, into the folder of ``--output``.

    ``files`` are texts, bytes or what is written as JSON, by name; ``chosen`` the settings of the command itself.
    """
    folder = str(settings.output.output)
    record = manifest(
        inputs={**inputs, **settings.inputs()},
        options=settings.as_options() | encode(chosen),
        seed=settings.measure.seed,
        elapsed_s=time.perf_counter() - started,
    )
    with staged_output(folder) as staging:
        for name, content in {**files, MANIFEST: record}.items():
            if isinstance(content, str):
                write_text(staging / name, content)
            elif isinstance(content, bytes):
                write_bytes(staging / name, content)
            else:
                write_json(staging / name, content)
    terminal.files(folder, (*files, MANIFEST))


def finish(settings: Settings, verdict: Verdict, report: Mapping[str, Any], terminal: Terminal, started: float) -> int:
    """Say that the run is over; the exit status: 0, or with ``--gate`` that of the verdict."""
    status = EXIT_STATUS[verdict.outcome] if settings.output.gate else DONE
    gate = f"; exit status {status} (--gate: {verdict.outcome.value})" if settings.output.gate else ""
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s{gate}")
    terminal.json(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    return status
