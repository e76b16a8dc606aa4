"""Robustness: the same questions typed by another hand, and what that does to their ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from embedscope.measure.perturbations import perturb
from embedscope.measure.query_tables import is_right
from embedscope.measure.rank_metrics import PRIMARY_METRICS
from embedscope.measure.scoring import rank_values
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.norms import directions_of
from embedscope.metrics.vectors import score_pairs
from embedscope.models.embed import Encode
from embedscope.protocols import BoolArray, Float32Array, Float64Array, IntArray, Perturbation
from embedscope.result import Estimate, PerturbationEffect, Robustness
from embedscope.settings import TIE_TOLERANCE
from embedscope.stats.resampler import Resampler, holm_over_changes

AS_WRITTEN = "as written"
_RANK_1 = "Success@1"
_ORDER = "MRR"


def measure_robustness(
    texts: Sequence[str],
    queries: Float32Array,
    documents: Float32Array,
    judgments: Judgments,
    resampler: Resampler,
    encode: Encode,
    *,
    seed: int,
    perturbations: Sequence[Perturbation],
    tolerance: float = TIE_TOLERANCE,
    say: Callable[[str], None] = lambda text: None,
) -> Robustness:
    """Paired change of each primary metric, and of being right at rank 1, under each perturbation of the queries.

    A perturbation is measured on the queries that it changes; the others are counted. Documents stay as they are. The
    p-values have Holm's correction over all perturbations and metrics.

    Parameters
    ----------
    texts : sequence of str of length Q
    queries : ndarray of shape (Q, dim), float32
        Vectors of ``texts``, as they are compared.
    documents : ndarray of shape (N, dim), float32
    judgments, resampler
        Of these queries, each of which has a relevant document, and of their clusters.
    encode : callable
        Query texts to their vectors, from `text_encoder`; receives the changed texts of one perturbation at a time.
    seed : int
        Of the perturbations.
    tolerance : float
        Scores closer than this are tied.
    say : callable, optional
        Called with one line a perturbation.
    """
    before = rank_values(queries, documents, judgments, PRIMARY_METRICS, tolerance=tolerance)
    effects = []
    for perturbation in perturbations:
        perturbed = perturb(texts, perturbation, seed=seed)
        rows = np.flatnonzero([new != old for new, old in zip(perturbed, texts, strict=True)])
        say(f"Robustness: {perturbation.title}, {len(rows):,} of {len(texts):,} queries change")
        after = {name: np.full(len(texts), np.nan) for name in PRIMARY_METRICS}
        similarity = np.full(len(texts), np.nan)
        if len(rows):
            vectors = encode([perturbed[row] for row in rows])
            own = np.arange(len(rows))
            similarity[rows] = score_pairs(directions_of(queries[rows]), directions_of(vectors), own, own)
            found = rank_values(vectors, documents, judgments.select(rows), PRIMARY_METRICS, tolerance=tolerance)
            for name in PRIMARY_METRICS:
                after[name][rows] = found[name]
        effects.append(_effect(perturbation, texts, perturbed, rows, before, after, similarity, resampler))
    return Robustness(len(texts), holm_over_changes(effects, PRIMARY_METRICS))


def _effect(
    perturbation: Perturbation,
    texts: Sequence[str],
    perturbed: Sequence[str],
    rows: IntArray,
    before: dict[str, Float64Array],
    after: dict[str, Float64Array],
    similarity: Float64Array,
    resampler: Resampler,
) -> PerturbationEffect:
    was_right, is_now_right = is_right(before[_RANK_1]), is_right(after[_RANK_1])
    flips = np.full(len(texts), np.nan)
    flips[rows] = (was_right != is_now_right)[rows]
    has_rows = len(rows) > 0
    absent = Estimate.absent("the perturbation changes no query")
    rise = after[_ORDER] - before[_ORDER]
    return PerturbationEffect(
        name=perturbation.name,
        title=perturbation.title,
        n_changed=len(rows),
        n_unchanged=len(texts) - len(rows),
        before={name: float(before[name][rows].mean()) for name in PRIMARY_METRICS if has_rows},
        after={name: float(after[name][rows].mean()) for name in PRIMARY_METRICS if has_rows},
        changes=resampler.compare(perturbation.name, after, {AS_WRITTEN: before}, PRIMARY_METRICS) if has_rows else (),
        flip_rate=resampler.means({"flips": flips})["flips"] if has_rows else absent,
        lost=_ordered(rows, (was_right & ~is_now_right)[rows], rise),
        gained=_ordered(rows, (~was_right & is_now_right)[rows], -rise),
        similarity=resampler.means({"cosine": similarity}, bounds=(-1.0, 1.0))["cosine"] if has_rows else absent,
        example=(texts[rows[0]], perturbed[rows[0]]) if has_rows else None,
    )


def _ordered(rows: IntArray, is_chosen: BoolArray, key: Float64Array) -> IntArray:
    chosen = rows[is_chosen]
    return chosen[np.argsort(key[chosen], kind="stable")]
