"""Maps of several runs in one frame of reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support import planted
from tests.support.planted import collection_of, embedded, findings_of, model, unit

from embedscope.comparison.animation import lay_out_runs
from embedscope.data.collection import Collection
from embedscope.errors import TooFewPointsError
from embedscope.models.embed import Embeddings
from embedscope.result import MapAnimation, Result

SETTINGS = planted.SETTINGS.with_options(perplexity=5.0)


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(40)


@pytest.fixture(scope="module")
def run(collection: Collection) -> Embeddings:
    return model(collection, share_random=0.3)


@pytest.fixture(scope="module")
def result(collection: Collection, run: Embeddings) -> Result:
    return findings_of(collection, run)


def grouped(collection: Collection, *, seed: int) -> Embeddings:
    """Texts in six groups, which text in which group by chance: a space with a shape that a map can keep."""
    generator = np.random.default_rng(seed)
    centres = unit(generator.standard_normal((6, 24)))

    def rows(n: int) -> np.ndarray:
        return unit(centres[generator.integers(6, size=n)] + 0.08 * generator.standard_normal((n, 24)))

    return embedded(rows(len(collection.queries)), rows(len(collection.documents)))


def moved(animation: MapAnimation) -> float:
    """Median way of a point from the first map to the last, in units of the median distance from the middle."""
    a, b = animation.maps[0].xy, animation.maps[-1].xy
    radius = np.median(np.linalg.norm(a - a.mean(axis=0), axis=1))
    return float(np.median(np.linalg.norm(b - a, axis=1)) / radius)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_points_of_equal_spaces_stay_and_those_of_another_space_go_further(
    method: str, collection: Collection, result: Result
) -> None:
    before, after = (grouped(collection, seed=seed) for seed in (1, 2))
    same, new = (
        lay_out_runs({"a": before, "b": run}, "b", result.queries, collection, SETTINGS, methods=(method,)).animations[
            0
        ]
        for run in (before, after)
    )
    assert moved(same) < 0.2
    assert moved(new) > 4 * moved(same)
    assert (same.turnover, same.moved[0]) == ((0.0, 0.0), 0.0)
    assert new.turnover[1] > 0.3


def test_a_space_that_was_turned_stands_still(collection: Collection, run: Embeddings, result: Result) -> None:
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((run.queries.shape[1],) * 2))[0].astype(np.float32)
    turned = replace(run, queries=run.queries @ turn, documents=run.documents @ turn)
    turning = {"a": run, "b": turned}
    (animation,) = lay_out_runs(turning, "a", result.queries, collection, SETTINGS, methods=("tsne",)).animations
    assert moved(animation) < 0.2
    assert animation.turnover[1] < 0.02


def test_all_maps_of_an_animation_have_one_size_and_one_middle(
    collection: Collection, run: Embeddings, result: Result
) -> None:
    runs = {"a": run, "b": model(collection, seed=7), "c": model(collection)}
    animations = lay_out_runs(runs, "c", result.queries, collection, SETTINGS).animations
    assert [animation.method for animation in animations] == ["tsne", "umap"]
    for animation in animations:
        middles = np.array([layout.xy.mean(axis=0) for layout in animation.maps])
        spreads = [np.linalg.norm(layout.xy - layout.xy.mean(axis=0)) for layout in animation.maps]
        np.testing.assert_allclose(middles, middles[[0]].repeat(3, axis=0), atol=1e-3 * spreads[0])
        np.testing.assert_allclose(spreads, spreads[0], rtol=1e-3)


def test_the_shown_run_gets_its_own_maps(collection: Collection, run: Embeddings, result: Result) -> None:
    twice = {"a": run, "b": run}
    shown = lay_out_runs(twice, "b", result.queries, collection, SETTINGS, methods=("tsne",))
    (animation,) = shown.animations
    assert (animation.names, animation.epochs) == (("a", "b"), (1, 2))
    assert shown.maps["tsne"] is animation.maps[1]
    assert shown.points is animation.points
    assert len(shown.points.rows) == len(animation.maps[0].xy)


def test_progress_counts_every_map(collection: Collection, run: Embeddings, result: Result) -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int, message: str | None = None) -> None:
        told.append((done, total))

    lay_out_runs({"a": run, "b": run}, "a", result.queries, collection, SETTINGS, progress=progress)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_too_few_points_for_a_map_are_said() -> None:
    few = collection_of(2, n_negatives=1)
    run = model(few)
    with pytest.raises(TooFewPointsError):
        lay_out_runs(
            {"a": run, "b": run}, "a", findings_of(few, run).queries, few, SETTINGS.with_options(perplexity=None)
        )
