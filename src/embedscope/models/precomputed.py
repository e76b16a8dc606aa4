"""Embeddings that the user made: read from a file in place of a checkpoint (``--embeddings``).

Every text of the data set is looked up by identity, or every query and document by id. What a file may look like, and
how its names are read, is the subject of :mod:`~embedscope.models.vector_files`.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from embedscope.data.collection import Collection, identity
from embedscope.errors import InvalidEmbeddingsError
from embedscope.metrics.norms import Norms
from embedscope.metrics.vectors import compared_rows
from embedscope.models.embed import Embeddings
from embedscope.models.fingerprints import hash_file
from embedscope.models.score_function import similarity_of_vectors
from embedscope.models.vector_files import ONE_TABLE, TWO_TABLES, Table, VectorTables, is_vector_file, read_vectors
from embedscope.models.vector_names import Label, Side
from embedscope.protocols import Float32Array, IntArray
from embedscope.result import ModelFacts
from embedscope.settings import SimilarityFunction

_SAME = 1e-5
"""Two vectors of one text that differ by no more are the same text encoded in two batches."""

_MADE_ID = re.compile(r"[qd]\d{5,}")
"""Ids that a file of rows is given when it is read, which has none of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class PrecomputedVectors:
    """The vectors of a collection's queries and documents as a file has them, and what the file is."""

    queries: Float32Array
    documents: Float32Array
    facts: ModelFacts


def is_precomputed_file(path: str | Path) -> bool:
    """Whether ``path`` is a file or a folder of embeddings, by its content; a checkpoint never is."""
    return is_vector_file(Path(os.path.expanduser(path)))


def load_precomputed(
    path: str | Path, collection: Collection, *, similarity: SimilarityFunction = SimilarityFunction.MODEL
) -> Embeddings:
    """The vectors in ``path`` for every query and document of ``collection``, made unit rows unless compared by dot.

    Parameters
    ----------
    path : str or Path
        As `read_vectors` takes it.
    similarity : SimilarityFunction
        Cosine where nothing is said; norms that differ are then noted.

    Returns
    -------
    Embeddings
        float32 rows in the order of the collection.

    Raises
    ------
    InvalidEmbeddingsError
        If the file cannot be read as vectors, a text or id of the collection is missing, one has two different
        vectors, or a row has no direction.
    """
    started = time.monotonic()
    found = read_precomputed(path, collection)
    chosen, notes = similarity_of_vectors(similarity, Norms.of(found.queries), Norms.of(found.documents))
    is_unit = chosen is SimilarityFunction.COSINE
    return Embeddings(
        queries=compared_rows(found.queries, is_unit=is_unit, what="query", ids=collection.query_ids),
        documents=compared_rows(found.documents, is_unit=is_unit, what="document", ids=collection.document_ids),
        facts=replace(found.facts, notes=(*found.facts.notes, *notes), similarity=chosen.value),
        elapsed_s=time.monotonic() - started,
    )


def read_precomputed(path: str | Path, collection: Collection) -> PrecomputedVectors:
    """The vectors in ``path`` for every query and document of ``collection``, as they are; raises as above."""
    tables = read_vectors(Path(os.path.expanduser(path)))
    queries, documents = tables.queries, tables.documents
    if queries.vectors.shape[1] != documents.vectors.shape[1]:
        raise InvalidEmbeddingsError(
            f"In '{path}' the queries have {queries.vectors.shape[1]} numbers a row and the documents "
            f"{documents.vectors.shape[1]}; only vectors of one space can be compared."
        )
    query_rows, query_label = _found(path, queries, collection, Side.QUERY)
    document_rows, document_label = _found(path, documents, collection, Side.DOCUMENT)
    if queries is documents and query_label is document_label is Label.ID:
        _require_no_clash(path, collection)
    return PrecomputedVectors(
        queries.vectors[query_rows],
        documents.vectors[document_rows],
        ModelFacts(
            checkpoint=str(path),
            layout="precomputed embeddings",
            dim=int(queries.vectors.shape[1]),
            fingerprint=_fingerprint(tables.files),
            notes=_mapping(tables, query_label, document_label),
        ),
    )


def _fingerprint(files: Sequence[Path]) -> str:
    """The digest of the file; of several that of their digests."""
    digests = [hash_file(file) for file in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _mapping(tables: VectorTables, query_label: Label, document_label: Label) -> tuple[str, ...]:
    """What was taken for vectors and labels, where the names are not the ones that embedscope writes."""
    read = [(tables.queries, query_label), (tables.documents, document_label)]
    used = [name for table, label in read for name in (table.label_names[label], table.name)]
    if set(used) <= {*ONE_TABLE, *TWO_TABLES}:
        return ()
    of = [f"'{table.name}', found by {label} in '{table.label_names[label]}'" for table, label in read]
    if of[0] == of[1]:
        return (f"Vectors of queries and documents: {of[0]}.",)
    return (f"Vectors of queries: {of[0]}; of documents: {of[1]}.",)


def _found(path: str | Path, table: Table, collection: Collection, side: Side) -> tuple[IntArray, Label]:
    """The row of every query or document of the collection, and what they were found by: texts, else ids.

    Raises the refusal of the first kind of label if neither has all of them.
    """
    refusals = []
    for label in Label:
        if label not in table.labels:
            continue
        try:
            if label is Label.ID:
                _require_own_ids(path, collection)
            places = _index(path, table, label)
            return _rows(path, f"{_ONE[side]} {label}s", places, _wanted(collection, side, label)), label
        except InvalidEmbeddingsError as error:
            refusals.append(error)
    raise refusals[0]


_ONE = {Side.QUERY: "query", Side.DOCUMENT: "document"}


def _wanted(collection: Collection, side: Side, label: Label) -> list[list[str]]:
    """What each query or document may be called in the file."""
    if label is Label.TEXT:
        return [[identity(text)] for text in (collection.queries if side is Side.QUERY else collection.documents)]
    if side is Side.QUERY:
        return [[name] for name in collection.query_ids]
    return [[name, *collection.merged_ids.get(name, ())] for name in collection.document_ids]


def _require_own_ids(path: str | Path, collection: Collection) -> None:
    if all(_MADE_ID.fullmatch(name) for name in (*collection.query_ids, *collection.document_ids)):
        raise InvalidEmbeddingsError(
            f"'{path}' labels its vectors by id, and the data set is a list of rows, whose queries and documents have "
            f"no ids of their own. Label the vectors by text (texts, vectors)."
        )


def _require_no_clash(path: str | Path, collection: Collection) -> None:
    """One table of ids cannot tell a query from a document of the same id, unless they are the same text."""
    texts = {name: identity(text) for name, text in zip(collection.query_ids, collection.queries, strict=True)}
    for name, text in zip(collection.document_ids, collection.documents, strict=True):
        for own in (name, *collection.merged_ids.get(name, ())):
            if texts.get(own, identity(text)) != identity(text):
                raise InvalidEmbeddingsError(
                    f"'{path}' has one table of ids for queries and documents, and {own[:80]!r} is the id of both a "
                    f"query and another document, so it is not clear whose vector it is. Write two tables: "
                    f"{', '.join(TWO_TABLES)}."
                )


def _index(path: str | Path, table: Table, label: Label) -> dict[str, int]:
    """Row of each name; a name with two different vectors is refused."""
    entries: Iterable[str] = table.labels[label]
    vectors = table.vectors
    places: dict[str, int] = {}
    for row, key in enumerate(map(identity, entries) if label is Label.TEXT else entries):
        first = places.setdefault(key, row)
        if first != row and not np.allclose(vectors[first], vectors[row], rtol=_SAME, atol=_SAME, equal_nan=True):
            raise InvalidEmbeddingsError(
                f"In '{path}' the entry {key[:80]!r} of '{table.label_names[label]}' stands in rows {first} and {row} "
                f"with different vectors; it is not clear which one counts."
            )
    return places


def _rows(path: str | Path, what: str, places: Mapping[str, int], wanted: Sequence[Sequence[str]]) -> IntArray:
    """Row of each wanted entry, under the first of its names that the file has."""
    rows = [next((places[name] for name in names if name in places), -1) for names in wanted]
    missing = [names[0][:80] for names, row in zip(wanted, rows, strict=True) if row < 0]
    if missing:
        raise InvalidEmbeddingsError(
            f"'{path}' lacks {len(missing):,} of {len(wanted):,} {what} of the data set, first: "
            f"{', '.join(map(repr, missing[:3]))}. Every query and document needs a vector; encode the missing ones."
        )
    return np.asarray(rows, dtype=np.int64)
