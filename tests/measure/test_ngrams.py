"""Character n-grams: scikit-learn's own, whatever the texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from embedscope.data.text_features import strip_diacritics
from embedscope.measure import ngrams
from embedscope.measure.ngrams import SplitTexts, gram_counts, gram_sets

words = st.text(st.sampled_from("abcđôĐ 1\t\n."), max_size=12)


@pytest.mark.parametrize("lengths", [(1, 1), (2, 4), (3, 3), (5, 6)])
@given(texts=st.lists(words, min_size=1, max_size=8))
@settings(max_examples=40)
def test_counts_are_those_of_char_wb(lengths: tuple[int, int], texts: list[str]) -> None:
    grams: dict[str, int] = {}
    counts = gram_counts(SplitTexts.of(texts), lengths, grams).toarray()
    if not grams:
        assert not any(text.split() for text in texts)
        return
    vectorizer = CountVectorizer(analyzer="char_wb", ngram_range=lengths, lowercase=False)
    expected = vectorizer.fit_transform(texts).toarray()
    names = vectorizer.get_feature_names_out()
    assert sorted(grams) == sorted(names)
    np.testing.assert_array_equal(counts[:, [grams[name] for name in names]], expected)


@given(
    documents=st.lists(words, min_size=1, max_size=8).filter(lambda texts: any(text.split() for text in texts)),
    queries=st.lists(words, max_size=8),
)
@settings(max_examples=60)
def test_weights_are_those_of_tf_idf(documents: list[str], queries: list[str]) -> None:
    weights = SplitTexts.of(documents).weights((2, 4))
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    expected = vectorizer.fit_transform(documents)
    np.testing.assert_allclose(
        (weights.documents[:] @ weights.documents[:].T).toarray(), (expected @ expected.T).toarray(), atol=1e-6
    )
    if queries:
        np.testing.assert_allclose(
            (weights.rows(SplitTexts.of(queries)) @ weights.documents[:].T).toarray(),
            (vectorizer.transform(queries) @ expected.T).toarray(),
            atol=1e-6,
        )


@given(documents=st.lists(words, min_size=1, max_size=8), n_entries=st.integers(1, 60))
@settings(max_examples=40)
def test_rows_of_documents_are_the_same_in_any_choice(documents: list[str], n_entries: int) -> None:
    kept, lengths = SplitTexts.of(documents).weights((2, 4)).documents, (2, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "_KEPT", -1)
        patch.setattr(ngrams, "_ENTRIES", n_entries)
        made = SplitTexts.of(documents).weights(lengths).documents
    whole, turned = kept[:].toarray(), np.arange(len(documents))[::-1]
    assert made.shape == whole.shape
    np.testing.assert_array_equal(made[turned].toarray(), whole[turned])
    for rows in (kept, made):
        np.testing.assert_array_equal(np.concatenate([own.toarray() for _, own in rows.blocks(n_entries)]), whole)
        assert all(own.has_sorted_indices for _, own in rows.blocks(n_entries))


def test_n_grams_are_counted_once_for_words_that_are_prepared_to_the_same() -> None:
    ascii_texts, others = SplitTexts.of(["Room a1", "room b"]), SplitTexts.of(["Phòng"])
    assert ascii_texts.weights((2, 4), strip_diacritics).documents is not ascii_texts.weights((2, 4)).documents
    assert ascii_texts.weights((2, 4), str.casefold).documents is ascii_texts.weights((2, 4)).documents
    assert ascii_texts.weights((2, 3)).documents is not ascii_texts.weights((2, 4)).documents
    plain = others.weights((2, 4), lambda word: strip_diacritics(word).lower())
    assert plain.rows(SplitTexts.of(["phong", "phòng"])).nnz == 2 * others.weights((2, 4)).rows(others).nnz


def test_sets_hold_each_n_gram_once() -> None:
    found = gram_sets(["abab", "", "x"], 3).toarray()
    assert found.tolist() == [[1, 0, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]]  # " ab", " x ", "ab ", "aba", "bab"


def test_columns_of_sets_do_not_depend_on_the_order_of_the_texts() -> None:
    texts = ["room for rent", "a quiet room", "house"]
    np.testing.assert_array_equal(gram_sets(texts, 3).toarray()[::-1], gram_sets(texts[::-1], 3).toarray())


def test_words_may_be_prepared_in_another_way() -> None:
    upper, lower = SplitTexts.of(["AB"]), SplitTexts.of(["ab"])
    assert upper.weights((2, 2), str.swapcase).rows(lower).nnz == 0
    assert upper.weights((2, 2)).rows(lower).nnz == 3


@given(texts=st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_words_prepared_are_those_of_texts_prepared(texts: list[str]) -> None:
    for prepare in (str.lower, strip_diacritics):
        ours: dict[str, int] = {}
        theirs: dict[str, int] = {}
        found = gram_counts(SplitTexts.of(texts), (2, 4), ours, prepare).toarray()
        expected = gram_counts(SplitTexts.of([prepare(text) for text in texts]), (2, 4), theirs).toarray()
        assert list(ours) == list(theirs)
        np.testing.assert_array_equal(found, expected)
