"""What storing the documents in fewer bytes costs: every format against float32, on the same queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from embedscope.errors import InvalidEmbeddingsError
from embedscope.measure.indexes import measure_indexes
from embedscope.measure.neighbor_lists import overlap_at_k
from embedscope.measure.projections import principal_directions
from embedscope.measure.quantization import Codec, Precision, fit_codec
from embedscope.measure.rank_metrics import PRIMARY_METRICS
from embedscope.measure.rescoring import rescored
from embedscope.measure.scoring import values_of
from embedscope.measure.space_statistics import order_by_content
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.local_pass import for_each_block
from embedscope.metrics.ranking import n_tied_with_first
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.ties import TieCounts
from embedscope.metrics.top_k import TopKAccumulator
from embedscope.metrics.vectors import compared_rows, score_pairs
from embedscope.protocols import Float32Array, Float64Array, IntArray
from embedscope.result import DeploymentCost, Estimate, StorageFormat
from embedscope.settings import TIE_TOLERANCE
from embedscope.stats.resampler import Resampler, holm_over_changes


class Reduction(StrEnum):
    """Which dimensions a shorter vector has; the latter two are what the first ones are held against."""

    PREFIX = "prefix"
    RANDOM = "random"
    PCA = "PCA"


_REDUCED_BY = {Reduction.PREFIX: "", Reduction.RANDOM: ", random dimensions", Reduction.PCA: ", PCA"}

N_RESCORED = 100
N_NEIGHBORS = 10
MIN_WIDTH = 16
MAX_CUTS = 4
"""At most so many powers of two below the full width are tried, down to ``MIN_WIDTH``."""

_FLOAT32_BYTES = 4
_PAIR_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Plan:
    """A storage format to be tried."""

    precision: Precision
    width: int
    n_rescored: int = 0
    reduction: Reduction = Reduction.PREFIX

    @property
    def name(self) -> str:
        """``int8 x 128``, ``binary x 128, top 100 rescored``, ``float32 x 128, PCA``."""
        rescoring = f", top {self.n_rescored} rescored" if self.n_rescored else ""
        return f"{self.precision} x {self.width}{_REDUCED_BY[self.reduction]}{rescoring}"


def standard_plans(dim: int) -> tuple[Plan, ...]:
    """Every precision at full width, and float32, int8 and binary at powers of two below it; the reference first.

    Beside the first dimensions of float32 stand random ones and those of a PCA, which take as many bytes.
    """
    cuts = [2**power for power in range(dim.bit_length(), 0, -1) if MIN_WIDTH <= 2**power < dim][:MAX_CUTS]
    full = [Plan(precision, dim) for precision in Precision] + [Plan(Precision.BINARY, dim, N_RESCORED)]
    shorter = [Plan(p, width) for p in (Precision.FLOAT32, Precision.INT8, Precision.BINARY) for width in cuts]
    others = [Plan(Precision.FLOAT32, width, 0, by) for by in (Reduction.RANDOM, Reduction.PCA) for width in cuts]
    return (*full, *shorter, *others)


def measure_deployment_cost(
    queries: Float32Array,
    documents: Float32Array,
    judgments: Judgments,
    resampler: Resampler,
    *,
    generator: np.random.Generator,
    measures: tuple[str, ...] = PRIMARY_METRICS,
    plans: Sequence[Plan] | None = None,
    tolerance: float = TIE_TOLERANCE,
    is_unit: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> DeploymentCost:
    """Metrics, ties and neighbours of each storage format, with its bytes a document.

    Scores of bits are whole numbers and tie exactly; other formats tie within ``tolerance``. Documents are taken in a
    random order, so that lists that are cut inside a tie (the candidates of rescoring, the 10 nearest) do not prefer
    the documents that the data set names first, which are the relevant ones.

    Parameters
    ----------
    queries : ndarray of shape (Q, dim), float32, as they are compared
    documents : ndarray of shape (N, dim), float32
    judgments, resampler
        Of these queries, each of which has a relevant document, and of their clusters.
    generator : numpy.random.Generator
        Shuffles the documents.
    measures : tuple of str
        Compared with float32 under Holm's correction over all formats and measures.
    plans : sequence of Plan, optional
        The first is the reference; `standard_plans` by default.
    tolerance : float
        Scores of floating-point formats closer than this are tied.
    is_unit : bool
        Whether vectors are compared by the cosine, so that cut ones are made unit rows again.
    say : callable, optional
        Called with one line a format.
    """
    tried = standard_plans(documents.shape[1]) if plans is None else plans
    corpus = _shuffled(documents, judgments, generator)
    directions = _Directions(documents, generator)
    formats: list[StorageFormat] = []
    reference: _Outcome | None = None
    for plan in tried:
        say(f"Deployment cost: {plan.name}")
        try:
            own_queries, own_documents = directions.reduced(plan, queries, documents, is_unit=is_unit)
            codec = fit_codec(own_documents, plan.precision, plan.width, is_unit=is_unit)
            own_corpus = replace(corpus, documents=own_documents)
            outcome = _search(plan, codec, own_queries, own_corpus, measures, tolerance)
        except InvalidEmbeddingsError as error:
            if reference is None:
                raise
            metrics = {name: Estimate.absent(str(error)) for name in measures}
            formats.append(replace(_bare(plan, documents.shape[1]), metrics=metrics, reason=str(error)))
            continue
        reference = reference or outcome
        formats.append(_format(plan, outcome, reference, tried[0], documents.shape[1], measures, resampler))
    indexes = measure_indexes(
        queries,
        documents[corpus.order],
        corpus.judgments,
        resampler,
        k=min(N_NEIGHBORS, int(corpus.judgments.n_ranked.min())),
        measures=measures,
        tolerance=tolerance,
        say=say,
    )
    return DeploymentCost(tried[0].name, holm_over_changes(formats, measures), len(documents), N_NEIGHBORS, indexes)


class _Directions:
    """Random dimensions and principal directions of the documents; a shorter choice is the start of a longer one."""

    def __init__(self, documents: Float32Array, generator: np.random.Generator) -> None:
        self._documents = documents
        self._random = generator.permutation(documents.shape[1])

    @cached_property
    def _principal(self) -> Float32Array:
        return principal_directions(self._documents)

    def reduced(
        self, plan: Plan, queries: Float32Array, documents: Float32Array, *, is_unit: bool
    ) -> tuple[Float32Array, Float32Array]:
        """Queries and documents in the directions of ``plan``; as they are where those are their first dimensions.

        Raises InvalidEmbeddingsError if a row has no direction left.
        """
        if plan.reduction is Reduction.PREFIX:
            return queries, documents

        def of(rows: Float32Array, what: str) -> Float32Array:
            if plan.reduction is Reduction.RANDOM:
                chosen = np.ascontiguousarray(rows[:, self._random[: plan.width]])
            else:
                chosen = rows @ self._principal[:, : plan.width]
            return np.asarray(compared_rows(chosen, is_unit=is_unit, what=what), dtype=np.float32)

        return of(queries, "query"), of(documents, "document")


@dataclass(frozen=True, slots=True, eq=False)
class _Corpus:
    """Documents, the random order they are taken in, and the judgments over places in that order."""

    documents: Float32Array
    order: IntArray
    judgments: Judgments


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """What one format gives, query by query."""

    values: dict[str, Float64Array]
    n_tied: IntArray  # (Q,)
    neighbors: IntArray  # (Q, 10)


def _shuffled(documents: Float32Array, judgments: Judgments, generator: np.random.Generator) -> _Corpus:
    order = order_by_content(documents)[generator.permutation(len(documents))]
    place = np.argsort(order)
    moved = np.split(place[judgments.documents], judgments.indptr[1:-1])
    gains = np.split(judgments.gains, judgments.indptr[1:-1])
    excluded = judgments.excluded
    if excluded is not None:
        excluded = Cells.of_pairs(excluded.query_of_pair, place[excluded.documents], excluded.n_queries)
    found = Judgments.from_lists(moved, n_documents=len(documents), gains=gains, excluded=excluded)
    return _Corpus(documents, order, found)


def _search(
    plan: Plan, codec: Codec, queries: Float32Array, corpus: _Corpus, measures: Sequence[str], tolerance: float
) -> _Outcome:
    """One pass over the stored documents, shard by shard."""
    coded = codec.queries(queries)
    pair_scores = _pair_scores(codec, coded, corpus)
    ties = TieAccumulator(corpus.judgments, pair_scores, 0.0 if codec.has_exact_scores else tolerance)
    n_kept = min(max(N_NEIGHBORS, plan.n_rescored), int(corpus.judgments.n_ranked.min()))
    top = TopKAccumulator(len(queries), n_kept)
    for start, rows in codec.shards(corpus.documents, corpus.order):
        for_each_block(coded, rows, (ties, top), document_offset=start, excluded=corpus.judgments.excluded)
    counts, kept = ties.result(), top.result().documents
    if plan.n_rescored:
        pair_scores, counts, kept = _rescored(plan, queries, corpus, pair_scores, counts, kept, tolerance)
    return _Outcome(
        values=values_of(measures, corpus.judgments, pair_scores, counts),
        n_tied=n_tied_with_first(corpus.judgments, pair_scores, counts),
        neighbors=kept[:, :N_NEIGHBORS],
    )


def _pair_scores(codec: Codec, coded: Float32Array, corpus: _Corpus) -> Float64Array:
    judgments = corpus.judgments
    scores = np.empty(len(judgments.documents))
    for start in range(0, len(scores), _PAIR_CHUNK):
        pairs = slice(start, start + _PAIR_CHUNK)
        rows = codec.documents(corpus.documents[corpus.order[judgments.documents[pairs]]])
        scores[pairs] = score_pairs(coded, rows, judgments.query_of_pair[pairs], np.arange(len(rows)))
    return scores


def _rescored(
    plan: Plan,
    queries: Float32Array,
    corpus: _Corpus,
    pair_scores: Float64Array,
    counts: TieCounts,
    kept: IntArray,
    tolerance: float,
) -> tuple[Float64Array, TieCounts, IntArray]:
    """Pair scores, counts and lists after the best documents were reordered by their float32 vectors."""
    candidates = kept[:, : plan.n_rescored]
    rows = np.repeat(np.arange(len(queries)), candidates.shape[1])
    documents = corpus.order[candidates.reshape(-1)]
    fine = score_pairs(queries, corpus.documents, rows, documents).reshape(candidates.shape)
    scores, fine_counts = rescored(corpus.judgments, pair_scores, counts, candidates, fine, tolerance=tolerance)
    order = np.argsort(-fine, axis=1, kind="stable")
    return scores, fine_counts, np.take_along_axis(candidates, order, axis=1)


def _format(
    plan: Plan,
    outcome: _Outcome,
    reference: _Outcome,
    reference_plan: Plan,
    dim: int,
    measures: tuple[str, ...],
    resampler: Resampler,
) -> StorageFormat:
    is_reference = outcome is reference
    others = {} if is_reference else {reference_plan.name: reference.values}
    means = {"ties": (outcome.n_tied > 0).astype(np.float64)}
    means["overlap"] = overlap_at_k(reference.neighbors, outcome.neighbors)
    figures = resampler.means({**outcome.values, **means})
    return replace(
        _bare(plan, dim),
        metrics={name: figures[name] for name in measures},
        changes=resampler.compare(plan.name, outcome.values, others, measures),
        tie_share=figures["ties"],
        overlap=Estimate(1.0) if is_reference else figures["overlap"],
    )


def _bare(plan: Plan, dim: int) -> StorageFormat:
    """The format with its costs and without figures."""
    in_index = Codec(plan.precision, plan.width).bytes_per_document
    absent = Estimate.absent("not measured")
    return StorageFormat(
        name=plan.name,
        precision=str(plan.precision),
        width=plan.width,
        n_rescored=plan.n_rescored,
        reduction=plan.reduction.value,
        bytes_in_index=in_index,
        bytes_in_all=in_index + (_FLOAT32_BYTES * dim if plan.n_rescored else 0),
        metrics={},
        changes=(),
        tie_share=absent,
        overlap=absent,
    )
