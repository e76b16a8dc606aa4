"""Data sets that a program holds already, and those of the Hugging Face hub: read as files and folders are.

::

    list of rows, dict of columns, pandas, polars, Arrow, datasets.Dataset ──► Records
    dict of splits, DatasetDict ──► the one that ``split`` names ──► as above
    dicts of queries, corpus and judgments (by id, or as tables), hub:owner/name ──► Folder

No library is imported for its objects: tables are taken by the Arrow PyCapsule protocol or by their own methods.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from embedscope.data.readers.containers import Fields, Records, evaluator_keys, named_classes
from embedscope.data.readers.evaluator import one_of_each
from embedscope.data.readers.folders import Folder, evaluator_folder, read_folder
from embedscope.data.readers.portion import is_portion
from embedscope.data.readers.source import kind_of, names
from embedscope.errors import DataFormatError, EmbedscopeError, InvalidOptionError, importing

_HUB = re.compile(r"hub:(?P<name>[\w.-]+(?:/[\w.-]+)?)(?::(?P<configuration>[\w.-]+))?")
_MISSING = ("NAType", "NaTType")
_HELP = (
    "Expected a path, hub:owner/name, a list of rows, a table (pandas, polars, Arrow, datasets.Dataset), or a dict "
    "with queries, corpus and relevant_docs"
)


def is_path(data: object) -> bool:
    """Whether ``data`` names a file or a folder; if not, it is a data set itself or names one on the hub."""
    return isinstance(data, str | os.PathLike) and not str(data).startswith("hub:")


def describe_object(data: object) -> str:
    """The name of a data set, or what kind of object it is, without anything that it holds: ``pandas.DataFrame``."""
    if isinstance(data, str | os.PathLike):
        return str(data)
    kind = type(data)
    if kind.__module__ == "builtins":
        has_corpus = isinstance(data, Mapping) and evaluator_keys(data) is not None
        return f"{kind.__name__} of queries, corpus and judgments" if has_corpus else f"{kind.__name__} of rows"
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


def read_object(data: object, *, split: str | None, group: str | None) -> tuple[Folder | Records, str | None]:
    """What an object or a name on the hub holds, judged queries or rows, and the portion of the rows still to be taken.

    Parameters
    ----------
    data : object
        A table, an iterable of rows, a dict of columns or of splits, dicts of queries, corpus and judgments; or
        ``hub:owner/name``, to which ``:configuration`` may be added.
    split : str, optional
        Which split or configuration to use, or a portion of rows.
    group : str, optional
        As `read_folder` takes it.

    Raises
    ------
    DataFormatError
        If it is no data set, or cannot be loaded.
    InvalidOptionError
        If it has no such split, or several and it is unclear which.
    MissingExtraError
        If it is a name on the hub and the package ``datasets`` is not installed.
    """
    kind = describe_object(data)
    portion = split if split is not None and is_portion(split) else None
    if isinstance(data, str):
        configurations = _of_hub(data)
        if _has_corpus(configurations):
            _refuse_portion(portion)
            return _folder_of_tables(configurations, split=split, group=group), None
        (data,) = configurations.values()
    if not isinstance(data, Mapping):
        return _records(_rows(data), kind), split  # which is refused if it is no portion
    if (keys := evaluator_keys(data)) is not None:
        _refuse_portion(portion)
        return _folder_of_parts(one_of_each(data, keys), kind, split=split, group=group), None
    if _is_splits(data):
        chosen, notes = _choose(data, None if portion else split)
        return replace(_records(_rows(chosen), kind), warnings=notes), portion
    return _records(_rows_of_columns(data), kind), split


def _refuse_portion(portion: str | None) -> None:
    if portion is not None:
        raise InvalidOptionError(
            f"the split '{portion}' was asked for, but a portion is one of rows, and these are judged queries. Name a "
            f"split of the judgments, or leave the option out."
        )


def _choose(splits: Mapping[Any, Any], asked: str | None) -> tuple[Any, tuple[str, ...]]:
    """The table of a split: the one that was asked for, else ``test``, else the only one; and the note on it."""
    named = {str(name): table for name, table in splits.items()}
    if asked is None and len(named) == 1:
        return next(iter(named.values())), ()
    chosen = "test" if asked is None else asked
    if chosen not in named:
        why = "none is called 'test'" if asked is None else f"there is no split '{asked}'"
        raise InvalidOptionError(
            f"there are the splits {names(named)}, and {why}. Ask for one of these with the split."
        )
    others = names(name for name in named if name != chosen)
    return named[chosen], () if asked is not None else (f"the split 'test' is used; there are also {others}.",)


def _is_splits(data: Mapping[Any, Any]) -> bool:
    """Whether every value is a table or a list of rows."""
    return len(data) > 0 and all(_is_table(value) for value in data.values())


def _is_table(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) > 0 and all(isinstance(row, Mapping) for row in value)
    is_series = type(value).__name__ in ("Series", "ChunkedArray", "Array", "Column")
    return not is_series and (hasattr(value, "__arrow_c_stream__") or _package(value) in ("pandas", "datasets"))


def _package(value: object) -> str:
    return type(value).__module__.partition(".")[0]


def _records(rows: Iterable[Any], kind: str) -> Records:
    items = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise DataFormatError(f"row {number}: expected a row {{...}} with named fields, came {kind_of(row)}.")
        items.append((number, {str(name): _cell(value) for name, value in row.items()}))
    if not items:
        raise DataFormatError("there are no rows; at least 2 queries were expected.")
    return Records(kind, "row", items)


def _cell(value: Any) -> Any:
    """A value as JSON would have it; the missing values of pandas, NaN among them, are None."""
    if type(value).__name__ in _MISSING or (isinstance(value, float) and value != value):
        return None
    return _plain(value)


def _plain(value: Any) -> Any:
    """Python numbers and lists for those of NumPy, at any depth."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return _plain(value.tolist()) if _package(value) == "numpy" else value


def _rows(data: Any) -> Iterable[Any]:
    """The rows of a table or of an iterable, one dict each."""
    if _package(data) == "pandas" and hasattr(data, "columns"):
        _require_distinct(list(map(str, data.columns)))
        return data.to_dict("records")  # type: ignore[no-any-return]
    if hasattr(data, "__arrow_c_stream__") or _is_dataset(data):
        table = arrow_table(data)
        return named_classes(table.to_pylist(), table.schema)
    if hasattr(data, "collect") and not isinstance(data, Iterable):
        raise DataFormatError("the table is not computed yet. Call its collect() and pass the result.")
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return data
    raise DataFormatError(f"this is no data set that is read. {_HELP}.")


def _is_dataset(data: Any) -> bool:
    return _package(data) == "datasets" and hasattr(data, "with_format") and hasattr(data, "__len__")


def arrow_table(data: Any) -> Any:
    """An Arrow table of anything tabular."""
    import pyarrow as pa

    try:
        if _package(data) == "datasets":
            table = data.with_format("arrow")[:]  # with the rows that were selected, in their order
        elif _package(data) == "pandas":
            table = pa.Table.from_pandas(data, preserve_index=False)
        elif isinstance(data, list | tuple):
            table = pa.Table.from_pylist(list(data))
        else:
            table = pa.table(data)
    except (pa.ArrowException, AttributeError, TypeError, ValueError) as error:
        raise DataFormatError(f"the table cannot be read as Arrow ({str(error)[:200]}). {_HELP}.") from error
    _require_distinct(table.column_names)
    return table


def _require_distinct(columns: list[str]) -> None:
    if len(set(columns)) < len(columns):
        raise DataFormatError(f"the columns {names(columns)} need a name each, and no name twice.")


def _rows_of_columns(data: Mapping[Any, Any]) -> list[Fields]:
    """The rows of a dict of columns."""
    columns = {str(name): _plain(list(value) if _is_column(value) else value) for name, value in data.items()}
    lengths = {len(value) for value in columns.values() if isinstance(value, list)}
    if len(lengths) != 1 or not all(isinstance(value, list) for value in columns.values()):
        raise DataFormatError(
            f"the dict has the fields {names(data) or 'none'}, which are no columns of one length, no splits, and not "
            f"queries, corpus and judgments. {_HELP}."
        )
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _is_column(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | set | frozenset)


# --- judged sets --------------------------------------------------------------------------------------------------


def _folder_of_parts(parts: Mapping[str, Any], kind: str, *, split: str | None, group: str | None) -> Folder:
    """The judged set of dicts by id, as evaluators take them, or of tables, as a folder of Parquet files holds them."""
    if not all(isinstance(part, Mapping) and not _is_splits(part) for part in parts.values()):
        tables = {"qrels" if part == "relevant_docs" else part: value for part, value in parts.items()}
        by_split = {
            part: table if isinstance(table, Mapping) else {"test" if part == "qrels" else part: table}
            for part, table in tables.items()
        }
        return _folder_of_tables(by_split, split=split, group=group)
    if split is not None or group is not None:
        option = "split" if split is not None else "group"
        raise InvalidOptionError(f"dicts by id have no {option}s; leave the option --{option} out.")
    return replace(evaluator_folder({part: _plain(value) for part, value in parts.items()}), format=f"judged {kind}")


def _folder_of_tables(parts: Mapping[str, Mapping[str, Any]], *, split: str | None, group: str | None) -> Folder:
    """The judged set of tables by part and split, read as a folder of Parquet files is."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for part, splits in parts.items():
            (folder / part).mkdir()
            for name, table in splits.items():
                pq.write_table(arrow_table(table), folder / part / f"{name}.parquet")
        found = read_folder(folder, split=split, group=group)
    if isinstance(found, Records):
        raise DataFormatError("there are no judgments; expected tables of queries, corpus and qrels.")
    return replace(found, format="judged tables")


# --- the hub ------------------------------------------------------------------------------------------------------


def _of_hub(address: str) -> dict[str, Any]:
    """The splits by configuration that ``hub:owner/name[:configuration]`` names; several only of a judged set."""
    match = _HUB.fullmatch(address)
    if match is None:
        raise InvalidOptionError("expected a name such as hub:mteb/scifact or hub:owner/name:configuration.")
    name, asked = match["name"], match["configuration"]
    with importing("datasets", needed_for=f"Reading {address}", extra="hub"):
        import datasets
    try:
        known = datasets.get_dataset_config_names(name)
        if known == ["default"]:
            return _unlisted(datasets, name, asked)
        chosen = [own for own in known if asked in (None, own, *re.split("[-_]", own))]
        if not _has_corpus(chosen):
            chosen = [own for own in chosen if own == (asked or "default")] or chosen
            if len(chosen) != 1:
                raise InvalidOptionError(
                    f"there are the configurations {names(known)}. Name one: hub:{name}:{known[0]}."
                )
        return {own: datasets.load_dataset(name, own) for own in chosen}
    except EmbedscopeError:
        raise
    except Exception as error:  # whatever the library, the network or a damaged cache raises
        raise DataFormatError(
            f"it cannot be loaded through datasets ({type(error).__name__}: {' '.join(str(error).split())[:300]}). "
            f"Check the name and the connection; without one, only what was loaded before is read."
        ) from error


def _unlisted(datasets: Any, name: str, asked: str | None) -> dict[str, Any]:
    """The splits by configuration where only "default" is listed: without a connection, what is cached is not."""
    if asked is not None:
        return {asked: datasets.load_dataset(name, asked)}
    parts = {own: _cached(datasets, name, own) for own in ("corpus", "queries")}
    if None in parts.values():
        return {"default": datasets.load_dataset(name)}
    judgments = {own: _cached(datasets, name, own) for own in ("qrels", "default")}
    return {**parts, **{own: splits for own, splits in judgments.items() if splits is not None}}


def _has_corpus(configurations: Iterable[str]) -> bool:
    """Whether the configurations of a data set are parts of a judged set."""
    words = {word for own in configurations for word in re.split("[-_]", own)}
    return {"corpus", "queries"} <= words


def _cached(datasets: Any, name: str, configuration: str) -> Any:
    """A configuration that can be loaded; None if it cannot."""
    try:
        return datasets.load_dataset(name, configuration)
    except Exception:  # of many kinds, and all say that it is not there
        return None
