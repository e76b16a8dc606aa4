"""Threads that share nothing: order, errors, and the setting of the linear algebra library left as it was."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import threadpoolctl

from embedscope.metrics import threads
from embedscope.metrics.threads import in_threads, n_threads, one_thread_loops, one_thread_products


def blas_threads() -> list[int]:
    """Of the libraries that have one setting for all threads: NumPy's own is of them."""
    np.ones((2, 2)) @ np.ones((2, 2))
    pools = threadpoolctl.threadpool_info()
    return [
        pool["num_threads"] for pool in pools if pool["user_api"] == "blas" and pool.get("threading_layer") != "openmp"
    ]


def test_outcomes_come_in_the_order_of_the_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "n_threads", lambda: 3)
    later = threading.Event()

    def wait_first(item: int) -> int:
        if item == 0:
            later.wait(5)
        else:
            later.set()
        return 10 * item

    assert list(in_threads(wait_first, range(5))) == [0, 10, 20, 30, 40]


def test_no_items_give_no_outcomes() -> None:
    assert list(in_threads(str, [])) == []


def test_the_first_error_is_raised_and_what_has_not_begun_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "n_threads", lambda: 1)
    begun = []

    def fail(item: int) -> None:
        begun.append(item)
        raise ValueError(f"item {item}")

    before = blas_threads()
    with pytest.raises(ValueError, match="item 0"):
        list(in_threads(fail, range(1000)))
    assert len(begun) < 1000
    assert blas_threads() == before


def test_products_keep_to_one_thread_inside_and_the_setting_comes_back() -> None:
    before = blas_threads()
    with one_thread_products():
        assert set(blas_threads()) == {1}
        with one_thread_products():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


@pytest.mark.parametrize("first_to_leave", ["this thread", "the other"])
def test_uses_of_two_threads_that_overlap_in_time_leave_the_setting_as_it_was(first_to_leave: str) -> None:
    """Whichever leaves last: threadpoolctl binds the setting to the thread that changed it."""
    before = blas_threads()
    entered, may_leave, has_left = threading.Event(), threading.Event(), threading.Event()
    seen: list[set[int]] = []

    def other() -> None:
        with one_thread_products():
            seen.append(set(blas_threads()))
            entered.set()
            may_leave.wait(10)
        has_left.set()

    use = one_thread_products()
    thread = threading.Thread(target=other)
    use.__enter__()
    thread.start()
    assert entered.wait(10)
    if first_to_leave == "the other":
        may_leave.set()
        assert has_left.wait(10)
        seen.append(set(blas_threads()))
        use.__exit__(None, None, None)
    else:
        use.__exit__(None, None, None)
        seen.append(set(blas_threads()))
        may_leave.set()
        assert has_left.wait(10)
    thread.join()
    assert seen == [{1}, {1}]
    assert blas_threads() == before
    with one_thread_products():
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


@pytest.mark.parametrize(("asked", "expected"), [("1", 1), ("1000", None), ("", None), ("many", None), ("0", 1)])
def test_the_environment_lowers_the_number_of_threads_and_never_raises_it(
    asked: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = n_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert n_threads() == (cores if expected is None else expected)


def test_loops_of_openmp_keep_to_one_thread_inside_and_the_setting_comes_back() -> None:
    faiss = pytest.importorskip("faiss")
    with threadpoolctl.threadpool_limits(2, user_api="openmp"):
        before = faiss.omp_get_max_threads()
        assert before == 2
        with one_thread_loops():
            assert faiss.omp_get_max_threads() == 1
        assert faiss.omp_get_max_threads() == before
