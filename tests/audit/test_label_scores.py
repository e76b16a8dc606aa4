"""Labels against all documents: in blocks as in one piece, a sample as all, and what is left out is said."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from embedscope.audit import Subject, audit
from embedscope.audit.duplicate_checks import _Labels
from embedscope.audit.label_scores import ALL_PAIRS, LEAST_QUERIES, BlockedGrams, _best, n_compared, standing
from embedscope.audit.raw_rows import RawRows
from embedscope.data.collection import Negative, Row
from embedscope.diagnose.second_opinion import lexical_scorer
from embedscope.measure.ngrams import SplitTexts

NAMES = ("bàn gỗ", "tủ áo", "máy giặt", "hồ bơi", "sân vườn", "gác xép", "garden", "balcony", "desk", "old lift")


def rows_of(n: int) -> tuple[Row, ...]:
    """Rows of which every third shares its positive with the one before, and every fifth is answered by another's."""
    rows: list[Row] = []
    for i in range(n):
        name, other = NAMES[i % 10], NAMES[(i + 3) % 10]
        positive = f"phòng {i} có {name} và {other}, số nhà {i}"
        if i % 3 == 2:
            positive = rows[-1].positives[0]
        negatives = (Negative(f"phòng {i} có {other}, số nhà {i + 1}"), Negative(f"phòng {i + 1} có {name}"))
        query = f"phòng {i} có {name}" if i % 5 else rows[-1].query + " số nhà" if rows else "phòng có bàn"
        rows.append(Row(query, (positive,), negatives, i + 1))
    return tuple(rows)


def subject_of(n: int, wanted: int | None = None) -> Subject:
    return Subject(RawRows("test", "row", rows_of(n)), n_compared=wanted)


def test_the_best_places_are_those_of_a_stable_sort_whatever_is_equal() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        row = generator.integers(0, 6, size=40).astype(np.float32)
        for n in (0, 1, 7, 39, 40, 60):
            np.testing.assert_array_equal(_best(row, n), np.argsort(-row, kind="stable")[:n])


def test_documents_in_blocks_give_the_standing_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedscope.audit.label_scores._DOCUMENTS", 7)
    subject = subject_of(40)
    assert subject.collection is not None
    queries, documents = subject.collection.queries, subject.collection.documents
    whole = lexical_scorer(SplitTexts.of(queries), SplitTexts.of(documents))
    blocked = BlockedGrams(queries, documents)
    expected, found = (standing(scorer, subject.relevant, 5) for scorer in (whole, blocked))
    np.testing.assert_allclose(found.level, expected.level, atol=1e-9)
    scores = np.concatenate([block for _, block in whole.blocks()])
    for ours, theirs, row in zip(found.best, expected.best, scores, strict=True):
        np.testing.assert_allclose(row[ours], row[theirs], rtol=1e-5)  # equal scores may change places by rounding
    pairs = np.repeat(np.arange(len(queries)), 3), np.arange(3 * len(queries)) % len(documents)
    np.testing.assert_allclose(blocked.pairs(*pairs), whole.pairs(*pairs), rtol=1e-5, atol=1e-7)


def test_all_queries_are_compared_up_to_a_number_of_pairs_and_then_at_least_a_thousand() -> None:
    assert n_compared(10_000, 30_000, None) == 10_000
    assert n_compared(1_000_000, 2_000_000, None) == LEAST_QUERIES
    assert n_compared(100_000, 100_000, None) == ALL_PAIRS // 100_000
    assert n_compared(10_000_000, 2_000_000, 0) == 10_000_000
    assert n_compared(50, 100, 2_000) == 50


def test_as_many_queries_as_there_are_is_no_sample() -> None:
    assert audit(subject_of(30, 1_000)) == audit(subject_of(30)) == audit(subject_of(30, 0))


def test_a_sample_says_of_how_many_and_counts_out_of_these() -> None:
    subject = subject_of(60, 20)
    report = audit(subject)
    said = next(line for line in report.not_checked if "--compared-queries" in line)
    assert subject.collection is not None
    n = len(subject.collection.queries)
    assert said.startswith(f"the labels of {n - 20} of {n} queries against the documents: 20, drawn with the seed 0")
    by_code = {finding.code: finding for finding in report.findings}
    assert "(of 20)" in by_code["unlabelled-answer"].title
    assert by_code["unlabelled-answer"].n == 20
    rows = {int(subject.numbers[subject.units[q]]) for q in subject.compared}
    assert set(by_code["unlabelled-answer"].rows) <= rows


def test_the_same_queries_are_drawn_whatever_the_order_of_the_rows() -> None:
    rows = rows_of(60)
    subjects = [Subject(RawRows("test", "row", own), n_compared=20) for own in (rows, rows[::-1])]
    drawn = [{s.collection.queries[q] for q in s.compared} for s in subjects if s.collection is not None]
    assert drawn[0] == drawn[1]


def test_labels_of_pairs_are_those_of_all_pairs_by_definition() -> None:
    subject = subject_of(40)
    assert subject.collection is not None
    families: dict[int, set[int]] = {}
    for q, own in enumerate(subject.relevant):
        for d in own:
            families.setdefault(d, set()).update(own, subject.refused(q))
    labels = _Labels(subject)
    for i, j in combinations(range(len(subject.collection.documents)), 2):
        assert labels.are_labelled_apart(i, j) == any(i in own and j in own for own in families.values())
        assert labels.is_relevant_beside(i, j) == any(i in own and j in own for own in subject.relevant)


def test_a_score_is_the_same_to_the_last_bit_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = subject_of(40).collection
    assert collection is not None
    scorer = BlockedGrams(collection.queries, collection.documents)
    (whole,) = map(scorer.block, scorer.starts())
    monkeypatch.setattr("embedscope.audit.label_scores._CELLS", 5 * len(collection.queries))
    monkeypatch.setattr("embedscope.audit.label_scores._QUERIES", 3)
    assert len(scorer.starts()) > 3
    np.testing.assert_array_equal(np.concatenate([scorer.block(start) for start in scorer.starts()], axis=1), whole)
    chosen = np.array([7, 3, 30])
    np.testing.assert_array_equal(scorer.scores(chosen), whole[:, chosen])
