"""Examples: every kind that exists is shown, one query a cluster, those asked for first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.planted import collection_of, findings_of, model

from embedscope.diagnose.examples import choose_examples
from embedscope.errors import InvalidOptionError
from embedscope.result import ExampleKind, QueryTable

COLLECTION = collection_of(30, n_queries_each=2)
TABLE = findings_of(COLLECTION, model(COLLECTION, similarity=0.6, share_wrong=0.3, share_random=0.3)).queries


def of_kind(kind: ExampleKind, n: int, table: QueryTable = TABLE) -> list[int]:
    return [example.query for example in choose_examples(table, n=n) if example.kind is kind]


def test_each_kind_that_exists_is_shown_in_turn_and_in_reading_order() -> None:
    kinds = [example.kind for example in choose_examples(TABLE, n=6)]
    assert kinds == [ExampleKind.WORST_FAILURE] * 2 + [ExampleKind.NEAR_MISS] * 2 + [ExampleKind.SUCCESS] * 2


def test_a_kind_that_does_not_exist_leaves_its_place_to_the_others() -> None:
    perfect = replace(TABLE, is_correct=np.ones(60, dtype=bool))
    assert {example.kind for example in choose_examples(perfect, n=5)} == {ExampleKind.SUCCESS}
    assert len(choose_examples(perfect, n=5)) == 5
    hopeless = replace(TABLE, is_correct=np.zeros(60, dtype=bool))
    assert of_kind(ExampleKind.SUCCESS, 6, hopeless) == []


def test_the_first_failure_is_the_worst_and_the_first_near_miss_the_nearest_of_other_clusters() -> None:
    worst, near, success = (of_kind(kind, 3)[0] for kind in list(ExampleKind)[1:])
    wrong = np.flatnonzero(~TABLE.is_correct)
    assert TABLE.rank[worst] == TABLE.rank[wrong].max()
    deficit = TABLE.wrong_similarity - TABLE.positive_similarity
    others = wrong[TABLE.clusters[wrong] != TABLE.clusters[worst]]
    assert deficit[near] == deficit[others].min()
    assert TABLE.is_correct[success]
    right = np.flatnonzero(TABLE.is_correct)
    taken = TABLE.clusters[[worst, near]]
    free = right[~np.isin(TABLE.clusters[right], taken)]
    distance = np.abs(-deficit - np.median(-deficit[right]))
    assert distance[success] == distance[free].min()


def test_a_failure_whose_relevant_documents_stand_in_no_list_is_no_near_miss() -> None:
    found = TABLE.positive_similarity.copy()
    wrong = np.flatnonzero(~TABLE.is_correct)
    found[wrong[1:]] = np.nan
    table = replace(TABLE, positive_similarity=found)
    assert set(of_kind(ExampleKind.NEAR_MISS, 60, table)) <= {int(wrong[0])}


def test_a_success_with_nothing_else_in_its_list_leaves_the_median_lead_of_the_others() -> None:
    alone = np.flatnonzero(TABLE.is_correct)[0]
    others = TABLE.wrong_similarity.copy()
    others[alone] = np.nan
    table = replace(TABLE, wrong_similarity=others)
    lead = (table.positive_similarity - others)[table.is_correct]
    typical = of_kind(ExampleKind.SUCCESS, 60, table)[0]
    shown = float(table.positive_similarity[typical] - others[typical])
    assert abs(shown - np.nanmedian(lead)) == pytest.approx(np.nanmin(np.abs(lead - np.nanmedian(lead))), abs=0.1)


@pytest.mark.parametrize("n", [0, 1, 7, 500])
def test_a_cluster_is_shown_once_and_no_more_than_asked(n: int) -> None:
    chosen = [example.query for example in choose_examples(TABLE, n=n)]
    assert len(chosen) <= n
    assert len(set(TABLE.clusters[chosen])) == len(chosen)


def test_queries_asked_for_come_first_and_beside_the_others() -> None:
    chosen = choose_examples(TABLE, n=3, asked=[TABLE.texts[5].upper(), TABLE.texts[20][:14], TABLE.texts[5]])
    assert [example.query for example in chosen[:2]] == [5, 20]
    assert [example.kind for example in chosen].count(ExampleKind.ASKED) == 2
    assert len(chosen) == 5
    assert not set(TABLE.clusters[[5, 20]]) & set(TABLE.clusters[[example.query for example in chosen[2:]]])


def test_an_equal_text_goes_before_one_that_contains_it() -> None:
    table = replace(TABLE, texts=("room with a view", "room", *TABLE.texts[2:]))
    assert choose_examples(table, n=0, asked=[" Room "])[0].query == 1
    assert choose_examples(table, n=0, asked=["view"])[0].query == 0


@pytest.mark.parametrize("text", ["never written", "", "  "])
def test_a_text_that_no_query_contains_is_refused(text: str) -> None:
    with pytest.raises(InvalidOptionError, match="contained in none of the 60 queries"):
        choose_examples(TABLE, n=3, asked=[text])


def test_the_choice_is_the_same_on_every_run() -> None:
    assert choose_examples(TABLE, n=9) == choose_examples(TABLE, n=9)
