"""What is measured on request, or where it is cheap: geometry, thresholds, other spellings, fewer bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from embedscope.errors import InvalidOptionError
from embedscope.kept import NOTHING_KEPT, KeptResults
from embedscope.log import Log
from embedscope.measure.abbreviations import load_abbreviations
from embedscope.measure.geometry import Space, measure_geometry
from embedscope.measure.perturbations import standard_perturbations
from embedscope.measure.query_set import QuerySet
from embedscope.measure.robustness import measure_robustness
from embedscope.measure.storage import measure_deployment_cost
from embedscope.measure.thresholds import WANTED, measure_thresholds
from embedscope.metrics.judgments import Judgments
from embedscope.models.embed import Encode
from embedscope.protocols import AttributeReader, Float32Array, IntArray, Perturbation
from embedscope.result import DeploymentCost, Geometry, Robustness, ThresholdTable
from embedscope.settings import Settings, SimilarityFunction
from embedscope.stats.resampler import Resampler

CHEAP_PAIRS = 100_000_000
"""Query x document pairs up to which geometry and thresholds are measured unasked: some seconds."""

NEEDS_A_MODEL = (
    "--robustness encodes the queries as another hand would type them, and vectors that were made before cannot do "
    "that. Pass the model with --checkpoint, or leave --robustness out."
)

Measure = TypeVar("Measure")
Measured = tuple[Measure, None] | tuple[None, str]
"""A measure, or the reason why it was not made."""


def perturbations_of(settings: Settings, attributes: AttributeReader) -> tuple[Perturbation, ...]:
    """How the queries are typed differently; nothing where robustness is not asked for.

    Raises
    ------
    InvalidOptionError
        If an abbreviation file cannot be read or is of no use here, or texts would have to be encoded without a model.
    """
    chosen = settings.measure
    if not chosen.robustness:
        if chosen.abbreviations is not None:
            raise InvalidOptionError(
                "--abbreviations is a map for --robustness, which was not asked for. Pass --robustness too."
            )
        return ()
    if settings.model.embeddings is not None:
        raise InvalidOptionError(NEEDS_A_MODEL)
    short_forms = None if chosen.abbreviations is None else load_abbreviations(chosen.abbreviations)
    return tuple(standard_perturbations(attributes, short_forms))


@dataclass(frozen=True, slots=True)
class Examined:
    """What was measured of the vectors, each or why it was not."""

    geometry: Measured[Geometry]
    thresholds: Measured[ThresholdTable]
    robustness: Measured[Robustness]
    deployment: Measured[DeploymentCost]

    @classmethod
    def nothing(cls, reason: str) -> Examined:
        """Nothing, for one reason."""
        return cls((None, reason), (None, reason), (None, reason), (None, reason))


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """The measures of one ranked collection."""

    query_set: QuerySet
    queries: Float32Array  # (Q, dim) as they are compared
    documents: Float32Array  # (N, dim)
    similarity: str
    bound: float  # of the scores
    settings: Settings
    log: Log
    kept: KeptResults = NOTHING_KEPT

    @property
    def _ranked(self) -> tuple[Float32Array, Float32Array, Judgments, Resampler]:
        return self.queries, self.documents, self.query_set.judgments, self.query_set.resampler

    @property
    def _tolerance(self) -> float:
        return self.settings.measure.tie_tolerance * self.bound

    def geometry(
        self, spaces: Mapping[str, Space], ranking: IntArray, generator: np.random.Generator
    ) -> Measured[Geometry]:
        """The shape of the model's space beside those that it is held against; ``ranking`` are its ranked lists."""
        if not self.settings.measure.geometry and (reason := self._too_costly("--geometry")):
            return None, reason
        judgments, resampler = self.query_set.judgments, self.query_set.resampler
        found = self.kept.value(
            "geometry",
            Geometry,
            (spaces, judgments, resampler, generator.bit_generator.state, ranking),
            lambda: measure_geometry(spaces, judgments, resampler, generator=generator, ranking=ranking),
        )
        return found, None

    def thresholds(self) -> Measured[ThresholdTable]:
        """Precision and recall by threshold."""
        wanted = self.settings.measure.wanted_precision
        if not wanted and (reason := self._too_costly("--wanted-precision")):
            return None, reason
        wanted, tolerance, bound = wanted or WANTED, self._tolerance, self.bound
        found = self.kept.value(
            "thresholds",
            ThresholdTable,
            (*self._ranked, wanted, tolerance, bound),
            lambda: measure_thresholds(*self._ranked, wanted=wanted, tolerance=tolerance, bound=bound),
        )
        return found, None

    def robustness(
        self, texts: tuple[str, ...], encode: Encode | None, perturbations: tuple[Perturbation, ...]
    ) -> Measured[Robustness]:
        """The same queries typed differently."""
        if not perturbations:
            return None, "not asked for; pass --robustness"
        if encode is None:
            raise InvalidOptionError(NEEDS_A_MODEL)
        found = measure_robustness(
            texts,
            *self._ranked,
            encode,
            seed=self.settings.measure.seed,
            perturbations=perturbations,
            tolerance=self._tolerance,
            say=self.log.step,
        )
        return found, None

    def deployment_cost(self, generator: np.random.Generator) -> Measured[DeploymentCost]:
        """Quality against bytes a document."""
        if not self.settings.measure.deployment_cost:
            return None, "not asked for; pass --deployment-cost"
        is_unit = self.similarity == SimilarityFunction.COSINE
        found = self.kept.value(
            "storage formats",
            DeploymentCost,
            (*self._ranked, generator.bit_generator.state, self._tolerance, is_unit),
            lambda: measure_deployment_cost(
                *self._ranked, generator=generator, tolerance=self._tolerance, is_unit=is_unit, say=self.log.step
            ),
        )
        return found, None

    def _too_costly(self, option: str) -> str:
        """Why something is not measured unasked; nothing where it is cheap."""
        n_pairs = len(self.queries) * len(self.documents)
        if n_pairs <= CHEAP_PAIRS:
            return ""
        return f"not measured unasked on more than {CHEAP_PAIRS:,} pairs (here {n_pairs:,}); pass {option}"
