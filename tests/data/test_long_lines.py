"""A line of a table is bounded; JSON may stand in one line of any length."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from embedscope.data.readers import read_collection, source
from embedscope.errors import DataFormatError

LIMIT = 1 << 17


@pytest.fixture(autouse=True)
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_LINE_BYTES", LIMIT)


LONG = "a" * (LIMIT + 1)
TEXTS = {
    "rows.jsonl": "\n".join(json.dumps({"query": q, "positive": "b"}) for q in ("a", "c", LONG)),
    "rows.csv": f"query,positive\na,b\n{LONG},b\n",
    "rows.tsv": f"query\tpositive\na\tb\n{LONG}\tb\n",
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_line_that_is_too_long_is_refused_with_its_number(tmp_path: Path, name: str, is_compressed: bool) -> None:
    path = tmp_path / (name + ".gz" * is_compressed)
    content = TEXTS[name].encode()
    path.write_bytes(gzip.compress(content) if is_compressed else content)
    with pytest.raises(DataFormatError, match="line 3: it is longer than 131,072 bytes"):
        read_collection(path)


def test_a_line_of_judgments_that_is_too_long_is_refused_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d", "text": "a"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "a"}\n')
    (tmp_path / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\nq\td\t1\nq\t{LONG}\t1\n")
    with pytest.raises(DataFormatError, match="line 3: it is longer"):
        read_collection(tmp_path)


def test_a_table_of_many_short_lines_may_be_longer(tmp_path: Path) -> None:
    rows = [f"query {i},answer {i}" for i in range(2 * LIMIT // 16)]
    (tmp_path / "rows.csv").write_text("query,positive\r\n" + "\r\n".join(rows) + "\r\n")
    assert len(read_collection(tmp_path / "rows.csv").queries) == len(rows)


@pytest.mark.parametrize("value", [list, lambda rows: {"rows": rows}])
def test_json_in_one_long_line_is_read(tmp_path: Path, value: object) -> None:
    rows = [{"query": f"query {i}", "positive": LONG[: LIMIT // 2] + str(i)} for i in range(4)]
    (tmp_path / "rows.json").write_text(json.dumps(value(rows)))  # type: ignore[operator]
    assert len(read_collection(tmp_path / "rows.json").queries) == 4
