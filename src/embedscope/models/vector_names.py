"""What the name of a column or an array of a vector file says: vectors or a label, of queries, of documents or of both.

Names are read by their words: ``queryEmbeddings``, ``query-embedding`` and ``QUERY_EMBEDDINGS`` are one name.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Side(StrEnum):
    """Whose vectors or labels these are."""

    QUERY = "queries"
    DOCUMENT = "documents"


class Label(StrEnum):
    """By what a row is found."""

    TEXT = "text"
    ID = "id"


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, in small letters and in the singular; compounds of two known words are taken apart.

    >>> words_of("queryEmbeddings"), words_of("Doc-IDs"), words_of("pid")
    (('query', 'embedding'), ('doc', 'id'), ('p', 'id'))
    """
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).lower()
    return tuple(part for word in re.findall(r"[^\W_]+", spaced) for part in _parts(_singular(word)))


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 2 and word.endswith("s") and word[-2] not in "su" else word


_SIDES = {
    Side.QUERY: frozenset(["query", "question", "anchor", "topic", "q"]),
    Side.DOCUMENT: frozenset(["document", "doc", "corpus", "passage", "answer", "context", "positive", "p", "d"]),
}
_SIDE_WORDS = frozenset().union(*_SIDES.values())
_OF_VECTORS = ["embedding", "embed", "emb", "vector", "vec", "feature", "dense", "representation", "rep", "encoding"]
_VECTOR = frozenset([*_OF_VECTORS, "array", "arr", "matrix"])
_LABELS = {
    Label.ID: frozenset(["id", "uid", "uuid", "guid", "key"]),
    Label.TEXT: frozenset(["text", "sentence", "string", "content", "chunk"]),
}
_SECOND = _VECTOR.union(*_LABELS.values())


def _parts(word: str) -> tuple[str, ...]:
    """``docid`` as ``doc`` and ``id``."""
    for side in sorted(_SIDE_WORDS, key=len, reverse=True):
        if word.startswith(side) and word[len(side) :] in _SECOND:
            return side, word[len(side) :]
    return (word,)


def side_of(name: str) -> Side | None:
    """The side that a name tells; None if it tells none or both."""
    words = set(words_of(name))
    named = [side for side, known in _SIDES.items() if words & known]
    return named[0] if len(named) == 1 else None


def names_vectors(name: str) -> bool:
    """Whether a matrix of this name holds vectors: a word says so, or it names a side and nothing else."""
    words = set(words_of(name))
    return bool(words & _VECTOR) or (bool(words) and words <= _SIDE_WORDS)


def names_only_vectors(name: str) -> bool:
    """Whether a name says "vectors", perhaps of a side, and nothing else."""
    words = {word for word in words_of(name) if not word.isdecimal()}
    return bool(words & _VECTOR) and words <= _VECTOR | _SIDE_WORDS


def label_of(name: str, *, beside: str = "") -> Label | None:
    """What a column of strings or whole numbers labels rows by; None where its name says neither text nor id.

    Words of ``beside``, the name of the vectors, change nothing: ``epoch1_ids`` labels ``epoch1``. Any other word
    does: a ``parent_id`` or a ``text_language`` is no label.
    """
    words = set(words_of(name))
    known = _SECOND | _SIDE_WORDS | set(words_of(beside))
    if not words or words - known:
        return None
    if words & _LABELS[Label.ID]:
        return Label.ID
    if words & _LABELS[Label.TEXT] or words <= _SIDE_WORDS:
        return Label.TEXT
    return None
