"""A run that was written before, as a result again: what a comparison needs, read from its folder.

Checkpoints come and go; a CI job keeps the folder of the run that is in production and compares a candidate with it.
Vectors are not in the folder, so maps, geometry, explanations, neighbours and texts of documents stay empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.errors import DataFormatError
from embedscope.plain_files import MOST_PAGE_BYTES, read_json
from embedscope.protocols import IntArray
from embedscope.publishing import require_complete
from embedscope.result.codec import decode, encode
from embedscope.result.estimate import Estimate
from embedscope.result.report import MOVED, SCHEMA_VERSION
from embedscope.result.stages import Result
from embedscope.result.tables import DocumentTable, QueryTable
from embedscope.untrusted.arrow_tables import open_table

_NO_ROWS: IntArray = np.zeros(0, dtype=np.int64)


def is_run_folder(path: str | Path) -> bool:
    """Whether ``path`` is a folder that embedscope wrote."""
    folder = Path(path)
    return (folder / "report.json").is_file() and (folder / "queries.parquet").is_file()


def folders_of_sets(path: str | Path) -> dict[str, Path] | None:
    """The runs in the folder of a run on several sets, by the names of the sets; None where it is no such folder."""
    folder = Path(path)
    if not (folder / "report.json").is_file() or is_run_folder(folder):
        return None
    require_complete(folder)
    try:
        sets = read_json(folder / "report.json", most_bytes=MOST_PAGE_BYTES)["sets"]
        found = {str(each["name"]): folder / each["folder"] for each in sets}
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise DataFormatError(f"{folder} cannot be read as a run of embedscope ({error}). Run it again.") from error
    outside = [own for own in found.values() if not own.resolve().is_relative_to(folder.resolve())]
    if outside or not found:
        raise DataFormatError(f"{folder / 'report.json'} names no folder of a set below it. Run it again.")
    return found


def read_run(folder: str | Path) -> Result:
    """The result of the run in ``folder``, as far as it was written.

    Raises
    ------
    DataFormatError
        If a file is missing, broken, or of a version that this program does not know.
    """
    folder = Path(folder)
    require_complete(folder)
    if not is_run_folder(folder):
        raise DataFormatError(_why_no_run(folder))
    try:
        report = read_json(folder / "report.json", most_bytes=MOST_PAGE_BYTES)
        if report["schema_version"] != SCHEMA_VERSION:
            raise DataFormatError(
                f"{folder / 'report.json'} has schema_version {str(report['schema_version'])[:40]}; this program reads "
                f"{SCHEMA_VERSION}. Evaluate that checkpoint again."
            )
        for key, (own, other) in MOVED.items():
            table = report[other] if report[other] is not None else {key: encode(Estimate.absent("not written"))}
            (report if own is None else report[own])[key] = table[key]
        return decode(
            Result,
            report,
            queries=_queries(query_table(folder).to_pydict(), tuple(report["metrics"])),
            documents=DocumentTable((), (), _NO_ROWS, _NO_ROWS),
            points=None,
            heatmap=None,
            geometry=None,
            explanations=None,
            maps={},
        )
    except (OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        if isinstance(error, DataFormatError):
            raise
        raise DataFormatError(
            f"{folder} cannot be read as a run of embedscope ({type(error).__name__}: {str(error)[:200]}). Run "
            "it again."
        ) from error


def _why_no_run(folder: Path) -> str:
    """What is there in place of a run."""
    if not folder.is_dir():
        return f"{folder} is {'a file' if folder.exists() else 'not there'}. Expected the folder of a run."
    with suppress(DataFormatError):
        for name, own in (folders_of_sets(folder) or {}).items():
            return f"{folder} holds runs on several sets: read one of them, such as that on {name} in {own}."
    return (
        f"{folder} is not the folder of a run: it lacks report.json or queries.parquet, which visualize writes, and "
        f"evaluate and compare with --output."
    )


def query_table(folder: str | Path) -> Any:
    """The queries of the run in ``folder`` as an Arrow table; raises DataFormatError, and OSError without a file."""
    path = Path(folder) / "queries.parquet"
    try:
        with open_table(path) as table:
            return table.columns(table.schema.names)
    except DataFormatError as error:
        raise DataFormatError(f"{path}: {error}") from error
    except ValueError as error:
        raise DataFormatError(f"{path} is not a readable Parquet file ({error}). Run the evaluation again.") from error


def _queries(columns: Mapping[str, list[Any]], metrics: tuple[str, ...]) -> QueryTable:
    n = len(columns["text"])
    relevant = [name for row in columns["relevant_ids"] for name in row]
    if [*map(len, columns["negative_scores"])] != [*map(len, columns["negative_types"])]:
        raise ValueError("hard negatives have more scores than types, or fewer")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(relevant))}
    flat = {
        "negative_scores": [score for row in columns["negative_scores"] for score in row],
        "negative_types": [types for row in columns["negative_types"] for types in row],
        "values": {name: columns[name] for name in metrics},
        "failure_modes": [mode or "" for mode in columns.get("failure_mode", [])],
        "failure_evidence": [evidence or "" for evidence in columns.get("failure_evidence", [])],
    }
    return decode(
        QueryTable,
        {**columns, **flat},
        wrong_document=np.full(n, -1, dtype=np.int64),
        top_documents=np.zeros((n, 0), dtype=np.int64),
        top_scores=np.zeros((n, 0), dtype=np.float32),
        top_is_relevant=np.zeros((n, 0), dtype=bool),
        relevant_indptr=_indptr(columns["relevant_ids"]),
        # The documents are not in the folder; which queries share one is what a comparison asks.
        relevant_documents=np.array([numbers[name] for name in relevant], dtype=np.int64),
        relevant_scores=np.zeros(0),
        negative_indptr=_indptr(columns["negative_scores"]),
        negative_documents=_NO_ROWS,
        negative_weights=np.zeros(0),
    )


def _indptr(rows: list[list[Any]]) -> IntArray:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
