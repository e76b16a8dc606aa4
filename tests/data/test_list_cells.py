"""Cells of a table that write lists are lists where all of a column do, and texts where none is meant."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.data.collection import digest
from embedscope.data.readers import read_collection
from embedscope.data.readers.list_cells import closed, parsed_list
from embedscope.errors import DataFormatError

ROWS = [
    ("how is wool washed", ['by hand, in "cool" water', "with the soap of the house"], ["it's sold by the bale"]),
    ("what do moles eat", ["worms that they find"], []),
    ("where does rain begin", ["in clouds"], ["in a word of four letters", "[so they say]"]),
]  # fmt: skip
WAYS: dict[str, Callable[[list[str]], str]] = {
    "Python": repr,
    "JSON": json.dumps,
    "JSON with letters": lambda texts: json.dumps(texts, ensure_ascii=False),
}


def written(folder: Path, cells: list[list[str]], delimiter: str = ",", header: str = "query,pos,neg") -> Path:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([header.split(","), *cells])
    path = folder / "data.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("way", sorted(WAYS))
def test_cells_that_write_lists_are_read_as_the_same_lists_in_json(tmp_path: Path, way: str, delimiter: str) -> None:
    cells = [[query, WAYS[way](positives), WAYS[way](negatives)] for query, positives, negatives in ROWS]
    found = read_collection(written(tmp_path, cells, delimiter))
    reference = tmp_path / "data.jsonl"
    reference.write_text(
        "".join(json.dumps(dict(zip(["query", "pos", "neg"], row, strict=True))) + "\n" for row in ROWS)
    )
    assert digest(found) == digest(read_collection(reference))
    assert "the cells of 'pos', 'neg' write lists, and were read as such." in found.warnings


def test_an_empty_cell_beside_lists_states_nothing(tmp_path: Path) -> None:
    cells = [[query, repr(positives), repr(negatives) if negatives else ""] for query, positives, negatives in ROWS]
    assert len(read_collection(written(tmp_path, cells)).negatives.queries) == 3


def test_labels_by_position_may_stand_in_cells(tmp_path: Path) -> None:
    cells = [["a b", "['x y', 'n m']", "[1, 0]"], ["c d", "['z z', 'n m']", "[1, 0]"]]
    collection = read_collection(written(tmp_path, cells, header="query,positive,labels"))
    assert (collection.indptr.tolist(), len(collection.negatives.queries)) == ([0, 1, 2], 2)


@pytest.mark.parametrize(
    "cell",
    [
        str(np.array(["one text", "another"])),
        str(np.array(["one text", "another", "a third " * 20])),
        "['one', 'two' 'three']",
        "['cut off]",
        "[one, two]",
    ],
)
def test_a_cell_that_is_no_list_among_lists_is_refused(tmp_path: Path, cell: str) -> None:
    rows = [[query, repr(positives), repr(negatives)] for query, positives, negatives in ROWS]
    rows[1][1] = cell
    with pytest.raises(DataFormatError, match="line 3, field 'pos': the cells of this column write lists"):
        read_collection(written(tmp_path, rows))
    for row in rows:
        row[1] = cell
    with pytest.raises(DataFormatError, match="NumPy arrays lose their commas"):
        read_collection(written(tmp_path, rows))


def test_a_text_in_brackets_among_texts_stays_one(tmp_path: Path) -> None:
    cells = [[f"query number {n}", text, "n"] for n, text in enumerate(["[1] the note", "plain", "plain too", "[1]"])]
    assert read_collection(written(tmp_path, cells)).documents[0] == "[1] the note"
    assert "[1]" in read_collection(written(tmp_path, cells)).documents


@given(texts=st.lists(st.text(st.characters(exclude_categories=("Cs",)))), way=st.sampled_from(sorted(WAYS)))
def test_a_list_is_read_as_it_was_written_and_written_again_in_its_manner(texts: list[str], way: str) -> None:
    cell = WAYS[way](texts)
    assert parsed_list(cell) == texts
    assert parsed_list(closed(list(texts), cell)) == texts
    if way != "JSON":
        assert closed(list(texts), cell) in {WAYS["Python"](texts), WAYS["JSON with letters"](texts)}


@given(cell=st.text(alphabet="[]'\", ab\\\n1.", max_size=20))
def test_any_cell_is_a_list_or_none(cell: str) -> None:
    assert isinstance(parsed_list(cell), list | None)
