"""Whether the test set stands in the training file: exactly, after normalisation, or nearly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from embedscope.data.collection import Collection
from embedscope.data.text_features import BARE
from embedscope.diagnose.minhash import GramSets, nearest_across
from embedscope.measure.ngrams import gram_sets
from embedscope.protocols import FloatArray
from embedscope.result import Leakage

NEAR_JACCARD = 0.9
"""Jaccard similarity of character 3-gram sets from which two texts count as nearly the same (Broder 1997)."""

EXHAUSTIVE = 6_000
"""Texts up to this number are compared pair by pair; of two sets of texts, as many pairs as that makes."""

BLOCK_CELLS = 1 << 22
"""Pairs of texts compared at once: 16 MiB of float32."""

N_EXAMPLES = 5
_NOT_WORD = re.compile(r"[\W_]+", re.UNICODE)


def normalised(text: str) -> str:
    """``text`` without case, accents, punctuation and repeated white space: "Café  P.10!" gives "cafe p 10".

    A text without any letter or digit stays as it is, so that two of them are not taken for the same.
    """
    return " ".join(filter(None, map(_normalised, text.split()))) or text


@lru_cache(maxsize=1 << 15)  # the words of a collection come again and again
def _normalised(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.casefold()).translate(BARE)
    return _NOT_WORD.sub(" ", letters).strip()


@dataclass(frozen=True, slots=True)
class Overlap:
    """Which of ``n`` distinct texts stand in the training file: (text, training text) by how they agree."""

    n: int
    exact: tuple[tuple[str, str], ...]
    normalised: tuple[tuple[str, str], ...]
    near: tuple[tuple[str, str], ...]

    @property
    def counts(self) -> dict[str, int]:
        """Texts by how they agree."""
        return {"exact": len(self.exact), "normalised": len(self.normalised), "near": len(self.near)}


def measure_leakage(test: Collection, train: Collection, *, train_name: str) -> Leakage:
    """Overlap of the distinct queries and positives of ``test`` with those of ``train``.

    ``share_of_queries`` counts the exact and the normalised overlaps; near ones are reported apart, because templated
    data holds honest near neighbours ("5 kg", "6 kg").
    """
    return leakage_of(*overlaps(test, train), train_name=train_name)


def overlaps(test: Collection, train: Collection) -> tuple[Overlap, Overlap]:
    """The overlap of the queries and that of the positives."""
    positives = [[data.documents[d] for d in np.unique(data.relevant)] for data in (test, train)]
    return _overlap(test.queries, train.queries), _overlap(*positives)


def leakage_of(queries: Overlap, positives: Overlap, *, train_name: str) -> Leakage:
    """The two overlaps as they are reported, with some pairs as examples, queries first."""
    pairs = [pair for found in (queries, positives) for pair in (*found.exact, *found.normalised, *found.near)]
    return Leakage(
        train=train_name,
        n_queries=queries.n,
        n_positives=positives.n,
        queries=queries.counts,
        positives=positives.counts,
        share_of_queries=(len(queries.exact) + len(queries.normalised)) / max(queries.n, 1),
        examples=tuple(pairs[:N_EXAMPLES]),
        leaked_queries=tuple(text for text, _ in (*queries.exact, *queries.normalised)),
    )


def _overlap(test: Sequence[str], train: Sequence[str]) -> Overlap:
    exact, by_normal_form = set(train), {normalised(text): text for text in reversed(train)}
    same = [(text, text) for text in test if text in exact]
    rest = [text for text in test if text not in exact]
    twins = {text: by_normal_form.get(normalised(text)) for text in rest}
    alike = [(text, twin) for text, twin in twins.items() if twin is not None]
    near = near_pairs([text for text, twin in twins.items() if twin is None], train)
    return Overlap(len(test), tuple(same), tuple(alike), tuple(near))


def near_pairs(test: Sequence[str], train: Sequence[str], *, exhaustive: int = EXHAUSTIVE) -> list[tuple[str, str]]:
    """Pairs (test text, nearest training text) whose 3-gram sets have a Jaccard similarity of at least 0.9.

    Exact of few texts; of many MinHash proposes what is compared, so that some are missed.
    """
    if not test or not train:
        return []
    n_test, forms = len(test), (normalised(t) for t in (*test, *train))
    if n_test * len(train) > exhaustive**2:
        found = nearest_across(
            GramSets(form.strip() or "\N{REPLACEMENT CHARACTER}" for form in forms), n_test, NEAR_JACCARD
        )
        return [(test[i], train[j - n_test]) for i, j in zip(*(places.tolist() for places in found), strict=True)]
    sets = gram_sets(list(forms), 3)
    pairs: list[tuple[str, str]] = []
    for start, jaccard in jaccard_blocks(sets[:n_test], sets[n_test:]):
        best = jaccard.argmax(axis=1)
        hits = np.flatnonzero(jaccard[np.arange(len(best)), best] >= NEAR_JACCARD)
        pairs += [(test[start + int(i)], train[int(best[i])]) for i in hits]
    return pairs


def jaccard_blocks(first: Any, second: Any) -> Iterator[tuple[int, FloatArray]]:
    """Blocks (first row, ``|A & B| / |A | B|`` of shape (b, m)) of all pairs of rows of two matrices of gram sets."""
    sizes, other_sizes = (np.asarray(sets.sum(axis=1)).ravel() for sets in (first, second))
    turned = second.T.tocsc()
    block = max(1, BLOCK_CELLS // second.shape[0])
    for start in range(0, first.shape[0], block):
        shared = (first[start : start + block] @ turned).toarray()  # (b, m)
        union = sizes[start : start + len(shared), None] + other_sizes[None, :] - shared
        yield start, shared / np.maximum(union, 1)
