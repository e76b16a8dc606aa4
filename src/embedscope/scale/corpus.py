"""A shard folder to findings: the figures of `pipeline.analyse` for a corpus that does not fit into memory.

The documents are read once, in one pass. Beside it only chosen rows are read: the judged documents, whose scores must
be known before the pass, and a sample. The tables of the findings hold the documents that are judged or stand in a
query's list; the figures count all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from embedscope.data.collection import Collection, Negatives
from embedscope.diagnose.examples import choose_examples
from embedscope.measure.negatives import measure_types, measure_weights
from embedscope.measure.options import DEFAULTS, Options
from embedscope.measure.query_set import Judged
from embedscope.measure.query_tables import document_table, query_table
from embedscope.measure.rank_metrics import measure_metrics
from embedscope.measure.scoring import N_BINS, Scores, values_of
from embedscope.measure.similarity import N_SUBSAMPLED, DocumentSummary, measure_similarity
from embedscope.measure.typed_negatives import NegativePairs
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.threads import n_threads
from embedscope.metrics.vectors import score_pairs
from embedscope.pipeline import clustering_of, negative_pairs_of, power_of
from embedscope.protocols import Float32Array, IntArray, ProgressCallback
from embedscope.result import DataFacts, ModelFacts, Result
from embedscope.scale.memory import CorpusSize, MemoryPlan, plan_memory
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_pass import Engine, PartialScores, ShardTask, score_shards
from embedscope.stats.resampler import Resampler

LAYOUT = "shard folder"

NO_LEXICAL = (
    "the character n-gram baseline was not computed: it needs every document text in memory, which a shard folder is "
    "there to avoid"
)


NEEDS_EVERYTHING = "a shard folder is read once, block by block; this needs all vectors or the texts in memory"


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is measured: the judged queries, and the documents that judgments or hard negatives name.

    ``collection`` holds these documents only, without their names; its row i is row ``rows[i]`` of the corpus. Texts of
    queries are cut to what is shown.
    """

    collection: Collection
    judged: Judged
    judgments: Judgments  # of the judged queries over the whole corpus
    queries: Float32Array  # (Q, dim), the judged ones
    rows: IntArray  # (J,) ascending
    documents: Float32Array  # (J, dim)


def analyse_shards(
    folder: ShardFolder,
    *,
    options: Options = DEFAULTS,
    engine: Engine = score_shards,
    memory: int | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: ProgressCallback | None = None,
) -> Result:
    """Everything that one run over a shard folder measures.

    Parameters
    ----------
    folder : ShardFolder
    options : Options
        Maps, heatmap and the lexical baseline are left out, whatever they say.
    engine : Engine
        Who scores the shards: this process (`score_shards`) or a cluster (`ray.RayEngine`).
    memory : int, optional
        Bytes that a process may take at most; the size of the blocks follows from it.
    say, progress
        As `pipeline.analyse`; progress counts documents.

    Raises
    ------
    TooFewPointsError
        If fewer than two queries have a relevant document, or no document is irrelevant.
    InvalidOptionError
        If ``memory`` is less than the smallest plan needs, or a query that was asked for is not there.
    DataFormatError, InvalidEmbeddingsError
        If the folder is damaged, or a row has no direction.
    """
    plan = plan_memory(size_of(folder, options), memory, n_threads=n_threads())
    subject = _subject(folder, options, plan.characters)
    resampler = subject.judged.resampler
    say(
        f"Scoring {len(subject.queries):,} queries against {folder.documents.n_rows:,} documents in "
        f"{len(folder.documents.shards):,} shards; memory stays below {plan.total / 1e9:.2f} GB"
    )
    task = _task(folder, subject, plan, options)
    found = engine(folder, task, progress)
    scores = _scores(task, found)
    values = values_of(options.measures, scores.judgments, scores.pair_scores, scores.counts)
    say(f"Intervals from {options.n_draws:,} resamples of {len(np.unique(resampler.clusters)):,} independent groups")
    negatives = negative_pairs_of(subject.collection, subject.judged.rows, subject.queries, subject.documents, scores)
    similarity = measure_similarity(
        subject.queries, _summary(folder, subject, found, resampler), scores, negatives, resampler
    )
    metrics = measure_metrics(options.measures, scores, values, resampler)
    shown = _shown(folder, subject, scores, negatives, plan.characters)
    table = query_table(
        shown.collection, subject.judged.rows, shown.scores, shown.negatives, values, resampler.clusters, options.k
    )
    types = {} if negatives is None else measure_types(negatives, resampler, similarity.edges, options.tie_tolerance)
    weights = {} if negatives is None else measure_weights(negatives, resampler, options.tie_tolerance)
    return Result(
        data=_facts(folder, subject, resampler),
        model=model_facts(folder),
        similarity=similarity,
        metrics=metrics,
        negative_types=types,
        queries=table,
        documents=document_table(shown.collection, shown.scores.judgments, shown.negatives),
        points=None,
        maps={},
        maps_absent={},
        heatmap=None,
        examples=choose_examples(table, n=options.n_examples, asked=options.asked),
        clustering=clustering_of(metrics),
        tie_tolerance=options.tie_tolerance,
        seed=options.seed,
        weights=weights,
        power=power_of(values["MRR"], resampler.clusters, None) if "MRR" in values else None,
        not_measured=dict.fromkeys(("geometry", "thresholds", "robustness", "deployment"), NEEDS_EVERYTHING),
    )


def size_of(folder: ShardFolder, options: Options) -> CorpusSize:
    """What the memory of a pass over the folder depends on."""
    judgments, negatives = folder.judgments(), folder.negatives()
    return CorpusSize(
        n_queries=folder.queries.n_rows,
        n_documents=folder.documents.n_rows,
        n_pairs=len(judgments.documents) + len(negatives.queries),
        dim=folder.dim,
        itemsize=folder.itemsize,
        k=_n_kept(judgments, options),
        longest=_longest(folder),
    )


def _longest(folder: ShardFolder) -> tuple[int, int] | None:
    sides = [side.longest for side in (folder.queries, folder.documents)]
    known = [longest for longest in sides if longest is not None]
    return None if len(known) < len(sides) else (max(i for i, _ in known), max(text for _, text in known))


def model_facts(folder: ShardFolder) -> ModelFacts:
    """What produced the vectors, as far as the folder says."""
    return ModelFacts(
        checkpoint=folder.encoder.get("name", folder.where),
        layout=LAYOUT,
        dim=folder.dim,
        dtype=str(folder.dtype),
        fingerprint=folder.encoder.get("fingerprint"),
    )


def _n_kept(judgments: Judgments, options: Options) -> int:
    return kept_for_each_query(options, int(judgments.n_relevant.max(initial=0)))


def kept_for_each_query(options: Options, most_relevant: int) -> int:
    """Documents of a list: so many that the best wrong one is among them, up to 90 relevant ones of a query."""
    return options.k + min(most_relevant, 90)


def _subject(folder: ShardFolder, options: Options, characters: int) -> Subject:
    judgments, negatives = folder.judgments(), folder.negatives()
    rows = np.unique(np.concatenate([judgments.documents, negatives.documents]))
    query_names = folder.queries.names(np.arange(folder.queries.n_rows), characters)
    nothing = ("",) * len(rows)
    collection = _collection(judgments, negatives, rows, query_names, (nothing, nothing))
    judged = Judged.of(collection, options)
    queries = folder.queries.everything()
    own = judged.judgments
    return Subject(
        collection=collection,
        judged=judged,
        judgments=Judgments(own.indptr, rows[own.documents], own.gains, folder.documents.n_rows),
        queries=queries if len(judged.rows) == len(queries) else queries[judged.rows],
        rows=rows,
        documents=folder.documents.take(rows),
    )


Names = tuple[tuple[str, ...], tuple[str, ...]]


def _collection(
    judgments: Judgments, negatives: Negatives, rows: IntArray, query_names: Names, document_names: Names
) -> Collection:
    """The documents ``rows`` of the corpus (ascending) as a collection of their own."""
    query_ids, queries = query_names
    document_ids, documents = document_names
    return Collection(
        format=LAYOUT,
        query_ids=query_ids,
        queries=queries,
        document_ids=document_ids,
        documents=documents,
        indptr=judgments.indptr,
        relevant=np.searchsorted(rows, judgments.documents),
        gains=judgments.gains,
        negatives=replace(negatives, documents=np.searchsorted(rows, negatives.documents)),
        n_rows=len(queries),
        n_queries_available=len(queries),
        n_duplicate_queries=0,
        n_duplicate_documents=0,
    )


def _task(folder: ShardFolder, subject: Subject, plan: MemoryPlan, options: Options) -> ShardTask:
    own = subject.judged.judgments
    return ShardTask(
        queries=subject.queries,
        judgments=subject.judgments,
        pair_scores=score_pairs(subject.queries, subject.documents, own.query_of_pair, own.documents),
        k=_n_kept(subject.judgments, options),
        tolerance=options.tie_tolerance,
        n_bins=N_BINS,
        rows_per_block=plan.rows_per_block,
    )


def _scores(task: ShardTask, found: PartialScores) -> Scores:
    best = found.top.result()
    return Scores(
        judgments=task.judgments,
        pair_scores=task.pair_scores,
        counts=found.counts,
        top_documents=best.documents,
        top_scores=best.scores.astype(np.float32, copy=False),
        histogram=found.histogram,
    )


def _summary(folder: ShardFolder, subject: Subject, found: PartialScores, resampler: Resampler) -> DocumentSummary:
    drawn = resampler.sample(folder.documents.n_rows, N_SUBSAMPLED)
    return DocumentSummary(
        n=folder.documents.n_rows,
        total=found.total,
        gram=found.gram,
        relevant=subject.documents[np.unique(subject.judged.judgments.documents)],
        drawn=drawn,
        sample=folder.documents.take(drawn),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Scores and negatives over the documents that the tables hold."""

    collection: Collection
    scores: Scores
    negatives: NegativePairs | None


def _shown(
    folder: ShardFolder, subject: Subject, scores: Scores, negatives: NegativePairs | None, characters: int
) -> Shown:
    """The documents that are judged or stand among the first of a list (with the best wrong one), and their rows."""
    listed = np.unique(scores.top_documents[scores.top_documents >= 0])
    rows = np.union1d(subject.rows, listed)
    document_ids, documents = folder.documents.names(rows, characters)
    own = subject.collection
    collection = replace(
        own,
        document_ids=document_ids,
        documents=documents,
        relevant=np.searchsorted(rows, subject.rows[own.relevant]),
        negatives=replace(own.negatives, documents=np.searchsorted(rows, subject.rows[own.negatives.documents])),
    )
    judged = scores.judgments
    top = np.where(scores.top_documents >= 0, np.searchsorted(rows, scores.top_documents), -1)
    judgments = Judgments(judged.indptr, np.searchsorted(rows, judged.documents), judged.gains, len(rows))
    moved = None
    if negatives is not None:
        moved = replace(negatives, documents=np.searchsorted(rows, subject.rows[negatives.documents]))
    return Shown(collection, replace(scores, judgments=judgments, top_documents=top), moved)


def _facts(folder: ShardFolder, subject: Subject, resampler: Resampler) -> DataFacts:
    n_queries = len(subject.judged.rows)
    return DataFacts(
        format=LAYOUT,
        n_rows=folder.queries.n_rows,
        n_queries=n_queries,
        n_queries_available=folder.queries.n_rows,
        n_documents=folder.documents.n_rows,
        n_relevant_documents=len(np.unique(subject.judgments.documents)),
        n_hard_negatives=len(subject.collection.negatives.queries),
        n_clusters=len(np.unique(resampler.clusters)),
        n_duplicate_queries=0,
        n_duplicate_documents=0,
        n_queries_without_relevant=folder.queries.n_rows - n_queries,
        warnings=(NO_LEXICAL,),
        digest=folder.digest,
    )
