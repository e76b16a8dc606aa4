"""Whether the type of a hard negative says in what it differs, or only how it was found."""

from __future__ import annotations

import re

_WORDS = (
    "mined mining bm tf idf tfidf random rand hard harder hardest easy medium soft dense sparse lexical semantic ann "
    "faiss knn nn bi cross encoder retrieved retriever retrieval top k rank ranked reranked in batch inbatch cache gpt "
    "llm generated synthetic sampled sample negative negatives neg negs false other others unknown none na untyped "
    "unlabelled unlabeled default misc type manual human auto"
)
_FINDING = frozenset(_WORDS.split())
"""Words by which data sets say how a negative was found. A name made of nothing else names no attribute."""


def names_attribute(name: str) -> bool:
    """Whether a type is about something a text states: "colour", "wrong_colour"; not "mined", "bm25".

    Attributes are many and in any language, ways of finding negatives are few: whatever is not made of words for these
    alone counts as an attribute.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()
    listed = re.findall(r"[^\W\d_]+", spaced)
    return bool(listed) and not all(word in _FINDING for word in listed)
