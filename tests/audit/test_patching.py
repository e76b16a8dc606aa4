"""A patched file: rows without an edit stay as they are written, and every difference is a change that is listed."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.audit.patching import Action, Change, Edit, Part, patched
from embedscope.audit.raw_rows import RawRows, read_rows

ROWS: list[dict[str, Any]] = [
    {
        "id": 17,
        "query": "phòng quận 1",
        "pos": ["một", "hai"],
        "neg": ["ba", "bốn"],
        "pos_scores": [0.9, 0.8],
        "neg_scores": [1, 2],
        "tags": ["a", {"b": None}],
        "ok": True,
        "level": 1e-7,
        "long": "rất dài " * 20,
    },
    {"id": 18, "query": "phòng quận 2", "pos": ["năm"], "neg": ["sáu"], "pos_scores": [0.5], "neg_scores": [3]},
    {"id": 19, "query": "phòng quận 3", "pos": ["bảy"], "neg": [], "pos_scores": [0.5], "neg_scores": []},
]
ORIGINAL: list[dict[str, Any]] = [
    {
        "listing": 12345,
        "query": "phòng quận 1",
        "pos": "một",
        "hard_neg": [
            {"text": "hai", "type": ["price", "price", "area"], "weight": 2, "doc_id": 5},
            {"text": "ba", "type": "area", "weight": 2.5},
            "bốn",
        ],
    },
    {"listing": 12346, "query": "phòng quận 2", "pos": "năm", "hard_neg": []},
]
WAYS = {
    "a row a line": lambda rows: "[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]\n",
    "indented": lambda rows: json.dumps(rows, ensure_ascii=False, indent=2),
    "indented by tabs": lambda rows: json.dumps(rows, ensure_ascii=True, indent="\t") + "\n",
    "compact": lambda rows: json.dumps(rows, separators=(",", ":")),
    "JSONL": lambda rows: "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows),
    "rows in an object": lambda rows: json.dumps({"version": {"n": 2}, "data": rows, "by": "x"}, ensure_ascii=False),
    "byte order mark": lambda rows: "\ufeff" + json.dumps(rows, ensure_ascii=False, indent=1),
}


def written(tmp_path: Path, text: str, name: str = "data.json") -> RawRows:
    file = tmp_path / name
    file.write_bytes(text.encode())
    return read_rows(file)


def edited(raw: RawRows, *edits: Edit) -> tuple[str, tuple[Change, ...]]:
    assert raw.source is not None
    return patched(raw.source, edits, restore=str.upper)


def records(text: str) -> list[Any]:
    text = text.removeprefix("\ufeff")
    if text.startswith("["):
        return list(json.loads(text))
    value = json.loads(text) if text.count("\n") == 0 else None
    return list(value["data"]) if value else [json.loads(line) for line in text.splitlines() if line]


def replayed(rows: list[dict[str, Any]], changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    """The rows after the listed changes, made one by one; places count as the input has them."""
    after: dict[int, Any] = dict(enumerate(copy.deepcopy(rows), start=1))
    for change in changes:
        if not change.field:
            assert rows[change.row - 1] == change.before
            del after[change.row]
            continue
        holder: Any = after[change.row]
        keys = [
            int(key) if key.isdigit() else key for key in change.field.replace("[", ".").replace("]", "").split(".")
        ]
        for key in keys[:-1]:
            holder = holder[key]
        assert holder[keys[-1]] == change.before
        if change.after is None and not (isinstance(holder, dict) and keys[-1] in {"query", "pos"}):
            del holder[keys[-1]]
        else:
            holder[keys[-1]] = change.after
    return list(after.values())


EDITS = st.lists(
    st.one_of(
        st.sampled_from([1, 2, 3]).map(lambda row: Edit(row, "a", "", Part.ROW, Action.REMOVE)),
        st.sampled_from([1, 2, 3]).map(lambda row: Edit(row, "b", "", Part.QUERY, Action.RESTORE)),
        st.sampled_from([(1, 0), (1, 1), (2, 0)]).map(
            lambda at: Edit(at[0], "c", "", Part.NEGATIVE, Action.REMOVE, at[1])
        ),
        st.sampled_from([(1, 0), (1, 1), (2, 0), (3, 0)]).map(
            lambda at: Edit(at[0], "d", "", Part.POSITIVE, Action.RESTORE, at[1])
        ),
        st.just(Edit(1, "e", "", Part.POSITIVE, Action.REMOVE, 0)),
    ),
    max_size=6,
    unique=True,
)


@given(edits=EDITS, way=st.sampled_from(sorted(WAYS)))
def test_every_difference_is_listed_and_rows_without_an_edit_keep_their_characters(
    tmp_path_factory: pytest.TempPathFactory, edits: list[Edit], way: str
) -> None:
    source = WAYS[way](ROWS)
    text, changes = edited(written(tmp_path_factory.mktemp("patched"), source), *edits)
    once = list({(change.row, change.field, change.code): change for change in changes}.values())
    assert len(once) == len(changes)
    gone = {change.row for change in changes if not change.field}
    left = records(text) if len(gone) < len(ROWS) else []
    assert left == replayed(ROWS, changes)
    if not changes:
        assert text == source
    lines = source.split("\n")
    if way in {"a row a line", "JSONL"}:
        kept = [line.rstrip(",") for line in lines if line.startswith("{")]
        for number in {1, 2, 3} - {change.row for change in changes}:
            assert kept[number - 1] in text


def test_lists_beside_a_list_of_texts_stay_in_step(tmp_path: Path) -> None:
    text, changes = edited(
        written(tmp_path, WAYS["JSONL"](ROWS)),
        Edit(1, "x", "", Part.NEGATIVE, Action.REMOVE, 0),
    )
    first = json.loads(text.splitlines()[0])
    assert (first["neg"], first["neg_scores"], first["pos_scores"]) == (["bốn"], [2], [0.9, 0.8])
    assert [(change.field, change.before) for change in changes] == [("neg[0]", "ba"), ("neg_scores[0]", 1)]


@pytest.mark.parametrize("way", sorted(WAYS))
def test_types_and_weights_change_and_other_keys_of_a_negative_stay(tmp_path: Path, way: str) -> None:
    text, changes = edited(
        written(tmp_path, WAYS[way](ORIGINAL)),
        Edit(1, "once", "", Part.ROW, Action.NAME_ONCE),
        Edit(1, "type", "", Part.NEGATIVE, Action.UNTYPE, 0, frozenset({"area"})),
        Edit(1, "weight", "", Part.NEGATIVE, Action.WEIGH, 0, 3.0),
        Edit(1, "weight", "", Part.NEGATIVE, Action.WEIGH, 1, None),
        Edit(1, "gone", "", Part.NEGATIVE, Action.REMOVE, 2),
    )
    expected = copy.deepcopy(ORIGINAL)
    expected[0]["hard_neg"] = [
        {"text": "hai", "type": ["price"], "weight": 3, "doc_id": 5},
        {"text": "ba", "type": "area"},
    ]
    assert records(text) == expected
    assert list(records(text)[0]) == list(ORIGINAL[0])
    assert [change.field for change in changes] == [
        "hard_neg[0].type",
        "hard_neg[0].type",
        "hard_neg[0].weight",
        "hard_neg[1].weight",
        "hard_neg[2]",
    ]


def test_a_table_keeps_its_separator_its_quotes_and_its_other_columns(tmp_path: Path) -> None:
    lines = [
        "anchor;positive;negative;note",
        'phòng;"một; hai";ba;007',
        '"nhà\nhai tầng";bốn;năm;"x"',
        "",
        "kho;sáu;bảy;1.50",
    ]
    source = "\r\n".join(lines) + "\r\n"
    raw = written(tmp_path, source, "data.csv")
    last, middle = raw.rows[2].number, raw.rows[1].number
    text, changes = edited(
        raw,
        Edit(last, "x", "", Part.NEGATIVE, Action.REMOVE, 0),
        Edit(middle, "y", "", Part.ROW, Action.REMOVE),
    )
    assert text == "\r\n".join([lines[0], lines[1], "", "kho;sáu;;1.50"]) + "\r\n"
    assert [(change.row, change.field, change.after) for change in changes] == [
        (last, "negative", ""),
        (middle, "", None),
    ]
    assert [row.negatives for row in written(tmp_path, text, "again.csv").rows][-1] == ()


def test_passages_are_mended_in_title_and_text_and_keep_their_ids(tmp_path: Path) -> None:
    rows = [
        {
            "query_id": str(i),
            "query": f"q{i}",
            "positive_passages": [{"docid": "7", "title": "ti", "text": "te"}],
            "negative_passages": [{"docid": "8", "title": "", "text": "ne"}],
        }
        for i in range(2)
    ]
    raw = written(tmp_path, WAYS["JSONL"](rows))
    text, changes = edited(raw, Edit(raw.rows[0].number, "x", "", Part.POSITIVE, Action.RESTORE, 0))
    assert records(text)[0]["positive_passages"] == [{"docid": "7", "title": "TI", "text": "TE"}]
    assert [change.field for change in changes] == ["positive_passages[0].title", "positive_passages[0].text"]


def test_an_object_that_is_the_only_row_is_patched(tmp_path: Path) -> None:
    row = {**ORIGINAL[0], "hard_neg": [{"text": "hai", "weight": float("nan")}]}
    text, (change,) = edited(
        written(tmp_path, json.dumps(row, indent=1)), Edit(1, "x", "", Part.NEGATIVE, Action.WEIGH, 0, 2.0)
    )
    assert json.loads(text) == {**row, "hard_neg": [{"text": "hai", "weight": 2.0}]}
    assert change.field == "hard_neg[0].weight"


def test_half_of_a_surrogate_pair_stays_where_something_else_is_changed(tmp_path: Path) -> None:
    rows = [{**ORIGINAL[1], "note": "\ud83d"}, ORIGINAL[1]]
    raw = written(tmp_path, json.dumps(rows))
    text, (change,) = edited(raw, Edit(1, "x", "", Part.QUERY, Action.RESTORE))
    assert json.loads(text)[0] == {**rows[0], "query": "PHÒNG QUẬN 2"}
    assert change.before == "phòng quận 2"
