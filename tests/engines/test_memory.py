"""The plan of memory: it stays below its limit, grows with what it should, and refuses what cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.engines.local import DOCUMENT_BLOCK
from embedscope.engines.memory import LEAST_ROWS, MIB, MOST_ROWS, PROGRAM, SCORING, THREAD, CorpusSize, plan_memory
from embedscope.errors import InvalidOptionError

SIZE = CorpusSize(n_queries=10_000, n_documents=10_000_000, n_pairs=10_000, dim=128, itemsize=2, k=11)


def test_the_plan_of_the_documentation_by_hand() -> None:
    plan = plan_memory(SIZE, 4_000_000_000, n_threads=2)
    assert plan.items == {
        "program": PROGRAM,
        "scoring": SCORING + 2 * THREAD,
        "queries": 2 * 10_000 * 128 * 4,
        "judged documents": 3 * 10_000 * 128 * 4,
        "judgments": 10_000 * 200,
        "top lists": 10_000 * 11 * (12 * 5 + 400),
        "sums": 7 * 128**2 * 8,
        "documents": 65_536 * 128 * (2 + 8),
    }
    assert plan.rows_per_block == 65_536


@given(limit=st.integers(600 * MIB, 3000 * MIB), n_threads=st.integers(1, 16), dim=st.integers(1, 2048))
def test_a_plan_stays_below_its_limit(limit: int, n_threads: int, dim: int) -> None:
    try:
        plan = plan_memory(replace(SIZE, dim=dim), limit, n_threads=n_threads)
    except InvalidOptionError:
        return
    assert plan.total <= limit
    assert LEAST_ROWS <= plan.rows_per_block <= MOST_ROWS
    assert plan.rows_per_block < DOCUMENT_BLOCK or plan.rows_per_block % DOCUMENT_BLOCK == 0


@given(few=st.integers(1000, 10**9), many=st.integers(1000, 10**9))
def test_the_number_of_documents_takes_no_memory_once_all_judged_ones_are_there(few: int, many: int) -> None:
    few, many = 10_000 + few, 10_000 + many
    assert plan_memory(replace(SIZE, n_documents=few)) == plan_memory(replace(SIZE, n_documents=many))


def test_too_little_memory_is_refused_with_what_is_needed_and_for_what() -> None:
    with pytest.raises(InvalidOptionError) as caught:
        plan_memory(SIZE, 400 * MIB)
    message = str(caught.value)
    assert "--memory 400 MiB is too little" in message
    assert "program 320 MiB" in message
    needed = int(message.split("needs ")[1].split(" MiB")[0])
    assert plan_memory(SIZE, needed * MIB).rows_per_block >= LEAST_ROWS
