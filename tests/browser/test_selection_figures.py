"""What is selected is what is counted: figures of 33 of 300 queries, and the words that say which are of all."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import ir_measures
import numpy as np
import pytest
from scipy.stats import binomtest
from tests.browser.conftest import Opener
from tests.output.page.test_payload import many_points
from tests.support import tiny_run as tiny

from embedscope.result import Result

pytestmark = pytest.mark.browser

N, SELECTED = 300, 33
LASSO = "lasso=0+-1.1+-1.1+-0.9+-1.1+-0.9+1.1+-1.1+1.1"
METRICS = ("MRR", "MRR@10", "Success@1", "Success@5", "nDCG@10", "MAP@100", "Recall@10")


def measured() -> Result:
    """300 queries with one relevant document and two hard negatives each, the first 33 apart on the map.

    Query 5 ties with one other document at rank 2, query 6 with two at rank 3.
    """
    found = many_points(2 * N, 200)
    generator = np.random.default_rng(7)
    rank = generator.integers(1, 30, N).astype(float)
    n_tied = np.zeros(N, int)
    rank[5], n_tied[5] = 2.5, 1
    rank[6], n_tied[6] = 4.0, 2
    positive, negative = generator.uniform(0.3, 0.9, N), generator.uniform(0.2, 0.8, 2 * N)
    queries = replace(
        found.queries, rank=rank, n_tied=n_tied, is_correct=rank == 1, positive_similarity=positive,
        relevant_scores=positive, negative_indptr=2 * np.arange(N + 1), negative_documents=np.arange(2 * N) % N,
        negative_scores=negative, negative_weights=np.ones(2 * N), negative_types=(("location",), ("price",)) * N,
        failure_modes=tuple("" if right else "attribute ignored" for right in rank == 1),
        failure_evidence=(),
    )  # fmt: skip
    x = np.where(np.arange(2 * N) % N < SELECTED, -1.0, 1.0)
    xy = np.stack([x, np.linspace(-1, 1, 2 * N)], axis=1).astype(np.float32)
    metric = found.metrics["MRR"]
    return replace(
        found,
        queries=queries,
        maps={"tsne": replace(found.maps["tsne"], xy=xy)},
        metrics=dict.fromkeys(METRICS, metric),
        failure_modes={"attribute ignored": int(np.sum(rank != 1))},
    )


@pytest.fixture(scope="module")
def result() -> Result:
    return measured()


@pytest.fixture(scope="module")
def payload(result: Result) -> dict[str, Any]:
    return tiny.payload(result)


def orders(result: Result) -> list[list[int]]:
    """The ranks that the relevant document of each selected query takes over all orders of what ties with it."""
    q = result.queries
    first = q.rank - q.n_tied / 2
    return [[int(first[i]) + j for j in range(q.n_tied[i] + 1)] for i in range(SELECTED)]


def by_library(result: Result, name: str) -> float:
    """A metric by ir_measures, as a mean over queries of means over orders."""
    measure = ir_measures.parse_measure(name.replace("MRR", "RR").replace("MAP", "AP").replace("Recall", "R"))
    means = []
    for ranks in orders(result):
        runs = [{f"o{i}": {"r" if j == r else f"d{j}": float(-j) for j in range(1, 101)}} for i, r in enumerate(ranks)]
        qrels = {f"o{i}": {"r": 1} for i in range(len(ranks))}
        means.append(measure.calc_aggregate(qrels, {key: run for part in runs for key, run in part.items()}))
    return float(np.mean(means))


def by_hand(result: Result, name: str) -> float:
    kind, _, cutoff = name.partition("@")
    most = float(cutoff or "inf")
    gain = {"MRR": lambda r: 1 / r, "MAP": lambda r: 1 / r, "nDCG": lambda r: 1 / np.log2(r + 1)}.get(kind, lambda r: 1)
    return float(np.mean([np.mean([gain(r) if r <= most else 0 for r in ranks]) for ranks in orders(result)]))


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_metrics_of_a_selection_are_those_of_its_queries_alone(
    open_report: Opener, payload: dict[str, Any], result: Result
) -> None:
    report = open_report(payload, f"verdict?{LASSO}")
    page = report.page
    assert report.selected() == SELECTED
    assert "33 of 300" in page.locator(".metrics thead th").all_inner_texts()
    at = page.locator(".metrics thead th").all_inner_texts().index("33 of 300")
    for row in page.locator(".metrics tbody tr").all():
        cells = row.locator("th, td").all_inner_texts()
        value, *interval = re.findall(r"[−\d.]+", cells[at])
        assert number(value) == pytest.approx(by_hand(result, cells[0]), abs=6e-4), cells[0]
        assert number(value) == pytest.approx(by_library(result, cells[0]), abs=6e-4), cells[0]
        if not cells[0].startswith(("Success", "Recall")):
            assert interval == []
            continue
        wanted = binomtest(round(by_hand(result, cells[0]) * SELECTED), SELECTED).proportion_ci(method="wilson")
        assert [number(end) for end in interval] == pytest.approx([wanted.low, wanted.high], abs=6e-4)


def test_a_metric_that_the_page_cannot_count_on_a_selection_has_a_dash(open_report: Opener, result: Result) -> None:
    several = replace(
        result.queries,
        relevant_indptr=np.concatenate([[0], np.arange(2, N + 2)]),
        relevant_documents=np.concatenate([[0, 1], np.arange(1, N)]),
        relevant_scores=np.concatenate([[0.5], result.queries.relevant_scores]),
    )
    page = open_report(tiny.payload(replace(result, queries=several)), f"verdict?{LASSO}").page
    at = page.locator(".metrics thead th").all_inner_texts().index("33 of 300")
    found = {row[0]: row[at].strip() for row in page.locator(".metrics tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.innerText))")}  # fmt: skip
    assert [name for name, cell in found.items() if cell == "–"] == ["nDCG@10", "MAP@100", "Recall@10"]


def test_the_histogram_of_a_selection_is_that_of_its_scores(
    open_report: Opener, payload: dict[str, Any], result: Result
) -> None:
    page = open_report(payload, f"similarity?{LASSO}").page
    own = result.queries.positive_similarity[:SELECTED]
    keys = page.locator(".similarity .keys li").all_inner_texts()
    assert f"{own.mean():.2f} ± {own.std():.2f}, n = 33" in keys[0]
    assert "n = 66" in keys[2]
    assert result.similarity is not None
    edges = result.similarity.edges.astype(np.float32)
    wanted, _ = np.histogram(own.astype(np.float32), edges)
    path = page.locator(".density path").last.get_attribute("d")
    heights = np.array([float(y) for y in re.findall(r"V([\d.]+)H", path)])
    drawn = heights.max() - heights
    assert drawn / drawn.max() == pytest.approx(wanted / wanted.max(), abs=0.01)
    assert "of all 300 queries, not of the 33 selected" in page.inner_text(".of-all")
    hard, every = page.locator(".accepted tbody th").all_inner_texts()
    assert hard == "among hard negatives, 33 of 300 queries"
    assert every == "among all documents, all 300 queries"


def test_lost_pairs_and_reasons_are_counted_on_a_selection_and_a_filter_leaves_its_own_panel_alone(
    open_report: Opener, payload: dict[str, Any], result: Result
) -> None:
    report = open_report(payload, f"failures?{LASSO}")
    page = report.page
    q = result.queries
    lost = q.negative_scores.reshape(N, 2)[:SELECTED] >= q.positive_similarity[:SELECTED, None]
    for place, name in enumerate(("location", "price")):
        _, pairs, share, *_ = page.inner_text(f".types tr:has-text('{name}')").split("\t")
        assert pairs == "33"
        assert number(share.split()[0]) == pytest.approx(100 * lost[:, place].mean(), abs=0.6)
    n_failing = int(np.sum(q.rank[:SELECTED] != 1))
    modes = page.inner_text(".modes li")
    assert modes.split()[2] == str(n_failing)
    page.click(".modes li button >> nth=0")
    assert report.selected() == n_failing
    assert page.inner_text(".modes li").split()[2] == str(n_failing)


@pytest.mark.parametrize("view", ["verdict", "space", "serving", "failures"])
def test_what_is_of_all_queries_says_so_only_while_something_is_selected(
    open_report: Opener, payload: dict[str, Any], view: str
) -> None:
    report = open_report(payload, f"{view}?{LASSO}")
    assert "of all 300 queries, not of the 33 selected" in report.page.inner_text(".of-all >> nth=0")
    report.page.click("text=Clear")
    assert report.page.locator(".of-all").count() == 0
    assert report.complaints == []


def test_ranks_compared_are_counted_on_a_selection(open_report: Opener) -> None:
    page = open_report(tiny.comparison_payload(), "compare?moved=0+lost").page
    assert page.inner_text(".of-all") == "The tables are of all 4 queries, not of the 1 selected."
    assert "1 of 4 queries: 0 better, 1 worse, 0 as before" in page.inner_text(".compare")
