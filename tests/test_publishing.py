"""What is published is the old or the new, whole, at whatever system call the process is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from embedscope import publishing
from embedscope.errors import DataFormatError, OutputError
from embedscope.publishing import require_complete, staged_folder, write_files, write_whole

CALLS = (
    "rename", "replace", "link", "mkdir", "rmdir", "unlink", "open", "stat", "lstat", "scandir", "listdir", "chmod",
    "fsync", "access", "kill", "utime",
)  # fmt: skip
"""What publishing asks of the system; each is followed by a chance to die."""

OLD, NEW = {"report.json": "old", "sub/a.png": "old"}, {"report.json": "new", "sub/a.png": "new", "b.html": "new"}
OTHERS = {"notes.txt": "mine", "sub/more.txt": "mine"}


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def publish_folder(target: Path) -> None:
    with staged_folder(target) as staging:
        fill(staging, NEW)


def publish_file(target: Path) -> None:
    write_whole(target, lambda temporary: temporary.write_text("new"), is_durable=True)


def killed_at(n: int, publish: Callable[[Path], None], target: Path) -> bool:
    """Publish in a child that dies by SIGKILL before its n-th call; False where it made fewer and ended by itself."""
    child = os.fork()
    if child == 0:
        left = [n]

        def dying(call: Callable[..., object]) -> Callable[..., object]:
            def counted(*args: object, **more: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    os.kill = real_kill
                    real_kill(os.getpid(), signal.SIGKILL)
                return call(*args, **more)

            return counted

        real_kill = os.kill
        for name in CALLS:
            setattr(os, name, dying(getattr(os, name)))
        swap = publishing.exchanged
        publishing.exchanged = dying(swap)  # type: ignore[assignment]
        try:
            publish(target)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_is_old_or_new_wherever_the_process_is_killed(tmp_path: Path, is_there: bool) -> None:
    if not publishing.exchanged(*_two(tmp_path)):
        pytest.skip("this file system cannot exchange folders")
    seen, n, is_killed = set(), 0, True
    while is_killed:
        target = tmp_path / f"{n}" / "out"
        target.parent.mkdir()
        before = {**OLD, **OTHERS} if is_there else {}
        fill(target, before)
        is_killed = killed_at(n, publish_folder, target)
        found = contents(target)
        assert found in (before, {**before, **NEW})
        seen.add(found == before)
        publish_folder(target)  # the next run does its work and sweeps
        assert contents(target) == {**before, **NEW}
        assert [path.name for path in target.parent.iterdir()] == ["out"]
        n += 1
    assert seen == {True, False}
    assert n > 10


def test_a_folder_that_cannot_change_places_is_refused_until_it_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "exchanged", lambda one, other: False)
    n, is_killed, n_refused = 0, True, 0
    while is_killed:
        target = tmp_path / f"{n}" / "out"
        fill(target, {**OLD, **OTHERS})
        is_killed = killed_at(n, publish_folder, target)
        found = {name: text for name, text in contents(target).items() if not name.startswith(".")}
        if found not in ({**OLD, **OTHERS}, {**NEW, **OTHERS}):
            n_refused += 1
            with pytest.raises(DataFormatError, match="files of two runs"):
                require_complete(target)
        publish_folder(target)
        require_complete(target)
        assert contents(target) == {**NEW, **OTHERS}
        assert [path.name for path in target.parent.iterdir()] == ["out"]
        n += 1
    assert n_refused


def test_a_file_is_old_or_new_wherever_the_process_is_killed(tmp_path: Path) -> None:
    n, is_killed = 0, True
    while is_killed:
        target = tmp_path / f"{n}" / "best.pt"
        target.parent.mkdir()
        target.write_text("old")
        is_killed = killed_at(n, publish_file, target)
        assert target.read_text() in ("old", "new")
        publish_file(target)
        assert contents(target.parent) == {"best.pt": "new"}
        n += 1
    assert n > 5


@pytest.mark.skipif(sys.platform == "win32", reason="no process is asked for there")
def test_what_a_living_process_builds_is_not_swept(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "one") as one:
        publish_folder(tmp_path / "two")
        assert one.is_dir()
    (tmp_path / f".embedscope-{'0' * 8}-1-{'0' * 12}").mkdir()  # of another machine, and young
    publish_folder(tmp_path / "two")
    assert len(list(tmp_path.glob(".embedscope-*"))) == 1


def test_a_folder_that_is_replaced_keeps_nothing_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for exchange in (publishing.exchanged, lambda one, other: False):
        monkeypatch.setattr(publishing, "exchanged", exchange)
        fill(tmp_path / "out", {**OLD, **OTHERS})
        with staged_folder(tmp_path / "out", is_replaced=True) as staging:
            fill(staging, {"only.txt": "new"})
        assert contents(tmp_path) == {"out/only.txt": "new"}


def test_a_folder_in_which_one_stands_and_a_link_are_filled_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "out", {**OLD, **OTHERS})
    (tmp_path / "link").symlink_to("out")
    place = (tmp_path / "out").stat().st_ino
    publish_folder(tmp_path / "link")
    monkeypatch.chdir(tmp_path / "out")
    publish_folder(Path())
    assert (tmp_path / "out").stat().st_ino == place
    assert contents(tmp_path / "out") == {**NEW, **OTHERS}


def test_modes_are_those_of_other_files(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.mkdir()
    publish_folder(tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode == usual.stat().st_mode
    (tmp_path / "out").chmod(0o750)
    publish_folder(tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_text("old")

    def full(temporary: Path) -> None:
        temporary.write_bytes(b"ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"No space left on device.*unchanged"):
        write_whole(tmp_path / "a.pt", full)
    assert contents(tmp_path) == {"a.pt": "old"}


def test_a_full_disk_is_said_of_the_folder_that_was_asked_for(tmp_path: Path) -> None:
    def full(temporary: Path) -> None:
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(OutputError, match=r"No space left on device") as caught,
        staged_folder(tmp_path / "a") as staging,
    ):
        write_whole(staging / "b.txt", full)
    assert str(caught.value).startswith(f"{tmp_path / 'a'} cannot be written")
    assert contents(tmp_path) == {}


def test_files_that_belong_together_never_stand_beside_stale_ones(tmp_path: Path) -> None:
    old = {"fixed.json": "old", "changes.json": "old"}

    def publish(folder: Path) -> None:
        write_files({folder / name: lambda temporary: temporary.write_text("new") for name in old})

    n, is_killed, seen = 0, True, set()
    while is_killed:
        target = tmp_path / f"{n}"
        fill(target, old)
        is_killed = killed_at(n, publish, target)
        found = contents(target)
        seen.add((found["fixed.json"], found.get("changes.json")))
        publish(target)
        assert contents(target) == dict.fromkeys(old, "new")
        n += 1
    assert seen == {("old", "old"), ("old", None), ("new", None), ("new", "new")}


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_text("old")
    (tmp_path / "link.md").symlink_to("real.md")
    publish_file(tmp_path / "link.md")
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    publish_file(tmp_path / "pipe")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_what_two_processes_put_into_one_folder_at_once_is_all_there(tmp_path: Path) -> None:
    """What one of them publishes is not taken back by the other, which has linked the older files already."""
    fill(tmp_path / "out", OTHERS)
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            for turn in range(10):
                with staged_folder(tmp_path / "out") as staging:
                    fill(staging, {f"{number}.txt": f"{turn}"})
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
    assert contents(tmp_path / "out") == {**OTHERS, **{f"{number}.txt": "9" for number in range(4)}}


def _two(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("a", "b"):
        (tmp_path / "probe" / name).mkdir(parents=True)
    return tmp_path / "probe" / "a", tmp_path / "probe" / "b"
