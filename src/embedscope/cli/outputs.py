"""What a run writes besides pictures, and the exit status: shared by every command that judges."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedscope.audit import rows_as_json
from embedscope.cli.main import DONE, RETRAIN, UNSETTLED
from embedscope.data.run_folder import check_writable, manifest, write_json, write_parquet, write_text
from embedscope.diagnose.failing_rows import failing_rows
from embedscope.output.junit import junit_xml
from embedscope.output.markdown import markdown_summary
from embedscope.output.page.payload import PAGE_FILE
from embedscope.output.table_columns import point_columns, query_columns
from embedscope.output.terminal import Terminal
from embedscope.result import Check, Comparison, Result, Verdict, VerdictOutcome

TABLES = ("report.json", "queries.parquet", "points.parquet", "manifest.json", "report.html", PAGE_FILE)
"""What a run may write beside pictures."""

EXIT_STATUS = {
    VerdictOutcome.DEPLOY: DONE,
    VerdictOutcome.RETRAIN: RETRAIN,
    VerdictOutcome.UNDECIDED: UNSETTLED,
    VerdictOutcome.UNFIT: UNSETTLED,
}


def check_destinations(options: argparse.Namespace, pictures: Sequence[str] = ()) -> None:
    """Refuse, before any work, destinations that cannot be written."""
    if options.output is not None:
        check_writable(options.output, [*TABLES, *(f"{name}.{options.format}" for name in pictures)])
    for option in ("junit", "summary", "export_failures"):
        path = getattr(options, option, None)
        if path is not None:
            check_writable(Path(path).parent, [Path(path).name], option=f"--{option.replace('_', '-')}")


def inputs_of(options: argparse.Namespace) -> dict[str, str | None]:
    """The files that a run reads, by role."""
    roles = ("checkpoint", "embeddings", "data", "baseline", "train", "base_model")
    given = {role: getattr(options, role, None) for role in roles}
    return {role: None if value is None else str(value) for role, value in given.items() if value is not None}


def write_tables(
    staging: Path, report: dict[str, Any], result: Result, options: argparse.Namespace, started: float
) -> list[str]:
    """report.json, queries.parquet, points.parquet (where maps were drawn) and manifest.json; their names."""
    names = ["report.json", "queries.parquet"]
    write_json(staging / "report.json", report)
    write_parquet(staging / "queries.parquet", query_columns(result))
    if result.points is not None:
        write_parquet(staging / "points.parquet", point_columns(result))
        names.append("points.parquet")
    record = manifest(
        inputs=inputs_of(options),
        options={key: value for key, value in vars(options).items() if key != "command"},
        seed=options.seed,
        elapsed_s=time.perf_counter() - started,
    )
    write_json(staging / "manifest.json", record)
    return [*names, "manifest.json"]


def write_side_files(
    options: argparse.Namespace,
    result: Result,
    checks: Sequence[Check],
    verdict: Verdict,
    comparisons: Sequence[Comparison] | None = None,
) -> list[str]:
    """The JUnit file, the Markdown summary and the training rows of the failures, where asked for."""
    written = []
    shown = result.comparisons if comparisons is None else comparisons
    for path, text in (
        (options.junit, junit_xml(checks, verdict) if options.junit else None),
        (options.summary, markdown_summary(result, checks, verdict, shown) if options.summary else None),
    ):
        if path is not None and text is not None:
            write_text(path, text)
            written.append(str(path))
    failures = getattr(options, "export_failures", None)
    if failures is not None:
        write_rows(failures, rows_as_json(failing_rows(result.queries, result.documents)))
        written.append(str(failures))
    return written


def write_rows(path: str | Path, rows: Sequence[Any]) -> None:
    """A JSON list with one row a line, so that two files can be compared line by line."""
    write_text(path, "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")


def finish(
    options: argparse.Namespace, verdict: Verdict, report: dict[str, Any], terminal: Terminal, started: float
) -> int:
    """Say that the run is over; the exit status: 0, or with ``--gate`` that of the verdict."""
    status = EXIT_STATUS[verdict.outcome] if options.gate else DONE
    gate = f"; exit status {status} (--gate: {verdict.outcome.value})" if options.gate else ""
    terminal.step(f"Done in {time.perf_counter() - started:.1f} s{gate}")
    terminal.json(json.dumps(report, ensure_ascii=False, indent=2, allow_nan=False))
    return status
