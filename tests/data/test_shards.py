"""Shard folders: what is written is what is read, nothing is half-written, and damage is met by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedscope.data.collection import Negatives
from embedscope.data.shard_writer import write_shards, writing_shards
from embedscope.data.shards import ShardFolder, is_shard_folder
from embedscope.errors import (
    DataFormatError,
    EmbedscopeError,
    InputError,
    InvalidEmbeddingsError,
    InvalidOptionError,
    OutputError,
)
from embedscope.numerics.vectors import unit_rows

DIM = 12


def vectors(seed: int, n: int, dim: int = DIM) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> ShardFolder:
    return write_shards(tmp_path / "shards", vectors(0, 4), vectors(1, 50), [[0], [7, 3], [], [49]], rows_per_shard=20)


def test_what_is_written_is_what_is_read(folder: ShardFolder) -> None:
    assert (folder.queries.n_rows, folder.documents.n_rows, folder.dim) == (4, 50, DIM)
    assert [shard.rows for shard in folder.documents.shards] == [20, 20, 10]
    np.testing.assert_array_equal(folder.documents.everything(), unit_rows(vectors(1, 50)))
    np.testing.assert_array_equal(folder.queries.everything(), unit_rows(vectors(0, 4)))
    judgments = folder.judgments()
    np.testing.assert_array_equal(judgments.indptr, [0, 1, 3, 3, 4])
    np.testing.assert_array_equal(judgments.documents, [0, 3, 7, 49])
    assert judgments.n_documents == 50


def test_every_shard_is_an_array_that_numpy_maps_into_memory(folder: ShardFolder) -> None:
    mapped = np.load(Path(folder.where) / "documents" / "00002.npy", mmap_mode="r")
    np.testing.assert_array_equal(mapped, unit_rows(vectors(1, 50))[40:])


def test_half_precision_halves_the_bytes_and_reads_unit_rows(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "shards", vectors(0, 2), vectors(1, 50), [[0], [1]], dtype="float16")
    assert folder.documents.shards[0].bytes == 128 + 50 * DIM * 2
    rows = folder.documents.everything()
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=3e-7)
    np.testing.assert_allclose(rows, unit_rows(vectors(1, 50)), atol=1e-3)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 30), max_size=5), rows_per_shard=st.integers(1, 40))
def test_rows_given_in_any_pieces_make_the_same_files(
    cuts: list[int], rows_per_shard: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows, place = vectors(1, 30), tmp_path_factory.mktemp("shards")
    whole = write_shards(place / "a", rows[:2], rows, [[0], [1]], rows_per_shard=rows_per_shard)
    pieces = np.split(rows, sorted(cuts))
    cut = write_shards(place / "b", rows[:2], iter(pieces), [[0], [1]], rows_per_shard=rows_per_shard)
    assert cut.documents.shards == whole.documents.shards


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.integers(0, 49), max_size=30))
def test_chosen_rows_come_in_the_order_asked_for(rows: list[int], folder: ShardFolder) -> None:
    found = folder.documents.take(np.array(rows, dtype=np.int64))
    np.testing.assert_array_equal(found, unit_rows(vectors(1, 50))[rows])


def test_blocks_of_any_size_hold_every_row_once(folder: ShardFolder) -> None:
    for size in (1, 7, 20, 1000):
        found = np.full((50, DIM), np.nan, dtype=np.float32)
        for number in range(3):
            for start, block in folder.documents.blocks(number, size):
                assert np.isnan(found[start : start + len(block)]).all()
                found[start : start + len(block)] = block
        np.testing.assert_array_equal(found, unit_rows(vectors(1, 50)))


def test_names_are_those_of_the_rows_and_row_numbers_where_there_are_none(tmp_path: Path, folder: ShardFolder) -> None:
    with writing_shards(tmp_path / "named", rows_per_shard=2) as writer:
        writer.queries.add(vectors(0, 1), ["a"], ["first"])
        for start in (0, 3):
            ids = [f"id{i}" for i in range(start, start + 3)]
            writer.documents.add(vectors(1, 3), ids, [f"text {name}" for name in ids])
        writer.judge(np.array([0]), np.array([5]))
    named = ShardFolder(tmp_path / "named")
    assert named.documents.names(np.array([0, 3, 5])) == (("id0", "id3", "id5"), ("text id0", "text id3", "text id5"))
    assert folder.documents.names(np.array([2, 41])) == (("d2", "d41"), ("d2", "d41"))


def test_hard_negatives_come_back_with_types_and_weights(tmp_path: Path) -> None:
    given_ = Negatives(np.array([0, 1]), np.array([3, 4]), np.array([1.0, 2.5]), (("price",), ()))
    with writing_shards(tmp_path / "shards") as writer:
        writer.queries.add(vectors(0, 2))
        writer.documents.add(vectors(1, 5))
        writer.judge(np.array([0, 1]), np.array([0, 1]))
        writer.oppose(given_)
    found = ShardFolder(tmp_path / "shards").negatives()
    np.testing.assert_array_equal(found.documents, given_.documents)
    np.testing.assert_array_equal(found.weights, given_.weights)
    assert found.types == given_.types


def test_a_uri_of_pyarrow_is_read_and_written_like_a_path(tmp_path: Path) -> None:
    where = (tmp_path / "shards").as_uri()
    folder = write_shards(where, vectors(0, 2), vectors(1, 5), [[0], [1]])
    assert is_shard_folder(where)
    np.testing.assert_array_equal(folder.documents.everything(), unit_rows(vectors(1, 5)))


def test_an_interrupted_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    def half() -> object:
        yield vectors(1, 5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path / "deep" / "shards", vectors(0, 2), half(), [[0], [1]], rows_per_shard=2)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_shards_is_not_written_over(folder: ShardFolder) -> None:
    with pytest.raises(OutputError, match="must not mix"):
        write_shards(folder.where, vectors(0, 2), vectors(1, 5), [[0], [1]])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda p: write_shards(p, vectors(0, 2), vectors(1, 5, 3), [[0], [1]]), InvalidEmbeddingsError, "undefined"),
        (lambda p: write_shards(p, vectors(0, 2), np.zeros((3, DIM)), [[0], [1]]), InvalidEmbeddingsError, "norm"),
        (lambda p: write_shards(p, vectors(0, 2), vectors(1, 5), [[0]]), DataFormatError, "each of the 2 queries"),
        (lambda p: write_shards(p, vectors(0, 2), vectors(1, 5), [[0], [5]]), DataFormatError, "not in the corpus"),
        (lambda p: write_shards(p, vectors(0, 2), [], [[0], [1]]), DataFormatError, "corpus of 0|0 documents"),
        (lambda p: write_shards(p, vectors(0, 2), vectors(1, 5), [[0], [1]], dtype="int8"), InvalidOptionError, "int8"),
        (
            lambda p: write_shards(p, vectors(0, 2), vectors(1, 5), [[0], [1]], rows_per_shard=0),
            InvalidOptionError,
            "at least one row",
        ),
        (
            lambda p: write_shards(p, vectors(0, 2), [vectors(1, 5), vectors(1, 5, 3)], [[0], [1]]),
            InvalidEmbeddingsError,
            "one model",
        ),
    ],
)
def test_what_makes_no_folder_is_refused_and_leaves_nothing(
    call: Callable[[Path], object], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        call(tmp_path / "shards")
    assert list(tmp_path.iterdir()) == []


def change_manifest(folder: Path, **entries: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **entries}))


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def read_all(folder: Path) -> None:
    found = ShardFolder(folder)
    found.judgments()
    found.documents.everything()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / "documents/00001.npy").unlink(), "documents/00001.npy.*there is no such file"),
        (lambda f: (f / "documents/00001.npy").write_bytes(b"short"), "documents/00001.npy.*has 5 bytes"),
        (lambda f: flip(f / "documents/00001.npy", 500), "documents/00001.npy.*another SHA-256"),
        (lambda f: flip(f / "documents/00001.npy", 3), "documents/00001.npy.*no .npy file"),
        (lambda f: flip(f / "judgments.parquet", 2), "judgments.parquet.*another SHA-256"),
        (lambda f: (f / "judgments.parquet").unlink(), "judgments.parquet.*no such file"),
        (lambda f: change_manifest(f, dim=13), r"queries|documents/.*expected float32 of shape \(20, 13\)"),
        (lambda f: change_manifest(f, dim="many"), "manifest.json' is damaged"),
        (lambda f: change_manifest(f, documents=[{"file": "x"}]), "manifest.json' is damaged"),
        (lambda f: change_manifest(f, format_version=9), "format version 9"),
        (lambda f: change_manifest(f, dtype="int8"), "'int8'"),
        (lambda f: change_manifest(f, format="other"), "no shard folder"),
        (lambda f: (f / "manifest.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "manifest.json").unlink(), "embedscope shard"),
    ],
)
def test_damage_is_met_with_the_name_of_the_file(
    damage: Callable[[Path], object], words: str, folder: ShardFolder
) -> None:
    damage(Path(folder.where))
    with pytest.raises(EmbedscopeError, match=words):
        read_all(Path(folder.where))


def test_a_file_that_ends_early_is_noticed_when_rows_are_chosen(folder: ShardFolder) -> None:
    shard = Path(folder.where) / "documents" / "00002.npy"
    shard.write_bytes(shard.read_bytes()[:-4])
    with pytest.raises(DataFormatError, match=r"00002.npy.*ends early"):
        folder.documents.take(np.array([49]))


def test_judgments_of_rows_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with writing_shards(tmp_path / "shards") as writer:
        writer.queries.add(vectors(0, 2))
        writer.documents.add(vectors(1, 5))
        writer.judge(np.array([0, 2]), np.array([0, 1]))
    with pytest.raises(DataFormatError, match="outside the 2 queries"):
        ShardFolder(tmp_path / "shards").judgments()


def test_only_a_folder_with_a_manifest_of_the_format_is_one(tmp_path: Path, folder: ShardFolder) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text("[]")
    assert is_shard_folder(folder.where)
    for place in (tmp_path, tmp_path / "other", tmp_path / "absent", "nosuch://bucket/x"):
        assert not is_shard_folder(place)
    with pytest.raises(InputError, match="pyarrow reads"):
        ShardFolder("nosuch://bucket/x")


def test_a_digest_depends_on_judgments_and_not_on_the_vectors(tmp_path: Path) -> None:
    def made(name: str, seed: int, qrels: list[list[int]]) -> str:
        return write_shards(tmp_path / name, vectors(seed, 2), vectors(seed + 1, 5), qrels).digest

    assert made("a", 0, [[0], [1]]) == made("b", 5, [[0], [1]])
    assert made("c", 0, [[0], [2]]) != made("d", 0, [[0], [1]])
