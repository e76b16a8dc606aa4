"""What is searched: the documents of a run in memory, or those of a shard folder, read from disk within a bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from embedscope.data.collection import Collection, identity
from embedscope.metrics.threads import one_thread_products
from embedscope.models.embed import Embeddings
from embedscope.protocols import Float32Array, IntArray
from embedscope.scale.shard_folder import ShardFolder

ROWS_AT_ONCE = 8192
"""Rows of a shard that are in memory at once, where the vectors are too many to be held."""

_NO_ROWS: IntArray = np.zeros(0, dtype=np.int64)


class Corpus(Protocol):
    """Documents and the queries of the test set, with the vectors that are compared."""

    @property
    def n(self) -> int:
        """Number of documents."""

    @property
    def queries(self) -> Float32Array:
        """Vectors of the queries of the test set, shape (Q, dim)."""

    def scores(self, query: Float32Array) -> Float32Array:
        """Inner product of a query (dim,) and every document, shape (n,)."""

    def vectors(self, rows: IntArray) -> Float32Array:
        """Vectors of documents, shape (len(rows), dim)."""

    def documents_named(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        """Id and text of each of these documents."""

    def query_named(self, row: int) -> tuple[str, str]:
        """Id and text of a query."""

    def query_of_text(self, text: str) -> int | None:
        """The query of this text, in the form by which texts are the same."""

    def query_of_id(self, name: str) -> int | None:
        """The query of this id."""

    def n_relevant_to(self, rows: IntArray) -> IntArray:
        """To how many queries each document is relevant."""

    def relevant(self, query: int) -> IntArray:
        """Rows of the documents that are relevant to a query."""

    def left_out(self, query: int) -> IntArray:
        """Rows of the documents that are the query itself and stand in no ranking of it."""


@dataclass(frozen=True, eq=False)
class RunCorpus:
    """The data set of a run, its vectors in memory."""

    collection: Collection
    embeddings: Embeddings

    @property
    def n(self) -> int:
        """Number of documents."""
        return len(self.collection.documents)

    @property
    def queries(self) -> Float32Array:
        """Vectors of the queries, shape (Q, dim)."""
        return self.embeddings.queries

    def scores(self, query: Float32Array) -> Float32Array:
        """Inner product of a query (dim,) and every document, shape (n,)."""
        found: Float32Array = self.embeddings.documents @ query
        return found

    def vectors(self, rows: IntArray) -> Float32Array:
        """Vectors of documents, shape (len(rows), dim)."""
        return self.embeddings.documents[rows]

    def documents_named(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        """Id and text of each of these documents."""
        return [(self.collection.document_ids[row], self.collection.documents[row]) for row in rows]

    def query_named(self, row: int) -> tuple[str, str]:
        """Id and text of a query."""
        return self.collection.query_ids[row], self.collection.queries[row]

    def query_of_text(self, text: str) -> int | None:
        """The query of this text, in the form by which texts are the same."""
        return self._rows_by_text.get(text)

    def query_of_id(self, name: str) -> int | None:
        """The query of this id."""
        return self._rows_by_id.get(name)

    @cached_property
    def _rows_by_text(self) -> Mapping[str, int]:
        return _first_rows(self.collection.queries)

    @cached_property
    def _rows_by_id(self) -> Mapping[str, int]:
        return _first_rows(self.collection.query_ids)

    def n_relevant_to(self, rows: IntArray) -> IntArray:
        """To how many queries each document is relevant."""
        return self._n_relevant_to[rows]

    @cached_property
    def _n_relevant_to(self) -> IntArray:
        return np.bincount(self.collection.relevant, minlength=self.n)

    def relevant(self, query: int) -> IntArray:
        """Rows of the documents that are relevant to a query."""
        return self.collection.relevant[self.collection.indptr[query] : self.collection.indptr[query + 1]]

    def left_out(self, query: int) -> IntArray:
        """Rows of the documents that are the query itself."""
        own = self.collection.own
        return _NO_ROWS if own is None else own.documents[own.indptr[query] : own.indptr[query + 1]]


class ShardCorpus:
    """The documents of a shard folder; their vectors are held where they fit, else read again for each query.

    Parameters
    ----------
    folder : ShardFolder
    memory : int
        Bytes that the vectors of documents may take; if they take more, `ROWS_AT_ONCE` rows are in memory at once.
    """

    def __init__(self, folder: ShardFolder, memory: int) -> None:
        self._folder = folder
        self.n = folder.documents.n_rows
        self.is_held = 4 * self.n * folder.dim <= memory
        self._held = folder.documents.everything() if self.is_held else None
        self.queries = folder.queries.everything()
        self._judgments = folder.judgments()

    def scores(self, query: Float32Array) -> Float32Array:
        """Inner product of a query (dim,) and every document, shape (n,); raises as `Side.blocks`."""
        if self._held is not None:
            held: Float32Array = self._held @ query
            return held
        found = np.empty(self.n, dtype=np.float32)
        with one_thread_products():  # as `score_shard`: a small product gains nothing by threads
            for number in range(len(self._folder.documents.shards)):
                for start, rows in self._folder.documents.blocks(number, ROWS_AT_ONCE):
                    found[start : start + len(rows)] = rows @ query
        return found

    def vectors(self, rows: IntArray) -> Float32Array:
        """Vectors of documents, shape (len(rows), dim)."""
        return self._folder.documents.take(rows) if self._held is None else self._held[rows]

    def documents_named(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        """Id and text of each of these documents."""
        distinct = np.unique(np.array(rows, dtype=np.int64))
        named = dict(zip(distinct.tolist(), zip(*self._folder.documents.names(distinct), strict=True), strict=True))
        return [named[row] for row in rows]

    def query_named(self, row: int) -> tuple[str, str]:
        """Id and text of a query."""
        ids, texts = self._folder.queries.names(np.array([row]))
        return ids[0], texts[0]

    def query_of_text(self, text: str) -> int | None:
        """The query of this text, in the form by which texts are the same."""
        return self._rows_by_name[1].get(text)

    def query_of_id(self, name: str) -> int | None:
        """The query of this id."""
        return self._rows_by_name[0].get(name)

    @cached_property
    def _rows_by_name(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Rows of the queries by id and by text."""
        if not self._folder.queries.has_names:
            return {}, {}
        ids, texts = self._folder.queries.names(np.arange(self._folder.queries.n_rows))
        return _first_rows(ids), _first_rows([identity(text) for text in texts])

    def n_relevant_to(self, rows: IntArray) -> IntArray:
        """To how many queries each document is relevant."""
        return np.array([np.count_nonzero(self._judgments.documents == row) for row in rows], dtype=np.int64)

    def relevant(self, query: int) -> IntArray:
        """Rows of the documents that are relevant to a query."""
        return self._judgments.documents[self._judgments.indptr[query] : self._judgments.indptr[query + 1]]

    def left_out(self, query: int) -> IntArray:
        """Rows of the documents that are the query itself."""
        own = self._judgments.excluded
        return _NO_ROWS if own is None else own.documents[own.indptr[query] : own.indptr[query + 1]]


def _first_rows(names: Sequence[str]) -> dict[str, int]:
    """The first row of each name."""
    return {name: row for row, name in reversed([*enumerate(names)])}
