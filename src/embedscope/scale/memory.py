"""How much memory a pass over a corpus on disk takes, before it is begun; the formula is that of docs/scale.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from embedscope.errors import InvalidOptionError
from embedscope.metrics.local_pass import DOCUMENT_BLOCK
from embedscope.scale.shard_pass import MOST_PARTS

MIB = 1 << 20

PROGRAM = 320 * MIB
"""Python, NumPy, SciPy, PyArrow and compiled loops: 170 MiB resident were measured, and libraries grow."""

SCORING = 128 * MIB
"""The scratch of the accumulators and of reading; later the tables of the intervals."""

THREAD = 24 * MIB
"""Of a thread: a block of scores, the float64 rows of its sums, its stack."""

PAIR_BYTES = 500
"""Of a judgment or hard negative: its columns, score and tie group, and those of the tables that are written."""

PART_PAIR_BYTES = 24
"""Of a judgment in each part that exists while parts are merged: three counts."""

PLACE_BYTES = 12
"""Of a place of a list, in each part: a score and a document."""

TABLE_BYTES = 200
"""Of a place of a list, later: the places in the tables, found by sorting, and in those that are written."""

USUAL_ID = 64
"""Bytes of an id where the folder does not say."""

NAME_BYTES = 250
"""Of a query, or a document that a list or a judgment names: two strings that may be empty, and their places."""

CHARACTER_BYTES = 6
"""Of a character of a shown text: four as Python holds it, and what the table of the queries takes for it again."""

READ_BYTES = 48 * MIB
"""While names are read: buffers, and some mebibytes of them decoded."""

LONGEST_COPIES = 6
"""Of the longest id and text while they are read: compressed, decoded, as a column, chosen, as strings."""

LEAST_CHARACTERS, MOST_CHARACTERS = 80, 500
"""Of a text, as many as are shown; with little memory, fewer."""

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
    longest: tuple[int, int] | None = None  # bytes of the longest id and text, None where they are not known

    @property
    def n_shown(self) -> int:
        """Queries and documents whose names are shown, at most."""
        return self.n_queries + min(self.n_queries * self.k + self.n_pairs, self.n_documents)


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes by what takes them, the documents in memory at once, and the characters that are shown of a text."""

    items: Mapping[str, int]
    rows_per_block: int
    characters: int

    @property
    def total(self) -> int:
        """The bound."""
        return sum(self.items.values())


def plan_memory(size: CorpusSize, limit: int | None = None, *, n_threads: int = 1) -> MemoryPlan:
    """The plan with the longest texts, and then the largest blocks, that stays below ``limit`` bytes.

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
    least = {"shown texts": _text_bytes(size, LEAST_CHARACTERS), "documents": LEAST_ROWS * row_bytes}
    left = (sum(fixed.values()) + sum(least.values()) if limit is None else limit) - sum(fixed.values())
    if left < sum(least.values()):
        raise InvalidOptionError(_too_small({**fixed, **least}, limit or 0))
    characters = MOST_CHARACTERS
    if limit is not None:
        # Blocks of that many documents cost hardly any time; before they are smaller, texts are shorter.
        fitting = (left - DOCUMENT_BLOCK * row_bytes) // (size.n_shown * CHARACTER_BYTES)
        characters = max(LEAST_CHARACTERS, min(MOST_CHARACTERS, fitting))
    texts = _text_bytes(size, characters)
    rows = MOST_ROWS if limit is None else min((left - texts) // row_bytes, MOST_ROWS)
    if limit is not None and rows >= DOCUMENT_BLOCK:  # whole blocks: ``--memory`` moves no cell to another block
        rows = rows // DOCUMENT_BLOCK * DOCUMENT_BLOCK
    return MemoryPlan({**fixed, "shown texts": texts, "documents": rows * row_bytes}, rows, characters)


def _text_bytes(size: CorpusSize, characters: int) -> int:
    """Of the shown texts, cut to so many characters."""
    longest = characters if size.longest is None else min(characters, size.longest[1])
    return size.n_shown * longest * CHARACTER_BYTES


def _fixed_items(size: CorpusSize, n_threads: int) -> dict[str, int]:
    """What does not depend on the blocks."""
    n_with_judgments = min(size.n_pairs, size.n_documents)
    longest_id, longest_text = size.longest or (USUAL_ID, 0)
    n_places = size.n_queries * size.k
    return {
        "program": PROGRAM,
        "scoring": SCORING + n_threads * THREAD,
        "queries": 2 * size.n_queries * size.dim * 4,
        "judged documents": 3 * n_with_judgments * size.dim * 4,
        "judgments": size.n_pairs * (PAIR_BYTES + MOST_PARTS * PART_PAIR_BYTES),
        "top lists": n_places * (MOST_PARTS * PLACE_BYTES + TABLE_BYTES + longest_id),
        "names": size.n_shown * (NAME_BYTES + 2 * longest_id),
        "reading names": READ_BYTES + LONGEST_COPIES * (longest_id + longest_text) if longest_id else 0,
        "sums": (MOST_PARTS + 2 * n_threads) * size.dim**2 * 8,
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
