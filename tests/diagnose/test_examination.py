"""What is examined after the ranks: always the causes of failure; the rest as far as it is cheap, or asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from tests.support.modes import failure_modes
from tests.support.planted import SETTINGS, collection_of, diagnosed, findings_of, model

from embedscope import pipeline, systems
from embedscope.data.collection import Collection
from embedscope.diagnose import examination
from embedscope.diagnose.findings import find_faults
from embedscope.errors import InvalidOptionError
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import rank
from embedscope.models.embed import Embeddings
from embedscope.models.model import Model
from embedscope.protocols import Float32Array, Perturbation
from embedscope.result import Diagnosed


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(60, types=(("price",), ("place",)))


@pytest.fixture(scope="module")
def lost(collection: Collection) -> Embeddings:
    """A model that misplaces every second query."""
    return model(collection, share_random=0.5)


@pytest.fixture(scope="module")
def found(collection: Collection, lost: Embeddings) -> Diagnosed:
    return diagnosed(collection, lost)


def test_every_query_that_is_not_right_has_a_failure_mode_and_the_counts_are_theirs(found: Diagnosed) -> None:
    modes = found.queries.failure_modes
    assert [mode == "" for mode in modes] == found.queries.is_correct.tolist()
    assert found.failure_modes == {mode: modes.count(mode) for mode in found.failure_modes}
    assert sum(found.failure_modes.values()) == np.count_nonzero(~found.queries.is_correct) > 0


def test_the_diagnoses_are_those_of_the_same_findings(
    collection: Collection, lost: Embeddings, found: Diagnosed
) -> None:
    before = findings_of(collection, lost)
    resampler = QuerySet.of(collection, seed=SETTINGS.measure.seed, draws=SETTINGS.measure.draws).resampler
    assert found.findings == find_faults(
        before, collection, failure_modes(before, collection), resampler, embeddings=lost
    )
    assert found.findings


def test_documents_that_show_a_fault_stand_beside_its_rows(found: Diagnosed) -> None:
    shown = [finding for finding in found.findings if finding.documents]
    assert shown
    for finding in shown:
        assert len(finding.documents) == len(finding.rows)
        for row, document in zip(finding.rows, finding.documents, strict=True):
            own = slice(found.queries.relevant_indptr[row], found.queries.relevant_indptr[row + 1])
            assert document not in found.queries.relevant_documents[own]


def test_a_healthy_model_yields_no_finding_and_no_failure_mode(collection: Collection) -> None:
    healthy = model(collection)
    found = diagnosed(collection, healthy)
    assert (found.findings, dict(found.failure_modes), set(found.queries.failure_modes)) == ((), {}, {""})


def test_space_and_thresholds_are_measured_unasked_and_the_rest_says_how_to_get_it(found: Diagnosed) -> None:
    assert found.geometry is not None
    assert found.thresholds is not None
    assert list(found.geometry.spaces) == ["model"]
    assert [choice.wanted for choice in found.thresholds.choices] == [0.5, 0.8, 0.9, 0.95]
    assert (found.robustness, found.deployment) == (None, None)
    assert "--robustness" in found.not_measured["robustness"]
    assert "--deployment-cost" in found.not_measured["deployment"]


def test_a_head_is_held_against_its_base_and_projections_of_it(collection: Collection, lost: Embeddings) -> None:
    narrow = replace(lost, queries=_cut(lost.queries), documents=_cut(lost.documents))
    found = diagnosed(collection, narrow, base=lost)
    assert found.geometry is not None
    assert list(found.geometry.spaces) == ["model", "base", "PCA", "random"]
    assert [space.documents.dim for space in found.geometry.spaces.values()] == [16, 64, 16, 16]


def _cut(vectors: Float32Array) -> Float32Array:
    short = vectors[:, :16]
    return (short / np.linalg.norm(short, axis=1, keepdims=True)).astype(np.float32)


def test_what_would_take_long_is_measured_only_where_it_is_asked_for(
    collection: Collection, lost: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "CHEAP_PAIRS", 10)
    unasked = diagnosed(collection, lost)
    assert (unasked.geometry, unasked.thresholds) == (None, None)
    assert "--geometry" in unasked.not_measured["geometry"]
    assert "--wanted-precision" in unasked.not_measured["thresholds"]
    asked = diagnosed(collection, lost, settings=SETTINGS.with_options(geometry=True, wanted_precision=(0.7,)))
    assert asked.geometry is not None
    assert asked.thresholds is not None
    assert [choice.wanted for choice in asked.thresholds.choices] == [0.7]


def test_robustness_without_a_way_to_encode_texts_is_refused(collection: Collection, lost: Embeddings) -> None:
    with pytest.raises(InvalidOptionError, match="--checkpoint"):
        diagnosed(collection, lost, settings=SETTINGS.with_options(robustness=True))


SHOUTED = Perturbation("shouted", "shouted", lambda text, _: text.upper())


def shouted(
    collection: Collection,
    embeddings: Embeddings,
    encode: Callable[[Sequence[str]], Float32Array],
    monkeypatch: pytest.MonkeyPatch,
) -> Diagnosed:
    """What is diagnosed of queries that are shouted, with vectors from ``encode``."""
    monkeypatch.setattr(pipeline, "perturbations_of", lambda *_: (SHOUTED,))
    monkeypatch.setattr(pipeline, "text_encoder", lambda *_, **__: encode)
    monkeypatch.setattr(pipeline, "long_texts", lambda *_: {})
    settings = SETTINGS.with_options(explain=0)
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    ranked = rank(collection, embeddings, query_set, settings)
    without_texts = SimpleNamespace(query_prompt="", document_prompt="", encoder=SimpleNamespace(fingerprint="shouts"))
    embedded = systems.Embedded(embeddings, model=cast(Model, without_texts))
    scored = pipeline.measure(collection, embedded, ranked, settings)
    return pipeline.diagnose(scored, collection, embedded, ranked, settings)


def test_a_spelling_that_costs_ranks_is_a_finding_that_stands_behind_those_of_the_test_set(
    collection: Collection, lost: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anywhere(texts: Sequence[str]) -> Float32Array:
        generator = np.random.default_rng(0)
        rows = generator.standard_normal((len(texts), lost.queries.shape[1]))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    found = shouted(collection, lost, anywhere, monkeypatch)
    assert found.findings[-1].code == "fragile-queries"
    assert "shouted: MRR falls from" in found.findings[-1].title
    assert found.findings[-1].high is not None
    assert found.findings[-1].high < 0
    same = shouted(collection, lost, lambda texts: lost.queries[: len(texts)], monkeypatch)
    assert "fragile-queries" not in {finding.code for finding in same.findings}


def test_columns_of_the_data_file_are_slices(collection: Collection) -> None:
    many = collection_of(160)
    column = tuple("web" if row % 2 else "app" for row in range(len(many.queries)))
    queries = model(many).queries.copy()
    generator = np.random.default_rng(1)
    hit = [row for row, value in enumerate(column) if value == "app" and generator.random() < 0.8]
    noise = generator.standard_normal((len(hit), queries.shape[1]))
    queries[hit] = noise / np.linalg.norm(noise, axis=1, keepdims=True)
    worse = replace(model(many), queries=queries.astype(np.float32))
    named = replace(many, metadata={"source": column})
    found = diagnosed(named, worse)
    assert any("with source = app" in d.title for d in found.findings if d.code == "slice-worse")
