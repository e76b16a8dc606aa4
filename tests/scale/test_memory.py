"""The plan of memory: it stays below its limit, grows with what it should, and refuses what cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedscope.errors import InvalidOptionError
from embedscope.metrics.local_pass import DOCUMENT_BLOCK
from embedscope.scale.memory import (
    LEAST_CHARACTERS,
    LEAST_ROWS,
    MIB,
    MOST_CHARACTERS,
    MOST_ROWS,
    PROGRAM,
    READ_BYTES,
    SCORING,
    THREAD,
    CorpusSize,
    plan_memory,
)

SIZE = CorpusSize(
    n_queries=10_000, n_documents=10_000_000, n_pairs=10_000, dim=128, itemsize=2, k=11, longest=(20, 5000)
)


def test_the_plan_of_the_documentation_by_hand() -> None:
    plan = plan_memory(SIZE, 4_000_000_000, n_threads=2)
    assert plan.items == {
        "program": PROGRAM,
        "scoring": SCORING + 2 * THREAD,
        "queries": 2 * 10_000 * 128 * 4,
        "judged documents": 3 * 10_000 * 128 * 4,
        "judgments": 10_000 * (500 + 4 * 24),
        "top lists": 10_000 * 11 * (4 * 12 + 200 + 20),
        "names": 130_000 * (250 + 2 * 20),
        "reading names": READ_BYTES + 6 * 5020,
        "sums": 8 * 128**2 * 8,
        "shown texts": 130_000 * 500 * 6,
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
    assert LEAST_CHARACTERS <= plan.characters <= MOST_CHARACTERS
    assert plan.rows_per_block < DOCUMENT_BLOCK or plan.rows_per_block % DOCUMENT_BLOCK == 0


@given(few=st.integers(1000, 10**9), many=st.integers(1000, 10**9))
def test_the_number_of_documents_takes_no_memory_once_all_that_can_be_shown_are_there(few: int, many: int) -> None:
    few, many = SIZE.n_queries * SIZE.k + SIZE.n_pairs + few, SIZE.n_queries * SIZE.k + SIZE.n_pairs + many
    assert plan_memory(replace(SIZE, n_documents=few)) == plan_memory(replace(SIZE, n_documents=many))


def test_too_little_memory_is_refused_with_what_is_needed_and_for_what() -> None:
    with pytest.raises(InvalidOptionError) as caught:
        plan_memory(SIZE, 400 * MIB)
    message = str(caught.value)
    assert "--memory 400 MiB is too little" in message
    assert "program 320 MiB" in message
    needed = int(message.split("needs ")[1].split(" MiB")[0])
    assert plan_memory(SIZE, needed * MIB).rows_per_block >= LEAST_ROWS


def test_with_less_memory_texts_are_shown_shorter_before_blocks_are_smaller() -> None:
    plans = [plan_memory(SIZE, limit * MIB, n_threads=2) for limit in (2000, 1000, 800)]
    assert plans[0].characters == MOST_CHARACTERS
    assert MOST_CHARACTERS > plans[1].characters > plans[2].characters >= LEAST_CHARACTERS
    assert all(plan.rows_per_block >= DOCUMENT_BLOCK for plan in plans)


def test_a_corpus_without_names_takes_no_memory_for_texts_and_a_long_one_more_to_be_read() -> None:
    items = [plan_memory(replace(SIZE, longest=longest)).items for longest in ((0, 0), (20, 200), (20, 10**8))]
    assert [item["shown texts"] for item in items] == [0, 130_000 * 200 * 6, 130_000 * 500 * 6]
    assert items[0]["reading names"] == 0
    assert items[2]["reading names"] > 6 * 10**8
    assert plan_memory(replace(SIZE, longest=None)).items["shown texts"] == 130_000 * 500 * 6
