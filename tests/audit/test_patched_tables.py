"""Repairs of tables: quotation marks stay what they are, and a compressed file comes out as text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.written_tables import COMPRESSIONS

from embedscope.audit.patching import Action, Edit, Part, patched
from embedscope.audit.raw_rows import read_rows

STRAY = 'query\tpositive\tnegative\na\t"open\tn1\nb\tbetween\tn2\nc\tclose"\tn3\nd\tafter\tn4\n'
QUOTED = 'query,positive,negative\na,"x, y",n1\nb,"line\nbreak",n2\nc,z,n3\n'
ALL = '"query"\t"positive"\t"negative"\n"a"\t"x"\t"n1"\n"b"\t"y"\t"n2"\n"c"\t"z"\t"n3"\n'


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    ("text", "row", "before", "after"),
    [
        (STRAY, 3, "between", "BETWEEN"),
        (STRAY, 2, '"open', '"OPEN'),
        (QUOTED, 3, "line\nbreak", "LINE\nBREAK"),
        (QUOTED, 2, "x, y", "X, Y"),
        (ALL, 3, "y", "Y"),
    ],
)
def test_one_cell_changes_and_everything_else_stays(
    tmp_path: Path, text: str, row: int, before: str, after: str, compression: str
) -> None:
    path = tmp_path / "data"
    path.write_bytes(COMPRESSIONS[compression](text.encode()))
    source = read_rows(path).source
    assert source is not None
    edit = Edit(row, "code", "change", Part.POSITIVE, Action.RESTORE)
    made, (change,) = patched(source, [edit], restore=str.upper)
    assert (change.before, change.after) == (before, after)
    assert made == re.sub(rf"(?<![a-z]){re.escape(before)}(?![a-z])", after, text)


def test_rows_of_a_folder_have_no_file_to_repair(tmp_path: Path) -> None:
    for shard in range(2):
        (tmp_path / f"test-{shard:05d}-of-00002.tsv").write_text(STRAY)
    rows = read_rows(tmp_path)
    assert rows.source is None
    assert len(rows.rows) == 8
