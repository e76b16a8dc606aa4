"""Results on disk: what was kept comes back to the last bit, or is computed anew."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.errors import InvalidOptionError
from embedscope.kept import KeptResults
from embedscope.kept import program as program_module
from embedscope.kept import results as results_module
from embedscope.kept.content import Digests
from embedscope.kept.packed_values import NotWholeError, pack, unpack
from embedscope.maps import NeighborGraph
from embedscope.maps.neighbor_graph import Sample
from embedscope.protocols import Float32Array, IntArray, Role
from embedscope.result import DecidingWord, Estimate, Explanations, MapLayout, MinimalPairs, TextRole

GRAPH = NeighborGraph(np.arange(6).reshape(3, 2), np.zeros((3, 2), np.float32))
LAYOUT = MapLayout(
    name="umap", xy=np.float32([[np.nan, -0.0], [1e-45, np.inf]]), trustworthiness=0.1 + 0.2, continuity=float("nan"),
    k=15, kept=np.zeros(2, np.float32), elapsed_s=1.5, parameters={"a": 1, "b": 0.5, "c": "pca"},
)  # fmt: skip
EXPLANATIONS = Explanations(
    1, 2, Estimate(0.5, n=3), (DecidingWord("w", TextRole.WRONG, 1),), (),
    (MinimalPairs("number", 1, Estimate(None), None),),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _results_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMBEDSCOPE_RESULTS_LIMIT")


def never() -> Any:
    pytest.fail("computed")


def kept_file(folder: Path) -> Path:
    (path,) = (folder / "results").glob("*.kept")
    return path


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (MapLayout, LAYOUT),
        (NeighborGraph, GRAPH),
        (NeighborGraph, GRAPH._replace(sample=Sample(np.arange(2), GRAPH))),
        (Explanations, EXPLANATIONS),
        (bytes, b"\x89PNG"),
        (dict[Role, tuple[int, ...]], {Role.QUERY: (1, 2)}),
        (Mapping[str, Mapping[str, Float32Array]], {"a": {"b": np.float32([1, np.nan])}}),
        (tuple[str | None, ...], ("\udcff", None, "")),
        (list[tuple[int, int]], [(1, 2)]),
        (tuple[IntArray, IntArray], (np.zeros((0, 3), np.int64), np.asfortranarray(np.arange(6).reshape(2, 3)))),
    ],
)
def test_a_value_comes_back_to_the_last_bit(kind: Any, value: Any) -> None:
    back = unpack(kind, pack(value, "key"), "key")
    assert type(back) is type(value)
    assert Digests().of(back) == Digests().of(value)
    assert pack(back, "key") == pack(value, "key")


def test_the_second_time_nothing_is_computed_and_the_log_says_what_was_taken(tmp_path: Path) -> None:
    assert KeptResults(tmp_path).value("map", MapLayout, (1, "a"), lambda: LAYOUT) is LAYOUT
    second, said = KeptResults(tmp_path), []
    assert Digests().of(second.value("map", MapLayout, (1, "a"), never)) == Digests().of(LAYOUT)
    second.tell(said.append)
    assert said == ["From the cache: map"]


@pytest.mark.parametrize("made_of", [(2, "a"), (1, "b"), (1,), ("1", "a")])
def test_of_anything_else_it_is_computed(made_of: tuple[Any, ...], tmp_path: Path) -> None:
    KeptResults(tmp_path).value("words", tuple[str, ...], (1, "a"), lambda: ("old",))
    assert KeptResults(tmp_path).value("words", tuple[str, ...], made_of, lambda: ("new",)) == ("new",)
    assert KeptResults(tmp_path).value("other", tuple[str, ...], (1, "a"), lambda: ("new",)) == ("new",)


def test_an_edited_source_or_another_library_meets_no_old_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = program_module.program_digest.__wrapped__
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.py").write_text("x = 1")
    times = os.stat(source / "a.py")
    monkeypatch.setattr(program_module, "_SOURCE", source)
    first = digest()
    assert digest() == first
    (source / "a.py").write_text("x = 2")
    os.utime(source / "a.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    second = digest()
    assert second != first
    monkeypatch.setattr(program_module, "version_of", lambda name: "0.0")
    assert digest() not in (first, second)


def _cut(content: bytes) -> bytes:
    return content[:-1]


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def _pickled(content: bytes) -> bytes:
    return pickle.dumps(LAYOUT)


@pytest.mark.parametrize("spoil", [_cut, _flipped, _pickled, lambda content: b""])
def test_a_damaged_file_is_told_and_made_again(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    KeptResults(tmp_path).value("map", MapLayout, (1,), lambda: LAYOUT)
    path = kept_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(spoil(whole))
    warnings: list[str] = []
    assert KeptResults(tmp_path, warn=warnings.append).value("map", MapLayout, (1,), lambda: LAYOUT) is LAYOUT
    assert len(warnings) == 1
    assert "is made again" in warnings[0]
    assert path.read_bytes() == whole


def test_every_cut_and_a_flip_of_every_byte_is_noticed() -> None:
    whole = pack(("a", 1.5), "key")
    for place in range(len(whole)):
        for spoiled in (whole[:place], whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :]):
            with pytest.raises(NotWholeError):
                unpack(tuple[str, float], spoiled, "key")


def test_a_file_under_another_name_and_a_value_of_another_form_are_refused() -> None:
    with pytest.raises(NotWholeError, match="name of another"):
        unpack(bytes, pack(b"", "one"), "other")
    for kind in (tuple[int, int], MapLayout, NeighborGraph, Role, bytes, dict[str, int]):
        with pytest.raises(NotWholeError):
            unpack(kind, pack(("a", "b"), "key"), "key")


@pytest.mark.parametrize("value", [{1, 2}, object(), (np.float32(1),), np.array([object()])])
def test_what_cannot_be_written_or_read_again_is_not_kept(value: Any, tmp_path: Path) -> None:
    for kind in (Any, tuple[Any, ...]):
        assert KeptResults(tmp_path).value("thing", kind, (1,), lambda: value) is value
    assert not list(tmp_path.rglob("*.kept"))


def test_what_is_made_of_something_without_content_is_not_kept(tmp_path: Path) -> None:
    for answer in ("one", "two"):
        assert KeptResults(tmp_path).value("text", str, (object(),), lambda answer=answer: answer) == answer
    assert not list(tmp_path.rglob("*"))


def test_disabled_it_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert KeptResults(tmp_path, is_enabled=False).value("text", str, (1,), lambda: "a") == "a"
    monkeypatch.setenv("EMBEDSCOPE_RESULTS_LIMIT", "0")
    assert KeptResults(tmp_path).value("text", str, (1,), lambda: "a") == "a"
    assert not list(tmp_path.rglob("*"))


def test_above_the_limit_those_that_were_used_last_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDSCOPE_RESULTS_LIMIT", "10kB")
    for place in range(5):
        KeptResults(tmp_path).value("text", bytes, (place,), lambda: bytes(1_500))
        KeptResults(tmp_path).value("text", bytes, (0,), lambda: bytes(1_500))
        for path in (tmp_path / "results").iterdir():  # a second passes
            facts = path.stat()
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns - 10**9))
    KeptResults(tmp_path).value("text", bytes, (5,), lambda: bytes(1_500))
    assert sum(path.stat().st_size for path in (tmp_path / "results").iterdir()) <= 10_000
    kept = KeptResults(tmp_path)
    assert [kept.find("text", bytes, kept.key("text", place)) is not None for place in (0, 1, 5)] == [True, False, True]


def test_a_result_of_more_than_half_the_limit_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDSCOPE_RESULTS_LIMIT", "1kB")
    KeptResults(tmp_path).value("text", bytes, (1,), lambda: bytes(900))
    assert not list(tmp_path.rglob("*.kept"))


@pytest.mark.parametrize("limit", ["much", "-1", "2 apples"])
def test_a_limit_that_is_no_number_of_bytes_is_refused(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDSCOPE_RESULTS_LIMIT", limit)
    with pytest.raises(InvalidOptionError, match="EMBEDSCOPE_RESULTS_LIMIT"):
        KeptResults(tmp_path)


def test_a_folder_that_cannot_be_used_is_told_once_and_costs_only_what_was_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    warnings: list[str] = []
    kept = KeptResults(tmp_path / "file", warn=warnings.append)
    for answer in ("one", "two"):
        assert kept.value("text", str, (1,), lambda answer=answer: answer) == answer
    assert len(warnings) == 1
    assert "Set EMBEDSCOPE_CACHE" in warnings[0]


def test_a_folder_that_may_only_be_read_is_told_once_and_goes_on_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    KeptResults(tmp_path).value("text", str, (1,), lambda: "kept")

    def refused(*_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(results_module, "write_whole", refused)
    warnings: list[str] = []
    kept = KeptResults(tmp_path, warn=warnings.append)
    for answer in ("one", "two"):
        assert kept.value("text", str, (2,), lambda answer=answer: answer) == answer
    assert kept.value("text", str, (1,), never) == "kept"
    assert len(warnings) == 1
    assert "(Read-only file system): what is there is used" in warnings[0]


def test_a_file_that_another_process_removes_meanwhile_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptResults(tmp_path)
    kept.value("text", str, (1,), lambda: "a")
    monkeypatch.setattr(os, "utime", lambda path: Path(path).unlink())
    assert kept.value("text", str, (1,), never) == "a"
    assert KeptResults(tmp_path).value("text", str, (1,), lambda: "b") == "b"
    assert results_module.DEFAULT_LIMIT == 2_000_000_000
