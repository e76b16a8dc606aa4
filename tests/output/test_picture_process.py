"""The second process that draws: the same files with it, without it, and when it dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.drawn_runs import make_findings

from embedscope import beside
from embedscope.errors import InvalidOptionError
from embedscope.output import picture_process as drawing
from embedscope.output.picture_process import Drawing, picture_files
from embedscope.result import Diagnosed, Result, Scored

SETTINGS: dict[str, Any] = {"dpi": 40.0, "format": "png"}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "n_cores", lambda: 2)


def expected(result: Result) -> dict[str, bytes]:
    return picture_files(result, **SETTINGS)


def drawn(result: Result) -> dict[str, bytes]:
    with Drawing(**SETTINGS) as pictures:
        pictures.begin(result)
        return pictures.files()


def test_the_second_process_draws_the_same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_findings(12)
    alone = expected(result)
    monkeypatch.setattr(drawing, "picture_files", lambda *_, **__: pytest.fail("drawn here"))
    assert drawn(result) == alone


def test_each_stage_adds_its_pictures_and_the_last_one_has_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_findings(12)
    alone = expected(result)
    stages = [
        kind(**{each.name: getattr(result, each.name) for each in fields(kind)}) for kind in (Scored, Diagnosed, Result)
    ]
    n_files = [len(picture_files(stage, **SETTINGS)) for stage in stages]
    assert 0 < n_files[0] < n_files[-1]
    monkeypatch.setattr(drawing, "picture_files", lambda *_, **__: pytest.fail("drawn here"))
    with Drawing(**SETTINGS) as pictures:
        for stage in stages:
            pictures.begin(stage)
        assert list(pictures.files().items()) == [(name, alone[name]) for name in pictures.files()]
        assert pictures.files() == alone


def test_what_is_missing_is_drawn_here_where_the_process_dies_between_two_stages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = make_findings(12)
    alone = expected(result)
    first = Scored(**{each.name: getattr(result, each.name) for each in fields(Scored)})
    here: list[set[str]] = []

    def count(stage: Scored, **more: Any) -> dict[str, bytes]:
        here.append(set(picture_files(stage, **more)))
        return picture_files(stage, **more)

    monkeypatch.setattr(drawing, "picture_files", count)
    with Drawing(**SETTINGS) as pictures:
        pictures.begin(first)
        done = set(pictures.files())
        assert pictures._process is not None
        pictures._process.kill()
        pictures._process.wait()
        pictures.begin(result)
        assert pictures.files() == alone
    assert here == [set(alone) - done]


def test_pictures_are_drawn_here_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_findings(12)
    for refuse in ("one core", "no process"):
        with monkeypatch.context() as patch:
            if refuse == "one core":
                patch.setattr(beside, "n_cores", lambda: 1)
            else:
                patch.setattr(sys, "executable", "/nonexistent/python")
            assert drawn(result) == expected(result)


def test_pictures_are_drawn_here_where_the_process_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_SERVE", "import sys; sys.stdin.buffer.read(10)")
    result = make_findings(12)
    assert drawn(result) == expected(result)


@pytest.mark.parametrize("word", ["hello", "0", "(lp0"])
def test_a_process_that_prints_before_it_answers_is_done_without(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setattr(drawing, "_SERVE", f"print({word!r}, flush=True); {drawing._SERVE}")
    result = make_findings(12)
    assert drawn(result) == expected(result)


def test_entries_of_the_module_path_that_python_passes_over_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, Path("/nowhere")])
    started = drawing._started()
    assert started is not None
    with started:
        started.kill()


@pytest.mark.skipif(os.name != "posix", reason="a read-only home is made by a path of /proc")
def test_no_temporary_folder_of_matplotlib_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLCONFIGDIR", "/proc/none")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Drawing(**SETTINGS) as pictures:
        pictures.begin(make_findings(12))
        assert pictures.files()
    assert list(tmp_path.iterdir()) == []


def test_pictures_are_drawn_here_where_what_is_found_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    result = make_findings(12)
    alone = expected(result)
    unsendable = replace(result, not_measured={"part": threading.Lock()})
    assert drawn(unsendable) == alone


def test_very_many_texts_are_drawn_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MAX_TEXTS", 5)
    asked: list[Result] = []
    monkeypatch.setattr(drawing, "picture_files", lambda result, **_: asked.append(result) or {})
    result = make_findings(12)
    assert drawn(result) == {}
    assert asked == [result]


def test_an_error_of_a_picture_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_SERVE", "")

    def fail(*_: object, **__: object) -> dict[str, bytes]:
        raise InvalidOptionError("no such picture")

    monkeypatch.setattr(drawing, "picture_files", fail)
    with pytest.raises(InvalidOptionError, match="no such picture"):
        drawn(make_findings(12))


def test_an_error_of_the_run_ends_the_process_at_once() -> None:
    pictures = Drawing(**SETTINGS)

    def fail() -> None:
        with pictures:
            pictures.begin(make_findings(12))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert pictures._process is not None
    assert pictures._process.poll() is not None


def test_the_process_says_nothing_and_takes_no_module_from_the_folder_in_which_the_user_stands(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "matplotlib.py").write_text("raise SystemExit('taken from the folder of the user')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    result = make_findings(12)
    monkeypatch.setattr(drawing, "picture_files", lambda *_, **__: pytest.fail("drawn here"))
    assert set(drawn(result)) >= {"similarity_distribution.png", "tsne_projection.png"}
    assert capfd.readouterr() == ("", "")


def test_the_process_ends_with_the_one_that_asked() -> None:
    """Its standard input ends then, however that one came to its end."""
    started = drawing._started()
    assert started is not None
    with started:
        assert started.stdin is not None
        started.stdin.close()
        assert started.wait(60) == 0


@pytest.mark.skipif(os.name != "posix", reason="groups of processes are POSIX's")
def test_the_keyboard_does_not_reach_it() -> None:
    with Drawing(**SETTINGS) as pictures:
        assert pictures._process is not None
        assert os.getpgid(pictures._process.pid) != os.getpgid(0)


def test_visualize_loads_no_plots_before_the_process_is_started() -> None:
    code = (
        "import sys, embedscope.cli.visualize_command\n"
        "assert not {'matplotlib', 'scipy', 'embedscope.pipeline'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
