"""Faults of a model as a whole: baselines not beaten, slices, fragile spellings, a collapsed space."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embedscope.diagnose.evidence import METRIC, Candidate, candidate, missing_rank, query_candidate, severity_of
from embedscope.diagnose.slices import SliceSearch
from embedscope.measure.space_statistics import order_by_content, spectrum
from embedscope.protocols import Float32Array
from embedscope.result import Estimate, QueryTable, Robustness, Scored, Severity
from embedscope.result.formatting import number
from embedscope.stats.resampler import Resampler

FRAGILE = 0.05
FRAGILE_LEVEL = 0.05
"""Fall of the metric, and level after Holm's correction, from which another way of typing is a finding."""

COLLAPSED = 0.1
"""Share of the directions that 90 % of the variance needs, below which a space has collapsed."""

_SPACE_DRAWS, _SPACE_ROWS = 100, 2_000

_HOW_MODELS_GO_WRONG = (
    "Look at pooling, prompts and normalisation first (they must be those of the training), then at the learning rate; "
    "do not deploy it."
)
_HOW_RUNS_GO_WRONG = (
    "Look first whether larger scores are better (distances are not), and whether these very queries and documents "
    "were searched; do not deploy it, or fuse it with a lexical search (--fuse bm25)."
)


def unbeaten_baselines(scored: Scored) -> Iterator[Candidate]:
    """Baselines that rank significantly better than the model: the lexical one, the base model."""
    names = {name: scored.baseline_names[name] for name in ("lexical", "base")}
    for comparison in scored.comparisons:
        if comparison.metric != METRIC or comparison.b not in names:
            continue
        if comparison.high is None or comparison.high >= 0:
            continue
        metric = scored.metrics[comparison.metric]
        theirs = metric.lexical if comparison.b == "lexical" else metric.base
        against = "" if theirs is None else f" {metric.value:.3f} against {theirs:.3f}"
        lost = number(comparison.difference, 3, sign=True)
        yield query_candidate(
            f"below-{comparison.b}",
            f"the model ranks worse than {names[comparison.b]}: MRR{against} ({lost})",
            Severity.HIGH,
            Estimate(comparison.difference, comparison.low, comparison.high),
            _HOW_RUNS_GO_WRONG if scored.similarity is None else _HOW_MODELS_GO_WRONG,
            scored.queries,
            np.flatnonzero(~scored.queries.is_correct),
            gain=-comparison.difference,
        )


def slice_findings(search: SliceSearch, queries: QueryTable) -> Iterator[Candidate]:
    """Confirmed slices as findings."""
    for one in search.slices:
        yield candidate(
            "slice-worse",
            f"{one.name}: {METRIC} {one.mean:.2f} against {one.rest:.2f} on the rest "
            f"({number(one.effect, 2, sign=True)} on the confirming half, {search.n_tried:,} slices tried)",
            severity_of(-one.effect),
            Estimate(one.effect, one.low, one.high),
            "Add training rows of this kind, or find out what its queries have in common that the model cannot read.",
            gain=-one.effect * len(one.rows) / max(len(queries.texts), 1),
            n=len(one.rows),
            rows=one.rows,
            documents=queries.wrong_document[one.rows],
        )


def fragile_queries(robustness: Robustness) -> Iterator[Candidate]:
    """Ways of typing the queries that cost the model its ranks, significantly over all that were tried.

    Nobody has typed the test set so: correcting them gains nothing on it, and they come after what does.
    """
    for effect in robustness.effects:
        for change in effect.changes:
            is_significant = change.metric == METRIC and change.p_adjusted < FRAGILE_LEVEL
            if not is_significant or change.difference > -FRAGILE or change.high is None or change.high >= 0:
                continue
            yield candidate(
                "fragile-queries",
                f"{effect.title}: {METRIC} falls from {effect.before[METRIC]:.2f} to {effect.after[METRIC]:.2f} on the "
                f"{effect.n_changed:,} queries that this changes",
                severity_of(-change.difference),
                Estimate(change.difference, change.low, change.high),
                "Add such spellings to the training queries, or undo them before encoding, if users type this way.",
                gain=0.0,
                n=effect.n_changed,
                rows=effect.lost,
                documents=np.full(len(effect.lost), -1),  # which document wins then is not known here
            )


def collapsed_space(queries: QueryTable, documents: Float32Array, resampler: Resampler) -> Iterator[Candidate]:
    """Whether a few directions carry the space of the documents.

    It has no rows: no single query or document shows it. All that is missing to an MRR of 1 may be its doing.
    """
    if len(documents) < 3:
        return
    found = spectrum(documents)
    available = min(documents.shape[1], len(documents) - 1)
    if found.n_directions is None or found.n_directions >= COLLAPSED * available:
        return
    n = found.n_directions
    verb = "carries" if n == 1 else "carry"
    yield candidate(
        "space-collapsed",
        f"dimension collapse: {n} of {documents.shape[1]} directions {verb} 90 % of the space "
        f"(effective rank {found.effective_rank:.0f})",
        Severity.HIGH,
        _share_of_directions(documents, n, available, resampler),
        "Lower the learning rate or raise the temperature, and train with more negatives; a head this narrow in "
        "effect can be replaced by one of fewer dimensions.",
        gain=missing_rank(queries, np.arange(len(queries.texts))),
        n=len(documents),
    )


def _share_of_directions(documents: Float32Array, n_directions: int, available: int, resampler: Resampler) -> Estimate:
    """Share of the directions that hold 90 % of the variance; percentile bootstrap over documents.

    Of large collections each draw takes 2,000 documents: fewer than there are, which widens the interval.
    """
    drawn = resampler.resamples(len(documents), min(len(documents), _SPACE_ROWS), _SPACE_DRAWS)
    order = order_by_content(documents)
    draws = (spectrum(documents[order[rows]]) for rows in drawn)
    counts = [draw.n_directions for draw in draws if draw.n_directions is not None]
    low, high = np.quantile(counts, (0.025, 0.975)) / available
    value = n_directions / available
    return Estimate(value, min(float(low), value), max(float(high), value))
