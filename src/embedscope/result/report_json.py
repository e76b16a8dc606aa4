"""Findings, checks and verdict as the dictionary of ``report.json`` (contract, schema_version 1)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from embedscope import __version__
from embedscope.result import (
    Check,
    Comparison,
    Distribution,
    Finding,
    Leakage,
    MapLayout,
    Metric,
    NegativeType,
    Result,
    RunComparison,
    Verdict,
)
from embedscope.result.estimate_json import figure_row
from embedscope.result.measures_json import measures

SCHEMA_VERSION = 1


def report(result: Result, checks: Sequence[Check], verdict: Verdict, *, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The whole of ``report.json``: plain numbers, strings, lists and tables; None where a figure does not exist."""
    payload: dict[str, Any] = clean(
        {
            "schema_version": SCHEMA_VERSION,
            "embedscope_version": __version__,
            "inputs": dict(inputs),
            "model": _model(result),
            "data": _data(result),
            "similarity": _similarity(result),
            "metrics": {name: _metric(metric) for name, metric in result.metrics.items()},
            "negative_types": {name: _negative_type(t) for name, t in result.negative_types.items()},
            "weights": {name: figure_row(figure) for name, figure in result.weights.items()},
            "references": {name: dict(values) for name, values in result.references.items()},
            "comparisons": [comparison_row(c) for c in result.comparisons],
            "leakage": None if result.leakage is None else leakage_row(result.leakage),
            "power": None if result.power is None else asdict(result.power),
            "checklist": [check_row(check) for check in checks],
            "verdict": {
                "outcome": verdict.outcome.value,
                "profile": verdict.profile,
                "headline": verdict.headline,
                "reasons": list(verdict.reasons),
            },
            "maps": {name: _map(layout) for name, layout in result.maps.items()},
            "maps_absent": dict(result.maps_absent),
            "examples": [{"query": e.query, "kind": e.kind.value} for e in result.examples],
            "tie_tolerance": result.tie_tolerance,
            "seed": result.seed,
            "findings": [finding_row(finding, result.documents.ids) for finding in result.findings],
            "failure_modes": dict(result.failure_modes),
            **measures(result),
        }
    )
    return payload


def comparison_report(runs: Mapping[str, Result], comparison: RunComparison) -> dict[str, Any]:
    """What ``compare`` adds to ``report.json``: each run's metrics, the paired differences, what moved."""
    before = runs[comparison.reference].queries
    payload: dict[str, Any] = clean(
        {
            "reference": comparison.reference,
            "runs": {
                name: {
                    "model": _model(result),
                    "metrics": {key: _metric(metric) for key, metric in result.metrics.items()},
                    "similarity": _similarity(result),
                    "negative_types": {key: _negative_type(t) for key, t in result.negative_types.items()},
                }
                for name, result in runs.items()
            },
            "comparisons": [comparison_row(row) for row in comparison.comparisons],
            "type_changes": [
                {"candidate": row.candidate, "type": row.type, "n": row.n, **figure_row(row.change)}
                for row in comparison.type_changes
            ],
            "level_shifts": [asdict(row) for row in comparison.level_shifts],
            "best_of_many": None if comparison.best is None else asdict(comparison.best),
            "lost": {name: [before.texts[row] for row in rows] for name, rows in comparison.lost.items()},
            "gained": {name: [before.texts[row] for row in rows] for name, rows in comparison.gained.items()},
        }
    )
    return payload


def _model(result: Result) -> dict[str, Any]:
    model = result.model
    return {
        "checkpoint": model.checkpoint,
        "layout": model.layout,
        "base_model": model.base_model,
        "pooling": model.pooling,
        "pooling_source": model.pooling_source,
        "max_length": model.max_length,
        "device": model.device,
        "dtype": model.dtype,
        "head": model.head,
        "training": dict(model.training),
        "fingerprint": model.fingerprint,
        "notes": list(model.notes),
    }


def _data(result: Result) -> dict[str, Any]:
    data = result.data
    return {
        "format": data.format,
        "n_rows": data.n_rows,
        "n_queries": data.n_queries,
        "n_queries_available": data.n_queries_available,
        "n_documents": data.n_documents,
        "n_relevant_documents": data.n_relevant_documents,
        "n_hard_negatives": data.n_hard_negatives,
        "n_clusters": data.n_clusters,
        "dim": result.model.dim,
        "n_duplicate_queries": data.n_duplicate_queries,
        "n_duplicate_documents": data.n_duplicate_documents,
        "n_queries_without_relevant": data.n_queries_without_relevant,
        "digest": data.digest,
        "contradictions": list(data.contradictions),
        "warnings": list(data.warnings),
    }


def _similarity(result: Result) -> dict[str, Any]:
    similarity = result.similarity
    figures = ("margin", "separation", "auc", "overlap", "d_prime", "diagonal", "off_diagonal", "gap")
    return {
        "positive": _distribution(similarity.positive),
        "negative": _distribution(similarity.negative),
        "hard_negative": None if similarity.hard_negative is None else _distribution(similarity.hard_negative),
        **{name: figure_row(getattr(similarity, name)) for name in figures},
        "clustering": figure_row(result.clustering),
    }


def _distribution(distribution: Distribution) -> dict[str, Any]:
    return {
        "n": distribution.n,
        "mean": distribution.mean,
        "std": distribution.std,
        "quantiles": dict(distribution.quantiles),
    }


def _metric(metric: Metric) -> dict[str, Any]:
    row = asdict(metric)
    del row["name"]
    row["warnings"] = list(metric.warnings)
    return row


def _negative_type(negative: NegativeType) -> dict[str, Any]:
    return {
        "n": negative.n,
        "n_queries": negative.n_queries,
        "violation_rate": figure_row(negative.violation_rate),
        "margin": figure_row(negative.margin),
        "mean_weight": negative.mean_weight,
        "similarity": _distribution(negative.similarity),
    }


def leakage_row(leakage: Leakage) -> dict[str, Any]:
    """The overlap with the training file, without the leaked queries: the finding names their rows."""
    return {name: value for name, value in asdict(leakage).items() if name != "leaked_queries"}


def comparison_row(comparison: Comparison) -> dict[str, Any]:
    """One entry of ``comparisons``."""
    return asdict(comparison)


def finding_row(finding: Finding, document_ids: Sequence[str] = ()) -> dict[str, Any]:
    """One entry of ``findings``; ``documents``, where documents show the fault, by their ids (None for none)."""
    row = {**asdict(finding), "severity": finding.severity.value}
    del row["documents"]
    if finding.documents and document_ids:
        row["documents"] = [document_ids[d] if d >= 0 else None for d in finding.documents]
    return row


def check_row(check: Check) -> dict[str, Any]:
    """One entry of ``checklist``."""
    return {**asdict(check), "outcome": check.outcome.value}


def _map(layout: MapLayout) -> dict[str, Any]:
    return {
        "trustworthiness": layout.trustworthiness,
        "continuity": layout.continuity,
        "k": layout.k,
        "n": len(layout.xy),
        "elapsed_s": layout.elapsed_s,
        "parameters": dict(layout.parameters),
        **({} if layout.n_fitted is None else {"n_fitted": layout.n_fitted}),
    }


def clean(value: Any) -> Any:
    """``value`` with NumPy scalars as Python numbers and every number that is not finite as None (JSON has none)."""
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    if isinstance(value, np.ndarray):
        return clean(value.tolist())
    if isinstance(value, np.generic):
        return clean(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
