"""Fusion of ranked lists, held against ranx and the formulas by hand; and the order after reranking."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ranx import Run, fuse

from embedscope.errors import InvalidOptionError
from embedscope.metrics.fusion import fused, reciprocal_rank_fusion, reordered, weighted_fusion
from embedscope.metrics.judgments import Cells
from embedscope.metrics.listing import lists_of_blocks, lists_of_vectors
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.result import ModelFacts
from embedscope.settings import Fusion

FACTS = ModelFacts(checkpoint="a", layout="run", dim=0, similarity="score")


def lists_of(*entries: dict[int, float], tolerance: float = 0.0) -> RankedLists:
    """Lists of one query for each mapping from a document to its score."""
    rows = np.array([(q, d, s) for q, own in enumerate(entries) for d, s in own.items()], dtype=float).reshape(-1, 3)
    queries, documents = rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64)
    return RankedLists.of_scores(queries, documents, rows[:, 2], len(entries), FACTS, tolerance=tolerance)


def scores_of(lists: RankedLists) -> list[dict[int, float]]:
    """Score of each listed document of each query."""
    pairs = zip(lists.query_of_entry.tolist(), lists.documents.tolist(), lists.scores.tolist(), strict=True)
    found: list[dict[int, float]] = [{} for _ in range(len(lists.indptr) - 1)]
    for query, document, score in pairs:
        found[query][document] = score
    return found


def as_ranx(lists: RankedLists) -> Run:
    return Run({f"q{q}": {f"d{d}": s for d, s in own.items()} for q, own in enumerate(scores_of(lists))})


def of_ranx(run: Run) -> list[dict[int, float]]:
    found = run.to_dict()
    return [{int(d[1:]): s for d, s in found[f"q{q}"].items()} for q in range(len(found))]


@st.composite
def untied_systems(draw: st.DrawFn) -> list[RankedLists]:
    """Two or three systems over the same queries, each with at least two documents a query and no ties."""
    seed, n_queries, n_systems = draw(st.integers(0, 999)), draw(st.integers(1, 4)), draw(st.integers(2, 3))
    generator = np.random.default_rng(seed)
    systems = []
    for _ in range(n_systems):
        own = []
        for _ in range(n_queries):
            documents = generator.choice(30, size=generator.integers(2, 20), replace=False)
            own.append(dict(zip(documents.tolist(), generator.permutation(100)[: len(documents)] / 7, strict=True)))
        systems.append(lists_of(*own))
    return systems


@pytest.mark.filterwarnings("ignore:unsafe cast")
@given(untied_systems())
@settings(max_examples=25, deadline=None)
def test_reciprocal_rank_fusion_is_that_of_ranx_and_of_the_formula(systems: list[RankedLists]) -> None:
    found = scores_of(reciprocal_rank_fusion(systems, FACTS))
    theirs = of_ranx(fuse([as_ranx(lists) for lists in systems], norm=None, method="rrf", params={"k": 60}))
    for query, own in enumerate(found):
        assert own == pytest.approx(theirs[query])
        for document, score in own.items():
            ranks = [list(scores_of(lists)[query]).index(document) + 1 for lists in systems
                     if document in scores_of(lists)[query]]  # fmt: skip
            assert score == pytest.approx(sum(1 / (60 + rank) for rank in ranks))


@pytest.mark.filterwarnings("ignore:unsafe cast")
@given(untied_systems())
@settings(max_examples=25, deadline=None)
def test_weighted_fusion_is_that_of_ranx_and_of_the_formula(systems: list[RankedLists]) -> None:
    weights = [0.5, 2.0, 1.0][: len(systems)]
    found = scores_of(weighted_fusion(systems, FACTS, weights))
    runs = [as_ranx(lists) for lists in systems]
    theirs = of_ranx(fuse(runs, norm="min-max", method="wsum", params={"weights": tuple(weights)}))
    for query, own in enumerate(found):
        assert own == pytest.approx(theirs[query])
        for document, score in own.items():
            parts = [scores_of(lists)[query] for lists in systems]
            scaled = [(part[document] - min(part.values())) / (max(part.values()) - min(part.values()))
                      if document in part else 0.0 for part in parts]  # fmt: skip
            assert score == pytest.approx(sum(w * s for w, s in zip(weights, scaled, strict=True)))


def test_tied_documents_share_the_mean_of_the_reciprocals_of_their_places() -> None:
    one, other = lists_of({0: 3.0, 1: 2.0, 2: 2.0, 3: 1.0}), lists_of({3: 1.0})
    found = scores_of(reciprocal_rank_fusion([one, other], FACTS))[0]
    shared = (1 / 62 + 1 / 63) / 2
    assert found == pytest.approx({0: 1 / 61, 1: shared, 2: shared, 3: 1 / 64 + 1 / 61})


def test_scores_within_the_tolerance_of_a_system_are_its_ties() -> None:
    found = scores_of(reciprocal_rank_fusion([lists_of({0: 1.0, 1: 1.0 - 1e-7}, tolerance=1e-6)], FACTS))[0]
    assert found[0] == found[1]


def test_three_systems_that_swap_their_places_leave_a_tie() -> None:
    systems = [
        lists_of({0: 3.0, 1: 2.0, 2: 1.0}),
        lists_of({0: 2.0, 1: 1.0, 2: 3.0}),
        lists_of({0: 1.0, 1: 3.0, 2: 2.0}),
    ]
    lists = reciprocal_rank_fusion(systems, FACTS)
    assert np.ptp(lists.scores) <= lists.tolerance < 1e-9


def test_a_list_of_equal_scores_gives_each_document_the_weight() -> None:
    found = scores_of(weighted_fusion([lists_of({4: 0.3}), lists_of({4: 1.0, 5: 0.0})], FACTS, [2.0, 1.0]))[0]
    assert found == pytest.approx({4: 3.0, 5: 0.0})


def test_an_unknown_document_keeps_a_place_of_its_own() -> None:
    rows = np.array([0, 0, 0]), np.array([-1, -1, 2]), np.array([3.0, 2.0, 1.0])
    lists = reciprocal_rank_fusion([RankedLists.of_scores(*rows, 1, FACTS), lists_of({2: 1.0})], FACTS)
    assert lists.documents.tolist() == [2, -1, -1]
    np.testing.assert_allclose(lists.scores, [1 / 63 + 1 / 61, 1 / 61, 1 / 62])


def test_a_query_without_a_list_in_all_systems_stays_without() -> None:
    lists = reciprocal_rank_fusion([lists_of({}, {0: 1.0}), lists_of({}, {})], FACTS)
    assert lists.n_missing == 1
    assert weighted_fusion([lists_of({}), lists_of({})], FACTS).n_missing == 1


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 1.0, 1.0), (0.0, 0.0)])
def test_weights_that_are_not_one_a_system_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(InvalidOptionError, match="--fuse needs 2 weights, not all of them 0: a, a"):
        fused([lists_of({0: 1.0}), lists_of({0: 1.0})], Fusion.WEIGHTED, weights)


def test_weights_of_reciprocal_ranks_and_lists_of_other_queries_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="--fusion rrf has none"):
        fused([lists_of({0: 1.0})] * 2, Fusion.RRF, (1.0, 2.0))
    with pytest.raises(InvalidOptionError, match="of 1 and 2 queries"):
        fused([lists_of({0: 1.0}), lists_of({0: 1.0}, {})], Fusion.RRF)


def test_what_was_fused_is_said() -> None:
    facts = fused([lists_of({0: 1.0})] * 2, Fusion.WEIGHTED, (1.0, 0.5)).facts
    assert (facts.checkpoint, facts.layout, facts.similarity) == ("a + a", "weighted fusion 1, 0.5", "score")


def test_the_first_documents_are_ordered_again_and_the_others_stay_behind_with_their_ties() -> None:
    lists = lists_of({0: 9.0, 1: 8.0, 2: 7.0, 3: 7.0, 4: 6.0}, {5: 1.0})
    found = reordered(lists, np.array([-3.0, 40.0, 0.5]), 2, FACTS, tolerance=1e-6)
    assert found.documents.tolist()[:2] == [1, 0]
    assert set(found.documents.tolist()[2:4]) == {2, 3}
    assert found.documents.tolist()[4:] == [4, 5]
    assert found.scores.tolist() == [40.0, -3.0, -4.0, -4.0, -5.0, 0.5]


def test_lists_of_vectors_and_of_blocks_are_the_best_by_inner_product_without_the_own_documents() -> None:
    generator = np.random.default_rng(5)
    queries = generator.standard_normal((4, 8)).astype(np.float32)
    documents = generator.standard_normal((2100, 8)).astype(np.float32)
    own = Cells.of_pairs(np.array([1, 3]), np.array([7, 2000]), 4)
    scores = queries @ documents.T
    scores[[1, 3], [7, 2000]] = -np.inf
    blocks = [(start, scores[:, start : start + 600].copy()) for start in range(0, 2100, 600)]
    for lists in (
        lists_of_vectors(queries, documents, FACTS, tolerance=1e-6, own=own),
        lists_of_blocks(blocks, 4, 2100, FACTS, own),
    ):
        for query in range(4):
            best = np.argsort(-scores[query])[:1000]
            stretch = slice(lists.indptr[query], lists.indptr[query + 1])
            assert lists.documents[stretch].tolist() == best.tolist()
            np.testing.assert_allclose(lists.scores[stretch], scores[query, best], rtol=1e-5)
