"""Vectors as people have them: every form of one collection gives the same rows, and what is unclear is refused."""

from __future__ import annotations

import gzip
import json
import pickle
import warnings
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedscope import run
from embedscope.cli.main import main
from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.errors import CheckpointError, InputError, InvalidEmbeddingsError
from embedscope.models import is_precomputed_file, load_checkpoint, load_precomputed
from embedscope.models.numpy_files import read_archive

N = 12
DIM = 6
QUERY_IDS = [f"Q-{i}" for i in range(N)]
DOCUMENT_IDS = [f"D-{i}" for i in range(2 * N)]
QUERIES = [f"câu hỏi {i}" for i in range(N)]
DOCUMENTS = [f"đoạn văn, số {i}" for i in range(2 * N)]
IDS, TEXTS = [*QUERY_IDS, *DOCUMENT_IDS], [*QUERIES, *DOCUMENTS]
# Eighths: they are the same number in float16, float32 and float64.
DOCUMENT_VECTORS = np.random.default_rng(1).integers(-40, 40, (2 * N, DIM)).astype(np.float32) / 8
QUERY_VECTORS = DOCUMENT_VECTORS[:N] + np.random.default_rng(2).integers(-24, 24, (N, DIM)).astype(np.float32) / 8
VECTORS = np.concatenate([QUERY_VECTORS, DOCUMENT_VECTORS])
DATA = {
    "queries": dict(zip(QUERY_IDS, QUERIES, strict=True)),
    "corpus": dict(zip(DOCUMENT_IDS, DOCUMENTS, strict=True)),
    "relevant_docs": {query: {document} for query, document in zip(QUERY_IDS, DOCUMENT_IDS, strict=False)},
}


@pytest.fixture(scope="module")
def collection() -> Collection:
    return read_collection(DATA)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def order_of(collection: Collection) -> tuple[np.ndarray, np.ndarray]:
    queries = [QUERY_IDS.index(name) for name in collection.query_ids]
    return unit(QUERY_VECTORS)[queries], unit(DOCUMENT_VECTORS)[
        [DOCUMENT_IDS.index(n) for n in collection.document_ids]
    ]


def mrr() -> float:
    """Mean reciprocal rank of document i for query i, by sorting."""
    scores = unit(QUERY_VECTORS) @ unit(DOCUMENT_VECTORS).T
    return float(np.mean([1 / (1 + np.flatnonzero(np.argsort(-row) == i)[0]) for i, row in enumerate(scores)]))


# --- how one collection's vectors are written ---------------------------------------------------------------------


def npz(**arrays: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.savez(folder / "v.npz", **{name: np.asarray(values) for name, values in arrays.items()})
        return folder / "v.npz"

    return write


def arrow_table(columns: dict[str, Any]) -> pa.Table:
    made = {}
    n = max(map(len, columns.values()))
    for name, values in columns.items():
        listed = values.tolist() if isinstance(values, np.ndarray | pa.Array) else list(values)
        made[name] = pa.array(listed + [None] * (n - len(listed)), type=getattr(values, "type", None))
    return pa.table(made)


def parquet(**columns: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        pq.write_table(arrow_table(columns), folder / "v.parquet", row_group_size=5)
        return folder / "v.parquet"

    return write


def arrow(*, is_stream: bool, **columns: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        table = arrow_table(columns)
        new = pa.ipc.new_stream if is_stream else pa.ipc.new_file
        with new(folder / "v.arrow", table.schema) as writer:
            writer.write_table(table, max_chunksize=5)
        return folder / "v.arrow"

    return write


def records(**columns: Any) -> list[dict[str, Any]]:
    lists = [values.tolist() if isinstance(values, np.ndarray) else values for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def json_lines(**columns: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        lines = [json.dumps(row, ensure_ascii=False) for row in records(**columns)]
        (folder / "v.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return folder / "v.jsonl"

    return write


def json_list(**columns: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "v.json").write_text(json.dumps(records(**columns), indent=1), encoding="utf-8")
        return folder / "v.json"

    return write


def packed(codec: str, **columns: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with pa.output_stream(str(folder / "packed"), compression=codec) as stream:
            stream.write(json_lines(**columns)(folder).read_bytes())
        (folder / "v.jsonl").unlink()
        return folder / "packed"

    return write


def labels(path: Path, entries: Sequence[Any]) -> None:
    if path.suffix == ".npy":
        np.save(path, np.array(entries))
    elif path.suffix == ".json":
        path.write_text(json.dumps(list(entries)), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, entries)) + "\n", encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"text" if entries[0] in TEXTS else "id": list(entries)}), path)
    elif path.suffix in (".csv", ".tsv"):
        quoted = [f'"{entry}"' for entry in entries]
        path.write_text("\n".join(["text" if entries[0] in TEXTS else "id", *quoted]) + "\n", encoding="utf-8")
    else:
        path.write_text("\n".join(map(str, entries)) + "\n", encoding="utf-8")


def array_and(name: str, entries: Sequence[Any], *, stem: str = "vectors") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.save(folder / f"{stem}.npy", VECTORS)
        labels(folder / name, entries)
        return folder / f"{stem}.npy"

    return write


def folder_of(queries: str, corpus: str, *beside: tuple[str, Sequence[Any]]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.save(folder / queries, QUERY_VECTORS)
        np.save(folder / corpus, DOCUMENT_VECTORS)
        for name, entries in beside:
            labels(folder / name, entries)
        return folder

    return write


def index(kind: Any, name: str, entries: Sequence[Any]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        made = kind(DIM)
        made.add(VECTORS)
        faiss.write_index(made, str(folder / "corpus.faiss"))
        labels(folder / name, entries)
        return folder / "corpus.faiss"

    return write


BY_ID = {"query_ids": QUERY_IDS, "document_ids": DOCUMENT_IDS}
FORMS: dict[str, Callable[[Path], Path]] = {
    "npz, texts and vectors": npz(texts=TEXTS, vectors=VECTORS),
    "npz, by id": npz(**BY_ID, queries=QUERY_VECTORS, documents=DOCUMENT_VECTORS),
    "npz, sentences and embeddings": npz(sentences=TEXTS, embeddings=VECTORS),
    "npz, positional": npz(arr_0=VECTORS, arr_1=TEXTS),
    "npz, float64": npz(text=TEXTS, emb=VECTORS.astype(np.float64)),
    "npz, float16": npz(text=TEXTS, features=VECTORS.astype(np.float16)),
    "npz, ids of both in one table": npz(ids=IDS, embeddings=VECTORS),
    "npz, texts and ids": npz(ids=IDS, texts=TEXTS, embeddings=VECTORS),
    "npz, texts that lack some and ids": npz(ids=IDS, texts=["?", *TEXTS[1:]], embeddings=VECTORS),
    "npz, two matrices by text": npz(
        query_texts=QUERIES, query_embeddings=QUERY_VECTORS, corpus=DOCUMENTS, corpus_embeddings=DOCUMENT_VECTORS
    ),
    "npz, tevatron": npz(qids=QUERY_IDS, q_reps=QUERY_VECTORS, pids=DOCUMENT_IDS, p_reps=DOCUMENT_VECTORS),
    "npz, by id and by text": npz(
        qid=QUERY_IDS, query_vecs=QUERY_VECTORS, passages=DOCUMENTS, passage_vecs=DOCUMENT_VECTORS
    ),
    "npz, Chroma": npz(ids=[f"chunk {i}" for i in range(3 * N)], documents=TEXTS, embeddings=VECTORS),
    "npz, one vector in a list": npz(texts=TEXTS, vectors=VECTORS[:, None]),
    "Parquet, text and embedding": parquet(text=TEXTS, embedding=VECTORS),
    "Parquet, more columns": parquet(
        id=IDS, text=TEXTS, language=["vi"] * 3 * N, top_scores=VECTORS[:, :3], dense=VECTORS
    ),
    "Parquet, by id": parquet(**BY_ID, queries=QUERY_VECTORS, documents=DOCUMENT_VECTORS),
    "Parquet, pairs": parquet(
        query=[*QUERIES, *QUERIES],
        query_embedding=np.concatenate([QUERY_VECTORS, QUERY_VECTORS]),
        positive=DOCUMENTS,
        positive_embedding=DOCUMENT_VECTORS,
    ),
    "Parquet, lists of one list": parquet(text=TEXTS, embedding=VECTORS[:, None]),
    "Arrow file": arrow(is_stream=False, text=TEXTS, vector=VECTORS),
    "Arrow stream": arrow(is_stream=True, id=IDS, emb=VECTORS),
    "JSONL, text and vector": json_lines(text=TEXTS, vector=VECTORS),
    "JSONL, id and embedding": json_lines(id=IDS, embedding=VECTORS),
    "JSONL, all": json_lines(id=IDS, text=TEXTS, title=[""] * 3 * N, vector=VECTORS),
    "JSONL under gzip": packed("gzip", text=TEXTS, vector=VECTORS),
    "JSONL under Zstandard": packed("zstd", text=TEXTS, vector=VECTORS),
    "JSON": json_list(text=TEXTS, vector=VECTORS),
    "npy and texts": array_and("vectors.txt", TEXTS),
    "npy and a list of ids": array_and("vectors.json", IDS),
    "npy and lines of JSON": array_and("vectors.jsonl", TEXTS),
    "npy and objects": array_and("vectors.jsonl", [{"_id": i, "text": t} for i, t in zip(IDS, TEXTS, strict=True)]),
    "npy and a column": array_and("vectors.csv", TEXTS),
    "npy and a column between tabs": array_and("vectors.tsv", TEXTS),
    "npy and a table": array_and("texts.parquet", TEXTS),
    "npy and ids.txt": array_and("ids.txt", IDS),
    "npy and texts.json": array_and("texts.json", TEXTS),
    "npy and ids.npy": array_and("ids.npy", IDS),
    "npy and ids named after it": array_and("epoch_1_ids.txt", IDS, stem="epoch_1"),
    "folder, texts of the same stem": folder_of(
        "queries.npy", "corpus.npy", ("queries.txt", QUERIES), ("corpus.txt", DOCUMENTS)
    ),
    "folder, ids": folder_of(
        "query_embeddings.npy", "doc_embeddings.npy", ("query_ids.txt", QUERY_IDS), ("docids.json", DOCUMENT_IDS)
    ),
    "folder, ids as arrays": folder_of(
        "queries.npy", "passages.npy", ("qids.npy", QUERY_IDS), ("passage_ids.npy", DOCUMENT_IDS)
    ),
    "FAISS, inner product": index(faiss.IndexFlatIP, "corpus.txt", TEXTS),
    "FAISS, L2": index(faiss.IndexFlatL2, "ids.txt", IDS),
    "FAISS, L1": index(lambda dim: faiss.IndexFlat(dim, faiss.METRIC_L1), "ids.json", IDS),
}


@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_of_one_collections_vectors_gives_the_same_rows(
    form: str, tmp_path: Path, collection: Collection
) -> None:
    path = FORMS[form](tmp_path)
    queries, documents = order_of(collection)
    assert is_precomputed_file(path)
    found = load_precomputed(path, collection)
    np.testing.assert_allclose(found.queries, queries, atol=1e-6)
    np.testing.assert_allclose(found.documents, documents, atol=1e-6)
    assert found.facts.layout == "precomputed embeddings"
    assert (found.facts.checkpoint, found.facts.dim) == (str(path), DIM)


@pytest.mark.parametrize("form", [form for form in FORMS if form.endswith(("vector", "embedding", "ids.txt", "stem"))])
def test_every_form_gives_the_metrics_that_sorting_gives(form: str, tmp_path: Path) -> None:
    result = run(
        data=DATA,
        embeddings=FORMS[form](tmp_path),
        max_samples=0,
        skip_tsne=True,
        skip_umap=True,
        draws=100,
        examples=0,
    )
    assert result.metrics["MRR"].value == pytest.approx(mrr())
    assert result.inputs["data"] == "dict of queries, corpus and judgments"


def test_other_names_than_ours_are_said(tmp_path: Path, collection: Collection) -> None:
    def notes(form: str) -> tuple[str, ...]:
        (tmp_path / form).mkdir()
        return load_precomputed(FORMS[form](tmp_path / form), collection).facts.notes

    assert not any("found by" in note for note in notes("npz, texts and vectors") + notes("npz, by id"))
    assert "Vectors of queries and documents: 'embedding', found by id in 'id'." in notes("JSONL, id and embedding")
    assert (
        "Vectors of queries: 'q_reps', found by id in 'qids'; of documents: 'p_reps', found by id in 'pids'."
        in notes("npz, tevatron")
    )
    assert "Vectors of queries and documents: 'vectors.npy', found by id in 'ids.txt'." in notes("npy and ids.txt")


def test_the_fingerprint_changes_with_the_labels(tmp_path: Path, collection: Collection) -> None:
    path = FORMS["npy and ids.txt"](tmp_path)
    before = load_precomputed(path, collection).facts.fingerprint
    labels(tmp_path / "ids.txt", [*IDS[1::-1], *IDS[2:]])
    assert load_precomputed(path, collection).facts.fingerprint != before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    side=st.sampled_from(
        [("query", "document"), ("queries", "corpus"), ("question", "passage"), ("q", "p"), ("q", "d")]
    ),
    vector=st.sampled_from(["embeddings", "embedding", "emb", "vectors", "vecs", "reps", "features", "dense"]),
    label=st.sampled_from(["ids", "id", "texts", "text"]),
    join=st.sampled_from(["_", "-", " ", "", "camel"]),
    case=st.sampled_from([str, str.upper, str.title]),
    suffix_first=st.booleans(),
)
def test_spelling_changes_nothing(
    side: tuple[str, str], vector: str, label: str, join: str, case: Any, suffix_first: bool, tmp_path: Path
) -> None:
    def name(*words: str) -> str:
        ordered = words[::-1] if suffix_first and join != "" else words
        if join == "camel":
            return ordered[0] + "".join(word.capitalize() for word in ordered[1:])
        return str(case(join.join(ordered)))

    if join == "":
        side = ("query", "document")
    arrays = {}
    for own, ids, texts, matrix in (
        (side[0], QUERY_IDS, QUERIES, QUERY_VECTORS),
        (side[1], DOCUMENT_IDS, DOCUMENTS, DOCUMENT_VECTORS),
    ):
        arrays[name(own, vector)] = matrix
        arrays[name(own, label)] = ids if label.startswith("id") else texts
    collection = read_collection(DATA)
    queries, documents = order_of(collection)
    found = load_precomputed(npz(**arrays)(tmp_path), collection)
    np.testing.assert_allclose(found.queries, queries, atol=1e-6)
    np.testing.assert_allclose(found.documents, documents, atol=1e-6)


def test_whole_numbers_and_bytes_label_rows(tmp_path: Path) -> None:
    numbered = read_collection(
        {"queries": {1: "a", 2: "b"}, "corpus": {7: "x", 8: "y"}, "relevant_docs": {1: [7], 2: [8]}}
    )
    expected = unit(VECTORS[:4])
    for made in (npz(ids=[8, 7, 2, 1], emb=VECTORS[:4]), json_lines(id=[8, 7, 2, 1], emb=VECTORS[:4])):
        found = load_precomputed(made(tmp_path), numbered)
        np.testing.assert_allclose(found.queries, expected[[3, 2]], atol=1e-6)
        np.testing.assert_allclose(found.documents, expected[[1, 0]], atol=1e-6)
    by_bytes = npz(texts=np.array([b"y", b"x", b"b", b"a"]), vectors=VECTORS[:4])(tmp_path)
    np.testing.assert_allclose(load_precomputed(by_bytes, numbered).queries, expected[[3, 2]], atol=1e-6)


def test_one_table_of_ids_serves_both_sides_only_where_they_do_not_clash(tmp_path: Path) -> None:
    path = npz(ids=["1", "2", "3"], embeddings=VECTORS[:3])(tmp_path)
    same = {"queries": {"1": "a", "2": "b"}, "corpus": {"1": "a", "2": "b", "3": "c"}}
    relevant = {"1": ["3"], "2": ["1"]}
    assert load_precomputed(path, read_collection({**same, "relevant_docs": relevant})).queries.shape == (2, DIM)
    other = {**same, "corpus": {"1": "a", "2": "another", "3": "c"}}
    with pytest.raises(InvalidEmbeddingsError, match="'2' is the id of both a query and another document"):
        load_precomputed(path, read_collection({**other, "relevant_docs": relevant}))


def test_ids_are_refused_for_rows_which_have_none_of_their_own(tmp_path: Path) -> None:
    rows = read_collection([{"query": q, "positive": d} for q, d in zip(QUERIES, DOCUMENTS, strict=False)])
    path = npz(ids=[*rows.query_ids, *rows.document_ids], embeddings=VECTORS[: 2 * N])(tmp_path)
    with pytest.raises(InvalidEmbeddingsError, match=r"the data set is a list of rows.* Label the vectors by text"):
        load_precomputed(path, rows)


# --- refusals -----------------------------------------------------------------------------------------------------


def written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def cut(form: str, n_bytes: int = 40) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = FORMS[form](folder)
        path.write_bytes(path.read_bytes()[:-n_bytes])
        return path

    return write


def saved(values: Any, *beside: tuple[str, Sequence[Any]], name: str = "vectors.npy") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        np.save(folder / name, np.asarray(values), allow_pickle=True)
        for label_name, entries in beside:
            labels(folder / label_name, entries)
        return folder / name

    return write


def torch_saved(folder: Path) -> Path:
    torch.save(torch.tensor(VECTORS), folder / "vectors.pt")
    return folder / "vectors.pt"


def other_index(folder: Path) -> Path:
    made = faiss.IndexHNSWFlat(DIM, 4)
    made.add(VECTORS)
    faiss.write_index(made, str(folder / "v.index"))
    return folder / "v.index"


def with_nan(row: int) -> np.ndarray:
    vectors = VECTORS.copy()
    vectors[row] = np.nan
    return vectors


ROWS_OF_NULLS = pa.array([*VECTORS.tolist()[:-1], None], type=pa.list_(pa.float32()))
REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "two matrices of the same length": (
        npz(texts=TEXTS, a_embeddings=VECTORS, b_embeddings=VECTORS),
        "holds the matrices 'a_embeddings', 'b_embeddings', and their names do not tell",
    ),
    "a matrix of no side beside one of queries": (
        npz(ids=IDS, query_embeddings=QUERY_VECTORS, embeddings=DOCUMENT_VECTORS),
        "holds the matrices 'embeddings', 'query_embeddings'",
    ),
    "documents alone": (
        npz(corpus_ids=DOCUMENT_IDS, corpus_embeddings=DOCUMENT_VECTORS),
        r"vectors of documents \('corpus_embeddings'\) and none of queries",
    ),
    "two texts a row": (
        parquet(query=TEXTS, positive=TEXTS, embedding=VECTORS),
        "'query' and 'positive', and it is not clear which of them labels the rows of 'embedding'",
    ),
    "labels of one side for two": (
        npz(ids=QUERY_IDS, query_emb=QUERY_VECTORS, doc_emb=DOCUMENT_VECTORS),
        "none of them says which text or id a row of 'query_emb' belongs to. Add query_ids",
    ),
    "vectors without labels": (npz(vectors=VECTORS), "none of them says which text or id a row of 'vectors'"),
    "scores for vectors": (
        parquet(id=IDS, text=TEXTS, top_scores=VECTORS, neighbors=VECTORS),
        "has the columns 'id', 'text', 'top_scores', 'neighbors'; expected either texts and vectors",
    ),
    "lengths that differ": (npz(sentences=TEXTS[1:], embeddings=VECTORS), "'sentences' in .* 35 entries for 36"),
    "no rows": (npz(texts=np.zeros(0, dtype=str), vectors=np.zeros((0, DIM))), "has no rows"),
    "a matrix of one dimension": (npz(texts=TEXTS, vectors=VECTORS[:, 0]), r"expected numbers of shape \(n, dim\)"),
    "several vectors a row": (npz(texts=TEXTS, vectors=np.stack([VECTORS] * 2, 1)), r"shape \(36, 2, 6\); expected"),
    "lists of several lists": (
        parquet(text=TEXTS, embedding=np.stack([VECTORS] * 2, 1)),
        "holds several vectors a row",
    ),
    "a gap in a column": (
        parquet(text=[*TEXTS[:3], None, *TEXTS[4:]], embedding=VECTORS),
        "'text' in .* has no value in row 3",
    ),
    "gaps that would shift rows": (
        parquet(text=[None, *TEXTS[1:]], embedding=ROWS_OF_NULLS),
        "'text' in .* has no value in row 0",
    ),
    "ragged rows": (
        json_lines(text=TEXTS, vector=[*VECTORS.tolist()[:-1], [1.0]]),
        "'vector' in .* has rows of 2 different lengths",
    ),
    "words for numbers": (json_lines(text=TEXTS[:2], vector=[[1.0, 2.0], ["a", "b"]]), "values of several kinds"),
    "a row of NaN": (npz(texts=TEXTS, vectors=with_nan(2)), "Q-2"),
    "a row of NaN in JSON": (json_lines(id=IDS, vector=with_nan(N + 1)), "D-1"),
    "records without vectors": (json_lines(text=TEXTS, x=list(range(3 * N))), "is a JSON file.*need a list of numbers"),
    "a damaged line": (written("v.jsonl", b'{"text": "a", "vector": [1, 2]}\n{"text": "b", "vec'), "line 2"),
    "an archive cut short": (cut("npz, texts and vectors"), "v.npz"),
    "Parquet cut short": (cut("Parquet, text and embedding"), "cut short or damaged"),
    "Arrow cut short": (cut("Arrow file", 200), "cut short or damaged"),
    "an Arrow stream cut short": (cut("Arrow stream", 200), "cut short or damaged"),
    "an array cut short": (cut("npy and texts"), "cut short or damaged"),
    "an index cut short": (cut("FAISS, L2"), "cannot be read as a FAISS flat index"),
    "the head of an index": (cut("FAISS, L2", 3 * N * DIM * 4 + 20), "cannot be read as a FAISS flat index"),
    "another index": (other_index, "a FAISS index of type IndexHNSWFlat; only flat ones"),
    "an index of unknown type": (written("v", b"IxZZ" + bytes(60)), "a FAISS index of type IxZZ"),
    "an array without labels": (saved(VECTORS), "one a line into vectors.txt, or as a list into vectors.json"),
    "an array with several": (
        saved(VECTORS, ("ids.txt", IDS), ("texts.txt", TEXTS)),
        "there are 'ids.txt', 'texts.txt', and it is not clear which",
    ),
    "an array with other labels": (saved(VECTORS, ("other_ids.txt", IDS)), "does not say what its rows are"),
    "an array with too few": (saved(VECTORS, ("vectors.txt", TEXTS[1:])), "35 entries for 36 vectors"),
    "an array with a file that is no list": (saved(VECTORS, ("vectors.json", [{"model": "x"}])), "expected id or text"),
    "an array with numbers": (saved(VECTORS, ("vectors.json", [1.5] * 3 * N)), "row 0: expected a text or an id"),
    "an array of one dimension": (saved(VECTORS[0], ("vectors.txt", TEXTS)), r"shape \(6,\); expected"),
    "an array of objects": (saved(np.array([{}, None], dtype=object), ("vectors.txt", TEXTS)), "Python objects"),
    "an array without rows": (saved(np.zeros((0, 3)), ("vectors.json", [])), "has no rows"),
    "an array of text": (saved(np.array([["a"]]), ("vectors.txt", ["a"])), "expected numbers"),
    "a folder with one side": (
        lambda folder: saved(QUERY_VECTORS, name="queries.npy")(folder).parent,
        r"one .npy file for documents.*there is none",
    ),
    "a folder with two of one side": (
        lambda folder: (
            saved(VECTORS, name="query_embeddings.npy")(folder_of("queries.npy", "corpus.npy")(folder)).parent
        ),
        r"one .npy file for queries, named after them; there is 'queries.npy', 'query_embeddings.npy'",
    ),
    "a folder without labels": (folder_of("queries.npy", "corpus.npy"), r"queries.npy' does not say what its rows are"),
    "an empty folder": (lambda folder: folder, "one .npy file for queries"),
    "a pickle": (
        written("dump.pkl", pickle.dumps({"sentences": ["a"], "embeddings": VECTORS[:1]})),
        r"is a pickle.*never loaded.*\n    import pickle, numpy as np; found = pickle.load\(open\('dump.pkl', 'rb'\)\)"
        r"\n    np.savez\('dump.npz', texts=np.array\(found\['sentences'\], dtype=str\), vectors=",
    ),
    "a tensor": (
        torch_saved,
        r"is a torch file.*\n    import torch, .* torch.load\('vectors.pt'\).*\n    np.savez\('vectors.npz', texts=",
    ),
    "a text file": (written("v.txt", b"a b c\n"), "is a text file; expected embeddings"),
    "an empty file": (written("v.npz", b""), "is an empty file"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_cannot_be_read_is_refused_in_one_message(
    what: str, tmp_path: Path, collection: Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    write, message = REFUSED[what]
    path = write(tmp_path)
    with pytest.raises(InputError, match=message):
        load_precomputed(path, collection)
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join(json.dumps({"query": q, "positive": q + "!"}) for q in QUERIES), encoding="utf-8")
    assert main(["evaluate", "--data", str(data), "--embeddings", str(path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_two_lines_for_a_pickle_convert_it(tmp_path: Path, collection: Collection, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dump.pkl").write_bytes(pickle.dumps({"sentences": TEXTS, "embeddings": VECTORS}))
    with pytest.raises(InvalidEmbeddingsError) as caught:
        load_precomputed("dump.pkl", collection)
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):  # the file is left to the collector
        exec("\n".join(line.strip() for line in str(caught.value).splitlines()[1:]))  # noqa: S102
    np.testing.assert_allclose(load_precomputed("dump.npz", collection).queries, order_of(collection)[0], atol=1e-6)


@pytest.mark.parametrize("form", list(FORMS))
def test_a_file_of_vectors_is_no_checkpoint(form: str, tmp_path: Path) -> None:
    path = FORMS[form](tmp_path)
    if path.is_file():
        with pytest.raises(CheckpointError, match=r"--embeddings|JSON|gzip|unknown format"):
            load_checkpoint(str(path))


def test_a_checkpoint_is_no_file_of_vectors(tmp_path: Path) -> None:
    torch.save({"head.linear.weight": torch.zeros(3, 4)}, tmp_path / "best.pt")
    (tmp_path / "config.json").write_text('{"model_type": "bert", "embedding_size": 3}', encoding="utf-8")
    (tmp_path / "queries.npy").write_bytes(b"")
    (tmp_path / "corpus.npy").write_bytes(b"")
    with gzip.open(tmp_path / "rows.gz", "wb") as file:
        file.write(b"{}")
    for name in ("best.pt", "config.json", "rows.gz", ".", "absent"):
        assert not is_precomputed_file(tmp_path / name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(form=st.sampled_from(sorted(FORMS)), seed=st.integers(0, 2**32 - 1), is_cut=st.booleans())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    form: str, seed: int, is_cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = FORMS[form](folder)
    generator = np.random.default_rng(seed)
    file = generator.choice(sorted(file for file in folder.iterdir()))
    content = np.frombuffer(file.read_bytes(), np.uint8).copy()
    if is_cut:
        content = content[: generator.integers(len(content))]
    else:
        content[generator.integers(len(content), size=3)] = generator.integers(256, size=3)
    file.write_bytes(content.tobytes())
    with suppress(InputError):
        load_precomputed(path, read_collection(DATA))


def test_an_archive_that_unpacks_to_more_than_vectors_do_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("vectors.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (1 << 18, 300)})
        for _ in range(300):
            file.write(bytes(1 << 20))
    with pytest.raises(InvalidEmbeddingsError, match=r"unpacks to 314,\d{3},\d{3} bytes"):
        read_archive(path, lambda name: True)
