"""The order of the rows of a data set decides no number: draws go along the texts, not along the rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.scene import rows, write_vectors

from embedscope.cli.main import main

NAMES = ("/id", "/query", "/text", "/rows", "/documents", "/inputs", "/document", "/wrong_document")
"""Of places that name rows and documents, which are numbered as they come."""


def numbers(report: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a report by its place, but for names."""
    if isinstance(report, dict):
        for key, value in report.items():
            yield from numbers(value, f"{place}/{key}")
    elif isinstance(report, list):
        for i, value in enumerate(report):
            yield from numbers(value, f"{place}/{i}")
    elif not any(f"{name}/" in f"{place}/" for name in NAMES):
        yield place, report


def data_sets() -> dict[str, list[dict[str, Any]]]:
    """Rows of their own documents; rows that share some; and two columns of groups and slices."""
    own = rows(60)
    shared = [{**row, "pos": own[i - i % 3]["pos"]} for i, row in enumerate(own)]
    grouped = [{**row, "group": f"g{i % 20}", "kind": "ab"[i % 2]} for i, row in enumerate(own)]
    return {"own": own, "shared": shared, "grouped": grouped}


def test_rows_that_change_places_change_no_interval_of_figures_over_a_sample(tmp_path: Path) -> None:
    """Of more than 512 queries and documents some intervals rest on so many of each."""
    listed = rows(700)
    assert _differences(listed, ("--geometry",), tmp_path) == []


@pytest.mark.parametrize("options", [(), ("--max-samples", "30"), ("--geometry", "--deployment-cost")])
@pytest.mark.parametrize("name", data_sets())
def test_rows_that_change_places_change_no_number(name: str, options: tuple[str, ...], tmp_path: Path) -> None:
    assert _differences(data_sets()[name], options, tmp_path) == []


def _differences(listed: list[dict[str, Any]], options: tuple[str, ...], tmp_path: Path) -> list[str]:
    """Places of a report whose values differ where the rows change places."""
    reports = []
    for seed in (None, 1):
        data = tmp_path / f"{seed}.json"
        order = range(len(listed)) if seed is None else np.random.default_rng(seed).permutation(len(listed))
        data.write_text(json.dumps([listed[i] for i in order]), encoding="utf-8")
        if seed is None:
            write_vectors(tmp_path / "vectors.npz", data, 0.5)
        words = ["evaluate", "--data", data, "--embeddings", tmp_path / "vectors.npz", "--draws", "200", "--quiet"]
        assert main([*map(str, words), *options, "--output", str(tmp_path / f"out-{seed}")]) == 0
        reports.append(json.loads((tmp_path / f"out-{seed}" / "report.json").read_text(encoding="utf-8")))
    one, other = (dict(numbers(report)) for report in reports)
    assert one.keys() == other.keys()
    left_out = ("queries_per_second", "/data/name")  # the clock, and the file that the rows stand in
    return [place for place in one if not place.endswith(left_out) and not _are_same(one[place], other[place])]


def _are_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    return bool(one == other)
