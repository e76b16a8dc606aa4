"""The page of a swap of models in a real browser."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.browser.conftest import Opener
from tests.support.scene import write_rows, write_vectors
from tests.support.tiny_run import HOSTILE

from embedscope.cli.migrate_command import migration_report
from embedscope.migration import migrate
from embedscope.output.page.migration_payload import migration_payload
from embedscope.output.path_rows import path_name
from embedscope.result import Migration, MovedQuery
from embedscope.settings import MigrateSettings, Settings

pytestmark = pytest.mark.browser


@cache
def swap() -> Migration:
    """OLD of 16 numbers, NEW of 12, so that some paths cannot be measured."""
    with TemporaryDirectory() as name:
        data = write_rows(Path(name) / "data.json", 40)
        old, new = (
            str(write_vectors(Path(name) / f"{q}.npz", data, q / 100, dim=dim)) for q, dim in ((40, 16), (90, 12))
        )
        return migrate(Settings.of(data=str(data), draws=100), MigrateSettings(old=old, new=new))


@pytest.fixture(scope="module")
def found() -> Migration:
    return swap()


def payload(found: Migration) -> Any:
    return migration_payload(found, migration_report(found))


def moved_payload() -> Any:
    """The page of a swap that lost one query and gained three, of which two are listed."""
    gained = tuple(MovedQuery(f"query {i}", 40.0 - i, 1.0) for i in range(2))
    return payload(replace(swap(), lost=(MovedQuery("lost", 1.0, 9.0),), n_lost=1, gained=gained, n_gained=3))


def test_every_path_is_a_row_and_the_advice_comes_first(found: Migration, open_report: Opener) -> None:
    report = open_report(payload(found))
    page = report.page
    assert page.inner_text(".headline").split(":")[0] == found.advice[0].split(":")[0]
    assert page.locator(".paths tbody th").all_inner_texts() == [path_name(path) for path in found.paths]
    titles = ["Serving paths", f"Cost, for {found.cost.n_documents} documents", "Adapters"]
    assert page.locator("h2").all_inner_texts() == [*titles, "What changes for the queries"]
    assert "not measured: the vectors of OLD and NEW are of unequal width" in page.inner_text("main")
    assert report.complaints == []


def test_another_metric_shows_its_figures_of_every_path(found: Migration, open_report: Opener) -> None:
    page = open_report(payload(found)).page
    page.select_option("select[aria-label=Metric]", "nDCG@10")
    shown = page.locator(".paths tbody td.strong").all_inner_texts()
    values = [path.metrics["nDCG@10"].value if path.metrics else None for path in found.paths]
    assert shown == ["–" if value is None else f"{value:.3f}" for value in values]


def test_no_text_of_a_migration_becomes_program_and_the_page_stays_within_a_phone(
    found: Migration, open_report: Opener
) -> None:
    moved = tuple(MovedQuery(text[:2000], 1.0, 40.0) for text in HOSTILE)
    hostile = replace(found, lost=moved, old=replace(found.old, checkpoint=HOSTILE[0][:500]))
    report = open_report(payload(hostile), viewport={"width": 390, "height": 844})
    assert report.page.evaluate("window.pwned") is None
    assert report.page.evaluate("document.documentElement.scrollWidth") == 390
    assert report.complaints == []


def test_a_list_of_moved_queries_that_is_cut_says_of_how_many(open_report: Opener) -> None:
    page = open_report(moved_payload()).page
    assert page.locator(".moved-queries th:last-child").all_inner_texts() == [
        "Lost at rank 1, the farthest first",
        "Gained at rank 1, the farthest first, 2 of 3",
    ]
