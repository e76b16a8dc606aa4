"""A second process beside the first: the same values with it, without it, and when it dies."""

from __future__ import annotations

import math
import operator
import os
import pickle
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from tests.support.planted import SETTINGS, collection_of, model

from embedscope import beside, pipeline
from embedscope.beside import HERE, Beside, SecondProcess
from embedscope.errors import InvalidOptionError
from embedscope.kept.packed_values import pack
from embedscope.systems import Embedded

FAR = 60


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "n_cores", lambda: 2)


def refuse(*_: object) -> int:
    raise InvalidOptionError("no such thing")


def begun(process: SecondProcess, function: Callable[..., Any], *arguments: object) -> Callable[[], Any]:
    """The value to come of a function that the second process has begun."""
    process._asking.submit(int).result(FAR)  # it is ready
    return process.begin(function, *arguments)


def test_the_second_process_gives_the_same_values_in_the_order_in_which_they_are_asked_for() -> None:
    with SecondProcess("fractions") as second:
        asked = [begun(second, partial(operator.add, Fraction(1, 3)), Fraction(n)) for n in range(4)]
        assert [value() for value in asked] == [HERE.begin(operator.add, Fraction(1, 3), n)() for n in range(4)]


def test_a_function_that_has_begun_is_not_called_here() -> None:
    with SecondProcess() as second:
        pid = begun(second, os.getpid)
        second._asking.submit(int).result(FAR)
        assert pid() != os.getpid()


def test_what_the_second_process_has_not_begun_is_done_here_at_once() -> None:
    with SecondProcess("embedscope.pipeline") as second:
        assert second.begin(os.getpid)() == os.getpid()


@pytest.mark.parametrize("refused", ["one core", "no process"])
def test_everything_is_done_here_where_no_process_can_be_started(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if refused == "one core":
        monkeypatch.setattr(beside, "n_cores", lambda: 1)
    else:
        monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with SecondProcess() as second:
        assert not second.is_elsewhere
        assert second.begin(os.getpid)() == os.getpid()


def test_what_is_asked_of_a_process_that_dies_is_done_here() -> None:
    with SecondProcess() as second:
        died, after = begun(second, os._exit, 3), second.begin(math.sqrt, 4.0)
        second._asking.submit(int).result(FAR)
        assert after() == 2.0
        assert second._process is not None
        second._process.wait(FAR)
        assert not second.is_elsewhere
        assert second.begin(math.sqrt, 9.0)() == 3.0
        assert died.args[0].exception() is not None  # type: ignore[attr-defined]


@pytest.mark.parametrize("argument", [threading.Lock(), lambda: None])
def test_what_cannot_be_sent_is_done_here(argument: object) -> None:
    with SecondProcess() as second:
        assert begun(second, id, argument)() == id(argument)


def test_an_error_is_raised_where_the_value_is_asked_for() -> None:
    with SecondProcess() as second:
        value = begun(second, refuse, 1)
        with pytest.raises(InvalidOptionError, match="no such thing"):
            value()


def test_an_interrupt_ends_the_process_at_once() -> None:
    second = SecondProcess()

    def fail() -> None:
        with second:
            begun(second, threading.Event().wait, FAR)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert second._process is not None
    assert second._process.poll() is not None


def test_what_it_prints_is_no_answer() -> None:
    with SecondProcess() as second:
        assert begun(second, print, "")() is None
        assert begun(second, math.sqrt, 4.0)() == 2.0


class Sent(Beside):
    """Somewhere else, for what can be sent there and back."""

    is_elsewhere = True

    def __init__(self) -> None:
        self.n_asked = 0

    def begin(self, function: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
        """What gives what comes back."""
        self.n_asked += 1
        sent, of = pickle.loads(pickle.dumps((function, arguments)))
        value = pickle.dumps(sent(*of))
        return lambda: pickle.loads(value)


@pytest.mark.parametrize("attributes", [None, "rental_vi"])
def test_a_run_gives_the_same_where_words_are_counted_beside(attributes: str | None) -> None:
    collection = collection_of(30)
    settings = SETTINGS.with_options(attributes=attributes)
    elsewhere = Sent()
    alone, helped = (
        pipeline.result_of(collection, Embedded(model(collection, share_wrong=0.3)), settings, beside=beside)
        for beside in (HERE, elsewhere)
    )
    assert elsewhere.n_asked > 1
    found = [pack(replace(each, elapsed_s=0.0), "") for each in (alone, helped)]
    assert found[0] == found[1]


def test_very_many_texts_are_sent_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "MOST_SENT", 5)
    collection, elsewhere = collection_of(30), Sent()
    pipeline.result_of(collection, Embedded(model(collection)), SETTINGS, beside=elsewhere)
    assert elsewhere.n_asked == 0
