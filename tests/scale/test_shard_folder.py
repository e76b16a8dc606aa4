"""Shard folders: what is written is what is read, nothing is half-written, and damage is met by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import fs

from embedscope.data.collection import Negatives
from embedscope.errors import (
    DataFormatError,
    EmbedscopeError,
    InputError,
    InvalidEmbeddingsError,
    InvalidOptionError,
    OutputError,
)
from embedscope.metrics.vectors import unit_rows
from embedscope.scale import remote_storage as places
from embedscope.scale.shard_folder import ShardFolder, is_shard_folder
from embedscope.scale.shard_writer import write_shards, writing_shards

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


def change_entry(folder: Path, place: int = 0, **entries: object) -> None:
    """Change what the manifest says of a shard of documents."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["documents"][place] |= entries
    (folder / "manifest.json").write_text(json.dumps(manifest))


def replace_rows(folder: Path, rows: np.ndarray) -> None:
    """Another first shard of documents, with a manifest that agrees with it."""
    file = folder / "documents" / "00000.npy"
    np.save(file, rows)
    change_entry(folder, bytes=file.stat().st_size, sha256=hashlib.sha256(file.read_bytes()).hexdigest())


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
        (lambda f: change_manifest(f, dim=1300), "manifest.json' is damaged.*rows of 1,300 numbers in float32"),
        (lambda f: change_manifest(f, dim=0), "manifest.json' is damaged"),
        (lambda f: change_entry(f, rows=10**15), "manifest.json' is damaged.*1,000,000,000,000,000 rows"),
        (lambda f: change_entry(f, rows=-20), "manifest.json' is damaged.*-20 rows"),
        (lambda f: change_entry(f, rows=21), r"documents/00000.npy.*expected float32 of shape \(21, 12\)"),
        (lambda f: change_entry(f, rows=40), "manifest.json' is damaged.*40 rows"),
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


@pytest.mark.parametrize(
    "file",
    ["../secret/x.npy", "/etc/passwd", "documents/../../x.npy", "queries/00000.npy", "documents/1.npy\n", "x.npy"],
)
def test_a_manifest_that_names_a_file_elsewhere_is_refused_and_the_file_is_not_opened(
    file: str, folder: ShardFolder
) -> None:
    where = Path(folder.where)
    (where.parent / "secret").mkdir()
    (where.parent / "secret" / "x.npy").write_bytes((where / "documents/00000.npy").read_bytes())
    change_entry(where, file=file)
    with pytest.raises(DataFormatError, match=r"manifest.json' is damaged.*expected a name like"):
        ShardFolder(where)


def test_names_and_judgments_of_another_place_are_refused_too(tmp_path: Path) -> None:
    named_folder(tmp_path / "shards", ["a", "b"])
    change_entry(tmp_path / "shards", names={"file": "../names.parquet", "rows": 2, "bytes": 1, "sha256": ""})
    with pytest.raises(DataFormatError, match="expected a name like"):
        ShardFolder(tmp_path / "shards")
    change_manifest(tmp_path / "shards", documents=[], judgments={"file": "../j", "rows": 1, "bytes": 1, "sha256": ""})
    with pytest.raises(DataFormatError, match="expected a name like"):
        ShardFolder(tmp_path / "shards")


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize(("row", "norm"), [([np.nan] * DIM, "nan"), ([5.0] + [0] * (DIM - 1), "5"), ([0] * DIM, "0")])
def test_a_row_that_is_no_unit_row_is_named_with_its_shard(
    row: list[float], norm: str, dtype: str, tmp_path: Path
) -> None:
    folder = write_shards(
        tmp_path / "shards", vectors(0, 2), vectors(1, 50), [[0], [1]], dtype=dtype, rows_per_shard=20
    )
    rows = np.load(tmp_path / "shards" / "documents" / "00000.npy")
    rows[13] = row
    replace_rows(tmp_path / "shards", rows)
    folder = ShardFolder(tmp_path / "shards")
    said = rf"documents/00000\.npy', row 13: .*norm is {norm}"
    with pytest.raises(InvalidEmbeddingsError, match=said):
        folder.documents.everything()
    with pytest.raises(InvalidEmbeddingsError, match=said):
        folder.documents.take(np.array([2, 13, 40]))
    folder.documents.take(np.array([2, 14, 40]))


def test_rows_of_a_folder_that_is_not_normalised_are_made_unit_rows(folder: ShardFolder) -> None:
    where = Path(folder.where)
    replace_rows(where, 3 * np.load(where / "documents" / "00000.npy"))
    change_manifest(where, is_normalised=False)
    np.testing.assert_allclose(ShardFolder(where).documents.everything(), unit_rows(vectors(1, 50)), atol=1e-6)
    rows = np.load(where / "documents" / "00000.npy")
    rows[3] = 0
    replace_rows(where, rows)
    with pytest.raises(InvalidEmbeddingsError, match=r"00000\.npy', of its rows 0 to 19.*norm"):
        ShardFolder(where).documents.everything()


def named_folder(where: Path, texts: list[str]) -> ShardFolder:
    with writing_shards(where) as writer:
        writer.queries.add(vectors(0, 1), ["a"], ["first"])
        writer.documents.add(vectors(1, len(texts)), [f"id{i}" for i in range(len(texts))], texts)
        writer.judge(np.array([0]), np.array([1]))
    return ShardFolder(where)


def test_texts_that_were_altered_are_refused(tmp_path: Path) -> None:
    folder = named_folder(tmp_path / "shards", [f"text {i}" for i in range(20)])
    file = tmp_path / "shards" / "documents" / "00000.parquet"
    flip(file, file.stat().st_size - 30)
    with pytest.raises(DataFormatError, match=r"00000\.parquet.*another SHA-256"):
        folder.documents.names(np.array([3]))


def test_long_texts_are_cut_to_the_characters_that_are_shown(tmp_path: Path) -> None:
    folder = named_folder(tmp_path / "shards", ["ngắn", "ă" * 300, "ă" * 10])
    assert folder.documents.names(np.arange(3), 10)[1] == ("ngắn", "ă" * 10 + "…", "ă" * 10)
    assert folder.documents.names(np.arange(3))[1] == ("ngắn", "ă" * 300, "ă" * 10)
    assert folder.documents.longest == (3, 600)
    assert folder.queries.longest == (1, 5)


def test_texts_are_written_in_row_groups_of_some_mebibytes_wherever_the_rows_are_cut(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    texts = [f"{i} " + "x" * 40_000 for i in range(250)]
    files = []
    for name, cut in (("a", 250), ("b", 37)):
        with writing_shards(tmp_path / name) as writer:
            writer.queries.add(vectors(0, 1))
            for start in range(0, 250, cut):
                part = texts[start : start + cut]
                writer.documents.add(vectors(1, 250)[start : start + cut], part, part)
            writer.judge(np.array([0]), np.array([1]))
        files.append(tmp_path / name / "documents" / "00000.parquet")
    assert files[0].read_bytes() == files[1].read_bytes()
    metadata = pq.ParquetFile(files[0]).metadata
    assert metadata.num_row_groups == 5
    found = ShardFolder(tmp_path / "b").documents.names(np.array([0, 51, 52, 249]), 4)[1]
    assert found == ("0 xx…", "51 x…", "52 x…", "249 …")


def test_names_in_one_large_row_group_are_read_a_part_at_a_time(tmp_path: Path) -> None:
    """Folders of other programs, whose row groups are not ours."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [f"{i} " + "x" * 100_000 for i in range(300)]
    named_folder(tmp_path / "shards", texts)
    file = tmp_path / "shards" / "documents" / "00000.parquet"
    pq.write_table(pa.table({"id": [f"id{i}" for i in range(300)], "text": texts}), file, row_group_size=300)
    names = {
        "file": "documents/00000.parquet",
        "rows": 300,
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    change_entry(tmp_path / "shards", names=names)
    folder = ShardFolder(tmp_path / "shards")
    assert folder.documents.longest is None
    ids, found = folder.documents.names(np.array([0, 41, 42, 299]), 5)
    assert (ids, found) == (("id0", "id41", "id42", "id299"), ("0 xxx…", "41 xx…", "42 xx…", "299 x…"))


def test_types_of_many_hard_negatives_are_one_object_each(tmp_path: Path) -> None:
    with writing_shards(tmp_path / "shards") as writer:
        writer.queries.add(vectors(0, 2))
        writer.documents.add(vectors(1, 5))
        writer.judge(np.array([0, 1]), np.array([0, 1]))
        given_ = Negatives(np.zeros(9000, int), np.full(9000, 2), np.ones(9000), (("price", "area"), ()) * 4500)
        writer.oppose(given_)
    types = ShardFolder(tmp_path / "shards").negatives().types
    assert types == given_.types
    assert len({id(entry) for entry in types}) == 2


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> fs.FileSystem:
    """An object store in memory, for every ``mock://`` URI of the test: no rename, and no path of this machine."""
    found = fs._MockFileSystem()
    monkeypatch.setattr(places, "_opened", lambda uri: (found, uri.removeprefix("mock://")))
    return found


def files_of(store: fs.FileSystem) -> list[str]:
    infos = store.get_file_info(fs.FileSelector("", recursive=True))
    return sorted(info.path for info in infos if info.type == fs.FileType.File)


def test_a_folder_in_an_object_store_is_written_and_read_like_one_on_disk(store: fs.FileSystem) -> None:
    where = "mock://bucket/shards"
    written = write_shards(where, vectors(0, 2), vectors(1, 50), [[0], [1]], rows_per_shard=20)
    np.testing.assert_array_equal(written.documents.everything(), unit_rows(vectors(1, 50)))
    np.testing.assert_array_equal(written.documents.take(np.array([49, 3])), unit_rows(vectors(1, 50))[[49, 3]])
    assert is_shard_folder(where)
    assert files_of(store)[0] == "bucket/shards/documents/00000.npy"
    with pytest.raises(OutputError, match="must not mix"):
        write_shards(where, vectors(0, 2), vectors(1, 5), [[0], [1]])


def test_a_writing_to_an_object_store_that_fails_removes_what_it_wrote_and_nothing_else(store: fs.FileSystem) -> None:
    store.create_dir("bucket/shards", recursive=True)
    with store.open_output_stream("bucket/shards/mine.txt") as file:
        file.write(b"keep")

    def half() -> object:
        yield vectors(1, 5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards("mock://bucket/shards", vectors(0, 2), half(), [[0], [1]], rows_per_shard=2)
    assert files_of(store) == ["bucket/shards/mine.txt"]
    assert not is_shard_folder("mock://bucket/shards")


def test_a_whole_corpus_is_evaluated_from_an_object_store(store: fs.FileSystem, tmp_path: Path) -> None:
    from embedscope.scale.corpus import result_of_shards
    from embedscope.settings import Settings

    settings = Settings.of(draws=100)
    arrays = vectors(1, 50)[:5] + 0.1, vectors(1, 50), [[i] for i in range(5)]
    local, remote = (
        result_of_shards(write_shards(where, *arrays, rows_per_shard=20), settings)
        for where in (tmp_path / "shards", "mock://bucket/shards")
    )
    assert remote.metrics == local.metrics
    assert remote.similarity.margin == local.similarity.margin


def test_a_place_with_a_null_character_is_refused_and_the_process_goes_on() -> None:
    with pytest.raises(InputError, match="null character"):
        places.open_place("a\0b")
