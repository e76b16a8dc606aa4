"""Geometry, thresholds, robustness and deployment cost as ``report.json`` holds them; None where not measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from embedscope.protocols import Float64Array
from embedscope.result import (
    CloudShape,
    DeploymentCost,
    DocumentTable,
    Geometry,
    Hubness,
    PerturbationEffect,
    Result,
    Robustness,
    SpaceGeometry,
    StorageFormat,
    ThresholdTable,
)
from embedscope.result.estimate_json import figure_row

MAX_DIRECTIONS = 64
"""Directions of a spectrum that are listed: evenly spaced on the logarithmic axis on which it is read."""

LONGEST_HUB = 500
"""Characters of a hub's text."""


def measures(result: Result) -> dict[str, Any]:
    """The four parts and, for those that are None, why."""
    f = result
    return {
        "geometry": None if f.geometry is None else _geometry(f.geometry, f.documents),
        "thresholds": None if f.thresholds is None else _thresholds(f.thresholds),
        "robustness": None if f.robustness is None else _robustness(f.robustness),
        "deployment": None if f.deployment is None else _deployment(f.deployment),
        "not_measured": dict(f.not_measured),
    }


def _geometry(geometry: Geometry, documents: DocumentTable) -> dict[str, Any]:
    return {"k": geometry.k, "spaces": {name: _space(space, documents) for name, space in geometry.spaces.items()}}


def _space(space: SpaceGeometry, documents: DocumentTable) -> dict[str, Any]:
    return {
        "queries": _cloud(space.queries),
        "documents": _cloud(space.documents),
        "alignment": figure_row(space.alignment),
        "centroid_distance": space.centroid_distance,
        "split_auc": figure_row(space.split_auc),
        "split_accuracy": figure_row(space.split_accuracy),
        "hubness": _hubness(space.hubness, documents),
        "overlap": None if space.overlap is None else figure_row(space.overlap),
    }


def _cloud(cloud: CloudShape) -> dict[str, Any]:
    return {**asdict(cloud), "spectrum": _spectrum(cloud.spectrum)}


def _spectrum(shares: Float64Array) -> dict[str, Any]:
    """Directions, counted from 1, and their shares of the variance."""
    n = len(shares)
    spaced = np.geomspace(1, max(n, 1), MAX_DIRECTIONS).round().astype(np.int64)
    directions = np.unique(spaced[spaced <= n])
    return {"directions": directions.tolist(), "shares": [float(shares[d - 1]) for d in directions]}


def _hubness(hubness: Hubness, documents: DocumentTable) -> dict[str, Any]:
    numbers = {name: getattr(hubness, name) for name in _HUB_NUMBERS}
    hubs = zip(hubness.hubs, hubness.hub_occurrences, hubness.hub_wrong_occurrences, strict=True)
    return {
        **numbers,
        "hubs": [
            {
                "id": documents.ids[hub],
                "text": documents.texts[hub][:LONGEST_HUB],
                "occurrences": int(n),
                "wrong_occurrences": int(n_wrong),
            }
            for hub, n, n_wrong in hubs
        ],
    }


_HUB_NUMBERS = (
    "k", "skewness", "anti_hub_share", "gini", "chance_skewness", "chance_anti_hub_share", "chance_gini",
    "relevant_anti_hub_share",
)  # fmt: skip


def _thresholds(table: ThresholdTable) -> dict[str, Any]:
    columns = (
        "thresholds",
        "n_retrieved",
        *(f"{n}{e}" for n in ("precision", "recall") for e in ("", "_low", "_high")),
    )
    return {
        "n_documents": table.n_documents,
        **{name: getattr(table, name) for name in columns},
        "choices": [
            {
                "wanted": choice.wanted,
                "threshold": choice.threshold,
                "precision": figure_row(choice.precision),
                "recall": figure_row(choice.recall),
                "reason": choice.reason,
            }
            for choice in table.choices
        ],
    }


def _robustness(robustness: Robustness) -> dict[str, Any]:
    return {"n_queries": robustness.n_queries, "effects": [_effect(effect) for effect in robustness.effects]}


def _effect(effect: PerturbationEffect) -> dict[str, Any]:
    return {
        "name": effect.name,
        "title": effect.title,
        "n_changed": effect.n_changed,
        "n_unchanged": effect.n_unchanged,
        "before": dict(effect.before),
        "after": dict(effect.after),
        "changes": [asdict(change) for change in effect.changes],
        "flip_rate": figure_row(effect.flip_rate),
        "lost": effect.lost,
        "gained": effect.gained,
        "similarity": figure_row(effect.similarity),
        "example": None if effect.example is None else list(effect.example),
    }


def _deployment(cost: DeploymentCost) -> dict[str, Any]:
    return {
        "reference": cost.reference,
        "n_documents": cost.n_documents,
        "k": cost.k,
        "formats": [_format(each) for each in cost.formats],
    }


def _format(each: StorageFormat) -> dict[str, Any]:
    names = ("name", "precision", "width", "n_rescored", "bytes_in_index", "bytes_in_all", "reason")
    return {
        **{name: getattr(each, name) for name in names},
        "metrics": {name: figure_row(figure) for name, figure in each.metrics.items()},
        "changes": [asdict(change) for change in each.changes],
        "tie_share": figure_row(each.tie_share),
        "overlap": figure_row(each.overlap),
    }
