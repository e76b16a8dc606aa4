"""Maps of several runs in one frame of reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embedscope.analysis.film import draw_film

from .planted import OPTIONS, collection_of, findings_of, model


def test_equal_runs_stand_still_and_the_shown_run_gets_its_own_map() -> None:
    collection = collection_of(40)
    run = model(collection, share_random=0.3)
    findings = findings_of(collection, run)
    options = replace(OPTIONS, perplexity=5.0)
    shown, layouts = draw_film({"a": run, "b": run}, "b", findings, collection, options)
    assert list(layouts) == ["a", "b"]
    assert shown.maps["tsne"] is layouts["b"]
    assert shown.points is not None
    assert len(shown.points.rows) == len(layouts["a"].xy)
    spread = np.ptp(layouts["a"].xy, axis=0).max()
    moved = np.linalg.norm(layouts["a"].xy - layouts["b"].xy, axis=1)
    assert np.median(moved) < 0.1 * spread


def test_the_other_findings_are_left_as_they_are() -> None:
    collection = collection_of(40)
    run = model(collection)
    findings = findings_of(collection, run)
    shown, _ = draw_film({"a": run}, "a", findings, collection, replace(OPTIONS, perplexity=5.0))
    assert shown.queries is findings.queries
    assert shown.metrics is findings.metrics
