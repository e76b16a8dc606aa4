"""What exports of databases, tables and hubs write beside texts is read as meant, or refused with what to do."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedscope.audit.patching import Action, Edit, Part, patched
from embedscope.audit.raw_rows import read_rows
from embedscope.data.collection import Collection, digest
from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError

QUERIES = ["where does wool grow", "what do moles eat", "when does rain stop"]
ANSWERS = ["on the backs of sheep", "worms of the garden", "after the clouds are gone"]
OTHERS = ["in the shops of the town", "the roots of a tree", "at the end of the week"]


def rows(**columns: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def as_csv(folder: Path, records: list[dict[str, Any]]) -> Path:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    path = folder / "data.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    return path


def as_jsonl(folder: Path, records: list[dict[str, Any]]) -> Path:
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def refusal(data: object, **options: Any) -> str:
    with pytest.raises(DataFormatError) as caught:
        read_collection(data, **options)
    return str(caught.value)


def negatives(collection: Collection) -> set[tuple[str, str]]:
    found = collection.negatives
    return {
        (collection.queries[q], collection.documents[d]) for q, d in zip(found.queries, found.documents, strict=True)
    }


# --- cells that say that there is nothing -------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["NULL", "null", "None", "NaN", "nan", "<NA>", "#N/A", "N/A", "\\N", " nan "])
def test_a_cell_that_says_null_is_no_document_and_no_group(tmp_path: Path, word: str) -> None:
    records = rows(query=QUERIES, positive=ANSWERS, negative=[OTHERS[0], word, word], group=["a", word, word])
    found = read_collection(as_csv(tmp_path, records))
    assert negatives(found) == {(QUERIES[0], OTHERS[0])}
    assert set(found.documents) == {*ANSWERS, OTHERS[0]}
    assert sorted(map(str, found.groups)) == ["None", "None", "a"]
    assert "4 cells say NULL, nan or the like, and were read as empty." in found.warnings


def test_a_positive_that_says_null_is_refused_as_empty(tmp_path: Path) -> None:
    path = as_csv(tmp_path, rows(query=QUERIES, positive=[*ANSWERS[:2], "NULL"]))
    assert "--drop-empty" in refusal(path)
    assert len(read_collection(path, drop_empty=True).queries) == 2


def test_null_as_a_word_is_a_text_where_the_container_has_a_null_of_its_own(tmp_path: Path) -> None:
    found = read_collection(as_jsonl(tmp_path, rows(query=QUERIES, positive=[*ANSWERS[:2], "None"])))
    assert "None" in found.documents


def test_titles_of_a_folder_that_say_null_are_none(tmp_path: Path) -> None:
    corpus = rows(_id=["d0", "d1", "d2"], title=["nan", "NULL", "Rain"], text=ANSWERS)
    folder = judged(tmp_path, qrels__tsv="".join(f"q{i}\td{i}\t1\n" for i in range(3)))
    as_csv(folder, corpus).rename(folder / "corpus.csv")
    (folder / "corpus.jsonl").unlink()
    found = read_collection(folder)
    assert set(found.documents) == {*ANSWERS[:2], f"Rain {ANSWERS[2]}"}
    assert "corpus.csv: 2 cells say NULL, nan or the like, and were read as empty." in found.warnings


def test_a_repaired_row_keeps_its_word_for_null(tmp_path: Path) -> None:
    path = as_csv(tmp_path, rows(query=["a  b", *QUERIES], positive=["x y", *ANSWERS], negative=["NULL", *OTHERS]))
    source = read_rows(path).source
    assert source is not None
    edit = Edit(row=2, code="", change="", part=Part.QUERY, action=Action.RESTORE)
    text, changes = patched(source, [edit], restore=lambda text: text.replace("  ", " "))
    assert (text.splitlines()[1], len(changes)) == ("a b,x y,NULL", 1)


# --- lists in cells -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        lambda texts: repr(tuple(texts)),
        lambda texts: "{" + ",".join(map(json.dumps, texts)) + "}",  # an array of PostgreSQL
        lambda texts: "{" + ", ".join(map(repr, texts)) + "}",  # a set of Python
    ],
    ids=["tuple", "PostgreSQL", "set"],
)
def test_tuples_sets_and_arrays_in_cells_are_lists(tmp_path: Path, cell: Any) -> None:
    lists = [[OTHERS[0], OTHERS[1]], [OTHERS[2]], [OTHERS[1], "it's here"]]
    table = rows(query=QUERIES, positive=ANSWERS, negatives=list(map(cell, lists)))
    expected = read_collection(rows(query=QUERIES, positive=ANSWERS, negatives=lists))
    assert digest(read_collection(as_csv(tmp_path, table))) == digest(expected)


def test_null_beside_lists_is_an_empty_list(tmp_path: Path) -> None:
    table = rows(query=QUERIES, positive=ANSWERS, negatives=['{"a b","c d"}', "NULL", '{"e f"}'])
    assert {text for _, text in negatives(read_collection(as_csv(tmp_path, table)))} == {"a b", "c d", "e f"}


def test_texts_in_brackets_stay_texts(tmp_path: Path) -> None:
    texts = ["(so they say)", "{x} stands for a number", '{"name": "chair"}']
    assert set(read_collection(as_csv(tmp_path, rows(query=QUERIES, positive=texts))).documents) == set(texts)


# --- columns that may be labels -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gold_label", "relevance.responses", "labelName", "human judgement"])
def test_an_unknown_column_that_speaks_of_labels_is_refused_with_both_options(tmp_path: Path, name: str) -> None:
    said = refusal(as_jsonl(tmp_path, rows(query=QUERIES, positive=ANSWERS, **{name: [["no"], ["yes"], ["no"]]})))
    assert f"label={name}" in said
    assert f"metadata={name}" in said


@pytest.mark.parametrize("values", [(1, 0), (True, False), ("1", "0"), (2.0, 0.0), (3, 0)])
def test_grades_under_a_name_that_says_nothing_are_refused_where_texts_of_one_query_differ(
    tmp_path: Path, values: tuple[Any, Any]
) -> None:
    high, low = values
    records = rows(query=[*QUERIES, *QUERIES], document=[*ANSWERS, *OTHERS], ok=[high] * 3 + [low] * 3)
    assert "'ok' may say which texts of 'document' are relevant" in refusal(as_jsonl(tmp_path, records))
    read = read_collection(as_jsonl(tmp_path, records), columns=["label=ok"])
    assert negatives(read) == set(zip(QUERIES, OTHERS, strict=True))
    assert len(read_collection(as_jsonl(tmp_path, records), columns=["metadata=ok"]).negatives.queries) == 0


def test_a_list_of_grades_beside_a_list_of_texts_is_refused(tmp_path: Path) -> None:
    pairs = [list(pair) for pair in zip(ANSWERS, OTHERS, strict=True)]
    records = rows(query=QUERIES, docs=pairs, is_selected=[[1, 0]] * 3)
    assert "'is_selected' may say" in refusal(as_jsonl(tmp_path, records))


@pytest.mark.parametrize("values", [[0, 12, 0, 7], [0.0, 0.5, 0.0, 0.2], ["x", "0", "y", "1"], [1, 1, 0, 0]])
def test_other_values_that_differ_describe_the_row(tmp_path: Path, values: list[Any]) -> None:
    queries = [QUERIES[0], QUERIES[0], QUERIES[1], QUERIES[1]]
    found = read_collection(as_jsonl(tmp_path, rows(query=queries, positive=[*ANSWERS, OTHERS[0]], page=values)))
    assert found.columns["metadata"] == ("page",)


@pytest.mark.parametrize("name", ["is_selected", "relevance"])
def test_grades_inside_of_objects_are_refused(tmp_path: Path, name: str) -> None:
    pairs = zip(ANSWERS, OTHERS, strict=True)
    listed = [[{"text": first, name: 1}, {"text": second, name: 0}] for first, second in pairs]
    assert f"'{name}' in the objects of 'passages'" in refusal(as_jsonl(tmp_path, rows(query=QUERIES, passages=listed)))
    scored = [[{"text": text, "score": 1000, "title_score": n}] for n, text in enumerate(ANSWERS)]
    assert len(read_collection(as_jsonl(tmp_path, rows(question=QUERIES, positive_ctxs=scored))).documents) == 3


def test_a_ranked_list_is_refused(tmp_path: Path) -> None:
    records = rows(query=[*QUERIES, *QUERIES], document=[*ANSWERS, *OTHERS], rank=[1, 1, 1, 2, 2, 2])
    assert "'rank' may say which texts" in refusal(as_jsonl(tmp_path, records))


def test_decimals_of_a_database_are_gains(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    gains = [Decimal("2.0"), Decimal("0.0"), Decimal("1.0"), Decimal("1.0")]
    columns = {"query": [QUERIES[0], *QUERIES], "positive": [ANSWERS[0], OTHERS[0], *ANSWERS[1:]], "relevance": gains}
    pq.write_table(pa.table(columns), path)
    found = read_collection(path)
    assert (sorted(found.gains), negatives(found)) == ([1.0, 1.0, 2.0], {(QUERIES[0], OTHERS[0])})


@pytest.mark.parametrize("names", [["entailment", "not_entailment"], ["0", "1"]])
@pytest.mark.parametrize("container", ["Parquet", "Arrow", "object"])
def test_labels_of_named_classes_are_read_by_their_names(tmp_path: Path, names: list[str], container: str) -> None:
    features = {"label": {"names": names, "_type": "ClassLabel"}, "query": {"dtype": "string", "_type": "Value"}}
    table = pa.table(
        {"query": [*QUERIES, *QUERIES], "positive": [*ANSWERS, *OTHERS], "label": [1] * 3 + [0] * 3}
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path = tmp_path / "data"
    if container == "Parquet":
        pq.write_table(table, path)
    elif container == "Arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    data = table if container == "object" else path
    if names == ["0", "1"]:
        assert negatives(read_collection(data)) == set(zip(QUERIES, OTHERS, strict=True))
    else:
        assert "the label is a string ('not_entailment')" in refusal(data)


# --- ids and files in place of texts ------------------------------------------------------------------------------


def test_ids_in_place_of_texts_are_refused(tmp_path: Path) -> None:
    records = rows(query=["571", "88", "90210"], positive=["7349", "11", "5"], negative=["1", "2", "3"])
    assert "the column 'query' holds numbers" in refusal(as_jsonl(tmp_path, records))
    assert len(read_collection(as_jsonl(tmp_path, records), columns=["query=query"]).queries) == 3


def test_names_of_files_in_place_of_documents_are_refused(tmp_path: Path) -> None:
    records = rows(query=QUERIES, document=["Annual report 2023.pdf", "moles.docx", "The weather (new).html"])
    assert "the column 'document' holds file names" in refusal(as_jsonl(tmp_path, records))


def test_what_a_retriever_found_beside_short_answers_is_not_passed_over(tmp_path: Path) -> None:
    found = [[{"text": text, "score": 1}] for text in ANSWERS]
    assert "'answers' and 'ctxs'" in refusal(
        as_jsonl(tmp_path, rows(question=QUERIES, answers=[["a"]] * 3, ctxs=found))
    )


# --- options that a message proposes ------------------------------------------------------------------------------


def test_a_proposal_names_no_column_of_objects_numbers_or_nothing(tmp_path: Path) -> None:
    objects = [[{"from": "human", "value": text}] for text in QUERIES]
    records = rows(input=[""] * 3, turns=objects, n=[5, 3, 9], instruction=QUERIES, output=ANSWERS)
    assert "--columns query=instruction,positive=output" in refusal(as_jsonl(tmp_path, records))


def test_a_proposal_states_no_column_twice(tmp_path: Path) -> None:
    path = as_jsonl(tmp_path, rows(query=QUERIES, positive=ANSWERS, mark=["x", "y", "z"]))
    assert "pass --columns metadata=mark" in refusal(path, columns=["label=mark"])


# --- JSON and folders ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["data.jsonl", "data.json"])
def test_a_field_that_stands_twice_in_a_row_is_refused(tmp_path: Path, name: str) -> None:
    lines = [
        f'{{"query": "{q}", "positive": "{p}", "negative": "x y", "negative": "{n}"}}'
        for q, p, n in zip(QUERIES, ANSWERS, OTHERS, strict=True)
    ]
    path = tmp_path / name
    path.write_text("\n".join(lines) if name.endswith("l") else f"[{','.join(lines)}]")
    assert "the key 'negative' stands twice in one object" in refusal(path)


def judged(folder: Path, **files: str) -> Path:
    as_jsonl(folder, [{"_id": f"d{i}", "text": text} for i, text in enumerate(ANSWERS)]).rename(folder / "corpus.jsonl")
    queries = [{"_id": f"q{i}", "text": text, "instruction": "Be brief"} for i, text in enumerate(QUERIES)]
    as_jsonl(folder, queries).rename(folder / "queries.jsonl")
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_ids_of_queries_that_are_names_of_columns_too_are_ids(tmp_path: Path) -> None:
    found = read_collection(judged(tmp_path, qrels__json=json.dumps({f"q{i}": {f"d{i}": 1} for i in range(3)})))
    assert found.relevant.tolist() == np.arange(3).tolist()


def test_an_index_column_of_judgments_is_no_news(tmp_path: Path) -> None:
    lines = [f"{i},q{i},d{i},1" for i in range(3)]
    found = read_collection(judged(tmp_path, qrels__csv="\n".join([",query-id,corpus-id,score", *lines])))
    assert not any("not read" in note for note in found.warnings)


def test_prompts_and_candidates_of_a_folder_are_noted(tmp_path: Path) -> None:
    folder = judged(tmp_path, qrels__tsv="".join(f"q{i}\td{i}\t1\n" for i in range(3)))
    (folder / "top_ranked").mkdir()
    (folder / "top_ranked" / "test.jsonl").write_text('{"query-id": "q1", "corpus-ids": ["d1"]}\n')
    found = read_collection(folder)
    notes = " ".join(found.warnings)
    assert "also has 'top_ranked', not read: every query is ranked against the whole corpus" in notes
    assert "the field 'instruction' of 3 rows is not applied" in notes
    assert "instruction" not in found.metadata


@pytest.mark.parametrize(("id_name", "text_name"), [("cid", "text"), ("docid", "doc"), ("id", "content")])
def test_parts_of_a_folder_have_the_names_that_their_makers_give_them(
    tmp_path: Path, id_name: str, text_name: str
) -> None:
    for part, names, texts in (("corpus", (id_name, text_name), ANSWERS), ("queries", ("qid", "question"), QUERIES)):
        records = [dict(zip(names, (str(i), text), strict=True)) for i, text in enumerate(texts)]
        as_csv(tmp_path, records).rename(tmp_path / f"{part}.csv")
    judgments = rows(qid=["0", "1", "2"], **{"docid" if id_name == "id" else id_name: ["2", "1", "0"]})
    as_csv(tmp_path, judgments).rename(tmp_path / "qrels.csv")
    found = read_collection(tmp_path)
    assert [found.documents[d] for d in found.relevant] == [ANSWERS[2], ANSWERS[1], ANSWERS[0]]


def test_arrays_in_place_of_data_are_told_where_they_go(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors=np.ones((2, 3)))
    assert "Embeddings and checkpoints have options of their own" in refusal(tmp_path / "v.npz")
