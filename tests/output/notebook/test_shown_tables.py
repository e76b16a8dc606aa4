"""Tables of a result as data frames: the columns of the files, in any library that reads Arrow."""

from __future__ import annotations

import pickle
from pathlib import Path

import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support import tiny_run as tiny
from tests.support.drawn_runs import HOSTILE, make_findings

from embedscope.output.notebook import shown_tables
from embedscope.output.notebook.shown_result import ShownResult, tables_of
from embedscope.output.run_files import write_run
from embedscope.result import Result, extended


def shown(result: Result) -> ShownResult:
    return extended(result, ShownResult, **tables_of(result))


@pytest.fixture(scope="module")
def result() -> ShownResult:
    return shown(tiny.result())


@pytest.mark.parametrize("name", ["queries", "points"])
def test_a_table_has_the_very_columns_of_its_file(name: str, result: ShownResult, tmp_path: Path) -> None:
    write_run(result, tmp_path / "run", options={}, elapsed_s=0, page=False)
    table = getattr(result, name).to_arrow()
    assert table.equals(pq.read_table(tmp_path / "run" / f"{name}.parquet"))
    assert table.num_rows == len(getattr(result, name).to_pandas()) == len(getattr(result, name).to_polars())


@pytest.mark.parametrize("name", ["queries", "documents", "points"])
def test_any_library_takes_a_table_by_the_arrow_interface(name: str, result: ShownResult) -> None:
    pandas = pytest.importorskip("pandas", minversion="3")
    table = getattr(result, name)
    assert polars.DataFrame(table).equals(table.to_polars())
    assert list(pandas.DataFrame.from_arrow(table).columns) == table.to_arrow().column_names
    assert pa.table(table).equals(table.to_arrow())


@pytest.mark.parametrize(
    ("installed", "kind"), [({"pandas", "polars"}, "pandas"), ({"polars"}, "polars"), (set(), "pyarrow")]
)
def test_the_frame_is_of_the_library_that_is_installed(
    installed: set[str], kind: str, result: ShownResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_tables, "find_spec", lambda name: name if name in installed else None)
    assert type(result.documents.frame).__module__.split(".")[0] == kind


def test_a_table_shows_its_first_rows_with_every_text_escaped_and_cut() -> None:
    found = shown(make_findings(12, texts=HOSTILE))
    for table in (found.queries, found.documents, found.points):
        assert table is not None
        html = table._repr_html_()
        assert html.count("<tr>") == 6
        assert "<b>" not in html
        assert len(html) < 6_000


def test_a_table_is_sent_and_shown_as_the_record_is(result: ShownResult) -> None:
    queries = result.queries
    sent = pickle.loads(pickle.dumps(queries))
    assert sent.to_arrow().equals(queries.to_arrow())
    assert repr(sent) == repr(queries) == "<QueryTable of 4 queries>"
