"""Text in columns: separators, quotation marks, headers."""

from __future__ import annotations

import csv
import io
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from embedscope.data.readers import read_collection
from embedscope.data.readers.delimited import read_cells, read_table
from embedscope.errors import DataFormatError

HEADER = ["query", "positive"]


def rows_of(text: str) -> list[list[str]]:
    return [line.cells for line in read_table(text).rows]


def written(rows: list[list[Any]], separator: str, quoting: int = csv.QUOTE_MINIMAL) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, quoting=quoting).writerows([HEADER, *rows])  # type: ignore[arg-type]
    return out.getvalue()


def stated(rows: list[list[str]], separator: str = "\t") -> list[list[str]]:
    """The rows without blank ones."""
    return [row for row in rows if any(cell.strip() or {separator, "\n", "\r"} & set(cell) for cell in row)]


texts = st.text(st.sampled_from('ab "\t,;\n\r.'), max_size=12)
plain_texts = st.text(st.sampled_from('ab ",;.'), min_size=1, max_size=12)


@given(rows=st.lists(st.tuples(texts, texts).map(list), min_size=1, max_size=5), separator=st.sampled_from("\t,;"))
def test_what_a_csv_writer_quotes_throughout_is_read_as_written(rows: list[list[str]], separator: str) -> None:
    meant = stated(rows, separator)
    assert rows_of(written(rows, separator, csv.QUOTE_ALL)) == meant


@given(
    rows=st.lists(st.tuples(texts, st.integers(0, 9)).map(list), min_size=1, max_size=5),
    separator=st.sampled_from("\t,;"),
)
def test_numbers_may_stand_without_marks_where_all_texts_have_them(rows: list[list[Any]], separator: str) -> None:
    assert rows_of(written(rows, separator, csv.QUOTE_NONNUMERIC)) == [[text, str(number)] for text, number in rows]


@given(rows=st.lists(st.tuples(texts, texts).map(list), min_size=1, max_size=5), separator=st.sampled_from("\t,;"))
def test_what_a_csv_writer_quotes_where_needed_is_read_as_written_or_refused(
    rows: list[list[str]], separator: str
) -> None:
    meant = stated(rows, separator)
    text = written(rows, separator)
    try:
        came = rows_of(text)
    except DataFormatError:
        return
    if came != meant:  # only where a mark may belong to the text, and then the person is told
        assert separator == "\t"
        assert read_table(text).notes


@given(rows=st.lists(st.tuples(plain_texts, plain_texts).map(list), min_size=1, max_size=5))
@example(rows=[['"', '"']])  # two marks around a tab are no row that is blank
@example(rows=[[" ", '"'], [" ", '"']])
@example(rows=[['"', "ab"], [" ", " "], [' "', "b"]])
def test_tabs_without_quoting_are_read_as_written_or_refused(rows: list[list[str]]) -> None:
    meant = stated(rows)
    text = "\n".join("\t".join(row) for row in [HEADER, *rows]) + "\n"
    try:
        came = rows_of(text)
    except DataFormatError:
        return
    doubled = any(cell.startswith('"') and cell.endswith('"') and len(cell) > 1 for row in rows for cell in row)
    assert came == meant or doubled  # a cell in marks whose inner marks are doubled is what a writer makes


@pytest.mark.parametrize(
    "row",
    ['b\t"y', 'b\ty"', '"b\ty', 'b"\ty', '"b" is\ty', 'b\t5" pipe', 'b\t"y"', 'b\t"y" and "z"'],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_stray_mark_between_tabs_is_text_and_said(row: str, end: str) -> None:
    lines = ["query\tpositive", "a\tx", row, "c\tz"]
    table = read_table(end.join(lines) + end)
    assert [line.cells for line in table.rows] == [line.split("\t") for line in lines[1:]]
    assert [line.number for line in table.rows] == [2, 3, 4]
    begins = any(cell.startswith('"') for cell in row.split("\t"))
    assert any("marks are part of the text" in note for note in table.notes) == begins


def test_marks_in_two_rows_do_not_swallow_the_rows_between(tmp_path: Path) -> None:
    rows = [("a", '"open'), ("b", "between"), ("c", 'close"'), ("d", "after")]
    path = tmp_path / "data.tsv"
    path.write_text("query\tpositive\n" + "".join(f"{q}\t{p}\n" for q, p in rows))
    collection = read_collection(path)
    assert collection.queries == ("a", "b", "c", "d")
    assert collection.documents == tuple(p for _, p in rows)
    path.write_text("query,positive\n" + "".join(f"{q},{p}\n" for q, p in rows))
    with pytest.raises(DataFormatError, match=r"line 2: a cell begins with a quotation mark.*QUOTE_ALL"):
        read_collection(path)


@pytest.mark.parametrize("cell", ['"two ""words"""', '"line\nbreak"', '"tab\tinside"', '"""all"""'])
def test_a_cell_that_needs_its_marks_is_quoted_between_tabs_too(cell: str) -> None:
    assert rows_of(f"query\tpositive\na\t{cell}\nb\ty\n") == [["a", cell[1:-1].replace('""', '"')], ["b", "y"]]


def test_marks_that_are_needed_here_and_needless_there_are_refused() -> None:
    with pytest.raises(DataFormatError, match="line 2: a cell begins with a quotation mark"):
        read_table('query\tpositive\na\t"x"\nb\t"two ""words"""\n')


def test_the_separator_is_the_one_that_gives_lines_of_one_width() -> None:
    text = "what, when, where\tlong ago; in the north, perhaps\nand who\tno one\n"
    assert read_cells(text).separator == "\t"
    assert read_cells("query;positive\na, b;x, y, z\nc;d\n").separator == ";"
    assert read_cells("query,positive\na,x; y\nc,d\n").separator == ","


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("n_columns", [2, 3])
def test_a_first_line_of_texts_is_data_and_the_columns_are_numbered(separator: str, n_columns: int) -> None:
    rows = [[f"what is said in row {row} and column {column}?" for column in range(n_columns)] for row in range(3)]
    table = read_table("".join(separator.join(row) + "\n" for row in rows))
    assert table.columns == tuple("123")[:n_columns]
    assert [line.cells for line in table.rows] == rows
    assert any("has no header" in note for note in table.notes)


@pytest.mark.parametrize(
    "header",
    [
        ["query", "positive"],
        ["Frage", "Antwort"],
        ["", "query", "positive"],
        ["#", "a", "b"],
        ["0", "1"],
        ["user query", "gold passage", "hard negative 1"],
        ["query", "the text of the passage that answers it, as in the manual."],
    ],
)
def test_a_line_of_names_is_a_header(header: list[str]) -> None:
    rows = [[f"text {row} {column}" for column in header] for row in range(3)]
    table = read_table("".join("\t".join(row) + "\n" for row in [header, *rows]))
    assert table.columns == tuple(header)
    assert not table.notes


@pytest.mark.parametrize("first", [["lamp", "A lamp."], ["1", "lamp"], ["lamp", "x" * 50], ["lamp", "shade"]])
def test_a_short_first_line_that_is_no_header_is_data(first: list[str]) -> None:
    assert (
        read_table("\n".join("\t".join(row) for row in [first, ["wool", "sheep"], ["lamp", "oil"]])).columns[0] == "1"
    )


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_cell_may_be_of_any_length_and_the_limit_of_the_process_stays(tmp_path: Path, separator: str) -> None:
    before = csv.field_size_limit()
    cell = "long " * 40_000
    (tmp_path / "d").write_text(f"query{separator}positive\na{separator}{cell}\nb{separator}y\n")
    assert read_collection(tmp_path / "d").documents[0] == cell.strip()
    threads = [threading.Thread(target=read_collection, args=(tmp_path / "d",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert csv.field_size_limit() == before
