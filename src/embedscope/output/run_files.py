"""The files of a run: report.json, the tables, the pictures, the page and the manifest, all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from embedscope.output.page import html, payload
from embedscope.output.run_folder import (
    MANIFEST,
    check_writable,
    manifest,
    require_apart,
    staged_output,
    write_bytes,
    write_json,
    write_parquet,
    write_text,
)
from embedscope.output.table_columns import deletion_columns, point_columns, query_columns
from embedscope.output.trec_files import qrels_text, run_text
from embedscope.publishing import is_stream
from embedscope.result import Result, Scored
from embedscope.result.report import report

TABLES = (
    "report.json", "queries.parquet", "run.trec", "qrels.trec", "explanations.parquet", "points.parquet",
    MANIFEST, "report.html", payload.PAGE_FILE,
)  # fmt: skip
"""What a run may write beside pictures."""


def write_run(
    result: Result,
    folder: str | Path,
    *,
    options: Mapping[str, object],
    elapsed_s: float,
    pictures: Callable[[], Mapping[str, bytes]] = dict,
    more_report: Mapping[str, Any] | None = None,
    more_queries: Mapping[str, Scored] | None = None,
    sections: Mapping[str, Any] | None = None,
    digested: Mapping[str, Path] | None = None,
    page: bool = True,
) -> list[str]:
    """Write everything that a run leaves behind; the names of the files, pictures first.

    Parameters
    ----------
    folder : path
        Made where it is absent. Files of these names are replaced, once all of them are complete.
    options, elapsed_s, digested
        As `manifest` takes them.
    pictures : callable
        Gives the content of the picture files by name; is waited for last.
    more_report, sections : mapping
        What report.json and the page hold beside the result: a comparison, a timeline.
    more_queries : mapping of file name to Scored
        Further tables of queries.
    page : bool
        Write the page too.

    Raises
    ------
    OutputError
        If the folder or a file cannot be written; the folder is as it was then.
    """
    own = report(result)
    with staged_output(folder) as staging:
        write_json(staging / "report.json", {**own, **(more_report or {})})
        write_parquet(staging / "queries.parquet", query_columns(result))
        write_text(staging / "run.trec", run_text(result))
        write_text(staging / "qrels.trec", qrels_text(result))
        names = ["report.json", "queries.parquet", "run.trec", "qrels.trec"]
        if result.explanations is not None:
            write_parquet(staging / "explanations.parquet", deletion_columns(result))
            names.append("explanations.parquet")
        if result.points is not None:
            write_parquet(staging / "points.parquet", point_columns(result))
            names.append("points.parquet")
        for name, run in (more_queries or {}).items():
            write_parquet(staging / name, query_columns(run))
            names.append(name)
        record = manifest(
            inputs=result.inputs, options=options, seed=result.seed, elapsed_s=elapsed_s, digested=digested or {}
        )
        write_json(staging / MANIFEST, {**record, "tensors": own["model"]["tensors"]})
        names.append(MANIFEST)
        if page:  # and the data it is drawn from, so that `embedscope report` can draw it again
            content = payload.page_payload(result, **(sections or {}))
            write_text(staging / payload.PAGE_FILE, payload.to_json(content))
            write_text(staging / "report.html", html.render(content, title=html.page_title(own)))
            names += ["report.html", payload.PAGE_FILE]
        drawn = pictures()
        for name, picture in drawn.items():
            write_bytes(staging / name, picture)
    return [*drawn, *names]


def check_destinations(
    folder: str | None,
    side_files: Mapping[str, str | None] | None = None,
    pictures: Sequence[str] = (),
    *,
    read: Iterable[str] = (),
) -> None:
    """Refuse, before any work, destinations that cannot be written, or that are the same file.

    ``side_files`` are by their options; ``read`` is what the run reads.

    Raises
    ------
    OutputError
    """
    names = [*TABLES, *pictures]
    if folder is not None:
        check_writable(folder, names)
    own = [(option, path) for option, path in (side_files or {}).items() if path is not None]
    inside = [] if folder is None else [("--output", f"{folder}/{name}") for name in names]
    require_apart([*inside, *own], read)
    for option, path in own:
        if not is_stream(Path(path)):
            check_writable(Path(path).parent, [Path(path).name], option=option)
