"""How tasks are handed to a cluster, here a list: few at a time, none kept, and the first failure ends the run."""

from __future__ import annotations

import socket
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from embedscope.errors import EmbedscopeError, MissingExtraError
from embedscope.scale import ray_engine
from embedscope.scale.ray_engine import _TASKS_A_CORE, _cores_asked_for, _Work, connected

CORES = 3


class Cluster:
    """What `_Work` asks of Ray: a receipt is its number, and tasks end in the order in which they were handed out."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing
        self.most_waiting = 0
        self.cancelled: list[int] = []

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": CORES}

    def wait(
        self, waiting: list[int], *, num_returns: int, timeout: float | None = None
    ) -> tuple[list[int], list[int]]:
        self.most_waiting = max(self.most_waiting, len(waiting))
        return waiting[:1], waiting[1:]

    def get(self, receipts: list[int]) -> None:
        if self.failing in receipts:
            raise EmbedscopeError(f"task {self.failing}")

    def cancel(self, receipt: int) -> None:
        self.cancelled.append(receipt)


def test_few_tasks_are_handed_out_at_a_time_and_every_document_is_reported_once() -> None:
    cluster = Cluster()
    told: list[tuple[int, int]] = []
    work = _Work(cluster, 1000, lambda done, total, message=None: told.append((done, total)))
    for receipt in range(100):
        work.add(receipt, 10)
    work.finish()
    assert cluster.most_waiting == _TASKS_A_CORE * CORES
    assert told == [(done, 1000) for done in range(10, 1001, 10)]


def test_as_many_tasks_are_handed_out_as_there_may_be_workers() -> None:
    cluster = Cluster()
    work = _Work(cluster, 1000, None, 2 * _TASKS_A_CORE * CORES)
    for receipt in range(100):
        work.add(receipt, 10)
    assert cluster.most_waiting == 2 * _TASKS_A_CORE * CORES


def test_the_autoscaler_is_asked_for_cores_while_the_pass_takes_and_not_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sdk = pytest.importorskip("ray.autoscaler.sdk")
    asked: list[int] = []
    monkeypatch.setattr(sdk, "request_resources", lambda *, num_cpus: asked.append(num_cpus))
    with pytest.raises(ZeroDivisionError), _cores_asked_for(40):
        raise ZeroDivisionError
    with _cores_asked_for(None):
        pass
    assert asked == [40, 0]


def test_the_first_failure_ends_the_run_and_takes_back_what_was_handed_out() -> None:
    cluster = Cluster(failing=4)
    work = _Work(cluster, 1000, None)
    n_handed_out = 4 + _TASKS_A_CORE * CORES
    for receipt in range(n_handed_out - 1):
        work.add(receipt, 10)
    with pytest.raises(EmbedscopeError, match="task 4"):
        work.add(n_handed_out - 1, 10)
    work.cancel()
    assert cluster.cancelled == list(range(5, n_handed_out))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"\[ray\]"), connected():
        pass
    assert ray_engine.RETRIES == 3


def test_an_address_at_which_nothing_listens_is_refused_before_ray_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ray = SimpleNamespace(
        is_initialized=lambda: False, init=lambda address, **_: asked.append(address), shutdown=lambda: None
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with connected(address):
            assert asked == [address]
    with pytest.raises(EmbedscopeError, match=f"Ray at '{address}' cannot be reached: .*refused"), connected(address):
        pass
    for left_to_ray in ("auto", "ray://127.0.0.1:1"):
        with connected(left_to_ray):
            pass
    assert asked == [address, "auto", "ray://127.0.0.1:1"]


def test_the_error_of_a_worker_is_told_without_what_the_cluster_wraps_it_in() -> None:
    def wrapped(cause: Any) -> Exception:
        error = RuntimeError("Traceback ...")
        error.__cause__ = cause
        return error

    ours = EmbedscopeError("ours")
    assert ray_engine.own_error(wrapped(wrapped(ours))) is ours
    both = EmbedscopeError("Traceback ... ours")  # what Ray raises is also of the class that it wraps
    both.cause = ours  # type: ignore[attr-defined]
    assert ray_engine.own_error(both) is ours
    assert str(ray_engine.own_error(wrapped(ZeroDivisionError("by zero")))) == (
        "A Ray worker failed: ZeroDivisionError: by zero"
    )
