"""Queries, corpus and relevant documents in one object: what LlamaIndex writes and sentence-transformers evaluates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embedscope.data.readers.qrels import Qrel, identifier, qrels_by_query
from embedscope.data.readers.rows import passage_text
from embedscope.data.readers.source import kind_of, names
from embedscope.errors import DataFormatError


def evaluator_parts(value: Mapping[str, object]) -> tuple[dict[str, str], dict[str, str], list[Qrel]]:
    """Queries by id, documents by id, and judgments of ``{queries, corpus, relevant_docs}``.

    Parameters
    ----------
    value : mapping
        ``queries`` and ``corpus`` map ids to texts or to ``{title, text}``; ``relevant_docs`` maps query ids to lists
        or sets of document ids, which have gain 1, or to ``{document id: gain}``.

    Raises
    ------
    DataFormatError
        If a part is no mapping or holds something else.
    """
    queries, corpus, relevant = (_mapping(value, part) for part in ("queries", "corpus", "relevant_docs"))
    return texts_by_id(queries, "queries"), texts_by_id(corpus, "corpus"), list(qrels_by_query(relevant))


def one_of_each(value: Mapping[Any, Any], keys: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The parts by name that stand under ``keys``; raises DataFormatError where one stands under several."""
    for part, own in keys.items():
        if len(own) > 1:
            raise DataFormatError(f"there are {names(own)}, so it is unclear which is the '{part}'. Keep one of them.")
    return {part: value[key] for part, (key,) in keys.items()}


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
