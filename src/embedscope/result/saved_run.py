"""A run that was written before, as findings again: what a comparison needs, read from its folder.

Checkpoints come and go; a CI job keeps the folder of the run that is in production and compares a candidate with it.
Vectors are not in the folder, so maps, neighbours and texts of documents stay empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.errors import DataFormatError
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import (
    DataFacts,
    Distribution,
    DocumentTable,
    Estimate,
    Metric,
    ModelFacts,
    NegativeType,
    QueryTable,
    Result,
    Similarity,
)
from embedscope.result.report_json import SCHEMA_VERSION

_NOTHING: Float64Array = np.zeros(0)


def is_run_folder(path: str | Path) -> bool:
    """Whether ``path`` is a folder that embedscope wrote."""
    folder = Path(path)
    return (folder / "report.json").is_file() and (folder / "queries.parquet").is_file()


def read_run(folder: str | Path) -> Result:
    """The findings of the run in ``folder``, as far as they were written.

    Raises
    ------
    DataFormatError
        If a file is missing, broken, or of a version that this program does not know.
    """
    folder = Path(folder)
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        if report["schema_version"] != SCHEMA_VERSION:
            raise DataFormatError(
                f"{folder / 'report.json'} has schema_version {report['schema_version']}; this program reads "
                f"{SCHEMA_VERSION}. Evaluate that checkpoint again."
            )
        return _findings(report, _columns(folder / "queries.parquet"))
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataFormatError):
            raise
        raise DataFormatError(
            f"{folder} cannot be read as a run of embedscope ({type(error).__name__}: {error}). Expected the "
            f"report.json and queries.parquet that evaluate --output or visualize wrote; run it again."
        ) from error


def _columns(path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns: dict[str, list[Any]] = pq.read_table(path).to_pydict()
    except pa.ArrowException as error:
        raise DataFormatError(f"{path} is not a readable Parquet file ({error}). Run the evaluation again.") from error
    return columns


def _findings(report: Mapping[str, Any], columns: Mapping[str, list[Any]]) -> Result:
    return Result(
        data=_data(report["data"]),
        model=_model(report["model"], report["data"]["dim"]),
        similarity=_similarity(report["similarity"]),
        metrics={name: Metric(name=name, **_with_tuple(row)) for name, row in report["metrics"].items()},
        negative_types={name: _negative_type(name, row) for name, row in report["negative_types"].items()},
        queries=_queries(columns, tuple(report["metrics"])),
        documents=DocumentTable((), (), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)),
        points=None,
        maps={},
        maps_absent={},
        heatmap=None,
        examples=(),
        clustering=_figure(report["similarity"]["clustering"]),
        tie_tolerance=float(report["tie_tolerance"]),
        seed=int(report["seed"]),
        failure_modes=dict(report.get("failure_modes", {})),
    )


def _with_tuple(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "warnings": tuple(row.get("warnings", ()))}


def _data(row: Mapping[str, Any]) -> DataFacts:
    known = {name: row[name] for name in DataFacts.__dataclass_fields__ if name in row}
    known |= {name: tuple(row[name]) for name in ("contradictions", "warnings")}
    return DataFacts(**known)


def _model(row: Mapping[str, Any], dim: int) -> ModelFacts:
    return ModelFacts(dim=dim, **{**row, "notes": tuple(row["notes"])})


def _figure(row: Mapping[str, Any]) -> Estimate:
    return Estimate(row["value"], row["low"], row["high"], row.get("n"), row.get("reason"))


def _distribution(row: Mapping[str, Any]) -> Distribution:
    return Distribution(row["n"], row["mean"], row["std"], row["quantiles"], _NOTHING)


def _similarity(row: Mapping[str, Any]) -> Similarity:
    names = ("margin", "separation", "auc", "overlap", "d_prime", "diagonal", "off_diagonal", "gap")
    hard = row["hard_negative"]
    return Similarity(
        edges=_NOTHING,
        positive=_distribution(row["positive"]),
        negative=_distribution(row["negative"]),
        hard_negative=None if hard is None else _distribution(hard),
        **{name: _figure(row[name]) for name in names},
    )


def _negative_type(name: str, row: Mapping[str, Any]) -> NegativeType:
    return NegativeType(
        name=name,
        n=row["n"],
        n_queries=row["n_queries"],
        violation_rate=_figure(row["violation_rate"]),
        margin=_figure(row["margin"]),
        mean_weight=row["mean_weight"],
        margins=_NOTHING,
        similarity=_distribution(row["similarity"]),
    )


def _queries(columns: Mapping[str, list[Any]], metrics: tuple[str, ...]) -> QueryTable:
    n = len(columns["text"])
    negatives = columns["negative_scores"]
    no_rows = np.full(n, -1, dtype=np.int64)
    return QueryTable(
        ids=tuple(columns["id"]),
        texts=tuple(columns["text"]),
        clusters=_whole(columns["cluster"]),
        n_relevant=_whole(columns["n_relevant"]),
        rank=_real(columns["rank"]),
        n_tied=_whole(columns["n_tied"]),
        is_correct=np.array(columns["is_correct"], dtype=bool),
        positive_similarity=_real(columns["positive_similarity"]),
        negative_similarity=_real(columns["negative_similarity"]),
        margin=_real(columns["margin"]),
        gap=_real(columns["gap"]),
        wrong_document=no_rows,
        wrong_similarity=_real(columns["wrong_similarity"]),
        wrong_type=tuple(columns["wrong_type"]),
        top_documents=np.zeros((n, 0), dtype=np.int64),
        top_scores=np.zeros((n, 0), dtype=np.float32),
        top_is_relevant=np.zeros((n, 0), dtype=bool),
        relevant_indptr=_indptr(columns["relevant_ids"]),
        relevant_documents=np.zeros(0, dtype=np.int64),
        relevant_scores=_NOTHING,
        negative_indptr=_indptr(negatives),
        negative_documents=np.zeros(0, dtype=np.int64),
        negative_scores=_real([score for row in negatives for score in row]),
        negative_weights=_NOTHING,
        negative_types=tuple(tuple(types) for row in columns["negative_types"] for types in row),
        values={name: _real(columns[name]) for name in metrics},
        failure_modes=tuple(mode or "" for mode in columns.get("failure_mode", [])),
    )


def _real(values: list[Any]) -> Float64Array:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _whole(values: list[Any]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _indptr(rows: list[list[Any]]) -> IntArray:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
