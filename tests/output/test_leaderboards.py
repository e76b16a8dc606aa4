"""Results for leaderboards, read by the libraries that leaderboards read them with."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from tests.support import tiny_run as tiny

from embedscope.output.leaderboards import eval_results, metric_key, task_result
from embedscope.result import Metric

MAIN = Metric("nDCG@10", 0.4, 0.3, 0.5, 0.4, 0.4, 0.4, 0.4, None)
RESULT = replace(tiny.result(), metrics={"nDCG@10": MAIN, **tiny.result().metrics})


def test_the_hub_reads_the_entry_with_its_value_in_percent_and_its_interval() -> None:
    text = eval_results(RESULT, "mteb/scifact:SciFact_default_test", on=date(2026, 1, 2))
    (entry,) = parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id) == ("mteb/scifact", "SciFact_default_test")
    assert (entry.value, entry.date) == (40.0, "2026-01-02")
    assert entry.notes is not None
    assert entry.notes.startswith("nDCG@10 in percent, 95 % interval [30.00, 50.00]; 4 queries")


def test_a_value_without_an_interval_says_none() -> None:
    alone = replace(RESULT, metrics={"nDCG@10": replace(MAIN, low=None, high=None)})
    (entry,) = yaml.safe_load(eval_results(alone, "a/b:c", on=date(2026, 1, 2)))
    assert entry["notes"].startswith("nDCG@10 in percent; ")


def test_mteb_reads_the_result_with_its_main_score_and_intervals(tmp_path: Path) -> None:
    mteb_results = pytest.importorskip("mteb.results")
    path = tmp_path / "Rooms.json"
    path.write_text(json.dumps(task_result(RESULT, task="Rooms", split="test"), allow_nan=False), encoding="utf-8")
    found = mteb_results.TaskResult.from_disk(path)
    assert (found.task_name, found.main_score, found.get_score()) == ("Rooms", 0.4, 0.4)
    (scores,) = found.scores["test"]
    assert (scores["ndcg_at_10_low"], scores["ndcg_at_10_high"]) == (0.3, 0.5)
    assert scores["hit_rate_at_1"] == RESULT.metrics["Success@1"].value
    assert found.dataset_revision == RESULT.data.digest


def test_metrics_are_called_as_mteb_calls_them() -> None:
    names = ["MRR@10", "nDCG@5", "MAP@100", "Recall@20", "P@1", "Success@3", "MAP"]
    assert [metric_key(name) for name in names] == [
        "mrr_at_10", "ndcg_at_5", "map_at_100", "recall_at_20", "precision_at_1", "hit_rate_at_3", "map"
    ]  # fmt: skip
