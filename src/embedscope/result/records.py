"""What was measured: frozen records that pictures, pages, files and the verdict read and never change.

Nothing downstream of these records computes a number. An array here is read-only by agreement; columns that belong
to one table share their first axis. ``Q`` queries, ``N`` documents, ``k`` ranks kept, ``M`` points on a map.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath

from embedscope.protocols import BoolArray, Float32Array, Float64Array, IntArray, Role


def run_label(path: str) -> str:
    """A run by the last two parts of its path, which are what tells one epoch or folder from another."""
    parts = PurePath(path).parts
    return path if len(parts) <= 2 else str(PurePath(*parts[-2:]))


def run_labels(names: Iterable[str]) -> dict[str, str]:
    """Short labels of runs that stand beside one another: as `run_label`, longer where two would be the same."""
    distinct = list(dict.fromkeys(names))
    labels = {name: run_label(name) for name in distinct}
    for n_parts in range(3, 2 + max((len(PurePath(name).parts) for name in distinct), default=0)):
        taken = Counter(labels.values())
        labels |= {name: str(PurePath(*PurePath(name).parts[-n_parts:])) for name in labels if taken[labels[name]] > 1}
    taken = Counter(labels.values())
    return {name: label if taken[label] == 1 else name for name, label in labels.items()}


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its 95 % interval, or the reason why there is none.

    ``value`` is None exactly when ``reason`` says why; ``low`` and ``high`` are None where no interval was computed.
    ``n`` is the number of observations behind it, None where nobody counted them.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    reason: str | None = None

    @classmethod
    def absent(cls, reason: str) -> Estimate:
        """The estimate that could not be made, and why."""
        return cls(None, reason=reason)


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the data set holds, after equal texts were merged (conventions, section 1)."""

    format: str
    n_rows: int
    n_queries: int
    n_queries_available: int
    n_documents: int
    n_relevant_documents: int
    n_hard_negatives: int
    n_clusters: int
    n_duplicate_queries: int
    n_duplicate_documents: int
    n_queries_without_relevant: int
    contradictions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    digest: str = ""  # SHA-256 of queries, pool, judgments and negatives: runs of different digests are not comparable


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What produced the vectors: shown in every output so that two runs can be told apart."""

    checkpoint: str
    layout: str
    dim: int
    base_model: str | None = None
    pooling: str | None = None
    pooling_source: str | None = None
    max_length: int | None = None
    device: str | None = None
    dtype: str | None = None
    head: str | None = None
    training: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Distribution:
    """One population of cosine similarities.

    ``mean`` and ``std`` (population, ddof 0) are exact. ``quantiles`` (keys "0.05" ... "0.95") and ``density`` come
    from a histogram; ``density`` integrates to 1 over ``Similarity.edges``.
    """

    n: int
    mean: float
    std: float
    quantiles: Mapping[str, float]
    density: Float64Array


@dataclass(frozen=True, slots=True)
class Similarity:
    """Positive, negative and hard-negative similarities and how far apart they lie (conventions, section 4)."""

    edges: Float64Array
    positive: Distribution
    negative: Distribution
    hard_negative: Distribution | None
    margin: Estimate
    separation: Estimate
    auc: Estimate
    overlap: Estimate
    d_prime: Estimate
    diagonal: Estimate
    off_diagonal: Estimate
    gap: Estimate


@dataclass(frozen=True, slots=True)
class Metric:
    """A rank metric, averaged over queries, under every reading of ties, beside what no model would reach.

    ``value`` is the expectation over all orders of tied documents; ``trec`` and ``st`` break ties as trec_eval and
    sentence-transformers do. ``chance``, ``lexical`` and ``base`` are the same metric for a random order, for
    character n-grams, and for the base model without its head; None where not computed.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    optimistic: float
    pessimistic: float
    trec: float
    st: float
    chance: float | None
    lexical: float | None = None
    base: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NegativeType:
    """How the model treats one type of hard negative.

    ``violation_rate`` is the share of (query, negative) pairs of this type whose similarity reaches that of the
    query's best positive. ``margins`` holds ``s+ - s-`` for each such pair.
    """

    name: str
    n: int
    n_queries: int
    violation_rate: Estimate
    margin: Estimate
    mean_weight: float | None
    margins: Float64Array
    similarity: Distribution


@dataclass(frozen=True, slots=True)
class QueryTable:
    """One row a query. Ragged columns are (indptr, values) pairs: row i owns values[indptr[i]:indptr[i + 1]].

    ``rank`` is the expected rank of the first relevant document among N (1 is best; fractions come from ties, NaN
    where the query has no relevant document). ``margin`` is ``s+ - s-``: best relevant minus best hard negative, NaN
    without hard negatives. ``wrong_document`` is the best-scoring document that is not relevant, -1 if none.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    clusters: IntArray  # (Q,)
    n_relevant: IntArray  # (Q,)
    rank: Float64Array  # (Q,)
    n_tied: IntArray  # (Q,)
    is_correct: BoolArray  # (Q,) a relevant document stands first, tied with no other: E[Success@1] = 1
    positive_similarity: Float64Array  # (Q,) best relevant document
    negative_similarity: Float64Array  # (Q,) best hard negative, NaN if none
    margin: Float64Array  # (Q,)
    gap: Float64Array  # (Q,) first minus second of the ranked list
    wrong_document: IntArray  # (Q,)
    wrong_similarity: Float64Array  # (Q,)
    wrong_type: tuple[str, ...]  # type of wrong_document when it is one of the query's own hard negatives, else ""
    top_documents: IntArray  # (Q, k)
    top_scores: Float32Array  # (Q, k)
    top_is_relevant: BoolArray  # (Q, k)
    relevant_indptr: IntArray  # (Q + 1,)
    relevant_documents: IntArray
    relevant_scores: Float64Array
    negative_indptr: IntArray  # (Q + 1,)
    negative_documents: IntArray
    negative_scores: Float64Array
    negative_weights: Float64Array
    negative_types: tuple[tuple[str, ...], ...]
    values: Mapping[str, Float64Array] = field(default_factory=dict)  # metric name -> (Q,), NaN where undefined
    failure_modes: tuple[str, ...] = ()  # why a query is not right at rank 1, "" where it is; () where nobody asked
    groups: tuple[str | None, ...] = ()  # as the data file states them, () where it has none
    metadata: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)  # other columns of the data file


@dataclass(frozen=True, slots=True)
class DocumentTable:
    """One row a distinct document text."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    n_relevant_to: IntArray  # (N,) for how many queries it is relevant
    n_negative_of: IntArray  # (N,) of how many queries it is a hard negative


@dataclass(frozen=True, slots=True)
class Points:
    """What stands on the maps: M points, each a row of the query or of the document table."""

    roles: tuple[Role, ...]
    rows: IntArray  # (M,) row in QueryTable for Role.QUERY, else in DocumentTable
    link_queries: IntArray  # (L,) point index of a query ...
    link_documents: IntArray  # (L,) ... and of one of its relevant documents
    link_is_correct: BoolArray  # (L,)
    neighbor_ids: IntArray  # (M, k) point indices, nearest first, by cosine distance
    neighbor_distances: Float32Array  # (M, k) cosine distance = 1 - cosine similarity
    n_left_out: int  # points that exist but are not drawn (budget)


@dataclass(frozen=True, slots=True)
class MapLayout:
    """A 2-D map of ``Points`` and how far it may be believed (Venna & Kaski 2001)."""

    name: str  # "tsne" or "umap"
    xy: Float32Array  # (M, 2)
    trustworthiness: float
    continuity: float
    k: int
    kept: Float32Array  # (M,) share of the k original neighbours that are also neighbours on the map
    elapsed_s: float
    parameters: Mapping[str, float | int | str]
    n_fitted: int | None = None  # points the map was fitted on; the rest was placed by its neighbours; None: all


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A readable part of the query x positive similarity matrix, ordered so that similar rows stand together."""

    queries: IntArray  # (R,) rows of QueryTable
    documents: IntArray  # (C,) rows of DocumentTable
    similarity: Float32Array  # (R, C)
    is_relevant: BoolArray  # (R, C)
    n_queries: int  # of how many queries R were drawn
    n_documents: int


class Severity(StrEnum):
    """How much a diagnosed fault matters."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Finding:
    """A named fault of the model or the data, with its evidence and what to do about it (contract: ``findings``).

    ``code`` is stable and machine-readable ("type-ignored", "positive-also-negative"); ``effect`` is its size in the
    unit that the title names, with its 95 % interval where there is one; ``n`` is what it was measured on; ``rows``
    are rows of the query table (or 1-based rows of the data file for findings of the audit), the worst first;
    ``documents`` holds for each of them the row of the document that shows the fault, -1 for none; () where no document
    does.
    """

    code: str
    title: str
    severity: Severity
    n: int
    effect: float | None
    low: float | None
    high: float | None
    rows: tuple[int, ...]
    action: str
    documents: tuple[int, ...] = ()


class ExampleKind(StrEnum):
    """Why a query was chosen as an example."""

    ASKED = "asked for"
    WORST_FAILURE = "worst failure"
    NEAR_MISS = "near miss"
    SUCCESS = "typical success"


@dataclass(frozen=True, slots=True)
class Example:
    """A query worth looking at, and why."""

    query: int
    kind: ExampleKind


class Outcome(StrEnum):
    """The four outcomes of a check."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNDECIDED = "undecided"
    NOT_COMPUTABLE = "not computable"


@dataclass(frozen=True, slots=True)
class Check:
    """One criterion applied to one figure."""

    id: str
    title: str
    value: float | None
    low: float | None
    high: float | None
    threshold: float
    direction: str  # ">", ">=", "<" or "<="
    outcome: Outcome
    reason: str
    gating: bool = True


class VerdictOutcome(StrEnum):
    """What to do with the checkpoint."""

    DEPLOY = "deploy"
    RETRAIN = "retrain"
    UNDECIDED = "undecided"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, the profile of criteria it was made by, and every reason with its figures.

    ``headline`` is the one sentence that says why; ``reasons`` are all of them, the decisive ones first.
    """

    outcome: VerdictOutcome
    profile: str
    headline: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the checklist: the figure at ``metric`` must stand in ``direction`` to ``threshold``.

    ``metric`` is a path such as "similarity.margin", "metrics.Success@1", "negative_types.*.violation_rate" or
    "comparisons.lexical.MRR"; ``bound`` says what is held against the threshold: the whole "interval" (four
    outcomes) or the "value" alone (no interval is consulted).
    """

    id: str
    title: str
    metric: str
    direction: str
    threshold: float
    gating: bool = True
    bound: str = "interval"


@dataclass(frozen=True, slots=True)
class Fitness:
    """When a test set can answer at all; outside these limits the verdict is ``unfit``."""

    min_clusters: int = 30
    max_chance: float = 0.1
    max_leakage: float = 0.05
    max_contradictions: float = 0.05
    refuse_lexical_pass: bool = True
    refuse_wide_ties: bool = True


@dataclass(frozen=True, slots=True)
class Criteria:
    """A named profile: the criteria, and what makes a test set fit to be judged by."""

    name: str
    criteria: tuple[Criterion, ...]
    fitness: Fitness = Fitness()
    must_beat_lexical: bool = True


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run ``a`` against run ``b`` on one metric, paired on the same queries: ``difference = a - b``.

    ``p`` is the two-sided cluster sign-flip p-value, ``p_adjusted`` after Holm over the primary metrics;
    ``effect_size`` is the mean of the cluster sums divided by their standard deviation.
    """

    a: str
    b: str
    metric: str
    difference: float
    low: float | None
    high: float | None
    p: float
    p_adjusted: float
    effect_size: float | None
    wins: int
    losses: int
    ties: int


@dataclass(frozen=True, slots=True)
class TypeChange:
    """Change of the violation rate of one negative type, candidate minus reference; negative is better."""

    candidate: str
    type: str
    n: int
    change: Estimate


@dataclass(frozen=True, slots=True)
class LevelShift:
    """Candidate minus reference: raw levels (``positive``, ``negative``) beside scale-free ``separation``, ``auc``."""

    candidate: str
    positive: float
    negative: float
    separation: float | None
    auc: float | None


@dataclass(frozen=True, slots=True)
class BestOfMany:
    """The best of several candidates, its p-value paying for the choice (single-step max-T)."""

    metric: str
    best: str
    difference: float
    p_adjusted: float
    n_candidates: int


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Several runs against one reference, on the same queries. Rows of ``lost`` and ``gained`` are queries."""

    reference: str
    candidates: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    lost: Mapping[str, IntArray]
    gained: Mapping[str, IntArray]
    type_changes: tuple[TypeChange, ...]
    level_shifts: tuple[LevelShift, ...]
    best: BestOfMany | None


@dataclass(frozen=True, slots=True)
class Leakage:
    """How much of the test set stands in the training file: exactly, after normalisation, or nearly.

    ``queries`` and ``positives`` count distinct texts of the test set under "exact", "normalised" and "near";
    each text is counted once, under the closest of the three. ``examples`` are pairs (test text, training text).
    ``leaked_queries`` are the queries that stand there exactly or after normalisation; reports do not repeat them.
    """

    train: str
    n_queries: int
    n_positives: int
    queries: Mapping[str, int]
    positives: Mapping[str, int]
    share_of_queries: float
    examples: tuple[tuple[str, str], ...]
    leaked_queries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Power:
    """What this test set can tell: ``minimum_detectable`` is for a paired difference at 80 % power, alpha 0.05."""

    metric: str
    n_clusters: int
    design_effect: float | None
    minimum_detectable: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that one run measured."""

    data: DataFacts
    model: ModelFacts
    similarity: Similarity
    metrics: Mapping[str, Metric]
    negative_types: Mapping[str, NegativeType]
    queries: QueryTable
    documents: DocumentTable
    points: Points | None
    maps: Mapping[str, MapLayout]
    maps_absent: Mapping[str, str]  # name of a map -> the one line that says why it is missing
    heatmap: Heatmap | None
    examples: tuple[Example, ...]
    clustering: Estimate  # share of queries with a relevant document among their 10 nearest documents
    tie_tolerance: float
    seed: int
    comparisons: tuple[Comparison, ...] = ()  # against the lexical baseline, the base model, the references
    references: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # name -> metric -> value
    weights: Mapping[str, Estimate] = field(default_factory=dict)  # weighted violation rate, Kendall tau-b
    leakage: Leakage | None = None
    findings: tuple[Finding, ...] = ()  # ordered by what mending them would gain
    power: Power | None = None
    failure_modes: Mapping[str, int] = field(default_factory=dict)  # failed queries by mode, in the order of decision
    geometry: Geometry | None = None
    thresholds: ThresholdTable | None = None
    robustness: Robustness | None = None
    deployment: DeploymentCost | None = None
    not_measured: Mapping[str, str] = field(default_factory=dict)  # one of the four above -> why it is None


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """What one epoch of training left behind; epoch 0 is the head before its first step.

    ``metrics`` and ``violation_rates`` (by negative type) are of the validation queries, empty without validation. A
    loss is the mean over (query, positive) pairs; ``learning_rate`` is that of the last step, ``gradient_norm`` the
    mean before clipping.
    """

    epoch: int
    train_loss: float | None
    valid_loss: float | None
    learning_rate: float | None
    gradient_norm: float | None
    metrics: Mapping[str, Estimate]
    violation_rate: float | None  # over all (query, hard negative) pairs
    violation_rates: Mapping[str, float]
    effective_rank: float | None  # of the validation documents
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """A training run, epoch by epoch.

    ``selected_by`` is the figure whose best value made ``best_epoch``; ``base`` holds the validation metrics of the
    base model without a head; ``notes`` say what a person should know, over-fitting among it. ``against_base`` is the
    best head against that base on the same validation queries, which also chose it; ``prefixes`` are the same metric of
    its first numbers, for a head trained on Matryoshka prefixes. Both are measured when the run has ended.
    """

    epochs: tuple[EpochRecord, ...]
    selected_by: str
    best_epoch: int
    stopped: str
    base: Mapping[str, float]
    n_pairs: int
    n_negatives: int
    n_valid_queries: int
    n_valid_clusters: int
    notes: tuple[str, ...] = ()
    against_base: Comparison | None = None
    prefixes: Mapping[int, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From one checkpoint of a timeline to the next. Rows of ``gained`` and ``lost`` are queries."""

    start: str
    end: str
    comparison: Comparison  # end against start, on the metric of the timeline
    gained: IntArray  # right at rank 1 at the end and not at the start, the largest rise first
    lost: IntArray


@dataclass(frozen=True, slots=True)
class Timeline:
    """Checkpoints of one training run in the order of their epochs, measured on the same queries.

    Every sequence has one entry a checkpoint (``stretches`` one fewer). ``since_best`` compares the last checkpoint
    with the best one where the best is not the last; ``over_fitting`` says in words that training went on too long,
    None where nothing shows it.
    """

    names: tuple[str, ...]
    epochs: tuple[int, ...]
    metric: str
    metrics: Mapping[str, tuple[Estimate, ...]]
    violation_rates: Mapping[str, tuple[Estimate, ...]]
    stretches: tuple[Stretch, ...]
    best: int
    since_best: Comparison | None
    over_fitting: str | None
    n_queries: int
    n_clusters: int


@dataclass(frozen=True, slots=True)
class MapAnimation:
    """One map a checkpoint, each started from the one before and turned onto it; the same points in all.

    ``moved`` is the median distance that a point went since the map before (0 for the first), and ``turnover`` the
    mean share of a point's neighbours in the original space that changed since then.
    """

    method: str  # "tsne" or "umap"
    names: tuple[str, ...]
    epochs: tuple[int, ...]
    points: Points
    maps: tuple[MapLayout, ...]
    moved: tuple[float, ...]
    turnover: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CloudShape:
    """The shape of one cloud of unit vectors: the queries or the documents of one space.

    ``effective_rank`` is RankMe, ``participation_ratio`` that of the covariance, ``n_directions`` the fewest
    principal directions that hold 90 % of the variance (both None where all vectors are equal). ``uniformity`` is
    exact where ``n_uniformity`` equals ``n``, else that of so many rows drawn at random. ``mean_cosine`` is over all
    pairs. ``spectrum`` holds the share of the variance of each principal direction, descending, shape (dim,).
    """

    n: int
    dim: int
    effective_rank: float
    participation_ratio: float | None
    n_directions: int | None
    uniformity: float
    n_uniformity: int
    mean_cosine: float
    spectrum: Float64Array


@dataclass(frozen=True, slots=True)
class Hubness:
    """How the places among the queries' k nearest documents are shared out (Radovanovic et al. 2010).

    ``skewness`` is None where every document is listed equally often. ``chance_...`` is what lists drawn at random
    have. ``relevant_anti_hub_share`` is the share of documents with a query of their own that are in no list at all.
    Hubs are the documents that stand in most lists without being relevant, the worst first; rows of DocumentTable.
    """

    k: int
    skewness: float | None
    anti_hub_share: float
    gini: float
    chance_skewness: float | None
    chance_anti_hub_share: float
    chance_gini: float
    relevant_anti_hub_share: float
    hubs: IntArray  # (H,) rows of DocumentTable
    hub_occurrences: IntArray  # (H,) lists that the hub stands in
    hub_wrong_occurrences: IntArray  # (H,) of these, lists of queries it is not relevant to


@dataclass(frozen=True, slots=True)
class SpaceGeometry:
    """One space: the model's own, the base model's, or a projection of the base to the same width.

    ``alignment`` is the mean squared distance of relevant pairs; ``centroid_distance`` and ``split_auc`` /
    ``split_accuracy`` (a held-out linear split, 0.5 is a guess) say how far queries and documents lie apart;
    ``overlap`` is the share of the base model's k nearest documents of a query that are also the nearest here, None
    for the base model itself and where there is none.
    """

    queries: CloudShape
    documents: CloudShape
    alignment: Estimate
    centroid_distance: float
    split_auc: Estimate
    split_accuracy: Estimate
    hubness: Hubness
    overlap: Estimate | None


@dataclass(frozen=True, slots=True)
class Geometry:
    """Geometry of the model's space beside those that it is held against: name -> space, "model" first."""

    spaces: Mapping[str, SpaceGeometry]
    k: int


@dataclass(frozen=True, slots=True)
class PerturbationEffect:
    """What one way of typing the queries differently does, on the queries that it changes.

    ``changes`` are perturbed minus as written, paired; ``flip_rate`` is the share of queries whose rank-1 correctness
    changes, ``lost`` and ``gained`` their rows in QueryTable, the largest fall (rise) in reciprocal rank first.
    ``similarity`` is the mean cosine of a query with its perturbed self.
    """

    name: str
    title: str
    n_changed: int
    n_unchanged: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    changes: tuple[Comparison, ...]
    flip_rate: Estimate
    lost: IntArray
    gained: IntArray
    similarity: Estimate
    example: tuple[str, str] | None  # a query as written and as perturbed; None where none is changed


@dataclass(frozen=True, slots=True)
class Robustness:
    """Paired change of the metrics under perturbed queries; p-values are Holm-adjusted over all of them."""

    n_queries: int
    effects: tuple[PerturbationEffect, ...]


@dataclass(frozen=True, slots=True)
class StorageFormat:
    """What one way of storing the documents costs and keeps, against float32 at full width.

    ``bytes_in_index`` are searched for every query; ``bytes_in_all`` adds the float32 vectors that rescoring reads.
    ``changes`` are this format minus float32, paired, empty for float32 itself; ``tie_share`` is the share of queries
    whose best relevant document ties with another; ``overlap`` that of the 10 nearest documents under float32.
    ``reason`` says why a format could not be measured; its figures are then absent.
    """

    name: str
    precision: str
    width: int
    n_rescored: int  # 0 where nothing is rescored
    bytes_in_index: int
    bytes_in_all: int
    metrics: Mapping[str, Estimate]
    changes: tuple[Comparison, ...]
    tie_share: Estimate
    overlap: Estimate
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DeploymentCost:
    """Quality against bytes for every storage format tried, the reference (float32, full width) first."""

    reference: str
    formats: tuple[StorageFormat, ...]
    n_documents: int
    k: int  # of the overlap


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """The lowest cosine threshold that keeps a precision of ``wanted`` by its interval's lower end.

    Half of the clusters say where the precision is surest, the others how far down from there it lasts: ``precision``
    and ``recall`` are those of the others.

    ``threshold`` is None where there is none; ``reason`` says why.
    """

    wanted: float
    threshold: float | None
    precision: Estimate
    recall: Estimate
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ThresholdTable:
    """Precision and recall of "every document with a cosine of at least t", over all (query, document) pairs.

    Columns of shape (T,), thresholds ascending. NaN stands where a figure or its interval is undefined. Precision
    depends on the size of the pool: a larger one has more wrong documents above any threshold.
    """

    thresholds: Float64Array
    n_retrieved: IntArray  # pairs at or above the threshold
    precision: Float64Array
    precision_low: Float64Array
    precision_high: Float64Array
    recall: Float64Array
    recall_low: Float64Array
    recall_high: Float64Array
    choices: tuple[ThresholdChoice, ...]
    n_documents: int
