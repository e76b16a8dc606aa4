"""What a run says, before its names are looked up: which document was returned for which query, with which score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from embedscope.data.collection import excerpt
from embedscope.errors import DataFormatError
from embedscope.protocols import Float64Array

NO_ENTRIES = "the run has no entries; expected a query, a document and a score each."

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class RunEntries:
    """Entry ``e`` says that ``documents[document_of[e]]`` was returned for ``queries[query_of[e]]`` with ``scores[e]``.

    Names are ids or texts, each once; entries stand in the order of the source. ``place(e)`` says where: "line 7".
    """

    queries: Sequence[str]
    documents: Sequence[str]
    query_of: Codes  # (L,)
    document_of: Codes  # (L,)
    scores: Float64Array  # (L,)
    layout: str
    place: Callable[[int], str]
    notes: tuple[str, ...] = ()


def number(value: Any, place: str) -> float:
    """A score as a float, infinite where it is a whole number beyond all floats; raises DataFormatError if it is none.

    >>> number("0.5", "line 7"), number(-(10**400), "line 8")
    (0.5, -inf)
    """
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf
    except (TypeError, ValueError):
        raise DataFormatError(f"{place}: expected a number as the score, came {excerpt(str(value))}.") from None


def entries_of_columns(
    queries: Any, documents: Any, scores: Any, *, layout: str, place: Callable[[int], str], notes: Sequence[str] = ()
) -> RunEntries:
    """Entries from Arrow columns of one length: two of names (strings, perhaps dictionary-encoded) and one of numbers.

    Raises DataFormatError if there are no entries.
    """
    if not len(scores):
        raise DataFormatError(NO_ENTRIES)
    query_names, query_of = _coded(queries)
    document_names, document_of = _coded(documents)
    values = np.asarray(scores.to_numpy(), dtype=np.float64)
    return RunEntries(query_names, document_names, query_of, document_of, values, layout, place, tuple(notes))


def _coded(column: Any) -> tuple[list[str], Codes]:
    """The distinct names of a chunked column, and the number of each entry's."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    parts = [np.asarray(chunk.indices.to_numpy(zero_copy_only=False), dtype=np.int32) for chunk in column.chunks]
    # Unified dictionaries are longer from chunk to chunk, each the beginning of the next.
    longest = max((chunk.dictionary for chunk in column.chunks), key=len)
    return longest.to_pylist(), np.concatenate(parts)


def entries_of_lists(
    lists: Sequence[tuple[str, Sequence[tuple[str, float]]]], *, layout: str, notes: Sequence[str] = ()
) -> RunEntries:
    """Entries from the list of each query: ``(query, [(document, score), ...])``; raises as `entries_of_columns`."""
    import pyarrow as pa

    listed = [len(found) for _, found in lists]
    owners = np.repeat(np.arange(len(lists)), listed)
    numbers = {query: number for number, query in enumerate(dict.fromkeys(query for query, _ in lists))}
    codes = np.repeat(np.array([numbers[query] for query, _ in lists], dtype=np.int32), listed)
    try:
        queries = pa.DictionaryArray.from_arrays(codes, pa.array(numbers, pa.string()))
        documents = pa.array([name for _, found in lists for name, _ in found], pa.string())
    except UnicodeEncodeError as error:
        raise DataFormatError(
            f"the name {error.object[:60]!a} holds half of a surrogate pair, which is no character. Correct it."
        ) from None
    scores = pa.array([score for _, found in lists for _, score in found], pa.float64())
    return entries_of_columns(
        *map(pa.chunked_array, ([queries], [documents], [scores])),
        layout=layout,
        place=lambda entry: f"query {excerpt(lists[owners[entry]][0])}",
        notes=notes,
    )
