"""A run read back from its folder compares exactly as the run itself does."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.support.planted import SETTINGS, collection_of, diagnosed, findings_of, model

from embedscope.comparison.paired import compare_runs
from embedscope.data.collection import Collection
from embedscope.decide.criteria import load_criteria
from embedscope.decide.verdict import judge
from embedscope.errors import DataFormatError
from embedscope.output.run_folder import write_json, write_parquet
from embedscope.output.table_columns import query_columns
from embedscope.result import Mapped, Result, extended
from embedscope.result.report import report
from embedscope.result.saved_run import is_run_folder, read_run


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(40, types=(("price",), ("place", "price"), ()))


@pytest.fixture(scope="module")
def old(collection: Collection) -> Result:
    return findings_of(collection, model(collection, share_random=0.5))


@pytest.fixture
def folder(old: Result, tmp_path: Path) -> Path:
    checks, verdict = judge(old, load_criteria("checklist"))
    write_json(tmp_path / "report.json", report(extended(old, Result, checklist=checks, verdict=verdict)))
    write_parquet(tmp_path / "queries.parquet", query_columns(old))
    return tmp_path


def test_a_saved_run_compares_as_the_run_itself(old: Result, folder: Path, collection: Collection) -> None:
    new = findings_of(collection, model(collection, share_wrong=0.1))
    fresh = compare_runs({"old": old, "new": new}, reference="old", settings=SETTINGS)
    saved = compare_runs({"old": read_run(folder), "new": new}, reference="old", settings=SETTINGS)
    assert saved.comparisons == fresh.comparisons
    assert saved.type_changes == fresh.type_changes
    assert saved.level_shifts == fresh.level_shifts
    assert saved.lost["new"].tolist() == fresh.lost["new"].tolist()
    assert saved.gained["new"].tolist() == fresh.gained["new"].tolist()


def test_a_saved_run_keeps_what_was_said_of_data_and_model(old: Result, folder: Path) -> None:
    read = read_run(folder)
    assert read.data == old.data
    assert read.model == old.model
    assert read.metrics == old.metrics
    assert read.queries.texts == old.queries.texts
    assert read.queries.negative_types == old.queries.negative_types


def test_a_folder_without_a_run_is_not_a_run_folder(folder: Path, tmp_path: Path) -> None:
    assert is_run_folder(folder)
    assert not is_run_folder(tmp_path / "nothing")


def test_what_is_no_folder_of_a_run_is_named_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    sets = tmp_path / "sets"
    sets.mkdir()
    (sets / "report.json").write_text(json.dumps({"sets": [{"name": "one", "folder": "sets/one"}]}), encoding="utf-8")
    said = {
        tmp_path / "nothing": "is not there",
        tmp_path / "file": "is a file",
        tmp_path / "empty": "lacks report.json or queries.parquet",
        sets: f"several sets: read one of them, such as that on one in {sets / 'sets' / 'one'}",
    }
    for path, expected in said.items():
        with pytest.raises(DataFormatError, match=expected):
            read_run(path)


@pytest.mark.parametrize("break_it", ["not json", "no key", "other version", "no table"])
def test_a_broken_run_folder_is_refused_by_name(folder: Path, break_it: str) -> None:
    path = folder / "report.json"
    if break_it == "not json":
        path.write_text("{", encoding="utf-8")
    elif break_it == "no table":
        (folder / "queries.parquet").write_bytes(b"PAR1")
    else:
        content = json.loads(path.read_text(encoding="utf-8"))
        content |= {"schema_version": 2} if break_it == "other version" else {"data": {}}
        path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataFormatError, match=folder.name):
        read_run(folder)


@pytest.mark.parametrize(("column", "other"), [("MRR", "top_scores"), ("positive_similarity", "negative_scores")])
def test_a_column_that_holds_lists_in_place_of_numbers_is_refused(folder: Path, column: str, other: str) -> None:
    table = pq.read_table(folder / "queries.parquet")
    table = table.set_column(table.schema.get_field_index(column), column, table[other])
    pq.write_table(table, folder / "queries.parquet")
    with pytest.raises(DataFormatError, match=folder.name):
        read_run(folder)


def test_failure_modes_are_read_back_and_a_run_from_before_them_is_read_all_the_same(
    old: Result, collection: Collection, tmp_path: Path
) -> None:
    embeddings = model(collection, share_random=0.5)
    examined = extended(diagnosed(collection, embeddings), Mapped)
    checks, verdict = judge(examined, load_criteria("checklist"))
    written = report(extended(examined, Result, checklist=checks, verdict=verdict))
    write_json(tmp_path / "report.json", written)
    write_parquet(tmp_path / "queries.parquet", query_columns(examined))
    again = read_run(tmp_path)
    assert again.queries.failure_modes == examined.queries.failure_modes
    assert again.failure_modes == examined.failure_modes
    newer = ("failure_modes", "geometry", "thresholds", "robustness", "deployment", "not_measured")
    write_json(tmp_path / "report.json", {key: value for key, value in written.items() if key not in newer})
    write_parquet(tmp_path / "queries.parquet", query_columns(old))
    before = read_run(tmp_path)
    assert (before.queries.failure_modes, dict(before.failure_modes), before.geometry) == ((), {}, None)
