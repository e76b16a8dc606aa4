"""After the ranks: why queries fail, what to mend, and what the space, a threshold and fewer bytes are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from embedscope.data.collection import Collection
from embedscope.diagnose.findings import diagnose, failure_modes
from embedscope.diagnose.model_faults import fragile_queries
from embedscope.errors import InvalidOptionError
from embedscope.measure.geometry import BASE, MODEL, Space, measure_geometry
from embedscope.measure.options import DEFAULTS, Options
from embedscope.measure.perturbations import Perturbation
from embedscope.measure.projections import PURPOSE, projected_spaces
from embedscope.measure.query_set import Judged
from embedscope.measure.robustness import Encode, measure_robustness
from embedscope.measure.storage import measure_deployment_cost
from embedscope.measure.thresholds import WANTED, measure_thresholds
from embedscope.models.embed import Embeddings
from embedscope.result import Geometry, Result

CHEAP_PAIRS = 100_000_000
"""Query x document pairs up to which geometry and thresholds are measured unasked: some seconds."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What an examination measures beside failure modes and diagnoses, which it always finds.

    ``geometry`` True asks for it whatever it costs, and so does any ``wanted_precisions`` for thresholds; else both
    are measured up to :data:`CHEAP_PAIRS`. Robustness is measured where ``perturbations`` are given.
    """

    geometry: bool = False
    wanted_precisions: tuple[float, ...] = ()
    deployment_cost: bool = False
    perturbations: tuple[Perturbation, ...] = ()


UNASKED = Extent()

NEEDS_A_MODEL = (
    "--robustness encodes the queries as another hand would type them, and vectors that were made before cannot do "
    "that. Pass the model with --checkpoint, or leave --robustness out."
)


def examine(
    result: Result,
    collection: Collection,
    embeddings: Embeddings,
    *,
    base: Embeddings | None = None,
    n_tokens: Mapping[str, int] | None = None,
    encode: Encode | None = None,
    extent: Extent = UNASKED,
    options: Options = DEFAULTS,
    say: Callable[[str], None] = lambda text: None,
) -> Result:
    """The findings with the failure mode of each query, the diagnoses, and the measures of ``extent``.

    Parameters
    ----------
    findings : Findings
        What ``analyse`` gave for the same collection, embeddings and options.
    collection, embeddings, base
        As ``analyse`` took them.
    n_tokens : mapping of text to number of tokens, optional
        Shows which texts were cut off at ``findings.model.max_length``.
    encode : callable, optional
        Query texts to their vectors (``robustness.query_encoder``): needed for robustness.
    extent : Extent
    options : Options
    say : callable, optional
        Is told each long step in one line.

    Raises
    ------
    InvalidOptionError
        If robustness is asked for without a way to encode texts, or a wanted precision is no share.
    """
    judged = Judged.of(collection, options)
    found = _with_geometry(result, judged, embeddings, base, extent, options)
    found = _with_thresholds(found, judged, embeddings, extent, options)
    found = _with_robustness(found, judged, embeddings, encode, extent, options, say)
    found = _with_deployment_cost(found, judged, embeddings, extent, options, say)
    say("Looking for what fails, and why")
    modes = failure_modes(found, collection, base=base, n_tokens=n_tokens)
    findings = diagnose(
        found,
        collection,
        embeddings=embeddings,
        base=base,
        modes=modes,
        more=() if found.robustness is None else tuple(fragile_queries(found.robustness)),
        options=options,
    )
    return replace(
        found,
        queries=replace(found.queries, failure_modes=tuple("" if mode is None else mode.value for mode in modes.modes)),
        failure_modes={mode.value: n for mode, n in modes.counts().items()},
        findings=findings,
    )


def _with_geometry(
    result: Result,
    judged: Judged,
    embeddings: Embeddings,
    base: Embeddings | None,
    extent: Extent,
    options: Options,
) -> Result:
    if not extent.geometry and (reason := _too_dear(judged, "--geometry")):
        return _without(result, "geometry", reason)
    spaces: dict[str, Space] = {MODEL: (embeddings.queries[judged.rows], embeddings.documents)}
    if base is not None:
        spaces[BASE] = (base.queries[judged.rows], base.documents)
        width = embeddings.documents.shape[1]
        spaces |= projected_spaces(base, judged.rows, width, options.generator(PURPOSE))
    geometry: Geometry = measure_geometry(
        spaces, judged.judgments, judged.resampler, generator=options.generator("geometry")
    )
    return replace(result, geometry=geometry)


def _with_thresholds(
    result: Result, judged: Judged, embeddings: Embeddings, extent: Extent, options: Options
) -> Result:
    if not extent.wanted_precisions and (reason := _too_dear(judged, "--wanted-precision")):
        return _without(result, "thresholds", reason)
    thresholds = measure_thresholds(
        embeddings.queries[judged.rows],
        embeddings.documents,
        judged.judgments,
        judged.resampler,
        wanted=extent.wanted_precisions or WANTED,
        tolerance=options.tie_tolerance,
    )
    return replace(result, thresholds=thresholds)


def _with_robustness(
    result: Result,
    judged: Judged,
    embeddings: Embeddings,
    encode: Encode | None,
    extent: Extent,
    options: Options,
    say: Callable[[str], None],
) -> Result:
    if not extent.perturbations:
        return _without(result, "robustness", "not asked for; pass --robustness")
    if encode is None:
        raise InvalidOptionError(NEEDS_A_MODEL)
    robustness = measure_robustness(
        result.queries.texts,
        embeddings.queries[judged.rows],
        embeddings.documents,
        judged.judgments,
        judged.resampler,
        encode,
        seed=options.seed,
        perturbations=extent.perturbations,
        tolerance=options.tie_tolerance,
        say=say,
    )
    return replace(result, robustness=robustness)


def _with_deployment_cost(
    result: Result,
    judged: Judged,
    embeddings: Embeddings,
    extent: Extent,
    options: Options,
    say: Callable[[str], None],
) -> Result:
    if not extent.deployment_cost:
        return _without(result, "deployment", "not asked for; pass --deployment-cost")
    deployment = measure_deployment_cost(
        embeddings.queries[judged.rows],
        embeddings.documents,
        judged.judgments,
        judged.resampler,
        generator=options.generator("deployment cost"),
        tolerance=options.tie_tolerance,
        say=say,
    )
    return replace(result, deployment=deployment)


def _too_dear(judged: Judged, option: str) -> str:
    """Why something is not measured unasked; nothing where it is cheap."""
    n_pairs = len(judged.rows) * judged.judgments.n_documents
    if n_pairs <= CHEAP_PAIRS:
        return ""
    return f"not measured unasked on more than {CHEAP_PAIRS:,} pairs (here {n_pairs:,}); pass {option}"


def _without(result: Result, part: str, reason: str) -> Result:
    return replace(result, not_measured={**result.not_measured, part: reason})
