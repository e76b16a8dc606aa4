"""Whether the test set stands in the training file: exactly, after normalisation, or nearly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from embedscope.data.collection import Collection
from embedscope.findings import Leakage

NEAR_JACCARD = 0.9
"""Jaccard similarity of character 3-gram sets from which two texts count as nearly the same (Broder 1997)."""

BLOCK_CELLS = 1 << 22
"""Pairs of texts compared at once: 16 MiB of float32."""

_NOT_WORD = re.compile(r"[\W_]+", re.UNICODE)


def normalised(text: str) -> str:
    """``text`` without case, accents, punctuation and repeated white space: "Phòng  Q.10!" gives "phong q 10".

    A text without any letter or digit stays as it is, so that two of them are not taken for the same.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold()).replace("đ", "d")
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _NOT_WORD.sub(" ", letters).strip() or text


def measure_leakage(test: Collection, train: Collection, *, train_name: str, n_examples: int = 5) -> Leakage:
    """Overlap of the distinct queries and positives of ``test`` with those of ``train``.

    ``share_of_queries`` counts the exact and the normalised overlaps; near ones are reported apart, because templated
    data holds honest near neighbours ("5tr", "6tr").

    Parameters
    ----------
    test, train : Collection
    train_name : str
        What to call the training file.
    n_examples : int
        Pairs kept at most, queries first.
    """
    queries, query_pairs = _overlap(test.queries, train.queries)
    test_positives = [test.documents[d] for d in np.unique(test.relevant)]
    train_positives = [train.documents[d] for d in np.unique(train.relevant)]
    positives, positive_pairs = _overlap(test_positives, train_positives)
    return Leakage(
        train=train_name,
        n_queries=len(test.queries),
        n_positives=len(test_positives),
        queries=queries,
        positives=positives,
        share_of_queries=(queries["exact"] + queries["normalised"]) / max(len(test.queries), 1),
        examples=tuple((query_pairs + positive_pairs)[:n_examples]),
    )


def _overlap(test: Sequence[str], train: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    exact, by_normal_form = set(train), {normalised(text): text for text in reversed(train)}
    counts = {"exact": 0, "normalised": 0, "near": 0}
    pairs: list[tuple[str, str]] = []
    rest: list[str] = []
    for text in test:
        twin = text if text in exact else by_normal_form.get(normalised(text))
        if twin is None:
            rest.append(text)
            continue
        counts["exact" if text in exact else "normalised"] += 1
        pairs.append((text, twin))
    near = _near_pairs(rest, train)
    counts["near"] = len(near)
    return counts, pairs + near


def _near_pairs(test: Sequence[str], train: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs (test text, nearest training text) whose 3-gram sets have a Jaccard similarity of at least 0.9. Exact."""
    if not test or not train:
        return []
    sets, n_test = _gram_sets([normalised(t) for t in (*test, *train)]), len(test)
    sizes = np.asarray(sets.sum(axis=1)).ravel()
    test_sets, train_sets = sets[:n_test], sets[n_test:].T.tocsc()
    pairs: list[tuple[str, str]] = []
    block = max(1, BLOCK_CELLS // len(train))
    for start in range(0, n_test, block):
        shared = (test_sets[start : start + block] @ train_sets).toarray()  # (b, n_train)
        union = sizes[start : start + len(shared), None] + sizes[None, n_test:] - shared
        jaccard = shared / np.maximum(union, 1)
        best = jaccard.argmax(axis=1)
        hits = np.flatnonzero(jaccard[np.arange(len(best)), best] >= NEAR_JACCARD)
        pairs += [(test[start + int(i)], train[int(best[i])]) for i in hits]
    return pairs


def _gram_sets(texts: Sequence[str]) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    # The padding of char_wb gives a text shorter than a gram a gram of its own.
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=(3, 3), binary=True, dtype=np.float32, lowercase=False)
    return vectorizer.fit_transform(texts)
