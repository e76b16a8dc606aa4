"""MaxSim in blocks: the sum over query tokens of the largest similarity, whatever the blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers.util import maxsim

from embedscope.errors import InvalidEmbeddingsError
from embedscope.metrics import max_sim as module
from embedscope.metrics.max_sim import TokenVectors, max_sim


def texts(generator: np.random.Generator, lengths: list[int], dim: int = 6) -> list[np.ndarray]:
    return [generator.standard_normal((n, dim)).astype(np.float32) for n in lengths]


def plain(queries: list[np.ndarray], documents: list[np.ndarray]) -> np.ndarray:
    """The definition, one pair at a time."""
    return np.array([[(q @ d.T).max(axis=1).sum() for d in documents] for q in queries], dtype=np.float32)


lengths = st.lists(st.integers(1, 7), min_size=1, max_size=9)


@given(lengths, lengths, st.integers(0, 99), st.sampled_from([16, 400, 1 << 20]))
@settings(max_examples=40, deadline=None)
def test_it_is_that_of_the_definition_and_of_sentence_transformers_whatever_the_block(
    query_lengths: list[int], document_lengths: list[int], seed: int, n_bytes: int
) -> None:
    generator = np.random.default_rng(seed)
    queries, documents = texts(generator, query_lengths), texts(generator, document_lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PRODUCT_BYTES", n_bytes)
        found = max_sim(TokenVectors.of(queries, 6), TokenVectors.of(documents, 6))
        mean = max_sim(TokenVectors.of(queries, 6), TokenVectors.of(documents, 6), is_mean=True)
    np.testing.assert_allclose(found, plain(queries, documents), rtol=1e-5, atol=1e-5)
    theirs = maxsim([torch.from_numpy(q) for q in queries], [torch.from_numpy(d) for d in documents]).numpy()
    np.testing.assert_allclose(found, theirs, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(mean, found / np.array(query_lengths)[:, np.newaxis], rtol=1e-5, atol=1e-5)


def test_a_text_without_tokens_is_compared_with_nothing() -> None:
    generator = np.random.default_rng(1)
    queries, documents = texts(generator, [2, 0, 3]), texts(generator, [0, 4, 0])
    found = max_sim(TokenVectors.of(queries, 6), TokenVectors.of(documents, 6))
    assert np.isneginf(found[1]).all()
    assert np.isneginf(found[:, [0, 2]]).all()
    np.testing.assert_allclose(found[[0, 2], 1], plain([queries[0], queries[2]], [documents[1]])[:, 0], rtol=1e-5)


def test_float16_vectors_are_multiplied_as_float32() -> None:
    generator = np.random.default_rng(2)
    queries, documents = texts(generator, [3, 5], 64), texts(generator, [9, 2], 64)
    half = [TokenVectors(t.vectors.astype(np.float16), t.indptr) for t in map(_of_64, (queries, documents))]
    as_stored = [[m.astype(np.float16).astype(np.float32) for m in side] for side in (queries, documents)]
    np.testing.assert_allclose(max_sim(*half), plain(*as_stored), rtol=1e-5)


def _of_64(matrices: list[np.ndarray]) -> TokenVectors:
    return TokenVectors.of(matrices, 64)


def test_the_similarities_of_tokens_are_never_more_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PRODUCT_BYTES", 4 * 100)
    seen: list[int] = []
    reduced = module._reduced

    def noting(similarities: np.ndarray, *args: np.ndarray, **more: bool) -> np.ndarray:
        seen.append(similarities.size)
        return reduced(similarities, *args, **more)

    monkeypatch.setattr(module, "_reduced", noting)
    generator = np.random.default_rng(3)
    max_sim(TokenVectors.of(texts(generator, [3] * 20), 6), TokenVectors.of(texts(generator, [4] * 30), 6))
    assert max(seen) <= 100
    assert sum(seen) == 60 * 120


def test_vectors_of_two_spaces_are_refused() -> None:
    generator = np.random.default_rng(4)
    one, other = TokenVectors.of(texts(generator, [2], 6), 6), TokenVectors.of(texts(generator, [2], 5), 5)
    with pytest.raises(InvalidEmbeddingsError, match="have 6 numbers and those of documents 5"):
        max_sim(one, other)
