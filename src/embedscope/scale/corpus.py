"""A shard folder to a result: the figures of `pipeline.run` for a corpus that does not fit into memory.

The documents are read once, in one pass. Beside it only chosen rows are read: the judged documents, whose scores must
be known before the pass, and a sample. The tables of the result hold the documents that are judged or stand in a
query's list; the figures count all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from embedscope.data.collection import Collection
from embedscope.decide.criteria import load_criteria
from embedscope.errors import DataFormatError, InvalidOptionError
from embedscope.log import SILENT, Log
from embedscope.measure.negatives import NegativePairs
from embedscope.measure.query_set import QuerySet
from embedscope.measure.query_tables import document_table, query_table
from embedscope.measure.ranked import Ranked, Vectors, n_excluded, n_kept
from embedscope.measure.scoring import N_BINS, Scores, lists_of, scores_of_excluded, values_of
from embedscope.measure.similarity import N_SUBSAMPLED, DocumentSummary
from embedscope.metrics.judgments import Cells, Judgments
from embedscope.metrics.norms import Norms, score_bound
from embedscope.metrics.threads import n_threads
from embedscope.metrics.vectors import score_pairs
from embedscope.pipeline import decide, estimates_of, with_metrics_of
from embedscope.protocols import Float32Array, IntArray
from embedscope.result import DataFacts, Diagnosed, Mapped, ModelFacts, Result, extended
from embedscope.scale.memory import CorpusSize, MemoryPlan, plan_memory
from embedscope.scale.ray_engine import RayEngine
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_pass import Engine, PartialScores, ShardTask, score_shards
from embedscope.settings import (
    PROMPTS,
    RAY,
    CorpusSettings,
    EngineSettings,
    Settings,
    SimilarityFunction,
    flag,
    require_unused,
)
from embedscope.settings import Engine as EngineName
from embedscope.stats.resampler import Resampler
from embedscope.systems import checkpoint_of

LAYOUT = "shard folder"

NO_LEXICAL = (
    "the character n-gram baseline was not computed: it needs every document text in memory, which a shard folder is "
    "there to avoid"
)

NEEDS_EVERYTHING = "a shard folder is read once, block by block; this needs all vectors or the texts in memory"
NOT_MEASURED = (
    "heatmap", "leakage", "findings", "failure_modes", "geometry", "thresholds", "robustness", "deployment",
    "explanations", "maps",
)  # fmt: skip

ENCODING = (
    "base_model", "pooling", "max_length", *PROMPTS, "batch_size", "device", "backend", "precision", "cache_dir",
    "no_cache",
)  # fmt: skip
"""Settings of a model that encodes texts."""


def run_on_shards(settings: Settings, corpus: CorpusSettings, log: Log = SILENT) -> Result:
    """Everything that one run finds in the shard folder ``settings.model.embeddings``, and the verdict.

    Raises
    ------
    InvalidOptionError
        If an option needs what a shard folder does not hold, or the memory is too small.
    DataFormatError, InvalidEmbeddingsError
        If the folder is damaged, or a row has no direction.
    """
    name = checkpoint_of(settings)
    _require_no_texts(settings)
    require_unused(
        "a shard folder holds vectors that were made before, and processors score them",
        (settings.data, ("split", "columns", "group", "drop_empty", "allow_missing")),
        (settings.model, ENCODING),
        (settings.measure, ("abbreviations", "attributes")),
    )
    if settings.data.keep_self:
        raise InvalidOptionError(
            "What a query is ranked against is decided when a shard folder is written. Leave --keep-self out, or write "
            "the folder again with embedscope shard --keep-self."
        )
    folder = ShardFolder(name, settings.model.similarity)
    log.step(
        f"Data:  {name}: shard folder, {folder.queries.n_rows:,} queries, {folder.documents.n_rows:,} documents in "
        f"{len(folder.documents.shards):,} shards of {folder.dtype}"
    )
    log.model(model_facts(folder))
    result = result_of_shards(folder, settings, engine=engine_of(corpus), memory=corpus.memory, log=log)
    for warning in result.data.warnings:
        log.warn(warning)
    return result


def engine_of(chosen: EngineSettings) -> Engine:
    """What scores the shards.

    Raises
    ------
    InvalidOptionError
        If an option of a cluster is stated and none is asked for, or the least number of workers is above the greatest.
    """
    if chosen.engine is not EngineName.RAY:
        require_unused("no cluster works without --engine ray", (chosen, RAY))
        return score_shards
    fewest, most = chosen.ray_min_workers, chosen.ray_max_workers
    if fewest is not None and most is not None and fewest > most:
        raise InvalidOptionError(
            f"--ray-min-workers is {fewest} and --ray-max-workers {most}; expected a least number that is not above "
            f"the greatest."
        )
    return RayEngine(chosen.ray_address, fewest, most)


def _require_no_texts(settings: Settings) -> None:
    needs = (
        (settings.data, ("data", "train", "max_samples")),
        (settings.model, ("baseline",)),
        (settings.measure, ("explain", "robustness", "deployment_cost", "geometry", "wanted_precision")),
        (settings.output, ("export_failures", "export_unjudged")),
    )
    named = [name for part, names in needs for name in names if getattr(part, name)]
    if named:
        raise InvalidOptionError(
            f"{flag(named[0])} needs the texts or all vectors in memory; a shard folder holds vectors and its own "
            f"judgments, for corpora that do not fit. Leave it out, or evaluate the data set itself with --data."
        )


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is measured: the queries with judgments, and the documents that judgments or hard negatives name.

    ``collection`` holds these documents only, without their names; its row i is row ``rows[i]`` of the corpus. Texts of
    queries are cut to what is shown.
    """

    collection: Collection
    query_set: QuerySet
    judgments: Judgments  # of these queries over the whole corpus
    queries: Float32Array  # (Q, dim), those with judgments
    rows: IntArray  # (J,) ascending
    documents: Float32Array  # (J, dim)


def result_of_shards(
    folder: ShardFolder,
    settings: Settings,
    *,
    engine: Engine = score_shards,
    memory: int | None = None,
    log: Log = SILENT,
) -> Result:
    """Everything that one run over a shard folder finds; maps, heatmap and the lexical baseline are left out.

    Parameters
    ----------
    engine : Engine
        Who scores the shards: this process (`score_shards`) or a cluster (`RayEngine`).
    memory : int, optional
        Bytes that a process may take at most; the size of the blocks follows from it.

    Raises
    ------
    TooFewPointsError
        If fewer than two queries have a relevant document, or no document is irrelevant.
    InvalidOptionError
        If ``memory`` is less than the smallest plan needs, or a query that was asked for is not there.
    DataFormatError, InvalidEmbeddingsError
        If the folder is damaged, or a row has no direction.
    """
    criteria = load_criteria(settings.measure.criteria)
    settings = with_metrics_of(criteria, settings)
    ranked = rank_shards(folder, settings, engine=engine, memory=memory, log=log)
    scored = estimates_of(ranked, settings, {}, model=model_facts(folder), data=_facts(folder, ranked), log=log)
    missing = dict.fromkeys(NOT_MEASURED, NEEDS_EVERYTHING)
    mapped = extended(extended(scored, Diagnosed, not_measured=missing), Mapped)
    return decide(mapped, settings, criteria)


def rank_shards(
    folder: ShardFolder, settings: Settings, *, engine: Engine, memory: int | None, log: Log = SILENT
) -> Ranked:
    """Every query of the folder against every document, in one pass over the shards."""
    chosen = settings.measure
    plan = plan_memory(size_of(folder, chosen.k), memory, n_threads=n_threads())
    subject = _subject(folder, settings, plan.characters)
    log.step(
        f"Scoring {len(subject.queries):,} queries against {folder.documents.n_rows:,} documents in "
        f"{len(folder.documents.shards):,} shards; memory stays below {plan.total / 1e9:.2f} GB"
    )
    with log.progress("Scoring", unit="documents") as progress:
        found = engine(folder, task := _task(folder, subject, plan, settings), progress)
    scores = _scores(task, subject, found)
    values = values_of(chosen.metrics, scores.judgments, scores.pair_scores, scores.counts)
    rows, resampler = subject.query_set.rows, subject.query_set.resampler
    negatives = NegativePairs.of(
        subject.collection, rows, subject.queries, subject.documents, scores.judgments, scores.pair_scores
    )
    collection, shown_scores, shown_negatives = _shown(folder, subject, scores, negatives, plan.characters)
    return Ranked(
        query_set=replace(subject.query_set, judgments=subject.judgments),
        vectors=Vectors(subject.queries, _summary(folder, subject, found, resampler)),
        scores=scores,
        values=values,
        negatives=negatives,
        query_table=query_table(collection, rows, shown_scores, shown_negatives, values, resampler.clusters, chosen.k),
        document_table=document_table(collection, shown_scores.judgments, shown_negatives),
        similarity=folder.similarity,
    )


def size_of(folder: ShardFolder, k: int) -> CorpusSize:
    """What the memory of a pass over the folder depends on."""
    judgments, negatives = folder.judgments(), folder.negatives()
    sides = [side.longest for side in (folder.queries, folder.documents)]
    known = [longest for longest in sides if longest is not None]
    return CorpusSize(
        n_queries=folder.queries.n_rows,
        n_documents=folder.documents.n_rows,
        n_pairs=len(judgments.not_negative.documents) + len(negatives.queries),
        dim=folder.dim,
        itemsize=folder.itemsize,
        k=n_kept(k, int(judgments.n_relevant.max(initial=0))),
        longest=None if len(known) < len(sides) else (max(i for i, _ in known), max(text for _, text in known)),
    )


def model_facts(folder: ShardFolder) -> ModelFacts:
    """What produced the vectors, as far as the folder says."""
    return ModelFacts(
        checkpoint=folder.encoder.get("name", folder.where),
        layout=LAYOUT,
        dim=folder.dim,
        dtype=str(folder.dtype),
        fingerprint=folder.encoder.get("fingerprint"),
        similarity=folder.similarity.value,
    )


def _subject(folder: ShardFolder, settings: Settings, characters: int) -> Subject:
    judgments, negatives = folder.judgments(), folder.negatives()
    own = judgments.excluded
    named = judgments.documents, negatives.documents, *([] if own is None else [own.documents])
    rows = np.unique(np.concatenate(named))
    query_ids, texts = folder.queries.names(np.arange(folder.queries.n_rows), characters)
    collection = Collection(
        format=LAYOUT,
        query_ids=query_ids,
        queries=texts,
        document_ids=("",) * len(rows),
        documents=("",) * len(rows),
        indptr=judgments.indptr,
        relevant=np.searchsorted(rows, judgments.documents),
        gains=judgments.gains,
        negatives=replace(negatives, documents=np.searchsorted(rows, negatives.documents)),
        n_rows=len(texts),
        n_queries_available=len(texts),
        n_duplicate_queries=0,
        n_duplicate_documents=0,
        own=None if own is None else Cells(own.indptr, np.searchsorted(rows, own.documents)),
    )
    query_set = QuerySet.of(collection, seed=settings.measure.seed, draws=settings.measure.draws)
    queries = folder.queries.everything()
    return Subject(
        collection=collection,
        query_set=query_set,
        judgments=_renumbered(query_set.judgments, rows, folder.documents.n_rows),
        queries=queries if len(query_set.rows) == len(queries) else queries[query_set.rows],
        rows=rows,
        documents=folder.documents.take(rows),
    )


def _renumbered(judgments: Judgments, numbers: IntArray, n_documents: int) -> Judgments:
    """The judgments with ``numbers[d]`` in place of each document d; ``numbers`` rise."""
    own = judgments.excluded
    own = None if own is None else Cells(own.indptr, numbers[own.documents])
    return Judgments(judgments.indptr, numbers[judgments.documents], judgments.gains, n_documents, own)


def _task(folder: ShardFolder, subject: Subject, plan: MemoryPlan, settings: Settings) -> ShardTask:
    own, bound = subject.query_set.judgments, _bound(folder, subject)
    return ShardTask(
        queries=subject.queries,
        judgments=subject.judgments,
        pair_scores=score_pairs(subject.queries, subject.documents, own.query_of_pair, own.documents),
        k=n_kept(settings.measure.k, int(subject.judgments.n_relevant.max(initial=0))),
        tolerance=settings.measure.tie_tolerance * bound,
        n_bins=N_BINS,
        rows_per_block=plan.rows_per_block,
        bound=bound,
    )


def _bound(folder: ShardFolder, subject: Subject) -> float:
    """The bound of the scores; a DataFormatError if the manifest lacks the norms that it rests on."""
    if folder.similarity is SimilarityFunction.COSINE:
        return 1.0
    if folder.norms is None:
        raise DataFormatError(
            f"The manifest of '{folder.where}' says that vectors are compared by dot product, and nothing of their "
            f"norms. Write the folder again."
        )
    return score_bound(Norms.of(subject.queries), folder.norms)


def _scores(task: ShardTask, subject: Subject, found: PartialScores) -> Scores:
    documents, scores = lists_of(found.top.result())
    return Scores(
        judgments=task.judgments,
        pair_scores=task.pair_scores,
        counts=found.counts,
        top_documents=documents,
        top_scores=scores,
        histogram=found.histogram,
        bound=task.bound,
        excluded_scores=scores_of_excluded(subject.queries, subject.documents, subject.query_set.judgments.excluded),
    )


def _summary(folder: ShardFolder, subject: Subject, found: PartialScores, resampler: Resampler) -> DocumentSummary:
    drawn = resampler.sample(folder.documents.n_rows, N_SUBSAMPLED)
    return DocumentSummary(
        n=folder.documents.n_rows,
        total=found.total,
        gram=found.gram,
        relevant=subject.documents[np.unique(subject.query_set.judgments.documents)],
        drawn=drawn,
        sample=folder.documents.take(drawn),
    )


def _shown(
    folder: ShardFolder, subject: Subject, scores: Scores, negatives: NegativePairs | None, characters: int
) -> tuple[Collection, Scores, NegativePairs | None]:
    """What the tables hold: the documents that are judged or stand in a list, and scores and negatives over these."""
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
    judgments = _renumbered(subject.query_set.judgments, np.searchsorted(rows, subject.rows), len(rows))
    top = np.where(scores.top_documents >= 0, np.searchsorted(rows, scores.top_documents), -1)
    if negatives is not None:
        negatives = replace(negatives, documents=np.searchsorted(rows, subject.rows[negatives.documents]))
    return collection, replace(scores, judgments=judgments, top_documents=top), negatives


def _facts(folder: ShardFolder, ranked: Ranked) -> DataFacts:
    n_queries = len(ranked.query_set.rows)
    return DataFacts(
        format=LAYOUT,
        n_rows=folder.queries.n_rows,
        n_queries=n_queries,
        n_queries_available=folder.queries.n_rows,
        n_documents=folder.documents.n_rows,
        n_relevant_documents=len(np.unique(ranked.query_set.judgments.documents)),
        n_hard_negatives=len(folder.negatives().queries),
        n_clusters=ranked.query_set.n_clusters,
        n_duplicate_queries=0,
        n_duplicate_documents=0,
        n_queries_without_relevant=folder.queries.n_rows - n_queries,
        warnings=(NO_LEXICAL,),
        digest=folder.digest,
        n_effective=ranked.n_effective,
        n_own_documents=n_excluded(ranked.query_set.judgments),
    )
