"""Data files as people have them, read into a :class:`~embedscope.data.collection.Collection`.

The format is recognised from the content, never from the name alone::

    file ──► containers (JSON, JSONL, CSV, Parquet: records) ──► columns ──► rows ──┐
    folder ──► folders (BEIR, FlagEmbedding, MTEB: texts by id, qrels) ─────────────┴─► Collection

``columns`` decides which column holds what, by ``column_names`` where nothing is stated. Both ways begin in ``source``:
from a path to decoded text and JSON, with the place of every fault.

Whatever the file holds, the only exceptions are subclasses of :class:`~embedscope.errors.InputError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from embedscope.data.collection import Collection, build_collection, collection_from_qrels
from embedscope.data.readers.columns import refuse_columns
from embedscope.data.readers.containers import read_records
from embedscope.data.readers.folders import read_folder
from embedscope.data.readers.portion import take_portion
from embedscope.data.readers.rows import mapped_rows
from embedscope.data.readers.source import located, require_path

__all__ = ["read_collection"]


def read_collection(
    path: str | Path,
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
    path : str or Path
        A file of rows (columns under known names, or as ``columns`` states them, in JSON, JSONL, CSV or Parquet) or a
        folder (BEIR, FlagEmbedding evaluation, MTEB Parquet).
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
        If ``split`` is no portion of a file, or names a split that the folder does not have, or ``columns`` or
        ``group`` name a column that is not there.
    """
    path = require_path(path)
    with located(str(path)):
        if path.is_dir():
            folder = read_folder(path, split=split, group=group)
            refuse_columns(columns, f"a {folder.format}")
            return collection_from_qrels(
                folder.queries,
                folder.documents,
                folder.qrels,
                format=folder.format,
                allow_missing=allow_missing,
                drop_empty=drop_empty,
                warnings=folder.warnings,
                groups=folder.groups,
                metadata=folder.metadata,
            )
        records = read_records(path)
        read = mapped_rows(records, columns=columns, group=group)
        rows, notes = read.rows, read.notes
        if split is not None:
            rows, portion = take_portion(rows, split)
            notes = [portion, *notes]
        return build_collection(
            rows,
            format=f"{read.mapping.format} {records.container}",
            drop_empty=drop_empty,
            row_name=records.row_name,
            warnings=[*records.warnings, *notes],
            columns=read.mapping.roles,
        )
