"""Runs as JSON and as Python objects have them: documents with scores by query.

::

    {query: {document: score}}                                ranx, BEIR, a dict
    {subset: {split: {query: {document: score}}}}             mteb, beside what it says of the model
    {"query_id", "results": [{"corpus_id", "score"}]}         a line of sentence-transformers
    {"query_id", "documents": [text]}                         a line of its rank fusion, which has no scores
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from embedscope.data.collection import excerpt
from embedscope.data.readers.containers import Fields, open_records, single_object
from embedscope.data.readers.qrels import identifier
from embedscope.data.readers.source import kind_of, names, read_head
from embedscope.data.runs.run_entries import RunEntries, entries_of_lists, number
from embedscope.data.runs.table_runs import entries_of_records, names_run
from embedscope.errors import DataFormatError

Search = Callable[[str], Any]
"""From the text of a query to its documents: ``{document: score}``, or pairs of the two."""

_Scored = list[tuple[str, float]]
_MOST_LEVELS = 2  # above the queries: subset and split


def read_json_run(path: Path) -> RunEntries:
    """The entries of a JSON or JSONL file in one of the forms above, or of rows with a query, a document and a score.

    Raises DataFormatError if it has none of them, or a score is no number.
    """
    value = single_object(path)[0] if read_head(path).lstrip().startswith(b"{") else None
    is_prediction = value is not None and not {"results", "documents"}.isdisjoint(value)
    if value is not None and not is_prediction and not names_run(value):
        return entries_of_mapping(value, layout="JSON run")
    container, records = "JSONL", [("line 1", value or {})]
    if not is_prediction:
        stream = open_records(path)
        container, records = stream.container, [(f"{stream.row_name} {number}", row) for number, row in stream.items]
    if not records:
        raise DataFormatError("there are no rows; expected a query, a document and a score each.")
    if not {"results", "documents"}.isdisjoint(records[0][1]):
        lists = [_of_prediction(record, place) for place, record in records]
        notes = () if "results" in records[0][1] else ("The file has no scores: its order counts.",)
        return entries_of_lists(lists, layout="sentence-transformers predictions", notes=notes)
    return entries_of_records(records, layout=f"{container} run")


def entries_of_mapping(value: Mapping[Any, Any], *, layout: str) -> RunEntries:
    """The entries of documents by query, or of the one run that stands deeper, under a subset and a split.

    Raises DataFormatError if there is none, or there are several and none is of the split ``test``.
    """
    runs = dict(_runs_in(value))
    tests = [place for place in runs if place.endswith("/test")] if len(runs) > 1 else list(runs)
    if value and all(map(_is_empty, value.values())):
        raise DataFormatError(f"the lists of all {len(value):,} queries are empty; there is nothing to judge.")
    if len(tests) != 1:
        for query, found in value.items() if not runs else ():
            if isinstance(found, Mapping) and not any(isinstance(part, Mapping) for part in found.values()):
                scored(found, f"query {excerpt(str(query))}")  # says which score is none
        found = f"there are several: {names(runs)}" if runs else f"there is {kind_of(dict(value))}"
        raise DataFormatError(f"expected {{query: {{document: score}}}}; {found}. Give a file with one of these.")
    (place,) = tests
    lists = [
        (identifier(query, f"query {excerpt(str(query))}"), scored(found, f"query {excerpt(str(query))}"))
        for query, found in runs[place].items()
    ]
    return entries_of_lists(lists, layout="mteb predictions" if place else layout)


def entries_of_search(search: Search, queries: Sequence[str], name: str) -> RunEntries:
    """What a function returns for each query; raises DataFormatError, with the query, where it fails."""
    lists = []
    for query in queries:
        place = f"{name}({excerpt(query)})"
        try:
            found = search(query)
        except Exception as error:  # whatever the function of another raises
            raise DataFormatError(f"{place} failed: {type(error).__name__}: {str(error)[:300]}") from error
        lists.append((query, scored(found, place)))
    return entries_of_lists(lists, layout="search function")


def scored(found: Any, place: str) -> _Scored:
    """Documents with their scores, from a mapping or from pairs; raises DataFormatError where they are neither."""
    pairs = found.items() if isinstance(found, Mapping) else found
    if not isinstance(pairs, Iterable) or isinstance(pairs, str | bytes):
        raise DataFormatError(
            f"{place}: expected {{document: score}} or (document, score) pairs, came {kind_of(found)}."
        )
    listed = []
    for pair in pairs:
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise DataFormatError(f"{place}: expected a pair (document, score), came {kind_of(pair)}.")
        document, score = pair
        if not isinstance(score, numbers.Real) or isinstance(score, bool):
            raise DataFormatError(f"{place}: expected a number as the score, came {kind_of(score)}.")
        listed.append((document if isinstance(document, str) else identifier(document, place), number(score, place)))
    return listed


def _runs_in(value: Mapping[Any, Any], place: str = "") -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """(subset/split, documents by query) of every run within."""
    parts = {str(name): part for name, part in value.items() if isinstance(part, Mapping)}
    first = next((found for found in value.values() if not _is_empty(found)), None)
    if isinstance(first, Mapping) and isinstance(next(iter(first.values())), numbers.Real):
        yield place, value
    elif first is not None and not isinstance(first, Mapping | str) and isinstance(first, Iterable):
        yield place, value  # pairs
    elif place.count("/") < _MOST_LEVELS:
        for name, part in parts.items():
            yield from _runs_in(part, f"{place}/{name}")


def _is_empty(found: Any) -> bool:
    return isinstance(found, Mapping | list | tuple) and not found


def _of_prediction(record: Fields, place: str) -> tuple[str, _Scored]:
    """Query and documents of one line of sentence-transformers."""
    if "query_id" not in record:
        raise DataFormatError(f"{place}: the field 'query_id' is missing; there is {names(record) or 'nothing'}.")
    query = identifier(record["query_id"], place)
    results, documents = record.get("results"), record.get("documents")
    if isinstance(results, list):
        missing = [hit for hit in results if not isinstance(hit, dict) or not {"corpus_id", "score"} <= hit.keys()]
        if missing:
            raise DataFormatError(f"{place}: expected {{corpus_id, score}} as a result, came {kind_of(missing[0])}.")
        return query, scored([(hit["corpus_id"], hit["score"]) for hit in results], place)
    if isinstance(documents, list):
        return query, scored([(document, -rank) for rank, document in enumerate(documents)], place)
    raise DataFormatError(f"{place}: expected a list of results, came {kind_of(results)}.")
