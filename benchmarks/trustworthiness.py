"""Trustworthiness and continuity of a map, exact over all points, beside scikit-learn and zadu.

Claim: both figures for 10,000 points take less than 6 seconds.

scikit-learn computes trustworthiness only; continuity costs it a second call with the two spaces exchanged, which is
timed as well. zadu computes both.

    PYTHONPATH=src python benchmarks/trustworthiness.py [--points 10000 --dim 256] [--json FILE]
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np

from embedscope.maps.map_quality import map_quality
from embedscope.metrics.vectors import unit_rows
from embedscope.protocols import Float32Array, Float64Array
from measuring import Claim, alternate, argument_parser, missing_peer, peak_bytes_above_start, publish

K = 15

Figures = tuple[float, float]


def points_and_map(n: int, dim: int, seed: int) -> tuple[Float32Array, Float64Array]:
    """Unit rows around fifty centres, and the first two principal directions as their map."""
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((50, dim))
    rows = centres[generator.integers(0, 50, n)] + generator.standard_normal((n, dim))
    vectors = unit_rows(rows.astype(np.float32))
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    return vectors, (centred @ directions[:, -2:]).astype(np.float64)


def scikit_learn(vectors: Float32Array, xy: Float64Array) -> Figures:
    from sklearn.manifold import trustworthiness

    return trustworthiness(vectors, xy, n_neighbors=K), trustworthiness(xy, vectors, n_neighbors=K)


def zadu(vectors: Float32Array, xy: Float64Array) -> Figures:
    from zadu.measures import trustworthiness_continuity

    found = trustworthiness_continuity.measure(vectors, xy, k=K)
    return found["trustworthiness"], found["continuity"]


def main() -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=256)
    options = parser.parse_args()
    vectors, xy = points_and_map(options.points, options.dim, options.seed)
    ours = "embedscope, both figures"
    found: dict[str, Figures] = {}

    def embedscope_figures() -> None:
        quality = map_quality(vectors, xy, k=K, max_exact=options.points)
        found[ours] = quality.trustworthiness, quality.continuity

    def peer(label: str, figures: Callable[[Float32Array, Float64Array], Figures]) -> Callable[[], None]:
        return lambda: found.update({label: figures(vectors, xy)})

    candidates = {ours: embedscope_figures}
    notes = []
    for package, label, figures in (
        ("sklearn.manifold", "scikit-learn, both by two calls", scikit_learn),
        ("zadu.measures", "zadu, both", zadu),
    ):
        try:
            import_module(package)  # before the clock starts
        except ImportError:
            notes.append(missing_peer(package.partition(".")[0]))
        else:
            candidates[label] = peer(label, figures)
    peak = peak_bytes_above_start(embedscope_figures)
    rounds = alternate(candidates, repeats=options.repeats, warm_up=False)
    for label in candidates:
        difference = np.abs(np.subtract(found[label], found[ours])).max()
        if label != ours:
            notes.append(f"{label}: figures differ from ours by {difference:.1g}.")
    publish(
        [
            Claim(
                claim=f"Trustworthiness and continuity of {options.points:,} points of {options.dim} dimensions",
                ours=rounds.timing(ours),
                peers=tuple(rounds.peer(label, ours=ours) for label in candidates if label != ours),
                target="less than 6 s",
                met=rounds.timing(ours).median_s < 6,
                note=" ".join([*notes, f"Peak {peak / 1e6:,.0f} MB above the inputs."]),
            )
        ],
        options.json,
    )


if __name__ == "__main__":
    main()
