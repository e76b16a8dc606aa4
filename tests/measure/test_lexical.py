"""The lexical baselines: n-grams as scikit-learn's own cosine gives them, whatever the blocks; the stronger of two."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from embedscope.measure import lexical, ngrams
from embedscope.measure.lexical import GramScores, LexicalValues, lexical_values
from embedscope.measure.ngrams import SplitTexts
from embedscope.metrics.judgments import Judgments

DOCUMENTS = ["quiet room near the market", "phòng trọ quận 10 giá 5tr5", "garden house", "room with a garden"]
QUERIES = ["phong q10 5tr5", "phòng trọ 5tr5", "a quiet room", "house", "zzz ###"]


def scores(n_entries: int = 1 << 20) -> np.ndarray:
    """All scores, each shown once."""
    found = np.full((len(QUERIES), len(DOCUMENTS)), np.nan, dtype=np.float32)
    for query, document, block in grams().blocks(n_entries):
        place = np.s_[query : query + block.shape[0], document : document + block.shape[1]]
        assert np.isnan(found[place]).all()
        found[place] = block
    return found


def grams() -> GramScores:
    return GramScores(SplitTexts.of(QUERIES), SplitTexts.of(DOCUMENTS))


def test_scores_are_cosines_of_n_gram_weights_fitted_on_the_documents() -> None:
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    by_document = vectorizer.fit_transform(DOCUMENTS)
    expected = cosine_similarity(vectorizer.transform(QUERIES), by_document)
    np.testing.assert_allclose(scores(), expected, atol=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scores()
    for n_queries, n_entries in ((2, 1 << 20), (128, 1), (1, 1)):
        monkeypatch.setattr(lexical, "_QUERIES", n_queries)
        np.testing.assert_array_equal(scores(n_entries), whole)


def test_scores_of_pairs_are_those_of_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, documents = np.divmod(np.arange(len(QUERIES) * len(DOCUMENTS)), len(DOCUMENTS))
    monkeypatch.setattr(lexical, "_PAIRS", 3)
    np.testing.assert_array_equal(grams().pairs(queries, documents), scores()[queries, documents])


def test_rows_that_are_not_kept_change_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = Judgments.from_lists([[1], [1], [0], [2], [3]], n_documents=4)

    def values() -> np.ndarray:
        texts = SplitTexts.of(QUERIES), SplitTexts.of(DOCUMENTS)
        return lexical_values(*texts, judged, ["MRR"], tolerance=0.0).of["n-grams"]["MRR"]

    kept = values()
    monkeypatch.setattr(ngrams, "_KEPT", 0)
    for n_entries in (1 << 20, 50):
        monkeypatch.setattr(ngrams, "_ENTRIES", n_entries)
        np.testing.assert_array_equal(values(), kept)


def test_a_query_without_a_known_n_gram_scores_zero_everywhere() -> None:
    assert not scores()[-1].any()


def test_the_values_of_the_n_grams_are_those_of_its_scores_with_ties_in_expectation() -> None:
    judged = Judgments.from_lists([[1], [1], [0], [2], [3]], n_documents=4)
    texts = SplitTexts.of(QUERIES), SplitTexts.of(DOCUMENTS)
    found = lexical_values(*texts, judged, ["MRR", "Success@1"], tolerance=1e-6).of["n-grams"]
    assert found["Success@1"][:4].tolist() == [1, 1, 1, 1]
    assert found["Success@1"][4] == 0.25
    assert found["MRR"][4] == np.mean(1 / np.arange(1, 5))


def test_the_stronger_baseline_is_the_one_with_the_higher_mrr_and_n_grams_where_they_are_equal() -> None:
    def stronger(n_grams: list[float], bm25: list[float], metric: str = "MRR") -> str:
        return LexicalValues({"n-grams": {metric: np.array(n_grams)}, "BM25": {metric: np.array(bm25)}}).stronger

    assert stronger([1.0, 0.5], [1.0, 0.25]) == "n-grams"
    assert stronger([1.0, 0.25], [1.0, 0.5]) == "BM25"
    assert stronger([0.1, 0.2, 0.3], [0.3, 0.2, 0.1]) == "n-grams"
    assert stronger([0.25], [0.5], "Success@1") == "BM25"


def test_each_baseline_has_its_mean_of_every_measure() -> None:
    judged = Judgments.from_lists([[1], [1], [0], [2], [3]], n_documents=4)
    found = lexical_values(SplitTexts.of(QUERIES), SplitTexts.of(DOCUMENTS), judged, ["MRR"], tolerance=1e-6)
    assert set(found.means) == {"n-grams", "BM25"}
    assert found.means["BM25"]["MRR"] == np.mean(found.of["BM25"]["MRR"])
