"""BM25: scores by the formula, by bm25s itself and by hand; tokens of any script; lists that hold what was found."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.planted import collection_of

from embedscope.data.collection import Collection, Row, build_collection
from embedscope.measure import bm25
from embedscope.measure.bm25 import K1, B, BM25Index, bm25_lists, tokens
from embedscope.measure.lexical import lexical_values
from embedscope.measure.ngrams import SplitTexts
from embedscope.metrics.judgments import Judgments

DOCUMENTS = ["quiet room near the market", "phòng trọ quận 10, 5tr5", "Garden house", "room with a room and garden", ""]
QUERIES = ["phòng trọ 5tr5", "a quiet room", "house HOUSE garden", "zzz ###", ""]


def scores(queries: list[str], documents: list[str], *, block: int = 256) -> np.ndarray:
    index = BM25Index(SplitTexts.of(documents))
    return np.concatenate([part for _, part in index.score_blocks(SplitTexts.of(queries), block=block)])


def by_formula(queries: list[str], documents: list[str]) -> np.ndarray:
    """The formula of the module, term by term."""
    counts = [Counter(tokens(text)) for text in documents]
    lengths = [sum(each.values()) for each in counts]
    mean_length = sum(lengths) / len(lengths)
    out = np.zeros((len(queries), len(documents)))
    for q, query in enumerate(queries):
        for token in tokens(query):
            df = sum(token in each for each in counts)
            idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            for d, each in enumerate(counts):
                if each[token]:
                    out[q, d] += idf * each[token] / (each[token] + K1 * (1 - B + B * lengths[d] / mean_length))
    return out


def test_scores_are_those_of_the_formula() -> None:
    np.testing.assert_allclose(scores(QUERIES, DOCUMENTS), by_formula(QUERIES, DOCUMENTS), rtol=1e-12)


def test_scores_are_those_that_bm25s_gives_a_query() -> None:
    import bm25s

    engine = bm25s.BM25(k1=K1, b=B, method="lucene", dtype="float64")
    engine.index([tokens(text) for text in DOCUMENTS], show_progress=False)
    for query, found in zip(QUERIES[:3], scores(QUERIES, DOCUMENTS), strict=False):
        np.testing.assert_allclose(found, engine.get_scores(tokens(query)), rtol=1e-12)


def test_one_token_in_one_of_two_documents_is_worked_by_hand() -> None:
    # idf = ln(1 + (2 - 1 + 0.5) / (1 + 0.5)) = ln 2; tf = 2, |d| = 3, avgdl = 2
    expected = math.log(2) * 2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2))
    assert scores(["a"], ["a a b", "b"])[0].tolist() == pytest.approx([expected, 0.0], abs=1e-12)


def test_a_token_that_a_query_repeats_counts_as_often() -> None:
    np.testing.assert_allclose(scores(["room room"], DOCUMENTS), 2 * scores(["room"], DOCUMENTS))


def test_a_query_or_a_collection_without_tokens_scores_zero_everywhere() -> None:
    assert not scores(QUERIES, DOCUMENTS)[3:].any()
    assert not scores(["a", ""], ["", "###"]).any()


def test_blocks_change_nothing() -> None:
    np.testing.assert_array_equal(scores(QUERIES, DOCUMENTS, block=2), scores(QUERIES, DOCUMENTS))


@given(st.lists(st.text(alphabet="ab 中文é́Ж_.", max_size=12), min_size=1, max_size=6))
def test_scores_are_those_of_the_formula_for_any_texts(texts: list[str]) -> None:
    np.testing.assert_allclose(scores(texts, texts), by_formula(texts, texts), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Phòng trọ Q.10", ["phòng", "trọ", "q", "10"]),
        ("Cafe\u0301 STRASSE Straße", ["café", "strasse", "strasse"]),
        ("snake_case don't", ["snake", "case", "don", "t"]),
        ("租房子", ["租房", "房子"]),
        ("3房 iPad充電器", ["3", "房", "ipad", "充電", "電器"]),
        ("中。文", ["中", "文"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("ที่พัก", ["ที่พั", "พัก"]),
        ("Привет, мир!", ["привет", "мир"]),
        ("### ...", []),
    ],
)
def test_tokens_are_words_with_their_marks_and_pairs_of_characters_where_no_blanks_are_written(
    text: str, expected: list[str]
) -> None:
    assert tokens(text) == expected


def test_documents_without_a_common_word_tie_in_the_baseline() -> None:
    judged = Judgments.from_lists([[1], [2], [3], [0]], n_documents=len(DOCUMENTS))
    texts = SplitTexts.of(QUERIES[:4]), SplitTexts.of(DOCUMENTS)
    found = lexical_values(*texts, judged, ["MRR", "Success@1"], tolerance=1e-6).of["BM25"]
    assert found["Success@1"].tolist() == pytest.approx([1, 0, 0, 0.2])
    assert found["MRR"][3] == np.mean(1 / np.arange(1, 6))


def collection() -> Collection:
    rows = [Row(query, (document,)) for query, document in zip(QUERIES[:4], DOCUMENTS[:4], strict=True)]
    return build_collection(rows, format="test")


def test_lists_hold_the_documents_with_a_positive_score_best_first() -> None:
    texts = collection()
    lists, expected = bm25_lists(texts), by_formula(list(texts.queries), list(texts.documents))
    for query, row in enumerate(expected):
        own = slice(*lists.indptr[query : query + 2])
        assert set(lists.documents[own]) == set(np.flatnonzero(row))
        np.testing.assert_allclose(lists.scores[own], np.sort(row[row > 0])[::-1], rtol=1e-12)
        np.testing.assert_allclose(lists.scores[own], row[lists.documents[own]], rtol=1e-12)
    assert lists.n_missing == 1
    assert (lists.facts.layout, lists.similarity, lists.facts.checkpoint) == ("BM25", "score", "bm25")
    assert any("k1 = 1.2, b = 0.75" in note for note in lists.facts.notes)


def test_a_list_is_cut_at_its_depth_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = collection_of(30, shared_words=0.5)
    whole = bm25_lists(texts)
    monkeypatch.setattr(bm25, "LISTED", 3)
    monkeypatch.setattr(BM25Index.sparse_blocks, "__kwdefaults__", {"block": 7})
    cut = bm25_lists(texts)
    for query in range(len(texts.queries)):
        own, all_ = slice(*cut.indptr[query : query + 2]), slice(*whole.indptr[query : query + 2])
        assert cut.documents[own].tolist() == whole.documents[all_][:3].tolist()


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    bm25_lists(collection())
    assert capfd.readouterr() == ("", "")


def test_a_text_that_is_its_own_document_is_in_no_list_of_its_query() -> None:
    rows = [Row("red house", ("blue house",)), Row("blue house", ("red house",)), Row("green house", ("a green",))]
    texts = build_collection(rows, format="test")
    assert texts.own is not None
    lists = bm25_lists(texts)
    found = set(zip(lists.query_of_entry.tolist(), lists.documents.tolist(), strict=True))
    assert not found & set(zip(texts.own.query_of_pair.tolist(), texts.own.documents.tolist(), strict=True))
