"""Parity: whether two ways to encode give the same vectors, and what makes the difference where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from embedscope.result.provenance import ModelFacts


class ParityOutcome(StrEnum):
    """Whether what is served is what was measured."""

    SAME = "same"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Cosines:
    """Cosine of the two vectors of each text of one role; quantiles by linear interpolation."""

    n: int
    n_same: int  # within the tolerance
    mean: float
    min: float
    p05: float
    median: float


@dataclass(frozen=True, slots=True)
class NormDifference:
    """Norms of the vectors of each side as they come, and ``|a - b| / max(a, b)`` over the texts."""

    model: tuple[float, float]  # smallest, largest
    served: tuple[float, float]
    mean: float
    max: float


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """How alike the two sides rank the sampled documents for the sampled queries.

    ``top_1`` is the share of queries with the same first document, ``top_k`` the mean share of the first ``k``
    documents that the two have in common, ``kendall`` the mean over queries of Kendall's tau-b. ``mrr`` holds the MRR
    of "model" and "served" over ``n_with_relevant`` queries.
    """

    n_queries: int
    n_documents: int
    k: int
    top_1: float
    top_k: float
    kendall: float
    n_with_relevant: int
    mrr: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class DifferingText:
    """A text whose two vectors differ, with the cosine between them."""

    role: str
    text: str
    cosine: float


class Evidence(StrEnum):
    """What speaks for a cause.

    Number formats are known by the magnitude of what they change: another program that rounds, or another batch, rounds
    otherwise, so that no vector is reproduced.
    """

    REPRODUCED = "reproduced"  # the vectors of the other side, within the tolerance
    NEARER = "nearer"  # nearly all of the difference is gone
    MAGNITUDE = "magnitude"  # the vectors move as far as those of the other side lie


@dataclass(frozen=True, slots=True)
class ParityCause:
    """What was changed in how one side encodes, and what that says of the other.

    ``options`` encode that side so, where options of the command line do.
    """

    side: str  # "MODEL" or "SERVED", the one that was changed
    changes: tuple[str, ...]
    options: tuple[str, ...]
    evidence: Evidence
    mean_cosine: float
    min_cosine: float


@dataclass(frozen=True, slots=True)
class Parity:
    """Two ways to encode one sample of texts, compared text by text.

    ``cosines`` by role ("query", "document"); empty where the widths differ. ``first`` is the first text of the sample,
    in the order of the data, that differs; ``worst`` the one that differs most.
    """

    outcome: ParityOutcome
    model: ModelFacts
    served: ModelFacts
    similarity: str
    tolerance: float
    seed: int
    cosines: Mapping[str, Cosines]
    norms: NormDifference
    ranks: RankAgreement
    first: DifferingText | None
    worst: DifferingText | None
    cause: ParityCause | None
    n_tried: int  # ways to encode that were tried in search of the cause
    notes: tuple[str, ...]
