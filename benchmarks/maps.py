"""Time and quality of the two maps, beside scikit-learn's t-SNE and umap-learn.

Claims: t-SNE of 4,000 points is at least 3 times as fast as scikit-learn's ``TSNE``; UMAP of 20,000 points at least 5
times as fast as umap-learn's own with a seed; both with a trustworthiness within 0.005 of the peer's; a map of more
points than are fitted takes seconds for every hundred thousand of them.

Every candidate begins with the vectors: our times hold the exact neighbour graph, the start and the steps. The figures
of quality that a run adds to its maps are left out, since the peers compute none. Libraries are loaded and compiled
before the clock starts. Our t-SNE takes 750 steps, scikit-learn's 1,000; it is shown with 750 too. The vectors are unit
rows in 64 dimensions around seeded centres.

    PYTHONPATH=src python benchmarks/maps.py
    PYTHONPATH=src python benchmarks/maps.py --tsne 0 --umap 0 --placed 1000000
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from embedscope import maps as projection
from embedscope.errors import MissingExtraError
from embedscope.maps import tsne_map, umap_map
from embedscope.maps.layouts import fitted_part, with_the_rest
from embedscope.maps.map_quality import map_quality
from embedscope.protocols import Float32Array, FloatArray
from measuring import Claim, alternate, argument_parser, missing_peer, publish

DIM = 64
WITHIN = 0.005
STEPS = 750
"""Of our t-SNE, the first 250 with exaggeration."""

Draw = Callable[[], FloatArray]
OURS = "embedscope"


def unit_vectors(n: int, seed: int) -> Float32Array:
    """Unit rows around seeded centres, one for every hundred points and 200 at most."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((min(200, max(4, n // 100)), DIM), dtype=np.float32)
    rows = centres[rng.integers(0, len(centres), n)] + rng.standard_normal((n, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def our_tsne(vectors: Float32Array, seed: int) -> FloatArray:
    """The map of ``projection.tsne`` without its figures of quality."""
    graph = projection.neighbor_graph(vectors, projection.graph_size(len(vectors)))
    settings: dict[str, Any] = {"start": None, "seed": seed, "n_iter": STEPS - 250}
    return tsne_map._optimised(vectors, graph, 3 * int(projection.PERPLEXITY), projection.PERPLEXITY, **settings)[0]


def our_umap(vectors: Float32Array, seed: int) -> FloatArray:
    """The map of ``projection.umap`` without its figures of quality."""
    return fit_umap(vectors, projection.neighbor_graph(vectors, projection.N_NEIGHBORS), seed)


def fit_umap(vectors: Float32Array, graph: projection.NeighborGraph, seed: int) -> FloatArray:
    """Positions from the graph, as ``projection.umap`` finds them."""
    settings: dict[str, Any] = {"seed": seed, "min_dist": 0.1, "n_epochs": None, "start": None}
    return umap_map._optimised(vectors, graph, projection.N_NEIGHBORS, **settings)


def sklearn_tsne(vectors: Float32Array, seed: int, steps: int = 1_000) -> FloatArray:
    """scikit-learn's t-SNE, seeded, on all cores; 1,000 steps as it comes."""
    from sklearn.manifold import TSNE

    return np.asarray(TSNE(random_state=seed, n_jobs=-1, max_iter=steps).fit_transform(vectors))


def umap_learn(vectors: Float32Array, seed: int) -> FloatArray:
    """umap-learn's UMAP as it comes, seeded (which has it run on one thread)."""
    import umap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks that a seed costs its threads
        return np.asarray(umap.UMAP(random_state=seed).fit_transform(vectors))


def compare(
    claim: str, ours: Draw, peers: Mapping[str, Draw], vectors: Float32Array, *, factor: float, repeats: int
) -> Claim:
    """The maps of the same vectors, in turn; met where time and trustworthiness beside the first peer are as asked."""
    maps: dict[str, FloatArray] = {}

    def kept(name: str, draw: Draw) -> None:
        maps[name] = draw()

    draws = {OURS: ours, **peers}
    rounds = alternate(
        {name: functools.partial(kept, name, draw) for name, draw in draws.items()}, repeats=repeats, warm_up=False
    )
    trust = {
        name: map_quality(vectors, xy.astype(np.float64), rng=np.random.default_rng(0)).trustworthiness
        for name, xy in maps.items()
    }
    others = tuple(rounds.peer(name, ours=OURS) for name in peers)
    first = others[0]
    return Claim(
        claim=claim,
        ours=rounds.timing(OURS),
        peers=others,
        target=f"at least {factor:g} times as fast as {first.label}, trustworthiness within {WITHIN}",
        met=first.ratio >= factor and trust[OURS] >= trust[first.label] - WITHIN,
        note="Trustworthiness: " + ", ".join(f"{name} {value:.4f}" for name, value in trust.items()) + ".",
    )


def tsne_claim(n: int, seed: int, repeats: int) -> Claim:
    """t-SNE beside scikit-learn, as it comes and with as many steps as ours."""
    vectors = unit_vectors(n, seed)
    our_tsne(vectors[:500], seed)
    sklearn_tsne(vectors[:500], seed)
    peers = {
        "scikit-learn TSNE": lambda: sklearn_tsne(vectors, seed),
        f"scikit-learn TSNE of {STEPS} steps": lambda: sklearn_tsne(vectors, seed, STEPS),
    }
    return compare(f"t-SNE of {n:,} points", lambda: our_tsne(vectors, seed), peers, vectors, factor=3, repeats=repeats)


def umap_claim(n: int, seed: int, repeats: int) -> Claim:
    """UMAP beside umap-learn."""
    vectors = unit_vectors(n, seed)
    our_umap(vectors[:500], seed)
    umap_learn(unit_vectors(min(n, 4_200), seed), seed)  # above 4,096 points it compiles its approximate search
    peers = {"umap-learn": lambda: umap_learn(vectors, seed)}
    return compare(f"UMAP of {n:,} points", lambda: our_umap(vectors, seed), peers, vectors, factor=5, repeats=repeats)


def placed_claim(n: int, seed: int, max_fitted: int) -> Claim:
    """A UMAP map of more points than are fitted: the graph, the fit and the placing."""
    vectors = unit_vectors(n, seed)
    found: list[FloatArray] = []

    def draw() -> None:
        width = projection.N_NEIGHBORS
        graph = projection.neighbor_graph(vectors, width, seed=seed, max_fitted=max_fitted)
        rows, near = fitted_part(vectors, graph)
        found.append(with_the_rest(graph, fit_umap(rows, near, seed)))

    rounds = alternate({"embedscope": draw}, repeats=1, warm_up=False)
    part = np.random.default_rng(seed).choice(n, size=min(n, 20_000), replace=False)
    quality = map_quality(vectors[part], found[0][part].astype(np.float64), rng=np.random.default_rng(0))
    ours = rounds.timing("embedscope")
    return Claim(
        claim=f"UMAP of {n:,} points, fitted on {max_fitted:,}",
        ours=ours,
        target="a million points in minutes",
        met=ours.median_s * 1_000_000 / n < 1_800,
        note=f"The rest is placed by its neighbours. Trustworthiness of a random {len(part):,} points "
        f"{quality.trustworthiness:.4f}, continuity {quality.continuity:.4f}.",
    )


def main() -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--tsne", type=int, default=4_000, help="points; 0 leaves it out (default: %(default)s)")
    parser.add_argument("--umap", type=int, default=20_000, help="points; 0 leaves it out (default: %(default)s)")
    parser.add_argument("--placed", type=int, default=100_000, help="points of a map that is fitted on a sample")
    parser.add_argument("--fitted", type=int, default=projection.MAX_FITTED, help="points of that sample")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: does it run at all")
    options = parser.parse_args()
    if options.quick:
        options.tsne, options.umap, options.placed, options.fitted, options.repeats = 300, 300, 600, 300, 1
    claims = [tsne_claim(options.tsne, options.seed, options.repeats)] if options.tsne else []
    try:
        umap_map.load_numba()
        import umap  # noqa: F401
    except (MissingExtraError, ImportError):
        print(missing_peer("umap-learn"))
    else:
        if options.umap:
            claims.append(umap_claim(options.umap, options.seed, options.repeats))
        claims.append(placed_claim(options.placed, options.seed, options.fitted))
    publish(claims, options.json)


if __name__ == "__main__":
    main()
