"""What is said of a step that says nothing, on a clock that the test moves."""

from __future__ import annotations

import threading

import pytest

from embedscope.output import silence as module
from embedscope.output.silence import SECONDS, Silence
from embedscope.output.streams import STDERR, STDOUT
from embedscope.output.terminal import Terminal


class Clock:
    """A clock, and when something else was written last."""

    def __init__(self) -> None:
        self.now, self.written = 100.0, 0.0

    def silence(self) -> Silence:
        return Silence(clock=lambda: self.now, last_written=lambda: self.written)


def test_a_step_is_told_of_after_ten_seconds_and_again_after_ten_more(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    silence = clock.silence()
    silence.during("\nScoring 300 queries\nand more")
    assert silence.check() == SECONDS
    told = []
    for _ in range(25):
        clock.now += 1
        silence.check()
        told.append(capsys.readouterr().err)
    assert [line for line in told if line] == [
        "Still running after 10 s: Scoring 300 queries\n", "Still running after 20 s: Scoring 300 queries\n"
    ]  # fmt: skip


def test_whatever_is_written_breaks_the_silence(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    silence = clock.silence()
    silence.during("Scoring")
    clock.written, clock.now = 108.0, 112.0
    assert silence.check() == 6.0
    assert capsys.readouterr().err == ""
    clock.now = 118.0
    silence.check()
    assert capsys.readouterr().err == "Still running after 18 s: Scoring\n"


def test_a_block_without_words_is_silent_and_the_step_around_it_begins_to_count_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    silence = clock.silence()
    silence.during("Scoring")
    with silence.inside(None):
        clock.now += 60
        silence.check()
    silence.check()
    assert capsys.readouterr().err == ""
    clock.now += 10
    silence.check()
    assert capsys.readouterr().err == "Still running after 70 s: Scoring\n"


def test_what_goes_to_either_stream_counts_as_written(capsys: pytest.CaptureFixture[str]) -> None:
    before = max(STDOUT.written_at, STDERR.written_at)
    STDOUT.write("a")
    assert STDOUT.written_at >= before
    assert max(STDOUT.written_at, STDERR.written_at) == STDOUT.written_at


@pytest.mark.parametrize(
    ("options", "is_told"),
    [
        ({"breaks_silence": True}, True),
        ({"breaks_silence": True, "quiet": True}, False),
        ({"breaks_silence": True, "json": True}, False),
        ({}, False),
    ],
)
def test_a_terminal_that_is_to_tells_of_its_steps_unless_quiet_or_for_json(
    options: dict[str, bool], is_told: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    silence = clock.silence()
    monkeypatch.setattr("embedscope.output.terminal.SILENCE", silence)
    terminal = Terminal(**options)
    terminal.step("Scoring")
    with terminal.progress("Encoding", unit="texts"):
        clock.now += 11
        silence.check()
    clock.now += 11
    silence.check()
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Still")]
    assert told == (["Still running after 11 s: Encoding", "Still running after 22 s: Scoring"] if is_told else [])


def test_a_process_that_waits_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    silence = clock.silence()
    monkeypatch.setattr("embedscope.output.terminal.SILENCE", silence)
    terminal = Terminal(breaks_silence=True)
    terminal.step("Reading the weights")
    terminal.waits("Serving until Ctrl-C")
    clock.now += 100
    silence.check()
    assert capsys.readouterr().err.splitlines() == ["Reading the weights", "Serving until Ctrl-C"]


def test_a_thread_watches_until_the_block_ends_also_by_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.01)
    was_told = threading.Event()
    monkeypatch.setattr(module, "say", lambda text: was_told.set())
    silence = Silence(last_written=lambda: 0.0)

    def work() -> None:
        silence.during("Scoring")
        assert was_told.wait(60)
        raise ValueError("an error")

    with pytest.raises(ValueError, match="an error"), silence.watched():
        work()
    assert not [thread for thread in threading.enumerate() if thread.name == "silence"]
    was_told.clear()
    silence.check()
    assert not was_told.is_set()
