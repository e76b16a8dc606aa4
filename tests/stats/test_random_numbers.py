"""Random numbers of intervals and tests come from ``stats`` alone; elsewhere each generator has a named purpose."""

from __future__ import annotations

import ast
from pathlib import Path

import embedscope

SOURCE = Path(embedscope.__file__).parent
MAKES = {"default_rng", "SeedSequence", "RandomState", "Generator", "PCG64", "Philox"}
ONLY_IN_STATS = {"Draws", "cluster_bootstrap", "bootstrap_statistic", "sign_flip_test", "max_t", "random_half"}
"""What draws for an interval or a test; other packages ask a Resampler, which knows the seed and draws of the run."""

PURPOSES = {
    "diagnose/minimal_pairs.py": "the order in which queries are taken, and values that stand in the place of others",
    "integrations/": "queries that are sampled",
    "maps/": "points that a map is fitted on and measured on, and where they begin",
    "measure/geometry.py": "rows of the uniformity, and the part that a linear split holds out",
    "measure/perturbations.py": "how a text is typed differently",
    "migration/": "halves of documents for adapters, documents that are NEW, made-up vectors that are timed",
    "models/onnx_backend.py": "token ids on which an export is compared with torch",
    "parity/": "texts that are encoded on both sides",
    "pipeline.py": "queries that are sampled, and the named purposes: heatmap, map points, projections",
    "scale/planning.py": "made-up vectors that are timed",
    "train/": "queries that validate, where a head begins, the order of the pairs of an epoch",
    "visualizer.py": "queries that are sampled",
}
"""Of the generators of modules and packages: none is an interval or a test."""

ASKS = "train/validation.py"
"""Takes its intervals from a Resampler, though the package around it draws for other purposes."""


def modules() -> dict[str, ast.Module]:
    return {
        path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


def called_names(tree: ast.Module) -> set[str]:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}


def imported_names(tree: ast.Module) -> set[str]:
    return {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_every_generator_outside_stats_has_a_purpose_that_is_no_interval() -> None:
    makers = {name for name, tree in modules().items() if MAKES & called_names(tree) and not name.startswith("stats/")}
    assert {name for name in makers if not name.startswith(tuple(PURPOSES))} == set()
    assert ASKS not in makers


def test_intervals_and_tests_are_drawn_by_the_resampler_alone() -> None:
    found = {name: ONLY_IN_STATS & imported_names(tree) for name, tree in modules().items()}
    assert {name: drawn for name, drawn in found.items() if drawn and not name.startswith("stats/")} == {}
