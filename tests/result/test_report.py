"""``report.json``: every key of the contract, plain values, nothing that JSON does not know."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.support import tiny_run as tiny
from tests.support.planted import SETTINGS, collection_of, findings_of, model

from embedscope.comparison.paired import compare_runs
from embedscope.decide.criteria import load_criteria
from embedscope.decide.verdict import judge
from embedscope.result import Estimate, Mapped, Result, extended
from embedscope.result.codec import encode
from embedscope.result.report import comparison_report, report
from embedscope.result.spaces import MAX_DIRECTIONS

COLLECTION = collection_of(20, types=(("price",), ()), weights=(1.0, 2.0))
FINDINGS = findings_of(COLLECTION, model(COLLECTION), base=model(COLLECTION, share_random=0.5))
CHECKS, VERDICT = judge(FINDINGS, load_criteria("checklist"))


def written(result: Mapped = FINDINGS) -> dict[str, Any]:
    """The report as it is read back from its file."""
    inputs = {"checkpoint": "best.pt", "data": "test.json"}
    payload = report(extended(result, Result, checklist=CHECKS, verdict=VERDICT, inputs=inputs))
    read: dict[str, Any] = json.loads(json.dumps(payload, allow_nan=False))
    return read


def test_every_key_of_the_contract_is_there() -> None:
    payload = written()
    assert payload["schema_version"] == 1
    assert payload["inputs"] == {"checkpoint": "best.pt", "data": "test.json"}
    wanted = {
        "data": "n_rows n_queries n_documents n_relevant_documents n_hard_negatives n_clusters dim",
        "similarity": "positive negative hard_negative margin separation auc overlap",
        "metrics": "MRR Success@1 Recall@10 nDCG@10",
        "verdict": "outcome profile reasons",
    }
    for section, keys in wanted.items():
        assert set(keys.split()) <= payload[section].keys(), section
    assert {"maps", "findings", "embedscope_version", "comparisons"} <= payload.keys()
    for population in ("positive", "negative", "hard_negative"):
        assert {"n", "mean", "std"} <= payload["similarity"][population].keys()
    for metric in payload["metrics"].values():
        assert {"value", "low", "high", "optimistic", "pessimistic", "chance", "lexical", "base"} <= metric.keys()
    for kind in payload["negative_types"].values():
        assert {"n", "violation_rate"} <= kind.keys()
    for row in payload["checklist"]:
        assert {"id", "title", "value", "low", "high", "threshold", "outcome", "reason"} <= row.keys()


def test_the_checklist_has_its_ids_and_the_outcomes_are_words() -> None:
    payload = written()
    ids = ["margin", "separation", "clustering", "diagonal", "off_diagonal", "rank1", "gap"]
    assert [row["id"] for row in payload["checklist"]] == ids
    assert {row["outcome"] for row in payload["checklist"]} <= {"pass", "fail", "undecided", "not computable"}
    assert payload["verdict"]["outcome"] == "unfit"  # 20 clusters
    assert payload["verdict"]["reasons"][0] == payload["verdict"]["headline"]


def test_the_numbers_are_those_of_the_findings() -> None:
    payload = written()
    assert payload["metrics"]["MRR"]["value"] == FINDINGS.metrics["MRR"].value
    assert payload["similarity"]["margin"]["low"] == FINDINGS.similarity.margin.low
    assert payload["negative_types"]["price"]["violation_rate"]["value"] == 0.0
    assert payload["data"]["dim"] == 64
    assert [row["b"] for row in payload["comparisons"]] == ["lexical", "lexical", "base", "base"]


def test_what_could_not_be_computed_is_null_with_its_reason() -> None:
    absent = Estimate.absent("nobody knows")
    payload = written(replace(FINDINGS, similarity=replace(FINDINGS.similarity, separation=absent)))
    assert payload["similarity"]["separation"] == {"value": None, "low": None, "high": None, "reason": "nobody knows"}


def test_numbers_that_json_does_not_know_become_null_at_any_depth() -> None:
    payload = written(replace(FINDINGS, references={"PCA": {"MRR": float("nan"), "Success@1": float("inf")}}))
    assert payload["references"] == {"PCA": {"MRR": None, "Success@1": None}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1.0, np.nan], [-np.inf, 2.0]]), [[1.0, None], [None, 2.0]]),
        ({1: (np.float64("nan"), "text")}, {"1": [None, "text"]}),
        (None, None),
    ],
)
def test_values_come_out_plain(value: Any, expected: Any) -> None:
    assert encode(value) == expected
    assert type(encode(value)) is type(expected)


def test_a_comparison_tells_of_every_run_what_changed_and_which_queries_moved() -> None:
    runs = {"old": findings_of(COLLECTION, model(COLLECTION, share_random=0.5)), "new": FINDINGS}
    found = compare_runs(runs, reference="old", settings=SETTINGS)
    payload = json.loads(json.dumps(comparison_report(runs, found), allow_nan=False))
    assert payload["reference"] == "old"
    assert list(payload["runs"]) == ["old", "new"]
    for row in payload["comparisons"]:
        assert {"a", "b", "metric", "difference", "low", "high", "p", "p_adjusted"} <= row.keys()
        assert {"wins", "losses", "ties"} <= row.keys()
    assert payload["gained"]["new"] == [FINDINGS.queries.texts[row] for row in found.gained["new"]]
    assert len(payload["gained"]["new"]) == 10
    assert payload["lost"] == {"new": []}
    assert {row["type"] for row in payload["type_changes"]} == {"price", "untyped"}
    assert payload["best_of_many"] is None


def test_a_spectrum_lists_its_first_directions_and_its_last_and_no_more_than_can_be_read() -> None:
    wide = tiny.result()
    assert wide.geometry is not None
    space = wide.geometry.spaces["model"]
    shares = np.linspace(1.0, 0.0, 1024)
    spaces = {"model": replace(space, documents=replace(space.documents, spectrum=shares))}
    found = report(replace(wide, geometry=replace(wide.geometry, spaces=spaces)))["geometry"]
    spectrum = found["spaces"]["model"]["documents"]["spectrum"]
    assert spectrum["directions"][:5] == [1, 2, 3, 4, 5]
    assert spectrum["directions"][-1] == 1024
    assert len(spectrum["directions"]) <= MAX_DIRECTIONS
    assert spectrum["shares"] == [shares[direction - 1] for direction in spectrum["directions"]]


def test_what_was_not_measured_is_null_and_says_why() -> None:
    bare = replace(FINDINGS, not_measured={"robustness": "not asked for; pass --robustness"})
    payload = written(bare)
    assert [payload[key] for key in ("geometry", "thresholds", "robustness", "deployment")] == [None] * 4
    assert payload["not_measured"] == {"robustness": "not asked for; pass --robustness"}
