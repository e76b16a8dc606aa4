"""Threads that share nothing: order, errors, and the setting of the linear algebra library left as it was."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import threadpoolctl

from embedscope.numerics import threads
from embedscope.numerics.threads import in_threads, n_threads, one_thread_loops, one_thread_products


def blas_threads() -> list[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


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
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with one_thread_products():
            assert set(blas_threads()) == {1}
            with one_thread_products():
                assert set(blas_threads()) == {1}
            assert set(blas_threads()) == {1}
        assert blas_threads() == before


def test_uses_that_overlap_in_time_leave_the_setting_as_it_was() -> None:
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        first, second = one_thread_products(), one_thread_products()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(blas_threads()) == {1}
        second.__exit__(None, None, None)
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
    before = faiss.omp_get_max_threads()
    with one_thread_loops():
        assert faiss.omp_get_max_threads() == 1
    assert faiss.omp_get_max_threads() == before
