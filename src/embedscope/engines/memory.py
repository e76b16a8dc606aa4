"""How much memory a pass over a corpus on disk takes, before it is begun; the formula is that of docs/scale.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from embedscope.engines.local import DOCUMENT_BLOCK
from embedscope.errors import InvalidOptionError

MIB = 1 << 20

PROGRAM = 320 * MIB
"""Python, NumPy, SciPy, PyArrow and compiled loops: 170 MiB resident were measured, and libraries grow."""

SCORING = 128 * MIB
"""The scratch of the accumulators and of reading; later the draws of the bootstrap."""

THREAD = 24 * MIB
"""Of a thread: a block of scores, the float64 rows of its sums, its stack."""

PAIR_BYTES = 200
"""Of a judgment: its columns, score, tie group and counts."""

LIST_COPIES = 5
"""Top lists that are alive while parts are merged: the shard's own, one that waits, and three in the merging."""

NAME_BYTES = 400
"""Of a document that a query's list names: id, text, and their places in the tables."""

LEAST_ROWS, MOST_ROWS = 1024, 1 << 16
"""Documents in memory at once: fewer make the product slow, more make nothing quicker."""


@dataclass(frozen=True, slots=True)
class CorpusSize:
    """What the memory of a pass depends on."""

    n_queries: int
    n_documents: int
    n_pairs: int  # judgments and hard negatives
    dim: int
    itemsize: int  # bytes of a number on disk
    k: int  # documents kept for each query


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes by what takes them, and the documents in memory at once."""

    items: Mapping[str, int]
    rows_per_block: int

    @property
    def total(self) -> int:
        """The bound."""
        return sum(self.items.values())


def plan_memory(size: CorpusSize, limit: int | None = None, *, n_threads: int = 1) -> MemoryPlan:
    """The plan with the largest blocks that stays below ``limit`` bytes.

    Parameters
    ----------
    size : CorpusSize
    limit : int, optional
        Without one blocks are as large as they are useful.
    n_threads : int
        Of the process.

    Raises
    ------
    InvalidOptionError
        If the smallest plan does not fit; it says how much is needed and for what.
    """
    fixed = _fixed_items(size, n_threads)
    row_bytes = size.dim * (size.itemsize + 8)  # as it stands on disk, in float32, and made a unit row
    room = MOST_ROWS * row_bytes if limit is None else limit - sum(fixed.values())
    if room < LEAST_ROWS * row_bytes:
        raise InvalidOptionError(_too_small({**fixed, "documents": LEAST_ROWS * row_bytes}, limit or 0))
    rows = _whole_blocks(min(room // row_bytes, MOST_ROWS))
    return MemoryPlan({**fixed, "documents": rows * row_bytes}, rows)


def _whole_blocks(rows: int) -> int:
    """Rows cut to whole blocks of the product, so that ``--memory`` moves no cell from one block to another."""
    return rows if rows < DOCUMENT_BLOCK else rows // DOCUMENT_BLOCK * DOCUMENT_BLOCK


def _fixed_items(size: CorpusSize, n_threads: int) -> dict[str, int]:
    """What does not depend on the blocks."""
    n_judged = min(size.n_pairs, size.n_documents)
    return {
        "program": PROGRAM,
        "scoring": SCORING + n_threads * THREAD,
        "queries": 2 * size.n_queries * size.dim * 4,
        "judged documents": 3 * n_judged * size.dim * 4,
        "judgments": size.n_pairs * PAIR_BYTES,
        "top lists": size.n_queries * size.k * (12 * LIST_COPIES + NAME_BYTES),
        "sums": (LIST_COPIES + n_threads) * size.dim**2 * 8,
    }


def _too_small(items: Mapping[str, int], limit: int) -> str:
    needed = sum(items.values())
    parts = ", ".join(f"{name} {_mib(n_bytes)}" for name, n_bytes in sorted(items.items(), key=lambda item: -item[1]))
    return (
        f"--memory {_mib(limit)} is too little: the smallest plan needs {_mib(needed)} ({parts}). "
        f"Allow that much, or evaluate fewer queries at a time; the number of documents does not matter."
    )


def _mib(n_bytes: int) -> str:
    return f"{-(-n_bytes // MIB):,} MiB"
