"""What the columns of rows mean: known by any spelling and in any order, stated, or refused with the option to pass."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.written_tables import spellings

from embedscope.data.collection import Collection, columns_line, describe, digest
from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError, InputError, InvalidOptionError
from embedscope.log import Silent

Rows = list[dict[str, Any]]

QUERIES = ("how is wool washed", "where does rain begin", "what do moles eat", "who sharpens old knives")
ANSWERS = (
    "wool is washed by hand in cool water and dried flat",
    "rain begins in clouds whose drops have grown heavy",
    "moles eat the worms that they find in their tunnels",
    "old knives are sharpened by a grinder with a wet stone",
)
OTHERS = (
    "wool was sold by the bale at the old market",
    "rain is a word of four letters",
    "moles are printed on this stamp",
    "old knives hang on the wall of the hall",
)


def table(**columns: Iterable[Any]) -> Rows:
    """Rows of the columns."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def renamed(rows: Rows, **names: str) -> Rows:
    return [{names.get(field, field): value for field, value in row.items()} for row in rows]


def as_text(rows: Rows, delimiter: str) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return out.getvalue()


CONTAINERS: dict[str, Callable[[Rows], str]] = {
    "json": json.dumps,
    "jsonl": lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    "csv": lambda rows: as_text(rows, ","),
    "tsv": lambda rows: as_text(rows, "\t"),
}
EVERY = [*CONTAINERS, "parquet"]


def written(folder: Path, rows: Rows, container: str = "jsonl") -> Path:
    path = folder / f"data.{container}"
    if container == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text(CONTAINERS[container](rows), encoding="utf-8", newline="")
    return path


def collected(folder: Path, rows: Rows, container: str = "jsonl", **options: Any) -> Collection:
    return read_collection(written(folder, rows, container), **options)


def refusal(folder: Path, rows: Rows, container: str = "jsonl", **options: Any) -> str:
    """The message with which rows are refused, without the path."""
    path = written(folder, rows, container)
    with pytest.raises(InputError) as caught:
        read_collection(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message.removeprefix(f"{path}: ")


def options_in(message: str) -> list[list[str]]:
    """The columns that each ``--columns`` of a message states."""
    found = re.findall(r"--columns ('[^']*'|[^\s;,.]+(?:[.,][^\s;,.]+)*)", message)
    return [shlex.split(option)[0].split(",") for option in found]


def pairs(collection: Collection) -> set[tuple[str, str, float]]:
    """(query, document, gain) of every relevant pair."""
    return {
        (query, collection.documents[collection.relevant[e]], float(collection.gains[e]))
        for q, query in enumerate(collection.queries)
        for e in range(collection.indptr[q], collection.indptr[q + 1])
    }


def negative_pairs(collection: Collection) -> set[tuple[str, str]]:
    own = collection.negatives
    return {
        (collection.queries[q], collection.documents[d])
        for q, d in zip(own.queries.tolist(), own.documents.tolist(), strict=True)
    }


TRIPLETS = table(query=QUERIES, positive=ANSWERS, negative=OTHERS)
MEANT = {(q, a, 1.0) for q, a in zip(QUERIES, ANSWERS, strict=True)}
MEANT_NEGATIVE = set(zip(QUERIES, OTHERS, strict=True))

# --- names ----------------------------------------------------------------------------------------------------------

QUERY_NAMES = ("query", "anchor", "question", "user_input")
POSITIVE_NAMES = ("positive", "pos", "answer", "passage", "document", "positive_passage", "positive_ctx", "context")
NEGATIVE_NAMES = (
    "negative", "neg", "hard_neg", "hard_negative", "negative_passage", "hard_negative_ctx", "negative_ctx",
)  # fmt: skip


NAMES = [
    *(("query", spelling) for name in QUERY_NAMES for spelling in spellings(name)),
    *(("positive", spelling) for name in POSITIVE_NAMES for spelling in spellings(name)),
    *(("negative", spelling) for name in NEGATIVE_NAMES for spelling in spellings(name, numbered=True)),
]


@pytest.mark.parametrize(("role", "name"), NAMES)
def test_a_known_name_is_known_however_it_is_spelled(tmp_path: Path, role: str, name: str) -> None:
    collection = collected(tmp_path, renamed(TRIPLETS, **{role: name}), "csv")
    assert (pairs(collection), negative_pairs(collection)) == (MEANT, MEANT_NEGATIVE)
    shown = {role: columns[0] for role, columns in collection.columns.items()}
    assert shown["negatives" if role == "negative" else role] == name


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.tuples(
        st.sampled_from([spelling for name in QUERY_NAMES for spelling in spellings(name)]),
        st.sampled_from([spelling for name in POSITIVE_NAMES for spelling in spellings(name)]),
        st.sampled_from([spelling for name in NEGATIVE_NAMES for spelling in spellings(name)]),
    ),
    order=st.permutations(range(6)),
    container=st.sampled_from(EVERY),
    seed=st.integers(0, 3),
)
def test_order_container_and_spelling_change_nothing(
    tmp_path: Path, names: tuple[str, str, str], order: Sequence[int], container: str, seed: int
) -> None:
    query, positive, negative = names
    columns = {
        query: QUERIES, positive: ANSWERS, f"{negative}_1": OTHERS, f"{negative}-2": ANSWERS[::-1],
        "source": ("web", "app", "web", "mail"), "url": [f"https://example.org/{n}" for n in range(4)],
    }  # fmt: skip
    rows = table(**{name: columns[name] for name in (list(columns)[place] for place in order)})
    random.Random(seed).shuffle(rows)
    reference = collected(
        tmp_path, table(query=QUERIES, pos=ANSWERS, neg=list(zip(OTHERS, ANSWERS[::-1], strict=True)))
    )
    found = collected(tmp_path, rows, container)
    assert digest(found) == digest(reference)
    assert set(found.metadata) == {"source", "url"}


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("query", "pos", "hard_neg"), "original"),
        (("query", "pos", "neg"), "FlagEmbedding"),
        (("anchor", "positive", "negative"), "sentence-transformers"),
        (("query", "positive_passages", "negative_passages"), "tevatron"),
        (("question", "positive_ctxs", "hard_negative_ctxs"), "DPR"),
        (("question", "ground_truth", "negative"), "Ragas"),
    ],
)
def test_the_format_keeps_its_name(tmp_path: Path, names: tuple[str, str, str], shown: str) -> None:
    rows = table(**dict(zip(names, (QUERIES, ANSWERS, OTHERS), strict=True)))
    assert collected(tmp_path, rows).format == f"{shown} JSONL"


def test_a_known_pair_in_any_order_is_read_by_name(tmp_path: Path) -> None:
    assert pairs(collected(tmp_path, table(answer=ANSWERS, question=QUERIES), "csv")) == MEANT


@pytest.mark.parametrize(
    "names",
    [("question1", "question2"), ("query", "anchor"), ("Query", "query")],
)
def test_two_columns_of_one_role_are_refused_with_an_option_that_reads_them(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    rows = table(**dict(zip(names, (QUERIES, ANSWERS), strict=True)))
    message = refusal(tmp_path, rows)
    assert f"both '{names[0]}' and '{names[1]}', and one can be the query" in message
    assert pairs(collected(tmp_path, rows, columns=options_in(message)[0])) == MEANT


def test_answer_beside_context_is_refused_and_beside_positive_it_is_left(tmp_path: Path) -> None:
    rows = table(question=QUERIES, context=ANSWERS, answer=OTHERS)
    message = refusal(tmp_path, rows)
    assert "both 'context' and 'answer'" in message
    assert pairs(collected(tmp_path, rows, columns=options_in(message)[0])) == MEANT
    surer = collected(tmp_path, table(question=QUERIES, positive=ANSWERS, answer=OTHERS))
    assert pairs(surer) == MEANT
    assert surer.columns["not used"] == ("answer",)


@pytest.mark.parametrize("plain", ["neg", "negatives", "negative_1"])
def test_hard_negatives_beside_others_are_refused_with_both_options(tmp_path: Path, plain: str) -> None:
    rows = table(query=QUERIES, pos=ANSWERS, hard_neg=OTHERS, **{plain: ANSWERS[::-1]})
    hard, every = options_in(refusal(tmp_path, rows))
    assert negative_pairs(collected(tmp_path, rows, columns=hard)) == MEANT_NEGATIVE
    both = collected(tmp_path, rows, columns=every)
    assert negative_pairs(both) == MEANT_NEGATIVE | set(zip(QUERIES, ANSWERS[::-1], strict=True))


@pytest.mark.parametrize("name", ["bm25_negatives", "random_negative", "negatives_mined", "isNegative", "negtive"])
def test_a_name_that_speaks_of_negatives_is_read_or_left_as_a_person_says(tmp_path: Path, name: str) -> None:
    rows = table(query=QUERIES, positive=ANSWERS, **{name: OTHERS})
    message = refusal(tmp_path, rows)
    assert f"the column '{name}' may hold negatives" in message
    taken, left = options_in(message)
    assert negative_pairs(collected(tmp_path, rows, columns=taken)) == MEANT_NEGATIVE
    assert not negative_pairs(collected(tmp_path, rows, columns=left))


def test_a_stated_query_leaves_the_other_question_to_be_the_positive_of_the_proposal(tmp_path: Path) -> None:
    rows = table(question1=QUERIES, question2=ANSWERS)
    (option,) = options_in(refusal(tmp_path, rows, columns=["query=question1"]))
    assert pairs(collected(tmp_path, rows, columns=option)) == MEANT


def test_stated_negatives_leave_every_other_column_alone(tmp_path: Path) -> None:
    rows = table(query=QUERIES, pos=ANSWERS, neg=OTHERS, bm25_negatives=ANSWERS[::-1])
    assert negative_pairs(collected(tmp_path, rows, columns=["negatives=neg"])) == MEANT_NEGATIVE


def test_fields_of_an_annotation_tool_beside_a_query_and_a_positive_are_metadata(tmp_path: Path) -> None:
    rows = table(query=QUERIES, pos=ANSWERS, data=["a", "b", "a", "b"], annotations=[[]] * 4)
    assert collected(tmp_path, rows).metadata == {"data": ("a", "b", "a", "b")}


@pytest.mark.parametrize(
    ("container", "rows"),
    [
        ("json", table(query=QUERIES, pos=ANSWERS, hard_neg=[[{"text": text, "type": []}] for text in OTHERS])),
        ("jsonl", table(query=QUERIES, pos=[[text] for text in ANSWERS], neg=[[text] for text in OTHERS])),
        ("tsv", table(anchor=QUERIES, positive=ANSWERS, negative=OTHERS)),
        ("parquet", table(positive=ANSWERS, anchor=QUERIES, negative_1=OTHERS)),
        (
            "jsonl",
            table(
                query_id=[*"abcd"],
                query=QUERIES,
                positive_passages=[[{"docid": "1", "title": "", "text": text}] for text in ANSWERS],
                negative_passages=[[{"docid": "2", "text": text}] for text in OTHERS],
            ),
        ),
        (
            "json",
            table(
                question=QUERIES,
                answers=[["short"]] * 4,
                positive_ctxs=[[{"title": "", "text": text}] for text in ANSWERS],
                hard_negative_ctxs=[[{"title": "", "text": text}] for text in OTHERS],
            ),
        ),
        ("csv", table(query=QUERIES * 2, text=ANSWERS + OTHERS, label=["true"] * 4 + ["false"] * 4)),
        ("parquet", table(anchor=QUERIES * 2, positive=ANSWERS + OTHERS, label=[1.0] * 4 + [0.0] * 4)),
        (
            "jsonl",
            table(
                anchor=QUERIES, positive=[list(both) for both in zip(ANSWERS, OTHERS, strict=True)], labels=[[1, 0]] * 4
            ),
        ),
        ("csv", table(query=QUERIES, pos=[repr([text]) for text in ANSWERS], neg=[json.dumps([t]) for t in OTHERS])),
        ("csv", table(frage=QUERIES, fundstelle=ANSWERS, falsch=OTHERS)),
    ],
)
def test_one_collection_in_every_format_has_one_digest(tmp_path: Path, container: str, rows: Rows) -> None:
    stated = {
        "text": ["positive=text"],
        "frage": ["query=frage", "positive=fundstelle", "negatives=falsch"],
    }
    columns = next((option for name, option in stated.items() if name in rows[0]), [])
    for turned in (rows, [dict(reversed(row.items())) for row in rows], rows[::-1]):
        found = collected(tmp_path, turned, container, columns=columns)
        assert digest(found) == digest(collected(tmp_path, TRIPLETS))


# --- unknown columns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", EVERY)
@pytest.mark.parametrize("name", ["source", "url", "title", "comment", "2", "negotiable", "rejected"])
@pytest.mark.parametrize("values", [OTHERS, ("a", "b", "a", "b"), tuple(" ".join(OTHERS) for _ in OTHERS)])
def test_a_column_under_an_unknown_name_is_never_a_negative(
    tmp_path: Path, container: str, name: str, values: tuple[str, ...]
) -> None:
    collection = collected(tmp_path, table(**{name: values}, question=QUERIES, answer=ANSWERS), container)
    assert pairs(collection) == MEANT
    assert not len(collection.negatives.queries)
    is_short = max(map(len, values)) <= 80
    assert (name in collection.metadata) == is_short
    assert collection.columns["metadata" if is_short else "not used"] == (name,)


@pytest.mark.parametrize("container", EVERY)
@pytest.mark.parametrize("name", ["index", "Unnamed: 0", "id", "query_id", "nr", "row", "#", ""])
@pytest.mark.parametrize("start", [0, 1])
def test_a_column_that_numbers_rows_is_not_used(tmp_path: Path, container: str, name: str, start: int) -> None:
    numbers = range(start, start + len(QUERIES))
    collection = collected(tmp_path, table(**{name: numbers}, a=QUERIES, b=ANSWERS), container)
    assert pairs(collection) == MEANT
    assert collection.columns["not used"] == (name,)
    assert not collection.metadata


def test_a_column_of_other_numbers_is_metadata(tmp_path: Path) -> None:
    collection = collected(tmp_path, table(question=QUERIES, answer=ANSWERS, year=(3, 4, 5, 6)))
    assert collection.metadata == {"year": ("3", "4", "5", "6")}


# --- guesses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", EVERY)
def test_two_columns_of_texts_without_a_known_name_are_taken_in_order_and_said_so(
    tmp_path: Path, container: str
) -> None:
    collection = collected(tmp_path, table(first=QUERIES, second=ANSWERS), container)
    assert pairs(collection) == MEANT
    assert any("taken in order: query = 'first', positive = 'second'" in line for line in collection.warnings)


@pytest.mark.parametrize("container", EVERY)
def test_more_columns_of_texts_are_refused_with_an_option_that_reads_them(tmp_path: Path, container: str) -> None:
    rows = table(frage=QUERIES, fundstelle=ANSWERS, falsch=OTHERS)
    (option,) = options_in(refusal(tmp_path, rows, container))
    assert option == ["query=frage", "positive=fundstelle", "negatives=falsch"]
    stated = collected(tmp_path, rows, container, columns=option)
    assert (pairs(stated), negative_pairs(stated)) == (MEANT, MEANT_NEGATIVE)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [f"{text} and more and more of it" for text in ANSWERS], "b": [*QUERIES[:3], QUERIES[0]]}, "and repeat"),
        ({"a": QUERIES, "b": [f"https://example.org/{n}" for n in range(4)]}, "'b' holds addresses"),
        ({"a": QUERIES, "b": ["12", "3.5", "-4", "1,000"]}, "'b' holds numbers"),
        ({"a": QUERIES, "b": ["wool", "rain", "moles", "knives"]}, "'b' holds single words"),
        ({"a": ["wool", "rain", "moles", "knives"], "b": QUERIES}, "'a' holds single words"),
        ({"a": QUERIES, "n": [3, 1, 4, 1], "b": ANSWERS}, "none is known to be the query or the positive"),
        ({"1": QUERIES, "2": ANSWERS, "3": ["1", "0", "1", "0"]}, "example --columns query=1,positive=2"),
        ({"a": QUERIES, "b": [["x"], ["y"], ["z"], ["x"]]}, "none is known to be the query or the positive"),
        ({"sentence1": QUERIES, "sentence2": ANSWERS, "score": [0.1, 0.5, 1.0, 0.2]}, "metadata=score"),
        ({"sentence1": QUERIES, "sentence2": ANSWERS, "label": [0, 1, 1, 1]}, "label=label"),
        ({"query": QUERIES, "text": ANSWERS}, "query=query,positive=text"),
        ({"positive": ANSWERS, "title": QUERIES}, "query=title,positive=positive"),
        ({"answer": [f"https://example.org/{n}" for n in range(4)], "question": QUERIES}, "'answer' holds addresses"),
        ({"document": ["d1", "d2", "d3", "d4"], "query": QUERIES}, "'document' holds single words"),
    ],
)
def test_a_guess_that_the_columns_contradict_is_refused_with_an_option(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    said = refusal(tmp_path, table(**columns))
    assert message in said
    (option,) = options_in(said)
    assert {part.split("=")[1] for part in option} <= {*columns, "..."}


def test_texts_in_scripts_without_spaces_are_no_single_words(tmp_path: Path) -> None:
    rows = table(
        a=("如何清洗羊毛", "雨从哪里开始", "鼹鼠吃什么"),
        b=("羊毛用冷水手洗并平放晾干", "雨从云中开始落下", "鼹鼠吃虫子和幼虫"),
    )
    assert len(collected(tmp_path, rows).queries) == 3


def test_answers_that_stand_first_are_read_by_the_option_of_the_refusal(tmp_path: Path) -> None:
    rows = table(a=[text + " " + text for text in ANSWERS] * 2, b=QUERIES * 2)
    (option,) = options_in(refusal(tmp_path, rows))
    assert collected(tmp_path, rows, columns=option).queries == QUERIES


# --- projects -------------------------------------------------------------------------------------------------------


def passages(texts: Sequence[str], title: str = "") -> list[list[dict[str, str]]]:
    return [[{"title": title, "text": text}] for text in texts]


@pytest.mark.parametrize("container", ["json", "jsonl", "parquet"])
def test_the_random_negatives_of_dpr_are_left_out_and_said_so(tmp_path: Path, container: str) -> None:
    rows = table(
        question=QUERIES, answers=[["short"]] * 4, positive_ctxs=passages(ANSWERS),
        negative_ctxs=passages(ANSWERS[::-1]), hard_negative_ctxs=passages(OTHERS),
    )  # fmt: skip
    collection = collected(tmp_path, rows, container)
    assert (pairs(collection), negative_pairs(collection)) == (MEANT, MEANT_NEGATIVE)
    (note,) = (line for line in collection.warnings if "drawn at random" in line)
    (option,) = options_in(note)
    assert len(negative_pairs(collected(tmp_path, rows, container, columns=option))) == 8


def test_a_title_stands_before_the_text_of_a_passage(tmp_path: Path) -> None:
    rows = table(question=QUERIES, positive_ctxs=passages(ANSWERS, "Title"))
    assert collected(tmp_path, rows).documents[0] == f"Title {ANSWERS[0]}"


@pytest.mark.parametrize(
    "columns",
    [
        {"question": QUERIES, "answer": OTHERS, "contexts": [[text] for text in OTHERS], "ground_truth": ANSWERS},
        {"question": QUERIES, "answer": OTHERS, "contexts": [[text] for text in OTHERS],
         "ground_truths": [[text] for text in ANSWERS]},
        {"user_input": QUERIES, "retrieved_contexts": [[text] for text in OTHERS], "response": OTHERS,
         "reference": OTHERS, "reference_contexts": [[text] for text in ANSWERS]},
        {"user_input": QUERIES, "retrieved_contexts": [[text] for text in OTHERS], "response": OTHERS,
         "reference": ANSWERS},
    ],
)  # fmt: skip
def test_what_ragas_retrieved_is_neither_relevant_nor_negative(tmp_path: Path, columns: dict[str, Any]) -> None:
    collection = collected(tmp_path, table(**columns))
    assert collection.format == "Ragas JSONL"
    assert pairs(collection) == MEANT
    assert set(collection.documents) == set(ANSWERS)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"id": 1, "data": {"query": "a", "text": "b"}, "annotations": [{"result": []}]}, "Label Studio"),
        ({"id": 1, "data": {"query": "a"}, "predictions": []}, "Label Studio"),
        ({"id": "1", "fields": {"query": "a"}, "responses": {}, "suggestions": {}}, "Argilla"),
        ({"inputs": {"text": "a"}, "annotation": "b"}, "Argilla"),
    ],
)
@pytest.mark.parametrize("container", ["json", "jsonl"])
def test_exports_of_annotation_tools_are_refused_by_name(
    tmp_path: Path, record: dict[str, Any], name: str, container: str
) -> None:
    message = refusal(tmp_path, [record, record], container)
    assert f"an export of {name}" in message
    assert "--columns" in message


# --- stated columns -------------------------------------------------------------------------------------------------


def test_a_stated_mapping_overrides_every_name(tmp_path: Path) -> None:
    rows = table(query=OTHERS, positive=QUERIES, a=ANSWERS, negative_1=OTHERS, negative_2=OTHERS)
    collection = collected(tmp_path, rows, columns=["query=positive", "positive=a", "negatives=negative_*"])
    assert (pairs(collection), negative_pairs(collection)) == (MEANT, MEANT_NEGATIVE)
    assert collection.columns["not used"] == ("query",)


def test_what_is_not_stated_keeps_its_role_by_name(tmp_path: Path) -> None:
    rows = table(frage=QUERIES, pos=ANSWERS, hard_neg=OTHERS, source=["a", "b", "a", "b"], group=[1, 1, 2, 2])
    collection = collected(tmp_path, rows, columns=["query=frage"])
    assert columns_line(collection.columns) == (
        "query = frage, positive = pos, negatives = hard_neg | group = group | metadata = source"
    )
    without = collected(tmp_path, rows, columns=["query=frage", "metadata=hard_neg"])
    assert not negative_pairs(without)


def test_a_whole_name_goes_before_a_pattern(tmp_path: Path) -> None:
    rows = table(text_q=QUERIES, text_p=ANSWERS, text_n=OTHERS)
    for columns in (
        ["query=text_q", "positive=text_p", "negatives=text_*"],
        ["negatives=*", "positive=text_p", "query=text_q"],
    ):
        collection = collected(tmp_path, rows, columns=columns)
        assert (pairs(collection), negative_pairs(collection)) == (MEANT, MEANT_NEGATIVE)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            ["query=qury"],
            "there is no column 'qury' to be the query; there is 'query', 'positive', 'negative'. Did you",
        ),
        (["negatives=hard_*"], "there is no column 'hard_*' to be the negatives"),
        (["query=query", "positive=query"], "the column 'query' is stated to be both query and positive"),
        (["positive=positive", "positive=negative"], "are stated to be the positive, and one column can be"),
        (["query=*"], "are stated to be the query, and one column can be"),
        (["documents=positive"], "expected ROLE=COLUMN"),
        (["query"], "expected ROLE=COLUMN"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(tmp_path: Path, columns: list[str], message: str) -> None:
    path = written(tmp_path, TRIPLETS)
    with pytest.raises(InvalidOptionError, match=re.escape(message)):
        read_collection(path, columns=columns)


STATEMENTS = st.builds(
    "{}={}".format,
    st.sampled_from(["query", "positive", "negatives", "label", "group", "metadata", "x"]),
    st.sampled_from(["query", "positive", "negative", "neg*", "*", "**", "n[e]g", "", "a=b"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=st.lists(STATEMENTS, max_size=4))
def test_any_statement_is_obeyed_or_refused(tmp_path: Path, columns: list[str]) -> None:
    path = written(tmp_path, TRIPLETS)
    try:
        collection = read_collection(path, columns=columns)
    except InputError:
        return
    for stated in columns:
        role, _, name = stated.partition("=")
        if name in collection.columns.get("query", ()) + collection.columns.get("positive", ()):
            assert name in collection.columns[role]


def test_columns_are_refused_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d", "text": "x"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "a", "text": "a"}\n{"_id": "b", "text": "b"}\n')
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\na\td\t1\nb\td\t1\n")
    with pytest.raises(InvalidOptionError, match="this is a BEIR folder"):
        read_collection(tmp_path, columns=["query=text"])


# --- groups ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["group", "Group", "groups"])
def test_a_group_that_a_table_holds_as_a_float_is_a_whole_number(tmp_path: Path, name: str) -> None:
    rows = table(query=QUERIES, positive=ANSWERS, **{name: [3.0, None, 3.0, 4.0]})
    path = written(tmp_path, rows, "parquet")
    assert read_collection(path).groups == ("3", None, "3", "4")
    assert collected(tmp_path, [{**row, name: float("nan")} if row[name] is None else row for row in rows]).groups == (
        "3", None, "3", "4",
    )  # fmt: skip


@pytest.mark.parametrize("value", [True, [1], {"a": 1}, 0.5, float("inf")])
def test_a_group_that_is_no_name_is_refused(tmp_path: Path, value: Any) -> None:
    message = refusal(tmp_path, table(query=QUERIES, positive=ANSWERS, group=[value] * 4))
    assert "line 1, field 'group': expected a string or a whole number" in message


def test_the_option_names_the_column_of_groups(tmp_path: Path) -> None:
    rows = table(query=QUERIES, positive=ANSWERS, author=["a", "a", "b", ""], group=[1, 2, 3, 4])
    assert collected(tmp_path, rows, "csv", group="author").groups == ("a", "a", "b", None)
    assert "Did you mean 'author'?" in refusal(tmp_path, rows, group="auther")
    assert "one column can be" in refusal(tmp_path, rows, group="author", columns=["group=group"])


# --- empty fields ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", EVERY)
@pytest.mark.parametrize("field", ["query", "positive"])
def test_a_row_with_a_null_text_is_refused_once_and_goes_with_drop_empty(
    tmp_path: Path, container: str, field: str
) -> None:
    rows = [*TRIPLETS[:3], {**TRIPLETS[3], field: None}]
    message = refusal(tmp_path, rows, container)
    assert "1 text is empty, null or only white space" in message
    kept = collected(tmp_path, rows, container, drop_empty=True)
    assert digest(kept) == digest(collected(tmp_path, TRIPLETS[:3], container))


@pytest.mark.parametrize("container", EVERY)
def test_a_column_may_be_empty_in_some_rows(tmp_path: Path, container: str) -> None:
    rows = table(query=QUERIES, positive=ANSWERS, negative=[*OTHERS[:2], None, None], source=["a", None, "b", None])
    collection = collected(tmp_path, rows, container, columns=["negatives=negative", "metadata=source"])
    assert negative_pairs(collection) == set(list(zip(QUERIES, OTHERS, strict=True))[:2])
    assert collection.metadata == {"source": ("a", None, "b", None)}


def test_a_parquet_column_of_nan_states_nothing(tmp_path: Path) -> None:
    columns = {"query": list(QUERIES), "positive": list(ANSWERS), "negative": [float("nan")] * 4}
    pq.write_table(pa.table(columns), tmp_path / "d.parquet")
    assert not negative_pairs(read_collection(tmp_path / "d.parquet"))


# --- what is printed ------------------------------------------------------------------------------------------------


class Listener(Silent):
    """Remembers the facts."""

    def __init__(self) -> None:
        self.facts: list[str] = []

    def fact(self, name: str, text: str) -> None:
        self.facts.append(text)


def test_the_mapping_is_said_in_one_line_after_the_data(tmp_path: Path) -> None:
    rows = table(id=[7, 8, 9, 6], question=QUERIES, answer=ANSWERS, neg_1=OTHERS, neg_2=OTHERS, source=["a"] * 4)
    listener = Listener()
    describe(collected(tmp_path, rows), "data.jsonl", listener)
    assert listener.facts[1] == (
        "columns: query = question, positive = answer, negatives = neg_1, neg_2 | metadata = source | not used = id"
    )


def test_teachers_scores_are_no_gains_and_said_not_to_be_read(tmp_path: Path) -> None:
    scores = {"pos_scores": [[3]] * 4, "neg_scores": [[1]] * 4}
    rows = table(query=QUERIES, pos=[[a] for a in ANSWERS], neg=[[a] for a in OTHERS], **scores)
    collection = collected(tmp_path, rows)
    assert pairs(collection) == MEANT
    assert any("'pos_scores', 'neg_scores' are not read" in line for line in collection.warnings)


def test_a_refusal_is_of_the_data_where_the_data_are_unclear_and_of_the_option_where_that_is_wrong(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, table(a=QUERIES, b=ANSWERS, c=OTHERS))
    with pytest.raises(DataFormatError):
        read_collection(path)
    with pytest.raises(InvalidOptionError):
        read_collection(path, columns=["query=z"])
