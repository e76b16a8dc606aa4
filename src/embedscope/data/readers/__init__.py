"""Data files as people have them, read into a :class:`~embedscope.data.collection.Collection`.

The format is recognised from the content, never from the name alone::

    file ──► containers (JSON, JSONL, CSV, Parquet: records) ──► dialects (rows) ──┐
    folder ──► folders (BEIR, FlagEmbedding, MTEB: texts by id, qrels) ────────────┴─► Collection

Both stand on ``source``: from a path to decoded text and JSON, with the place of every fault.

Whatever the file holds, the only exceptions are subclasses of :class:`~embedscope.errors.InputError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from embedscope.data.collection import Collection, build_collection, collection_from_qrels
from embedscope.data.readers.containers import Records, read_records
from embedscope.data.readers.dialects import rows_with_dialect
from embedscope.data.readers.folders import Folder, read_folder
from embedscope.data.readers.objects import describe_object, is_path, read_object
from embedscope.data.readers.portion import take_portion
from embedscope.data.readers.source import located, require_path

__all__ = ["read_collection", "read_source"]


def read_collection(
    data: object,
    *,
    split: str | None = None,
    columns: Sequence[str] = (),
    group: str | None = None,
    drop_empty: bool = False,
    allow_missing: bool = False,
) -> Collection:
    """The collection that a data file or folder holds.

    Parameters
    ----------
    data : str, Path or object
        A file of rows (original, FlagEmbedding, sentence-transformers or tevatron fields, as JSON, JSONL, CSV or
        Parquet) or a folder (BEIR, FlagEmbedding evaluation, MTEB Parquet); ``hub:owner/name``; or an object, as
        :func:`~embedscope.data.readers.objects.read_object` takes it. A `Collection` is given back as it is.
    split : str, optional
        Which judgments of a folder to use; by default ``test``, or the only ones there are. For a file a portion of
        its rows in file order: ``first:0.9``, ``last:0.1`` (a share) or ``last:200`` (a count).
    columns : sequence of str
        What columns of a file are, as ``role=name``: ``("query=question", "positive=answer", "negatives=neg_*")``.
    group : str, optional
        Field whose equal values make queries one observation; by default ``group``, where there is one.
    drop_empty : bool
        Leave empty texts out instead of refusing them.
    allow_missing : bool
        Leave out judgments that name unknown ids instead of refusing them (folders only; rows have no ids).

    Returns
    -------
    Collection
        ``format`` names what was recognised, for example "original JSON" or "BEIR folder".

    Raises
    ------
    DataFormatError
        If the path cannot be read, or is in no known format, or a part of it is broken; the message says where.
    TooFewPointsError
        If fewer than two queries have a relevant document.
    InvalidOptionError
        If ``split`` is no portion of a file, or names a split that the folder does not have.
    """
    if isinstance(data, Collection):
        return data
    if is_path(data):
        data = require_path(cast("str | Path", data))
    with located(describe_object(data)):
        source, portion = read_source(data, split=split, group=group)
        if isinstance(source, Folder):
            return collection_from_qrels(
                source.queries,
                source.documents,
                source.qrels,
                format=source.format,
                allow_missing=allow_missing,
                drop_empty=drop_empty,
                warnings=source.warnings,
                groups=source.groups,
                metadata=source.metadata,
            )
        rows, dialect, notes = rows_with_dialect(source, columns=columns, group=group)
        if portion is not None:
            rows, taken = take_portion(rows, portion)
            notes = [taken, *notes]
        return build_collection(
            rows,
            format=f"{dialect.name} {source.container}",
            drop_empty=drop_empty,
            row_name=source.row_name,
            warnings=[*source.warnings, *notes],
        )


def read_source(
    data: object, *, split: str | None = None, group: str | None = None
) -> tuple[Folder | Records, str | None]:
    """What a file, a folder or an object holds, judged queries or rows, and the portion of the rows still to be taken.

    Raises what :func:`read_collection` does.
    """
    if not is_path(data):
        return read_object(data, split=split, group=group)
    path = Path(cast("str | Path", data))
    return (read_folder(path, split=split, group=group), None) if path.is_dir() else (read_records(path), split)
