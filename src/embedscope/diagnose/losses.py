"""Failed queries, each with the document that should have won and the one that did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from embedscope.protocols import BoolArray, Float64Array, IntArray
from embedscope.result import DocumentTable, QueryTable

N_SHIFTS = 3

Cause = Mapping[int, str]
"""Queries that a cause holds for, each with the evidence in a few words."""


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """The queries that are lost to a document that is not relevant."""

    queries: QueryTable
    documents: DocumentTable
    rows: IntArray  # (F,)
    right: IntArray  # (Q,) the best-scoring relevant document
    wrong: IntArray  # (Q,) the best-scoring one that is not relevant, -1 where there is none

    @classmethod
    def of(cls, queries: QueryTable, documents: DocumentTable) -> Losses:
        """Those of a run."""
        right = np.array([queries.best_relevant(row) for row in range(len(queries.texts))], dtype=np.int64)
        return cls(queries, documents, queries.lost, right, queries.wrong_document)

    def by_chance(self) -> Iterator[Losses]:
        """Each query lost to what beat another one, :data:`N_SHIFTS` times another."""
        for shift in range(1, N_SHIFTS + 1):
            wrong = self.wrong.copy()
            wrong[self.rows] = np.roll(wrong[self.rows], shift * len(self.rows) // (N_SHIFTS + 1))
            yield replace(self, wrong=wrong)

    @property
    def lead(self) -> Float64Array:
        """Score of the wrong document minus that of the right one, shape (Q,)."""
        return self.queries.wrong_similarity - self.queries.positive_similarity

    def texts(self, row: int) -> tuple[str, str, str]:
        """The query, its right and its wrong document."""
        texts = self.documents.texts
        return self.queries.texts[row], texts[int(self.right[row])], texts[int(self.wrong[row])]

    @property
    def document_texts(self) -> frozenset[str]:
        """Every right and every wrong document."""
        return frozenset(text for row in self.rows.tolist() for text in self.texts(row)[1:])

    def winner(self, row: int) -> str:
        """The id of the document that won."""
        return self.documents.ids[int(self.wrong[row])]

    def cause(self, flags: BoolArray, evidence: Callable[[int], str]) -> Cause:
        """The failed queries among ``flags``, shape (Q,), each with its evidence."""
        return {row: evidence(row) for row in self.rows.tolist() if flags[row]}
