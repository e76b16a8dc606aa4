"""Queries, corpus and relevant documents in one object: what LlamaIndex writes and sentence-transformers evaluates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embedscope.data.readers.qrels import Qrel, identifier, qrels_by_query
from embedscope.data.readers.rows import passage_text
from embedscope.data.readers.source import kind_of
from embedscope.errors import DataFormatError


def evaluator_parts(value: Mapping[str, object]) -> tuple[dict[str, str], dict[str, str], list[Qrel]]:
    """Queries by id, documents by id, and judgments of ``{queries, corpus, relevant_docs}``.

    Parameters
    ----------
    value : mapping
        ``queries`` and ``corpus`` (or ``documents``) map ids to texts or to ``{title, text}``; ``relevant_docs`` maps
        query ids to lists or sets of document ids, which have gain 1, or to ``{document id: gain}``.

    Raises
    ------
    DataFormatError
        If ``corpus`` and ``documents`` are both there, or a part is no mapping or holds something else.
    """
    corpora = [name for name in ("corpus", "documents") if name in value]
    if len(corpora) > 1:
        raise DataFormatError("there are both 'corpus' and 'documents', so the pool is unclear. Keep one of the two.")
    return (
        texts_by_id(_mapping(value, "queries"), "queries"),
        texts_by_id(_mapping(value, corpora[0]), corpora[0]),
        list(qrels_by_query(_mapping(value, "relevant_docs"))),
    )


def texts_by_id(value: Mapping[Any, object], part: str) -> dict[str, str]:
    """Texts by id, with the title before the text where there is one."""
    texts = {}
    for key, text in value.items():
        place = f"'{part}', id {key}"
        texts[identifier(key, place)] = passage_text(dict(text if isinstance(text, Mapping) else {"text": text}), place)
    return texts


def _mapping(value: Mapping[str, object], part: str) -> Mapping[Any, object]:
    stated = value[part]
    if isinstance(stated, Mapping):
        return stated
    raise DataFormatError(f"'{part}': expected an object of ids and what belongs to them, came {kind_of(stated)}.")
