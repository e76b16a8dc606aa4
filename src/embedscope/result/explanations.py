"""Which words decide: what leaving a word out does to a failed query, and what a changed value does to a score."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from embedscope.result.codec import ADDED, UNWRITTEN, written
from embedscope.result.estimate import Estimate
from embedscope.result.tables import DocumentTable, QueryTable


class TextRole(StrEnum):
    """Which of the three texts of a failed query a word stands in."""

    QUERY = "query"
    RIGHT = "right"  # the best-scoring relevant document
    WRONG = "wrong"  # the best-scoring document that is not relevant


ROLE_WORDS = {TextRole.QUERY: "the query", TextRole.RIGHT: "the right document", TextRole.WRONG: "the winner"}


@dataclass(frozen=True, slots=True)
class Deletion:
    """What leaving out the characters ``start`` to ``end`` of a text does.

    ``change`` is ``s(right) - s(wrong)`` after minus before: above 0, the right document gains by it.
    """

    role: TextRole
    start: int  # in characters (code points) of the text in NFC
    end: int
    change: float
    puts_right_first: bool  # ahead of every document, not of the wrong one alone


def _query_id(explanation: Explanation, run: Any) -> str:
    return str(run.queries.ids[explanation.query])


def _right_id(explanation: Explanation, run: Any) -> str:
    return str(run.documents.ids[explanation.right])


def _wrong_id(explanation: Explanation, run: Any) -> str:
    return str(run.documents.ids[explanation.wrong])


@dataclass(frozen=True, slots=True)
class Explanation:
    """One failed query, by deletion.

    ``noise`` is the size of the change that spelling a word of the query at random makes (the median over up to four
    of them). The model does not see a word of the query whose deletion changes neither score by a tenth of what such a
    spelling does.
    """

    query: int = field(metadata=written(str, _query_id))  # row in QueryTable
    right: int = field(metadata=written(str, _right_id))  # row in DocumentTable
    wrong: int = field(metadata=written(str, _wrong_id))
    difference: float  # s(right) - s(wrong) as the texts are, below 0 where the wrong one wins
    noise: float
    best: Deletion | None  # the one that helps the right document most; None where none does
    unseen: tuple[str, ...]  # words of the query that the model does not see
    deletions: tuple[Deletion, ...] = field(default=(), metadata=UNWRITTEN)  # all, in the order of the texts

    def document(self, role: TextRole) -> int | None:
        """The row in DocumentTable of a text; None of the query."""
        return {TextRole.RIGHT: self.right, TextRole.WRONG: self.wrong}.get(role)

    def text(self, role: TextRole, queries: QueryTable, documents: DocumentTable) -> str:
        """One of the three texts."""
        document = self.document(role)
        return queries.texts[self.query] if document is None else documents.texts[document]

    def word(self, deletion: Deletion, queries: QueryTable, documents: DocumentTable) -> str:
        """What was left out."""
        return self.text(deletion.role, queries, documents)[deletion.start : deletion.end]


@dataclass(frozen=True, slots=True)
class DecidingWord:
    """A word that decides failures: among the words of their three texts its deletion helps the right document most."""

    word: str
    role: TextRole
    n_failures: int


@dataclass(frozen=True, slots=True)
class MinimalPairs:
    """One kind of value, changed alone in the right document, beside the same value written otherwise.

    ``ignored`` is the share of pairs in which the wrong value lowers the score of the query no more than another
    spelling of the right one does.
    """

    kind: str  # "number", "unit", "negation", a kind of the attribute reader, or a type of hard negatives
    n: int
    ignored: Estimate
    example: tuple[str, str, str] | None  # the right document as it is, with another value, with another spelling
    queries: tuple[int, ...] = field(default=(), metadata=UNWRITTEN)  # that ignore it, the clearest first


@dataclass(frozen=True, slots=True)
class Explanations:
    """Which words decide the failures that were looked at."""

    n_failures: int  # in all; ``failures`` are those that were looked at
    n_texts: int  # different texts that had to be encoded, whether or not the cache had them
    one_word: Estimate  # share of failures in which leaving out one word puts the right document first
    deciding: tuple[DecidingWord, ...]  # the most frequent first
    failures: tuple[Explanation, ...]
    pairs: tuple[MinimalPairs, ...]
    limit: str = field(default="", metadata=ADDED)  # why no more failures were looked at
