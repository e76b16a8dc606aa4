"""Data files as people have them, read into a :class:`~embedscope.data.collection.Collection`.

The format is recognised from the content, never from the name alone::

    file ────► containers (JSON, JSONL, CSV, Parquet, Arrow: records) ──► columns ──► rows ──┐
    folder ──► folders (shards of rows: records; BEIR, FlagEmbedding, MTEB: texts, qrels) ───┴─► Collection

``columns`` decides which column holds what, by ``column_names`` where nothing is stated. Both ways begin in ``source``:
from a path, perhaps compressed, to decoded text and JSON, with the place of every fault.

Whatever the file holds, the only exceptions are subclasses of :class:`~embedscope.errors.InputError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from embedscope.data.collection import Collection, build_collection, collection_from_qrels
from embedscope.data.readers.columns import refuse_columns
from embedscope.data.readers.containers import Records, evaluator_keys, read_records
from embedscope.data.readers.evaluator import one_of_each
from embedscope.data.readers.folders import Folder, evaluator_folder, read_folder
from embedscope.data.readers.objects import describe_object, is_path, read_object
from embedscope.data.readers.portion import is_portion, take_portion
from embedscope.data.readers.rows import mapped_rows
from embedscope.data.readers.source import located, require_path
from embedscope.errors import InvalidOptionError

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
        A file of rows (columns under known names, or as ``columns`` states them, in JSON, JSONL, CSV, Parquet or Arrow,
        also compressed), of queries, corpus and relevant documents (LlamaIndex), or a folder (BEIR, FlagEmbedding
        evaluation, MTEB, ``save_to_disk``, files of rows by split); ``hub:owner/name``; or an object, as
        :func:`~embedscope.data.readers.objects.read_object` takes it. A `Collection` is given back as it is.
    split : str, optional
        Which split or subset of a folder to use; by default ``test``, or the only one there is. For rows a portion in
        file order: ``first:0.9``, ``last:0.1`` (a share) or ``last:200`` (a count).
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
    if isinstance(data, Collection):
        return data
    if is_path(data):
        data = require_path(cast("str | Path", data))
    with located(describe_object(data)):
        source, portion = read_source(data, split=split, group=group)
        if isinstance(source, Folder):
            refuse_columns(columns, f"a {source.format}")
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
        read = mapped_rows(source, columns=columns, group=group)
        rows, notes = read.rows, read.notes
        if portion is not None:
            rows, taken = take_portion(rows, portion)
            notes = [taken, *notes]
        return build_collection(
            rows,
            format=f"{read.mapping.format} {source.container}",
            drop_empty=drop_empty,
            row_name=source.row_name,
            warnings=[*source.warnings, *notes],
            columns=read.mapping.roles,
        )


def read_source(
    data: object, *, split: str | None = None, group: str | None = None
) -> tuple[Folder | Records, str | None]:
    """What a file, a folder or an object holds, judged queries or rows, and the portion of the rows still to be taken.

    Raises what :func:`read_collection` does; ``group`` is looked up in the queries of a folder.
    """
    if not is_path(data):
        return read_object(data, split=split, group=group)
    path = Path(cast("str | Path", data))
    portion = split if split is not None and (path.is_file() or is_portion(split)) else None
    is_folder = path.is_dir()
    source = read_folder(path, split=None if portion else split, group=group) if is_folder else read_records(path)
    one = source.items[0][1] if isinstance(source, Records) and len(source.items) == 1 else {}
    if (keys := evaluator_keys(one)) is not None:
        source = evaluator_folder(one_of_each(one, keys), warnings=source.warnings)
        if group is not None:
            raise InvalidOptionError(f"--group {group}: the queries of this file have texts, and no other fields.")
    if isinstance(source, Folder) and portion is not None:
        raise InvalidOptionError(
            f"the split '{portion}' was asked for, but a portion is one of rows, and these are judged queries. Name a "
            "split of the folder, or leave the option out."
        )
    return source, portion
