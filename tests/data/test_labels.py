"""Labels beside positives: 0 is a hard negative, above 0 is a gain, and what is neither is refused."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import embedscope
from embedscope.data.collection import Collection, digest
from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError

NAMES = (
    "label", "labels", "score", "scores", "relevance", "Relevance", "is_duplicate", "isRelevant", "rating", "gain",
    "relevance_score", "grade",
)  # fmt: skip
TRIPLES = [("a", "x", 1), ("a", "n", 0), ("b", "y", 1), ("b", "n", 0), ("b", "m", 0), ("c", "x", 1)]


def written(folder: Path, rows: list[dict[str, Any]], container: str = "jsonl") -> Path:
    path = folder / f"data.{container}"
    if container == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif container == "csv":
        cells = [[str(value) for value in row.values()] for row in rows]
        path.write_text("\n".join(",".join(line) for line in [list(rows[0]), *cells]) + "\n", encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def judged(collection: Collection) -> tuple[dict[tuple[str, str], float], set[tuple[str, str]]]:
    """Gains of the relevant pairs, and the hard negative pairs."""
    owners = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))
    gains = {
        (collection.queries[q], collection.documents[d]): float(gain)
        for q, d, gain in zip(owners, collection.relevant, collection.gains, strict=True)
    }
    own = collection.negatives
    pairs = zip(own.queries.tolist(), own.documents.tolist(), strict=True)
    return gains, {(collection.queries[q], collection.documents[d]) for q, d in pairs}


def meant(triples: list[tuple[str, str, float]]) -> tuple[dict[tuple[str, str], float], set[tuple[str, str]]]:
    gains: dict[tuple[str, str], float] = defaultdict(float)
    for query, text, gain in triples:
        gains[query, text] = max(gains[query, text], gain)
    relevant = {pair: gain for pair, gain in gains.items() if gain > 0}
    return relevant, set(gains) - set(relevant)


@pytest.mark.parametrize("container", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("name", NAMES)
def test_a_positive_under_the_label_0_is_a_hard_negative_of_its_query(
    tmp_path: Path, container: str, name: str
) -> None:
    rows = [{"anchor": q, "positive": text, name: label} for q, text, label in TRIPLES]
    collection = read_collection(written(tmp_path, rows, container))
    assert judged(collection) == meant(TRIPLES)
    assert collection.columns["label"] == (name,)
    assert f"'{name}' labels 6 texts: 3 with 0 are hard negatives" in " ".join(collection.warnings)


@pytest.mark.parametrize(
    ("container", "write"),
    [
        ("jsonl", bool), ("parquet", bool), ("jsonl", float), ("parquet", float), ("csv", bool), ("csv", float),
        ("csv", lambda label: str(bool(label)).lower()), ("jsonl", str), ("jsonl", lambda label: str(bool(label))),
    ],
)  # fmt: skip
def test_a_label_may_be_written_as_a_truth_a_number_or_a_text(tmp_path: Path, container: str, write: Any) -> None:
    rows = [{"query": q, "pos": text, "label": write(label)} for q, text, label in TRIPLES]
    assert judged(read_collection(written(tmp_path, rows, container))) == meant(TRIPLES)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    triples=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("vwxyz"), st.integers(0, 3)), max_size=12),
    name=st.sampled_from(NAMES),
    is_listed=st.booleans(),
    is_column_first=st.booleans(),
)
def test_labels_by_row_and_by_position_say_the_same(
    tmp_path: Path, triples: list[tuple[str, str, float]], name: str, is_listed: bool, is_column_first: bool
) -> None:
    triples = [("a", "v", 1), ("b", "w", 1), ("c", "v", 0), *triples]
    rows: list[dict[str, Any]] = [{"query": q, "positive": text, name: label} for q, text, label in triples]
    if is_listed:
        listed: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for query, text, label in triples:
            listed[query].append((text, label))
        rows = [
            {"query": q, "positive": [text for text, _ in own], name: [label for _, label in own]}
            for q, own in listed.items()
        ]
    if is_column_first:
        rows = [{name: row[name], **row} for row in rows]
    gains, negatives = meant(triples)
    assert judged(read_collection(written(tmp_path, rows))) == (gains, negatives)


def test_rows_with_labels_and_the_same_rows_without_are_one_collection(tmp_path: Path) -> None:
    rows = [{"query": q, "positive": text, "label": label} for q, text, label in TRIPLES]
    plain = [
        {"query": "a", "pos": "x", "neg": ["n"]},
        {"query": "b", "pos": "y", "neg": ["n", "m"]},
        {"query": "c", "pos": "x", "neg": []},
    ]
    labelled = read_collection(written(tmp_path, rows))
    assert digest(labelled) == digest(read_collection(written(tmp_path, plain)))
    assert not any("no positive" in note for note in labelled.warnings)


def test_labels_stand_beside_columns_of_negatives(tmp_path: Path) -> None:
    rows = [{"query": q, "positive": text, "negative_1": f"n{q}", "label": label} for q, text, label in TRIPLES]
    gains, negatives = judged(read_collection(written(tmp_path, rows)))
    assert gains == meant(TRIPLES)[0]
    assert negatives == meant(TRIPLES)[1] | {(q, f"n{q}") for q in "abc"}


@pytest.mark.parametrize(
    ("name", "labels", "message", "can_be_stated"),
    [
        ("score", [1.0, 0.83, 0.2, 0, 0, 1], "line 2, field 'score': the label 0.83 looks like a similarity", True),
        ("similarity", [0.5] * 6, "line 1, field 'similarity': the label 0.5 looks like a similarity", True),
        ("rating", [1, 5, 3, 2, 2, 1], "the labels of 'rating' run from 1 to 5, and none is 0", True),
        ("label", [1, -1, 1, -1, 1, 1], "line 2, field 'label': the label is a number (-1)", False),
        ("label", ["entailment"] * 6, "line 1, field 'label': the label is a string ('entailment')", False),
        ("label", [1, None, 1, 0, 0, 1], "line 2, field 'label': the label is null", False),
        ("label", [1, float("nan"), 1, 0, 0, 1], "line 2, field 'label': the label is a number (nan)", False),
        ("label", [1, "", 1, 0, 0, 1], "line 2, field 'label': the label is an empty string", False),
        ("label", [1, {"a": 1}, 1, 0, 0, 1], "line 2, field 'label': the label is an object", False),
        ("label", [[0.9, 0.1]] * 6, "line 1, field 'label': the label 0.9 looks like a similarity", True),
    ],
)
def test_a_label_that_is_no_gain_is_refused_with_what_to_pass(
    tmp_path: Path, name: str, labels: list[Any], message: str, can_be_stated: bool
) -> None:
    rows = [{"query": q, "positive": text, name: label} for (q, text, _), label in zip(TRIPLES, labels, strict=True)]
    path = written(tmp_path, rows)
    with pytest.raises(DataFormatError, match=re.escape(message)) as caught:
        read_collection(path)
    assert f"pass --columns metadata={name}" in str(caught.value)
    assert (f"--columns label={name}" in str(caught.value)) == can_be_stated
    without = read_collection(path, columns=[f"metadata={name}"])
    assert set(without.gains.tolist()) == {1.0}
    assert not len(without.negatives.queries)


def test_a_stated_label_is_taken_at_its_word(tmp_path: Path) -> None:
    labels = [1.0, 0.0, 0.83, 0.2, 0, 2.5]
    rows = [{"query": q, "positive": text, "sim": label} for (q, text, _), label in zip(TRIPLES, labels, strict=True)]
    collection = read_collection(written(tmp_path, rows), columns=["label=sim"])
    assert judged(collection) == meant([(q, t, label) for (q, t, _), label in zip(TRIPLES, labels, strict=True)])


def test_gains_that_are_called_so_may_lack_0(tmp_path: Path) -> None:
    rows = [{"query": q, "positive": text, "relevance": 1 + label} for q, text, label in TRIPLES]
    collection = read_collection(written(tmp_path, rows))
    assert judged(collection)[0] == {(q, text): 1.0 + label for q, text, label in TRIPLES}
    assert "none with 0, so all of them are relevant" in " ".join(collection.warnings)


@pytest.mark.parametrize("labels", [[1], [1, 0, 1], 1, []])
def test_labels_that_are_not_as_many_as_their_texts_are_refused(tmp_path: Path, labels: Any) -> None:
    rows = [{"query": q, "positive": ["x", "y"], "labels": [1, 0] if q == "a" else labels} for q in "abc"]
    with pytest.raises(DataFormatError, match=r"line 2, field 'labels': \d labels? for 2 positives"):
        read_collection(written(tmp_path, rows))


def test_two_labels_are_refused_and_one_can_be_stated(tmp_path: Path) -> None:
    rows = [{"query": q, "positive": text, "label": label, "score": 0.5} for q, text, label in TRIPLES]
    path = written(tmp_path, rows)
    with pytest.raises(DataFormatError, match=r"both 'label' and 'score'.*label=label,metadata=score"):
        read_collection(path)
    assert judged(read_collection(path, columns=["label=label", "metadata=score"])) == meant(TRIPLES)
    assert judged(read_collection(path, columns=["label=label"])) == meant(TRIPLES)


def test_the_metrics_of_graded_rows_are_those_of_numpy(tmp_path: Path) -> None:
    draw = np.random.default_rng(7)
    queries, documents = [f"query {n}" for n in range(12)], [f"document {n}" for n in range(40)]
    vectors = {text: draw.normal(size=8) for text in [*queries, *documents]}
    gains = draw.integers(0, 4, size=(12, 6))
    gains[:, 0] = 3
    chosen = np.stack([draw.choice(40, size=6, replace=False) for _ in queries])
    rows = [
        {"query": query, "document": documents[d], "relevance": int(gain)}
        for query, own, labels in zip(queries, chosen, gains, strict=True)
        for d, gain in zip(own, labels, strict=True)
    ]
    np.savez(tmp_path / "v.npz", texts=np.array(list(vectors)), vectors=np.array(list(vectors.values())))
    result = embedscope.run(embeddings=tmp_path / "v.npz", data=written(tmp_path, rows), skip_tsne=True, skip_umap=True)
    pool = sorted(set(chosen.ravel().tolist()))
    unit = {text: vector / np.linalg.norm(vector) for text, vector in vectors.items()}
    ndcg, reciprocal = [], []
    for query, own, labels in zip(queries, chosen, gains, strict=True):
        scores = np.array([unit[query] @ unit[documents[d]] for d in pool])
        gain = np.zeros(len(pool))
        gain[[pool.index(d) for d in own]] = labels
        ranked = gain[np.argsort(-scores)]
        discount = 1 / np.log2(np.arange(2, 12))
        ndcg.append((ranked[:10] * discount).sum() / (np.sort(gain)[::-1][:10] * discount).sum())
        reciprocal.append(1 / (1 + np.flatnonzero(ranked > 0)[0]))
    assert result.metrics["nDCG@10"].value == pytest.approx(np.mean(ndcg), abs=1e-6)
    assert result.metrics["MRR"].value == pytest.approx(np.mean(reciprocal), abs=1e-6)
    assert result.data.n_hard_negatives == (gains == 0).sum()
    assert result.data.columns == {"query": ("query",), "positive": ("document",), "label": ("relevance",)}
