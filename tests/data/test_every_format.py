"""One collection is the same in every format, container, order of columns and spelling: equal digest, equal metrics."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import permutations, product
from math import factorial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.arrow_in_process import arrow_in_process
from tests.support.written_formats import (
    KINDS,
    LAYOUTS,
    ROW_FORMATS,
    Facts,
    Parts,
    Records,
    another,
    by_query,
    evaluator,
    meant,
    parts,
    reordered,
    respelled,
    respelled_parts,
    trec,
    with_metadata,
    with_numbers,
    write_parts,
)
from tests.support.written_tables import COMPRESSIONS, CONTAINERS, PLAIN, QUOTED, spellings, write_rows

import embedscope
from embedscope.data.collection import digest
from embedscope.data.readers import read_collection
from embedscope.errors import InputError

__all__ = ["arrow_in_process"]
pytestmark = pytest.mark.usefixtures("arrow_in_process")

HERON = "Grey herons nest in tall trees near water, mostly from February to June."
ROOM = "Cho thuê phòng trọ ở quận Bình Thạnh, có gác lửng; giá 4,5 triệu một tháng."
READING = "「生」という漢字には、百を超える読み方があると言われています。"
WOOL = '"By hand", in cool water,\nand dried flat:\tnever "hung", says one manual.'
SILK = "It's washed like [silk]: by hand\r\n(or not at all)."
ONE = Facts(
    {
        "where do herons nest, and when?": {HERON: 3, " They nest in colonies called heronries ": 1},
        " phòng trọ quận Bình Thạnh dưới 5 triệu": {ROOM: 2},
        "漢字の読み方はいくつありますか": {READING: 1, "1926": 2},
        'how is "wool" washed; and dried': {WOOL: 1, HERON: 2, SILK: 3},
        "1926": {"The year 1926 began on a Friday, in the calendar of Gregory XIII.": 3},
        "tabs\there, 'quotes' there": {ROOM: 1, 'Tabs\tseparate cells where "quotes" would, too; often.': 2},
    },
    {
        "where do herons nest, and when?": {READING: (("topic",), 2.0), "Herons, of course, eat fish.": ((), 1.0)},
        " phòng trọ quận Bình Thạnh dưới 5 triệu": {
            "Cho thuê căn hộ ở quận Tân Bình, 9 triệu": (("price", "place"), 2.75),
            "3.14": (("topic",), 0.5),
            '"Bình Thạnh"': ((), 3.0),
        },
        'how is "wool" washed; and dried': {"Wool is sold by weight; \nsee the list.": (("use",), 1.0)},
        "tabs\there, 'quotes' there": {"# a comment, or not": (("place",), 4.0)},
    },
)
"""Several positives, graded and shared; typed negatives for some; quotation marks, separators, scripts, numbers."""

EVERY = [*CONTAINERS, *QUOTED, *PLAIN]
WRITTEN = [(name, kind) for kind in KINDS for name, written in ROW_FORMATS.items() if kind in written.holds]
JUDGED = ("pairs", "graded")
"""Kinds of facts that judged queries hold."""
WHATEVER_THE_ROWS = [*QUOTED, *(container for container in CONTAINERS if container != "tsv")]
"""Containers that hold any rows: a TSV whose cells are quoted where needed is refused where it could be plain, too."""
N_ORDERS = 120

Readings = Iterator[tuple[str, Any, Facts]]
"""How something is written, the data set, and what it states."""


def held(kind: str, container: str = "") -> Facts:
    """What a container holds of the facts."""
    facts = ONE.of_kind(kind)
    return facts.on_one_line() if container in PLAIN else facts


def faults(readings: Iterable[tuple[str, Any, Facts]]) -> list[str]:
    """Those of the readings that are refused, or give another collection than the facts."""
    found = []
    for label, data, facts in readings:
        try:
            if digest(read_collection(data)) != meant(facts):
                found.append(f"{label}: read otherwise")
        except InputError as error:
            found.append(f"{label}: refused: {error}")
    return found


# --- rows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), WRITTEN)
def test_rows_are_one_collection_in_every_container_and_compression(name: str, kind: str, tmp_path: Path) -> None:
    written, random = ROW_FORMATS[name], Random(f"{name} {kind}")

    def readings() -> Readings:
        for container, compression in product(filter(written.may_stand_in, EVERY), COMPRESSIONS):
            facts = held(kind, container)
            path = write_rows(tmp_path / "data", written.rows(facts, random), container, compression)
            yield f"{container}{compression}", path, facts

    assert faults(readings()) == []


def orders(rows: Records, random: Random) -> Iterator[list[str]]:
    """Every order of the columns, or some where there are too many."""
    columns = list(rows[0])
    if factorial(len(columns)) <= N_ORDERS:
        yield from map(list, permutations(columns))
    else:
        yield from (random.sample(columns, len(columns)) for _ in range(N_ORDERS))


@pytest.mark.parametrize(("name", "kind"), [(n, k) for n, k in WRITTEN if ROW_FORMATS[n].has_names])
def test_rows_are_one_collection_in_every_order_of_columns(name: str, kind: str, tmp_path: Path) -> None:
    written, random = ROW_FORMATS[name], Random(f"{name} {kind}")
    containers = list(filter(written.may_stand_in, EVERY))

    def readings() -> Readings:
        rows = {container: written.rows(held(kind, container), Random(name)) for container in containers}
        for n, order in enumerate(orders(rows["jsonl"], random)):
            container = containers[n % len(containers)]
            path = write_rows(tmp_path / "data", reordered(rows[container], order), container)
            yield f"{container} {order}", path, held(kind, container)

    assert faults(readings()) == []


@pytest.mark.parametrize(("name", "kind"), WRITTEN)
def test_rows_are_one_collection_in_every_spelling_and_beside_other_columns(
    name: str, kind: str, tmp_path: Path
) -> None:
    written, random = ROW_FORMATS[name], Random(f"{name} {kind}")

    def readings() -> Readings:
        for n, container in enumerate(list(filter(written.may_stand_in, EVERY)) * 4):
            facts = held(kind, container)
            rows = random.sample(made := written.rows(facts, random), len(made))
            if written.has_names:
                rows = respelled(rows, random)
                rows = with_metadata(rows) if n % 2 else rows
                rows = reordered(rows, random.sample(list(rows[0]), len(rows[0])))
            rows = with_numbers(rows, random) if n % 3 else rows
            yield f"{container} {list(rows[0])}", write_rows(tmp_path / "data", rows, container), facts

    assert faults(readings()) == []


@pytest.mark.parametrize(("name", "kind"), WRITTEN)
def test_rows_are_one_collection_as_objects_shards_and_saved_data_sets(name: str, kind: str, tmp_path: Path) -> None:
    written, facts = ROW_FORMATS[name], held(kind)
    rows = written.rows(facts, Random(name))
    columns = {column: [row[column] for row in rows] for column in rows[0]}

    def readings() -> Readings:
        objects = {
            "rows": rows,
            "columns": columns,
            "pandas": pd.DataFrame(rows),
            "splits": {"test": rows, "dev": rows[:1]},
        }
        if written.may_stand_in("arrow"):
            table = pa.Table.from_pylist(rows)
            objects |= {"Arrow": table, "Arrow stream": table.to_reader(), "splits of Arrow": {"train": table}}
        yield from ((label, data, facts) for label, data in objects.items())
        for container in filter(written.may_stand_in, WHATEVER_THE_ROWS):
            for n in range(2):
                shard = tmp_path / container / f"data/test-{n:05d}-of-00002"
                write_rows(shard, written.rows(facts, Random(name))[n::2], container)
            write_rows(tmp_path / container / "data/train-00000-of-00001", rows[:2], container)
            yield f"shards of {container}", tmp_path / container, facts

    assert faults(readings()) == []


def as_json_cells(rows: Records) -> Records:
    """The rows with lists as JSON writes them, in place of Python."""
    return [{k: json.dumps(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows]


def lines(rows: Records, *, end: str = "\n", is_ascii: bool = True) -> bytes:
    return end.join(json.dumps(row, ensure_ascii=is_ascii) for row in rows).encode()


def ragged(rows: Records) -> Records:
    """The rows without what they leave empty; the first has every column."""
    return [rows[0], *({name: value for name, value in row.items() if value not in (None, [], "")} for row in rows[1:])]


MANNERS: dict[str, Callable[[Records], bytes]] = {
    "JSON, indented": lambda rows: json.dumps(rows, indent=1, ensure_ascii=False).encode(),
    "JSON in an object": lambda rows: json.dumps({"version": 1, "data": rows}).encode(),
    "JSON, what is empty left out": lambda rows: json.dumps(ragged(rows)).encode(),
    "JSONL, what is empty left out": lambda rows: lines(ragged(rows)),
    "JSONL, letters as they are": lambda rows: lines(rows, is_ascii=False),
    "JSONL from Windows": lambda rows: b"\xef\xbb\xbf" + lines(rows, end="\r\n"),
    "JSONL with blank lines": lambda rows: b"\n\n" + lines(rows, end="\n\n"),
    "CSV from Excel": lambda rows: b"\xef\xbb\xbf" + CONTAINERS["semicolon.csv"](rows),
    "CSV, lists as JSON": lambda rows: CONTAINERS["csv"](as_json_cells(rows)),
    "CSV, lists as JSON, all quoted": lambda rows: QUOTED["quoted.csv"](as_json_cells(rows)),
    "TSV, lists as JSON": lambda rows: QUOTED["quoted.tsv"](as_json_cells(rows)),
    "CSV of pandas": lambda rows: pd.DataFrame(rows).to_csv().encode(),
    "CSV of pandas, all quoted": lambda rows: pd.DataFrame(rows).to_csv(index=False, quoting=csv.QUOTE_ALL).encode(),
    "JSONL of pandas": lambda rows: pd.DataFrame(rows).to_json(orient="records", lines=True).encode(),
    "JSON of pandas": lambda rows: pd.DataFrame(rows).to_json(orient="records").encode(),
}
"""Ways in which programs write a container."""


@pytest.mark.parametrize("name", ["data", "DATA.CSV"])
def test_rows_are_one_collection_in_every_manner_and_under_any_name(name: str, tmp_path: Path) -> None:
    def readings() -> Readings:
        for (written, kind), (manner, write) in product(WRITTEN, MANNERS.items()):
            rows = ROW_FORMATS[written].rows(held(kind), Random(written))
            (tmp_path / name).write_bytes(write(rows))
            yield f"{written}, {kind}, {manner}", tmp_path / name, held(kind)

    assert faults(readings()) == []


def test_two_columns_without_a_header_are_one_collection(tmp_path: Path) -> None:
    def readings() -> Readings:
        for container, compression in product([*QUOTED, *PLAIN], COMPRESSIONS):
            facts = held("pairs", container)
            first, *others = [(q, d) for q, own in facts.gains.items() for d in own]
            rows = [dict(zip(first, row, strict=True)) for row in others]  # the first row in place of a header
            path = write_rows(tmp_path / "data", rows, container, compression)
            yield f"{container}{compression}", path, facts

    assert faults(readings()) == []


# --- judged queries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", JUDGED)
@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_judged_queries_are_one_collection_in_every_layout_container_and_compression(
    layout: str, kind: str, tmp_path: Path
) -> None:
    random = Random(f"{layout} {kind}")

    def readings() -> Readings:
        for n, (container, compression) in enumerate(product(EVERY, COMPRESSIONS)):
            facts = held(kind, container)
            made = respelled_parts(parts(facts, random), random)
            folder = tmp_path / f"{container}{compression}"
            yield folder.name, write_parts(folder, made, layout, container, compression, n_shards=1 + n % 2), facts

    assert faults(readings()) == []


def test_judged_queries_are_one_collection_in_every_order_of_columns(tmp_path: Path) -> None:
    random, facts = Random(0), held("graded")

    def readings() -> Readings:
        for n, order in enumerate(permutations(["query-id", "corpus-id", "score", "", "annotator"])):
            made = parts(facts, random)
            made["qrels"] = [{**row, "": i, "annotator": i % 2} for i, row in enumerate(made["qrels"])]
            made["qrels"] = reordered(made["qrels"], order)
            for part in ("corpus", "queries"):
                made[part] = reordered(made[part], random.sample(list(made[part][0]), len(made[part][0])))
            made, container = respelled_parts(made, random), list(CONTAINERS)[n % len(CONTAINERS)]
            yield (
                f"{container} {list(made['qrels'][0])}",
                write_parts(tmp_path / str(n), made, "BEIR", container),
                facts,
            )

    assert faults(readings()) == []


def judgments(made: Parts, kind: str) -> Iterator[tuple[str, str]]:
    """The end of the name and the text of judgments whose columns have no names, and of objects by query."""
    rows = made["qrels"]
    cells = {width: [list(map(str, row.values()))[:width] for row in rows] for width in (2, 3)}
    for name, separator in {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";", "spaces": "   "}.items():
        yield f"test.{name}.tsv", "".join(separator.join(row) + "\n" for row in cells[3])
        yield f"test.trec.{name}.txt", trec(rows, separator)
        if kind == "pairs":
            yield f"test.pairs.{name}.tsv", "".join(separator.join(row) + "\n" for row in cells[2])
            yield (
                f"test.named.{name}.tsv",
                "".join(separator.join(r) + "\n" for r in [["query-id", "corpus-id"], *cells[2]]),
            )
    for has_gains in {True, kind == "graded"}:
        yield f"test.{has_gains}.json", json.dumps(by_query(made, has_gains=has_gains))


@pytest.mark.parametrize("kind", JUDGED)
def test_judged_queries_are_one_collection_in_every_form_of_judgments(kind: str, tmp_path: Path) -> None:
    facts, made = held(kind), parts(held(kind), Random(kind))

    def readings() -> Readings:
        for name, text in judgments(made, kind):
            folder = write_parts(tmp_path / name, made, "BEIR")
            (folder / "qrels" / "test.jsonl").unlink()
            (folder / "qrels" / ("test" + Path(name).suffix)).write_text(text, encoding="utf-8")
            yield name, folder, facts

    assert faults(readings()) == []


@pytest.mark.parametrize("kind", JUDGED)
@pytest.mark.parametrize("container", ["jsonl", "csv", "parquet", "arrow"])
def test_judged_queries_are_one_collection_beside_other_splits_and_languages(
    container: str, kind: str, tmp_path: Path
) -> None:
    facts, made = held(kind), parts(held(kind), Random(kind))
    others = {
        "MTEB, all of one split": ("corpus/dev", "queries/dev", "qrels/dev"),
        "MTEB, qrels": (None, None, "qrels/dev"),
        "MTEB, default": (None, None, "default/dev"),
        "MTEB, data": (None, None, "data/dev"),
        "FlagEmbedding evaluation": (None, "dev_queries", "dev_qrels"),
        "BEIR": (None, None, "qrels/train"),
        "MTEB, a language": ("de-corpus/dev", "de-queries/dev", "de-qrels/dev"),
        "a folder a split": ("dev/corpus", "dev/queries", "dev/qrels"),
    }

    def readings() -> Readings:
        for n, (layout, places) in enumerate(others.items()):
            folder = write_parts(tmp_path / str(n), made, layout, container)
            for place, rows in zip(places, another(made).values(), strict=True):
                if place is not None:
                    write_rows(folder / place, rows, container)
            yield layout, folder, facts

    assert faults(readings()) == []


@pytest.mark.parametrize("kind", JUDGED)
def test_judged_queries_are_one_collection_as_objects_and_in_one_object_of_json(kind: str, tmp_path: Path) -> None:
    facts, random = held(kind), Random(kind)
    made = parts(facts, random)
    tables = {part: pa.Table.from_pylist(rows) for part, rows in made.items()}

    def readings() -> Readings:
        for has_titles, indent in product([True, False], [None, 2]):
            one = evaluator(made, has_gains=kind == "graded", has_titles=has_titles)
            for order in permutations(one):
                names = {name: random.choice(EVALUATOR_NAMES[name]) for name in order}
                turned = {names[name]: one[name] for name in order}
                yield f"object of {list(turned)}", turned, facts
                for compression in COMPRESSIONS:
                    path = tmp_path / f"data.json{compression}"
                    path.write_bytes(COMPRESSIONS[compression](json.dumps(turned, indent=indent).encode()))
                    yield f"file of {list(turned)}{compression}", path, facts
        yield "tables", tables, facts
        yield "lists of rows", made, facts
        yield "pandas", {part: pd.DataFrame(rows) for part, rows in made.items()}, facts
        yield "tables by split", {**tables, "qrels": {"test": tables["qrels"], "dev": tables["qrels"][:2]}}, facts

    assert faults(readings()) == []


EVALUATOR_NAMES = {
    "queries": spellings("queries"),
    "corpus": ["documents", "Documents", *spellings("corpus")[:3]],
    "relevant_docs": spellings("relevant_docs"),
}


def test_saved_data_sets_are_one_collection(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")

    def saved(folder: Path, rows: Records, **splits: Records) -> Path:
        made = datasets.Dataset.from_list(rows)
        if splits:
            others = {name: datasets.Dataset.from_list(own) for name, own in splits.items()}
            made = datasets.DatasetDict({"test": made, **others})
        made.save_to_disk(str(folder))
        return folder

    def readings() -> Readings:
        for n, (name, kind) in enumerate(WRITTEN):
            if ROW_FORMATS[name].may_stand_in("arrow"):
                rows = ROW_FORMATS[name].rows(held(kind), Random(n))
                yield f"{name}, {kind}", saved(tmp_path / f"rows {n}", rows), held(kind)
                yield f"{name}, {kind}, splits", saved(tmp_path / f"splits {n}", rows, dev=rows[:2]), held(kind)
                yield f"{name}, {kind}, in memory", datasets.Dataset.from_list(rows), held(kind)
        for kind in JUDGED:
            made = parts(held(kind), Random(kind))
            for part, rows in made.items():
                saved(tmp_path / kind / part, rows, **({"dev": rows[:1]} if part == "qrels" else {}))
            yield kind, tmp_path / kind, held(kind)

    assert faults(readings()) == []


# --- any texts ------------------------------------------------------------------------------------------------------

FRAGMENTS = (
    '"quoted"', "'single'", "a, b; c", "tab\there", "line\nbreak", "漢字", "Bình Thạnh", "Bi\u0300nh", "007", "3.14",
    "[edit]", "{x}", "null", "true", "#1", "\\n", "a \"mark\" inside", '"', "http://a.b/c", "=A1", "🙂", "e.g.",
)  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=4).map(" ".join)


@st.composite
def drawn_facts(draw: st.DrawFn) -> Facts:
    """Two to four queries with documents of their own and of others."""
    queries, documents = (
        [f"{text} {mark}{n}" for n, text in enumerate(draw(st.lists(texts, min_size=2, max_size=size)))]
        for size, mark in ((4, "?"), (8, "no. "))
    )
    gains = {q: draw(st.dictionaries(st.sampled_from(documents), st.integers(1, 3), min_size=1)) for q in queries}
    against = st.tuples(st.lists(st.sampled_from(["topic", "place"]), unique=True).map(tuple), st.just(2.0))
    negatives = {
        q: draw(st.dictionaries(st.sampled_from(others), against, max_size=3))
        for q in queries
        if (others := [d for d in documents if d not in gains[q]])
    }
    return Facts(gains, {q: own for q, own in negatives.items() if own})


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    everything=drawn_facts(),
    written=st.sampled_from([(n, k) for n, k in WRITTEN if ROW_FORMATS[n].has_names]),
    container=st.sampled_from([*WHATEVER_THE_ROWS, *PLAIN]),
    random=st.randoms(use_true_random=False),
)
def test_rows_of_any_texts_are_one_collection(
    tmp_path: Path, everything: Facts, written: tuple[str, str], container: str, random: Random
) -> None:
    name, kind = written
    facts = everything.of_kind(kind)
    facts = facts.on_one_line() if container in PLAIN else facts
    if ROW_FORMATS[name].may_stand_in(container):
        rows = with_metadata(respelled(ROW_FORMATS[name].rows(facts, random), random))
        assert faults([(container, write_rows(tmp_path / "data", rows, container), facts)]) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    everything=drawn_facts(),
    kind=st.sampled_from(JUDGED),
    layout=st.sampled_from(list(LAYOUTS)),
    container=st.sampled_from(WHATEVER_THE_ROWS),
    random=st.randoms(use_true_random=False),
)
def test_judged_queries_of_any_texts_are_one_collection(
    tmp_path: Path, everything: Facts, kind: str, layout: str, container: str, random: Random
) -> None:
    facts = everything.of_kind(kind)
    shutil.rmtree(tmp_path, ignore_errors=True)
    folder = write_parts(tmp_path, respelled_parts(parts(facts, random), random), layout, container)
    assert faults([(container, folder, facts)]) == []


# --- metrics --------------------------------------------------------------------------------------------------------


def figures(facts: Facts, vectors: Mapping[str, Any]) -> dict[str, float]:
    """MRR, nDCG@10, Success@1 and margin by sorting, with plain NumPy; a query does not find its own text."""
    pool = facts.documents
    cosine = np.array([[vectors[q] @ vectors[d] if q != d else -np.inf for d in pool] for q in facts.gains])  # (Q, N)
    gain = np.array([[own.get(d, 0) for d in pool] for own in facts.gains.values()])  # (Q, N)
    ranked = np.take_along_axis(gain, np.argsort(-cosine, axis=1), axis=1)
    first = (ranked > 0).argmax(axis=1)
    discount = 1 / np.log2(np.arange(2, 12))[: len(pool)]
    ideal = -np.sort(-gain, axis=1)
    return {
        "MRR": np.mean(1 / (1 + first)),
        "nDCG@10": np.mean((ranked[:, :10] @ discount) / (ideal[:, :10] @ discount)),
        "Success@1": np.mean(first == 0),
        "margin": cosine[gain > 0].mean() - cosine[(gain == 0) & np.isfinite(cosine)].mean(),
    }


def some_writings(folder: Path) -> Iterator[tuple[str, str, Any]]:
    """Kind of the facts, what is written, and the data set."""
    for name, kind, container, compression in (
        ("original", "typed", "json", ""),
        ("FlagEmbedding", "negatives", "jsonl", ".gz"),
        ("sentence-transformers", "negatives", "csv", ""),
        ("labelled rows", "judged", "parquet", ""),
        ("labelled lists", "graded", "arrow", ".zst"),
        ("tevatron", "pairs", "jsonl", ".bz2"),
        ("DPR", "negatives", "json", ".xz"),
        ("Ragas", "pairs", "semicolon.csv", ""),
    ):
        rows = respelled(ROW_FORMATS[name].rows(held(kind), Random(name)), Random(name))
        yield kind, name, write_rows(folder / name, rows, container, compression)
    for layout, kind, container in (
        ("BEIR", "graded", "jsonl"),
        ("FlagEmbedding evaluation", "pairs", "jsonl"),
        ("MTEB, a language", "graded", "parquet"),
    ):
        yield kind, layout, write_parts(folder / layout, parts(held(kind), Random(layout)), layout, container)
    rows = ROW_FORMATS["labelled rows"].rows(held("judged"), Random(0))
    yield "judged", "pandas", pd.DataFrame(rows)
    yield "graded", "evaluator", evaluator(parts(held("graded"), Random(0)), has_gains=True, has_titles=True)


def test_every_format_gives_the_metrics_that_sorting_gives(tmp_path: Path) -> None:
    draw, texts = np.random.default_rng(0), [*ONE.gains, *ONE.documents]
    unit = {text: (v := draw.normal(size=12)) / np.linalg.norm(v) for text in texts}
    np.savez(tmp_path / "v.npz", texts=np.array(texts), vectors=np.array([unit[text] for text in texts]))
    came: dict[str, set[tuple[float, ...]]] = {}
    for kind, name, data in some_writings(tmp_path):
        result = embedscope.run(
            data=data, embeddings=tmp_path / "v.npz", skip_tsne=True, skip_umap=True, draws=100, examples=0
        )
        assert result.data.digest == meant(held(kind)), name
        found = {metric: result.metrics[metric].value for metric in ("MRR", "nDCG@10", "Success@1")}
        found["margin"] = result.similarity.margin.value
        assert found == pytest.approx(figures(held(kind), unit), abs=1e-6), name
        came.setdefault(kind, set()).add(tuple(round(value, 9) for value in found.values()))
    assert all(len(values) == 1 for values in came.values())
    assert len({values for (values,) in came.values()}) > 1  # pools and gains differ between kinds
