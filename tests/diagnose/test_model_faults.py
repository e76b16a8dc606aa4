"""`find_faults`: planted faults are named with their size, and a healthy model on healthy data yields nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.support.modes import failure_modes

from embedscope.data.collection import Collection, keep_queries
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.diagnose.evidence import missing_rank
from embedscope.diagnose.findings import find_faults
from embedscope.diagnose.leakage import measure_leakage
from embedscope.diagnose.model_faults import unbeaten_baselines
from embedscope.diagnose.modes import FailureMode
from embedscope.diagnose.type_faults import _type_words
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import rank
from embedscope.models.embed import Embeddings
from embedscope.pipeline import measure
from embedscope.result import Finding, ModelFacts, Scored, Severity
from embedscope.settings import Settings
from embedscope.stats.resampler import Resampler
from embedscope.systems import Embedded

SETTINGS = Settings.of(draws=2_000, examples=0)
DIM = 96


@pytest.fixture(scope="module")
def collection() -> Collection:
    return read_collection(sample_path("test"))


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def vectors(collection: Collection, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Queries near their positives, hard negatives related to them."""
    generator = np.random.default_rng(seed)
    documents = generator.standard_normal((len(collection.documents), DIM))
    first = collection.relevant[collection.indptr[:-1]]
    negatives = collection.negatives
    documents[negatives.documents] += 0.5 * documents[first[negatives.queries]]
    documents = unit(documents).astype(np.float64)
    return documents[first] + 0.05 * generator.standard_normal((len(first), DIM)), documents


def measured(
    collection: Collection, queries: np.ndarray, documents: np.ndarray, settings: Settings = SETTINGS
) -> tuple[Scored, Embeddings, Resampler]:
    embeddings = Embeddings(unit(queries), unit(documents), ModelFacts("planted", "given", documents.shape[1]))
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    ranked = rank(collection, embeddings, query_set, settings)
    return measure(collection, Embedded(embeddings), ranked, settings), embeddings, query_set.resampler


def found(
    collection: Collection, queries: np.ndarray, documents: np.ndarray, settings: Settings = SETTINGS
) -> dict[str, Finding]:
    result, embeddings, resampler = measured(collection, queries, documents, settings)
    return {
        d.code: d
        for d in find_faults(result, collection, failure_modes(result, collection), resampler, embeddings=embeddings)
    }


def test_a_healthy_model_on_healthy_data_yields_no_finding(collection: Collection) -> None:
    assert [found(collection, *vectors(collection, seed)) for seed in range(3)] == [{}, {}, {}]


def blind(collection: Collection, kind: str, documents: np.ndarray, generator: np.random.Generator) -> None:
    """Put negatives that differ in ``kind`` alone where their positives lie."""
    negatives, first = collection.negatives, collection.relevant[collection.indptr[:-1]]
    for q, d, types in zip(negatives.queries, negatives.documents, negatives.types, strict=True):
        if types == (kind,):
            documents[d] = documents[first[q]] + 0.005 * generator.standard_normal(DIM)


def test_a_price_blind_model_ignores_prices_and_nothing_else(collection: Collection) -> None:
    queries, documents = vectors(collection, 0)
    blind(collection, "price", documents, np.random.default_rng(9))
    result, embeddings, resampler = measured(collection, queries, documents)
    every = find_faults(result, collection, failure_modes(result, collection), resampler, embeddings=embeddings)
    ignored = [d for d in every if d.code == "type-ignored"]
    assert [d.title.split(" ")[0] for d in ignored] == ["price"]
    price = ignored[0]
    alone = [types == ("price",) for types in result.queries.negative_types]
    owners = np.repeat(np.arange(len(result.queries.texts)), np.diff(result.queries.negative_indptr))
    margins = result.queries.positive_similarity[owners] - result.queries.negative_scores
    assert price.n == sum(alone)
    assert price.effect == pytest.approx((margins[alone] <= 1e-6).mean())
    assert price.low is not None
    assert price.high is not None
    assert 0.1 < price.low < price.effect < price.high < 0.8
    assert price.severity is Severity.MEDIUM
    worst = [margins[(owners == row) & alone].min() for row in price.rows]
    assert worst == sorted(worst)
    modes = failure_modes(result, collection)
    assert {result.queries.wrong_type[row] for row in modes.rows(FailureMode.ATTRIBUTE)} == {"price"}
    lost = ~result.queries.is_correct & [kind == "price" for kind in result.queries.wrong_type]
    assert modes.counts()[FailureMode.ATTRIBUTE] == lost.sum()


def test_another_seed_moves_neither_the_value_nor_the_ends_of_an_interval(collection: Collection) -> None:
    queries, documents = vectors(collection, 0)
    blind(collection, "price", documents, np.random.default_rng(9))
    first, same, other = (
        found(collection, queries, documents, SETTINGS.with_options(seed=seed))["type-ignored"] for seed in (1, 1, 2)
    )
    assert (first.low, first.high) == (same.low, same.high) == (other.low, other.high)
    assert first.effect == other.effect
    assert first.rows == other.rows


def with_hub(queries: np.ndarray, documents: np.ndarray, collection: Collection) -> None:
    hub = next(d for d in range(len(documents)) if d not in set(collection.relevant.tolist()))
    queries[::6] += 2 * documents[hub]


def with_bare_queries_lost(queries: np.ndarray, documents: np.ndarray, collection: Collection) -> None:
    rows = [i for i, text in enumerate(collection.queries) if text.isascii() and "district" not in text.lower()]
    queries[rows] = np.random.default_rng(0).standard_normal((len(rows), DIM))


def collapse(queries: np.ndarray, documents: np.ndarray, collection: Collection) -> None:
    documents[:, 4:] = 0.0
    queries[:, 4:] = 0.0


@pytest.mark.parametrize(
    ("plant", "code"), [(with_hub, "hub-wins"), (with_bare_queries_lost, "slice-worse"), (collapse, "space-collapsed")]
)
def test_a_planted_fault_of_the_model_is_named(
    plant: Callable[[np.ndarray, np.ndarray, Collection], None], code: str, collection: Collection
) -> None:
    queries, documents = vectors(collection, 1)
    plant(queries, documents, collection)
    assert code in found(collection, queries, documents)


def test_a_model_that_knows_nothing_is_below_the_lexical_baseline(collection: Collection) -> None:
    generator = np.random.default_rng(0)
    queries, documents = (generator.standard_normal((n, DIM)) for n in (300, len(collection.documents)))
    below = found(collection, queries, documents)["below-lexical"]
    assert below.effect is not None
    assert below.effect < 0
    assert "against" in below.title
    assert below.action.startswith("Look at pooling")


def test_a_run_below_the_lexical_baseline_is_not_told_how_models_are_trained(collection: Collection) -> None:
    generator = np.random.default_rng(0)
    queries, documents = (generator.standard_normal((n, DIM)) for n in (300, len(collection.documents)))
    scored, _, _ = measured(collection, queries, documents)
    below = next(iter(unbeaten_baselines(replace(scored, similarity=None)))).finding
    assert "larger scores are better" in below.action
    assert "pooling" not in below.action


def test_findings_are_ordered_by_what_correcting_them_would_gain(collection: Collection) -> None:
    queries, documents = vectors(collection, 2)
    blind(collection, "price", documents, np.random.default_rng(9))
    with_hub(queries, documents, collection)
    codes = list(found(collection, queries, documents))
    assert {"type-ignored", "hub-wins"} <= set(codes)
    result, _, _ = measured(collection, queries, documents)
    missing = 1 - result.queries.values["MRR"]
    to_price = missing[[kind == "price" for kind in result.queries.wrong_type] & ~result.queries.is_correct].sum()
    to_hub = missing[failure_modes(result, collection).rows(FailureMode.HUB)].sum()
    assert to_price != pytest.approx(to_hub)
    assert codes[0] == ("type-ignored" if to_price > to_hub else "hub-wins")


def test_the_base_model_gives_the_second_opinion_where_it_is_there(collection: Collection) -> None:
    """A base model that scores every winner below the positive suspects no false negative."""
    queries, documents = vectors(collection, 0)
    result, embeddings, _ = measured(collection, np.random.default_rng(0).permutation(queries), documents)
    against = Embeddings(-embeddings.queries, embeddings.documents, embeddings.facts)
    by_letters = failure_modes(result, collection).counts()
    by_base = failure_modes(result, collection, base=embeddings).counts()
    refuted = failure_modes(result, collection, base=against).counts()
    assert FailureMode.FALSE_NEGATIVE not in refuted
    assert sum(by_letters.values()) == sum(by_base.values()) == sum(refuted.values())


def lost_at_random(collection: Collection, seed: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """A healthy model, but for queries drawn at random that lie near a document drawn at random."""
    queries, documents = vectors(collection, seed)
    generator = np.random.default_rng([seed, 1])
    rows = np.flatnonzero(generator.random(len(queries)) < share)
    elsewhere = documents[generator.integers(len(documents), size=len(rows))]
    queries[rows] = elsewhere + 0.05 * generator.standard_normal((len(rows), DIM))
    return queries, documents


def test_failures_that_are_spread_at_random_accuse_no_type_and_no_slice(collection: Collection) -> None:
    """Nothing is said of as many failures as the checklist passes; of more, that they have no cause that is known."""
    for seed in range(2):
        assert not found(collection, *lost_at_random(collection, seed, 0.15))
        every = found(collection, *lost_at_random(collection, seed, 0.3))
        assert set(every) == {"unexplained-failures"}
        (one,) = every.values()
        assert one.low is not None
        assert 0.15 < one.low < one.effect < 0.35
        assert len(one.rows) == round(one.effect * 300)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("mined", "negatives of type 'mined' often outrank the positive"),
        ("", "hard negatives without a type sometimes outrank the positive"),
        ("amenity", "amenity is often overlooked"),
    ],
)
def test_a_type_that_names_no_attribute_is_not_called_ignored(name: str, title: str, collection: Collection) -> None:
    queries, documents = vectors(collection, 0)
    blind(collection, "price", documents, np.random.default_rng(9))
    types = tuple((name,) if own == ("price",) and name else () for own in collection.negatives.types)
    named = replace(collection, negatives=replace(collection.negatives, types=types))
    result, embeddings, resampler = measured(named, queries, documents)
    every = find_faults(result, named, failure_modes(result, named), resampler, embeddings=embeddings)
    (one,) = [d for d in every if d.code == "type-ignored"]
    assert one.title.startswith(title)
    assert ("differ in" in one.action) == (name == "amenity")


def test_few_violations_are_called_few() -> None:
    assert _type_words("price", 0.016, 300)[0].startswith("price is sometimes overlooked: 1.6 % of 300")
    assert _type_words("price", 0.1, 300)[0].startswith("price is often overlooked")
    assert _type_words("price", 0.4, 300)[0].startswith("price is ignored")


def test_a_rate_over_the_pairs_of_one_type_alone_says_so_because_the_table_counts_all_its_pairs() -> None:
    said = _type_words("price", 0.6, 120, is_alone=True)[0]
    assert said == "price is ignored: 60 % of 120 'price' negatives of no other type score as high as the positive"


def test_a_positive_that_is_also_a_negative_is_found_by_its_query_and_document(collection: Collection) -> None:
    first = int(collection.relevant[0])
    name = collection.query_ids[0]
    said_both = replace(collection, contradictions=("one.",), contradicting=((name, first),))
    (one,) = [found(said_both, *vectors(said_both, 0))["positive-also-negative"]]
    assert (one.rows, one.documents) == ((0,), (first,))
    assert one.low is not None
    assert one.low < one.effect == pytest.approx(1 / len(collection.relevant))


def test_queries_of_the_training_file_are_found_by_their_rows(collection: Collection) -> None:
    queries, documents = vectors(collection, 0)
    result, embeddings, resampler = measured(collection, queries, documents)
    train = keep_queries(collection, np.arange(10, 40))
    leaked = replace(result, leakage=measure_leakage(collection, train, train_name="train.json"))
    (one,) = find_faults(leaked, collection, failure_modes(leaked, collection), resampler, embeddings=embeddings)
    assert one.code == "query-in-training"
    assert one.rows == tuple(range(10, 40))
    alone = Resampler(np.arange(300), 100, 0).share(np.isin(np.arange(300), np.arange(10, 40)))
    assert one.low is not None
    assert alone.low is not None
    assert one.low < alone.low  # queries of one positive leak together, and are one observation


def test_a_collapsed_space_has_an_interval(collection: Collection) -> None:
    queries, documents = vectors(collection, 1)
    collapse(queries, documents, collection)
    one = found(collection, queries, documents)["space-collapsed"]
    assert one.low is not None
    assert one.high is not None
    assert 0 < one.low <= one.effect <= one.high < 0.1
    assert one.rows == ()


def test_a_gain_is_the_mean_reciprocal_rank_that_is_missing(collection: Collection) -> None:
    queries, documents = vectors(collection, 2)
    with_hub(queries, documents, collection)
    result, _, _ = measured(collection, queries, documents)
    everything = missing_rank(result.queries, np.arange(300))
    assert everything == pytest.approx(1 - result.metrics["MRR"].value)


def test_unfilled_positives_are_a_finding_and_speak_for_no_type(collection: Collection) -> None:
    documents = list(collection.documents)
    first = int(collection.relevant[0])
    documents[first] = "{pos}"
    named = replace(collection, documents=tuple(documents))
    found_codes = found(named, *vectors(named, 0))
    assert set(found_codes) == {"placeholder-text"}
    (finding,) = found_codes.values()
    assert finding.documents == (first,) * len(finding.rows)
    assert "'{pos}'" in finding.title
