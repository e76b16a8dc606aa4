"""The cache on disk: what goes in comes out, and neither kill, nor company, nor damage makes it lie."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.kept import default_directory
from embedscope.models import cache as store_module
from embedscope.models.cache import EmbeddingStore, text_keys

ENCODER = "f" * 64


def vectors_for(texts: list[str], dim: int = 4) -> np.ndarray:
    """A vector that can be told from the text: so that a wrong row is seen."""
    seeds = [int.from_bytes(key[:4].tobytes(), "big") for key in text_keys(texts)]
    return np.array([np.random.default_rng(seed).standard_normal(dim) for seed in seeds], dtype=np.float32).reshape(
        -1, dim
    )


def put(store: EmbeddingStore, texts: list[str], dim: int = 4) -> None:
    store.add(ENCODER, text_keys(texts), vectors_for(texts, dim))


def assert_holds(store: EmbeddingStore, texts: list[str]) -> None:
    found = store.find(ENCODER, text_keys(texts), dim=4)
    assert found.rows.tolist() == list(range(len(texts)))
    np.testing.assert_array_equal(found.vectors, vectors_for(texts))


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("embeddings/*/*.vectors"))


@settings(max_examples=30)
@given(
    stored=st.lists(st.lists(st.text(max_size=8), max_size=6), max_size=4),
    asked=st.lists(st.text(max_size=8), max_size=12),
)
def test_what_was_put_is_found_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, stored: list[list[str]], asked: list[str]
) -> None:
    directory = tmp_path_factory.mktemp("cache")
    for texts in stored:
        put(EmbeddingStore(directory), texts)
    keys = {key.tobytes() for texts in stored for key in text_keys(texts)}
    found = EmbeddingStore(directory).find(ENCODER, text_keys(asked), dim=4)
    assert found.rows.tolist() == [row for row, key in enumerate(text_keys(asked)) if key.tobytes() in keys]
    np.testing.assert_array_equal(found.vectors, vectors_for([asked[row] for row in found.rows]))


def test_texts_are_differing_parts_by_content_after_nfc() -> None:
    keys = text_keys(["é", "e\u0301", "e", "\ud800", " e"])
    assert keys.shape == (5, 16)
    assert (keys[0] == keys[1]).all()
    assert len({key.tobytes() for key in keys}) == 4


def test_encoders_do_not_share_embeddings(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path)
    put(store, ["a"])
    assert len(store.find("0" * 64, text_keys(["a"]), dim=4).rows) == 0
    assert len(store.find(ENCODER, text_keys(["a"]), dim=4).rows) == 1


def test_vectors_of_another_length_are_not_found(tmp_path: Path) -> None:
    put(EmbeddingStore(tmp_path), ["a"], dim=3)
    assert EmbeddingStore(tmp_path).find(ENCODER, text_keys(["a"]), dim=4).vectors.shape == (0, 4)


def test_many_small_segments_become_one_and_lose_nothing(tmp_path: Path) -> None:
    reader, writer = EmbeddingStore(tmp_path), EmbeddingStore(tmp_path)
    texts = [f"text {number}" for number in range(100)]
    put(writer, texts[:1])
    assert_holds(reader, texts[:1])
    for text in texts:
        put(writer, [text])
    assert len(segments(tmp_path)) < 40
    for store in (reader, writer, EmbeddingStore(tmp_path)):
        assert_holds(store, texts)


def test_two_keys_that_begin_alike_are_differing_parts(tmp_path: Path) -> None:
    keys = np.zeros((3, 16), dtype=np.uint8)
    keys[1, 15] = 1
    vectors = np.array([[1.0], [2.0]], dtype=np.float32)
    EmbeddingStore(tmp_path).add(ENCODER, keys[:2], vectors)
    keys[2, 15] = 2
    found = EmbeddingStore(tmp_path).find(ENCODER, keys, dim=1)
    assert all(found.vectors[place] == vectors[row] for place, row in enumerate(found.rows))
    assert 2 not in found.rows


# --- damage -------------------------------------------------------------------------------------------------


def test_damaged_and_foreign_files_are_ignored_with_a_warning(tmp_path: Path) -> None:
    put(EmbeddingStore(tmp_path), ["a", "b"])
    whole = segments(tmp_path)[0]
    folder = whole.parent
    (folder / "1-cut.vectors").write_bytes(whole.read_bytes()[:-3])
    (folder / "2-long.vectors").write_bytes(whole.read_bytes() + b"x")
    (folder / "3-empty.vectors").touch()
    (folder / "4-text.vectors").write_text("hello")
    (folder / "5-header.vectors").write_bytes(whole.read_bytes()[:10] + b"{" * 118 + whole.read_bytes()[128:])
    np.save(folder / "6", np.array([{"a": 1}], dtype=object))
    (folder / "6.npy").rename(folder / "6-object.vectors")
    (folder / "7-huge.vectors").write_bytes(whole.read_bytes().replace(b"(2, 16)", b"(2000000000000, 16)"[:7], 1))
    (folder / "8-folder.vectors").mkdir()
    warnings: list[str] = []
    store = EmbeddingStore(tmp_path, warn=warnings.append)
    assert_holds(store, ["a", "b"])
    assert_holds(store, ["a", "b"])  # each is told once
    assert len(warnings) == 8
    assert all("is ignored" in line for line in warnings)


def test_two_numbers_that_changed_places_are_seen(tmp_path: Path) -> None:
    put(EmbeddingStore(tmp_path), ["a"])
    file = segments(tmp_path)[0]
    data = file.read_bytes()
    file.write_bytes(data[:-8] + data[-4:] + data[-8:-4])
    warnings: list[str] = []
    assert not len(EmbeddingStore(tmp_path, warn=warnings.append).find(ENCODER, text_keys(["a"]), dim=4).rows)
    assert "1 damaged rows" in warnings[0]


def test_a_row_whose_bytes_changed_is_not_found_and_is_told(tmp_path: Path) -> None:
    put(EmbeddingStore(tmp_path), ["a", "b", "c"])
    file = segments(tmp_path)[0]
    data = bytearray(file.read_bytes())
    data[-2] ^= 0x10
    file.write_bytes(data)
    warnings: list[str] = []
    found = EmbeddingStore(tmp_path, warn=warnings.append).find(ENCODER, text_keys(["a", "b", "c"]), dim=4)
    assert len(found.rows) == 2
    assert "1 damaged rows are encoded again" in warnings[0]


def test_a_hole_of_zeros_is_not_taken_for_vectors(tmp_path: Path) -> None:
    put(EmbeddingStore(tmp_path), ["a"])
    file = segments(tmp_path)[0]
    data = file.read_bytes()
    file.write_bytes(data[:-16] + bytes(16))
    found = EmbeddingStore(tmp_path, warn=lambda line: None).find(ENCODER, text_keys(["a"]), dim=4)
    assert len(found.rows) == 0


def test_a_segment_that_vanishes_between_listing_and_opening_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(EmbeddingStore(tmp_path), ["a"])
    put(EmbeddingStore(tmp_path), ["b"])
    gone = segments(tmp_path)[0]
    read = store_module._read_segment

    def vanishing(path: Path) -> object:
        if path == gone:
            gone.unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(store_module, "_read_segment", vanishing)
    found = EmbeddingStore(tmp_path).find(ENCODER, text_keys(["a", "b"]), dim=4)
    assert found.rows.tolist() == [1]


# --- the directory ------------------------------------------------------------------------------------------


def test_the_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "own"))
    assert default_directory() == tmp_path / "own"
    monkeypatch.delenv("EMBEDSCOPE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "embedscope"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_directory() == Path.home() / ".cache" / "embedscope"


@pytest.mark.parametrize("make", ["a file", "below a file"])
def test_a_directory_that_cannot_be_used_is_told_once_and_costs_only_the_cache(make: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    directory = tmp_path / "file" if make == "a file" else tmp_path / "file" / "cache"
    warnings: list[str] = []
    store = EmbeddingStore(directory, warn=warnings.append)
    put(store, ["a"])
    assert len(store.find(ENCODER, text_keys(["a"]), dim=4).rows) == 0
    assert len(warnings) == 1
    assert "Set EMBEDSCOPE_CACHE" in warnings[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_write_permission_is_told_once(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    warnings: list[str] = []
    put(EmbeddingStore(tmp_path, warn=warnings.append), ["a"])
    tmp_path.chmod(stat.S_IRWXU)
    assert len(warnings) == 1


def test_a_disabled_store_touches_nothing(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path / "cache", is_enabled=False)
    put(store, ["a"])
    assert len(store.find(ENCODER, text_keys(["a"]), dim=4).rows) == 0
    assert not (tmp_path / "cache").exists()


# --- several processes --------------------------------------------------------------------------------------

_WRITER = """
import sys
from pathlib import Path
import numpy as np
from embedscope.models.cache import EmbeddingStore, text_keys
store = EmbeddingStore(Path(sys.argv[1]))
number = int(sys.argv[2])
print("ready", flush=True)
while True:
    texts = [f"{number} {row}" for row in range(200)]
    store.add("f" * 64, text_keys(texts), np.full((200, 4000), number % 1000 + 1, dtype=np.float32))
    print(number, flush=True)
    number += 1
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_writer_killed_at_any_moment_leaves_a_valid_cache(tmp_path: Path) -> None:
    written: list[int] = []
    for attempt in range(6):
        command = [sys.executable, "-c", _WRITER, str(tmp_path), str(attempt * 100_000)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.05 + 0.037 * attempt)
        process.send_signal(signal.SIGKILL)
        written += [int(line) for line in process.stdout.read().split()]
        process.stdout.close()
        process.wait()
    warnings: list[str] = []
    store = EmbeddingStore(tmp_path, warn=warnings.append)
    assert written
    for number in written:
        found = store.find("f" * 64, text_keys([f"{number} {row}" for row in range(200)]), dim=4000)
        assert len(found.rows) == 200
        assert (found.vectors == number % 1000 + 1).all()
    assert warnings == []


def _fill(directory: Path, name: str) -> None:
    store = EmbeddingStore(directory)
    for number in range(60):
        put(store, [f"{name} {number}", f"shared {number}"])
        assert_holds(store, [f"{name} {number}", f"shared {number}"])


def test_two_processes_fill_one_cache_at_once_and_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    processes = [context.Process(target=_fill, args=(tmp_path, name)) for name in ("one", "two")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    warnings: list[str] = []
    texts = [f"{name} {number}" for name in ("one", "two", "shared") for number in range(60)]
    assert_holds(EmbeddingStore(tmp_path, warn=warnings.append), texts)
    assert warnings == []
