"""Time and quality of the two maps, beside scikit-learn's and openTSNE's t-SNE and umap-learn.

Claims: t-SNE of 4,000 points is at least 3 times as fast as scikit-learn's ``TSNE`` and quicker than openTSNE; above
the number of points that are fitted, a map of a sample with the rest placed takes at most twice the time of openTSNE,
which fits them all by interpolation; UMAP of 20,000 points is at least 5 times as fast as umap-learn's own with a seed;
each with a trustworthiness within 0.005 of the peer's; a million points take minutes.

Every candidate begins with the vectors: our times hold the exact neighbour graph, the start and the steps. The figures
of quality that a run adds to its maps are left out, since the peers compute none. Libraries are loaded and compiled
before the clock starts. Our t-SNE takes 750 steps, as openTSNE's does; scikit-learn's takes 1,000 and is shown with 750
too. The vectors are unit rows in 64 dimensions around seeded centres.

    PYTHONPATH=src python benchmarks/maps.py
    PYTHONPATH=src python benchmarks/maps.py --tsne 0 --above 0 --umap 0 --placed 1000000
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module

import numpy as np

from embedscope import maps
from embedscope.maps.map_quality import map_quality
from embedscope.protocols import Float32Array, FloatArray
from embedscope.result import MapLayout
from measuring import Claim, Rounds, argument_parser, missing_peer, publish

DIM = 64
WITHIN = 0.005
STEPS = 750
"""Of our t-SNE and openTSNE's, the first 250 with exaggeration."""

Draw = Callable[[], tuple[FloatArray, float]]
"""Positions on a map and the seconds that they took."""

OURS = "embedscope"
PEERS = {"sklearn.manifold": "scikit-learn", "openTSNE": "openTSNE", "umap": "umap-learn"}


def unit_vectors(n: int, seed: int) -> Float32Array:
    """Unit rows around seeded centres, one for every hundred points and 200 at most."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((min(200, max(4, n // 100)), DIM), dtype=np.float32)
    rows = centres[rng.integers(0, len(centres), n)] + rng.standard_normal((n, DIM), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def ours(
    method: Callable[..., MapLayout], vectors: Float32Array, seed: int, *, width: int, max_fitted: int
) -> tuple[FloatArray, float]:
    """Our map and the seconds of its graph and positions, without its figures of quality."""
    began = time.perf_counter()
    graph = maps.neighbor_graph(vectors, width, seed=seed, max_fitted=max_fitted)
    graph_s = time.perf_counter() - began
    layout = method(vectors, graph, seed=seed)
    return layout.xy, graph_s + layout.elapsed_s


def our_tsne(vectors: Float32Array, seed: int, *, max_fitted: int = maps.MAX_FITTED) -> tuple[FloatArray, float]:
    return ours(maps.tsne, vectors, seed, width=maps.graph_size(len(vectors)), max_fitted=max_fitted)


def our_umap(vectors: Float32Array, seed: int, *, max_fitted: int = maps.MAX_FITTED) -> tuple[FloatArray, float]:
    return ours(maps.umap, vectors, seed, width=maps.N_NEIGHBORS, max_fitted=max_fitted)


def timed(positions: Callable[[], FloatArray]) -> tuple[FloatArray, float]:
    began = time.perf_counter()
    xy = positions()
    return xy, time.perf_counter() - began


def sklearn_tsne(vectors: Float32Array, seed: int, steps: int = 1_000) -> FloatArray:
    """scikit-learn's t-SNE, seeded, on all cores; 1,000 steps as it comes."""
    from sklearn.manifold import TSNE

    return np.asarray(TSNE(random_state=seed, n_jobs=-1, max_iter=steps).fit_transform(vectors))


def opentsne(vectors: Float32Array, seed: int) -> FloatArray:
    """openTSNE as it comes, seeded, on all cores: a tree up to 10,000 points, interpolation above."""
    from openTSNE import TSNE

    return np.asarray(TSNE(random_state=seed, n_jobs=-1).fit(vectors))


def umap_learn(vectors: Float32Array, seed: int) -> FloatArray:
    """umap-learn's UMAP as it comes, seeded (which has it run on one thread)."""
    import umap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks that a seed costs its threads
        return np.asarray(umap.UMAP(random_state=seed).fit_transform(vectors))


def compare(claim: str, draws: Mapping[str, Draw], vectors: Float32Array, *, factor: float, repeats: int) -> Claim:
    """The maps of the same vectors, in turn, ours first; met where both figures are as asked beside the first peer."""
    found: dict[str, FloatArray] = {}
    seconds: dict[str, list[float]] = {name: [] for name in draws}
    for _ in range(repeats):
        for name, draw in draws.items():
            found[name], elapsed_s = draw()
            seconds[name].append(elapsed_s)
    rounds = Rounds(seconds)
    trust = {
        name: map_quality(vectors, xy.astype(np.float64), rng=np.random.default_rng(0)).trustworthiness
        for name, xy in found.items()
    }
    peers = tuple(rounds.peer(name, ours=OURS) for name in draws if name != OURS)
    first = peers[0]
    return Claim(
        claim=claim,
        ours=rounds.timing(OURS),
        peers=peers,
        target=f"at least {factor:g} times as fast as {first.label}, trustworthiness within {WITHIN}",
        met=first.ratio >= factor and trust[OURS] >= trust[first.label] - WITHIN,
        note="Trustworthiness: " + ", ".join(f"{name} {value:.4f}" for name, value in trust.items()) + ".",
    )


def tsne_claim(n: int, seed: int, repeats: int) -> Claim:
    """t-SNE beside scikit-learn, as it comes and with as many steps as ours, and beside openTSNE."""
    vectors = unit_vectors(n, seed)
    for warm_up in (our_tsne, sklearn_tsne, opentsne):
        warm_up(vectors[:500], seed)
    draws = {
        OURS: lambda: our_tsne(vectors, seed),
        "scikit-learn TSNE": lambda: timed(lambda: sklearn_tsne(vectors, seed)),
        f"scikit-learn TSNE of {STEPS} steps": lambda: timed(lambda: sklearn_tsne(vectors, seed, STEPS)),
        "openTSNE": lambda: timed(lambda: opentsne(vectors, seed)),
    }
    return compare(f"t-SNE of {n:,} points", draws, vectors, factor=3, repeats=repeats)


def above_claim(n: int, seed: int, max_fitted: int) -> Claim:
    """t-SNE of more points than are fitted beside openTSNE, which fits them all."""
    vectors = unit_vectors(n, seed)
    draws = {
        OURS: lambda: our_tsne(vectors, seed, max_fitted=max_fitted),
        "openTSNE": lambda: timed(lambda: opentsne(vectors, seed)),
    }
    return compare(f"t-SNE of {n:,} points, fitted on {max_fitted:,}", draws, vectors, factor=0.5, repeats=1)


def umap_claim(n: int, seed: int, repeats: int) -> Claim:
    """UMAP beside umap-learn."""
    vectors = unit_vectors(n, seed)
    our_umap(vectors[:500], seed)
    umap_learn(unit_vectors(min(n, 4_200), seed), seed)  # above 4,096 points it compiles its approximate search
    draws = {
        OURS: lambda: our_umap(vectors, seed),
        "umap-learn": lambda: timed(lambda: umap_learn(vectors, seed)),
    }
    return compare(f"UMAP of {n:,} points", draws, vectors, factor=5, repeats=repeats)


def placed_claim(n: int, seed: int, max_fitted: int) -> Claim:
    """A UMAP map of more points than are fitted: the graph, the fit and the placing."""
    vectors = unit_vectors(n, seed)
    xy, elapsed_s = our_umap(vectors, seed, max_fitted=max_fitted)
    part = np.random.default_rng(seed).choice(n, size=min(n, 20_000), replace=False)
    quality = map_quality(vectors[part], xy[part].astype(np.float64), rng=np.random.default_rng(0))
    return Claim(
        claim=f"UMAP of {n:,} points, fitted on {max_fitted:,}",
        ours=Rounds({OURS: [elapsed_s]}).timing(OURS),
        target="a million points in minutes",
        met=elapsed_s * 1_000_000 / n < 1_800,
        note=f"The rest is placed by its neighbours. Trustworthiness of a random {len(part):,} points "
        f"{quality.trustworthiness:.4f}, continuity {quality.continuity:.4f}.",
    )


def main() -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--tsne", type=int, default=4_000, help="points; 0 leaves it out (default: %(default)s)")
    parser.add_argument("--above", type=int, default=30_000, help="points of a t-SNE that is fitted on a sample")
    parser.add_argument("--umap", type=int, default=20_000, help="points; 0 leaves it out (default: %(default)s)")
    parser.add_argument("--placed", type=int, default=100_000, help="points of a UMAP that is fitted on a sample")
    parser.add_argument("--fitted", type=int, default=maps.MAX_FITTED, help="points of that sample")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: does it run at all")
    options = parser.parse_args()
    if options.quick:
        options.tsne, options.umap, options.repeats = 300, 300, 1
        options.above, options.placed, options.fitted = 600, 600, 300
    for module, package in PEERS.items():
        try:
            import_module(module)  # before the clock starts
        except ImportError:
            parser.exit(1, missing_peer(package) + "\n")
    claims = [tsne_claim(options.tsne, options.seed, options.repeats)] if options.tsne else []
    if options.above:
        claims.append(above_claim(options.above, options.seed, options.fitted))
    if options.umap:
        claims.append(umap_claim(options.umap, options.seed, options.repeats))
    if options.placed:
        claims.append(placed_claim(options.placed, options.seed, options.fitted))
    publish(claims, options.json)


if __name__ == "__main__":
    main()
