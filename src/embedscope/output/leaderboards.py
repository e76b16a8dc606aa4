"""Results in the forms that leaderboards read: ``.eval_results`` and ``model-index`` of the hub, TaskResult of mteb.

Sources
-------
https://huggingface.co/docs/hub/eval-results: the entries of ``.eval_results/*.yaml``.
https://huggingface.co/docs/hub/model-cards#evaluation-results: ``model-index``.
mteb 2, ``mteb.results.TaskResult``: ``{split: [{hf_subset, languages, main_score, ndcg_at_10, ...}]}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from embedscope import __version__
from embedscope.errors import importing
from embedscope.result import Metric, Result, run_label
from embedscope.result.formatting import count, interval, number, queries_of

MAIN = "nDCG@10"
"""The metric by which mteb and its benchmarks on the hub rank retrievers."""

SOURCE = {"name": "embedscope", "url": "https://github.com/embedscope/embedscope"}
"""What made a result, by which it is known again in a ``model-index``."""

HUB = "hub:"
_UNDETERMINED = "und"  # of ISO 639-3; mteb leaves results without a language out of every mean
_SPELLINGS = {"success": "hit_rate", "p": "precision"}


def metric_key(name: str) -> str:
    """A rank metric as mteb writes it.

    >>> metric_key("nDCG@10"), metric_key("Success@1"), metric_key("MRR")
    ('ndcg_at_10', 'hit_rate_at_1', 'mrr')
    """
    kind, at, k = name.lower().partition("@")
    return _SPELLINGS.get(kind, kind) + (f"_at_{k}" if at else "")


def yaml_text(value: Any, *, needed_for: str) -> str:
    """``value`` as YAML, keys in the order given.

    Raises
    ------
    MissingExtraError
        If PyYAML is not installed.
    """
    with importing("pyyaml", needed_for=needed_for, extra="hub"):
        import yaml
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))


def eval_results(result: Result, task: str, *, on: date) -> str:
    """One entry of ``.eval_results``: `MAIN` in percent, as mteb's benchmarks have it.

    Parameters
    ----------
    task : str
        OWNER/NAME:TASK, a benchmark on the hub and a task of its ``eval.yaml``.
    on : date
        When the model was measured.
    """
    dataset, _, task_id = task.partition(":")
    metric, data = result.metrics[MAIN], result.data
    ends = interval(metric.estimate, 2, scale=100)
    notes = (
        f"{MAIN} in percent{f', 95 % interval {ends}' if ends else ''}; {queries_of(data)}, "
        f"{count(data.n_documents, 'document')}; embedscope {__version__}"
    )
    entry = {
        "dataset": {"id": dataset, "task_id": task_id},
        "value": _rounded(100 * metric.value),
        "date": on.isoformat(),
        "notes": notes,
    }
    return yaml_text([entry], needed_for="--eval-results")


def task_result(result: Result, *, task: str, split: str) -> dict[str, Any]:
    """The metrics as ``TaskResult.from_disk`` of mteb reads them; the ends of an interval stand beside each.

    The revision of the data is their digest, which is no commit of the hub: mteb did not measure this.
    """
    scores: dict[str, Any] = {"hf_subset": "default", "languages": [_UNDETERMINED]}
    scores["main_score"] = result.metrics[MAIN].value
    for name, metric in result.metrics.items():
        key = metric_key(name)
        scores |= {key: metric.value, f"{key}_low": metric.low, f"{key}_high": metric.high}
    return {
        "dataset_revision": result.data.digest,
        "task_name": task,
        "mteb_version": None,
        "scores": {split: [scores]},
        "evaluation_time": None,
        "kg_co2_emissions": None,
    }


def index_entry(data: str, metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """What a ``model-index`` holds of one data set; the ends of an interval are in ``args`` of each metric."""
    kind = data.removeprefix(HUB).partition(":")[0] if data.startswith(HUB) else "unknown"
    return {
        "task": {"type": "information-retrieval", "name": "Information Retrieval"},
        "dataset": {"type": kind, "name": run_label(data) or "unknown"},
        "metrics": [_index_metric(metric) for metric in metrics.values()],
        "source": dict(SOURCE),
    }


def _index_metric(metric: Metric) -> dict[str, Any]:
    low, high = metric.low, metric.high
    known = {}
    if low is not None and high is not None:
        known["args"] = {"confidence_level": 0.95, "low": _rounded(low), "high": _rounded(high)}
    return {"type": metric_key(metric.name), "value": _rounded(metric.value), "name": metric.name, **known}


def _rounded(value: float) -> float:
    """As much as another machine repeats."""
    return float(number(value, 5))
