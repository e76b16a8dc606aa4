"""A data set or Parquet datasets into a shard folder, which may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from embedscope.data.collection import said_of_own
from embedscope.errors import DataFormatError, InvalidOptionError, require_installed
from embedscope.log import SILENT, Log
from embedscope.metrics.judgments import Cells
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import encode_texts
from embedscope.models.model import Model
from embedscope.models.score_function import similarity_of_vectors
from embedscope.pipeline import read
from embedscope.scale.corpus import ENCODING, engine_of
from embedscope.scale.parquet_corpus import (
    Batch,
    CorpusWriter,
    OwnDocuments,
    ParquetRows,
    Places,
    Qrels,
    known_qrels,
    qrels_rows,
    read_qrels,
    writing_corpus,
)
from embedscope.scale.ray_encoder import (
    PART_BATCHES,
    PARTS_A_CALL,
    EncodePart,
    EncodeParts,
    EncodingCluster,
    PartsEncoder,
    encode_part,
    in_parts,
)
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_writer import ShardWriter, require_new, writing_shards
from embedscope.settings import Engine, EngineSettings, Settings, ShardSettings, SimilarityFunction, require_unused
from embedscope.systems import Loader, checkpoint_of, embed_with, load, require_encoder

SIDES = ("queries", "documents", "judgments")


def shard(settings: Settings, chosen: ShardSettings, engine: EngineSettings, log: Log) -> ShardFolder:
    """Write vectors, judgments and texts into the folder ``settings.output.output``.

    Raises
    ------
    InputError
        If the options do not fit, the input cannot be read, or the folder is there already.
    """
    engine_of(engine)
    is_corpus = _is_corpus(settings, chosen)
    _refuse_what_changes_nothing(settings, chosen, engine, is_corpus=is_corpus)
    if engine.engine is Engine.RAY:
        require_installed(["ray"], needed_for="--engine ray", extra="ray")
    folder = str(settings.output.output)
    require_new(folder)
    with ExitStack() as outputs:
        datasets = None
        if chosen.parquet is not None:
            datasets = outputs.enter_context(writing_corpus(chosen.parquet, dtype=chosen.dtype))
        shards = outputs.enter_context(writing_shards(folder, dtype=chosen.dtype, rows_per_shard=chosen.shard_rows))
        writers = _Writers(shards, datasets)
        encode_parts = None
        if engine.engine is Engine.RAY:
            make = partial(_encoder_on_worker, settings.with_options(no_cache=True))
            encode_parts = outputs.enter_context(EncodingCluster(make, engine, settings.model.device))
        loader = partial(_load, encode_parts=encode_parts)
        if is_corpus:
            _write_corpus(writers, settings, chosen, loader, log)
        else:
            _write_collection(writers, settings, loader, log)
    return ShardFolder(folder)


def _is_corpus(settings: Settings, chosen: ShardSettings) -> bool:
    """Whether the input is three Parquet datasets, and not a data set; refused if neither, or something of both."""
    named = [name for name in SIDES if getattr(chosen, name) is not None]
    if settings.data.data is None and len(named) == len(SIDES):
        if settings.model.embeddings is not None:
            raise InvalidOptionError("--embeddings belongs to --data; Parquet datasets have a column of vectors.")
        return True
    if settings.data.data is not None and not named:
        checkpoint_of(settings)
        return False
    raise InvalidOptionError(
        "Pass either --data (with --embeddings or --checkpoint), or all of --queries, --documents and --judgments "
        "(Parquet, with a column of vectors, or texts and --checkpoint)."
    )


def _refuse_what_changes_nothing(
    settings: Settings, chosen: ShardSettings, engine: EngineSettings, *, is_corpus: bool
) -> None:
    """Raise an InvalidOptionError if an option was stated that would change nothing."""
    if is_corpus:
        unused = ("split", "columns", "group", "drop_empty")
        require_unused("Parquet datasets are taken as they are", (settings.data, unused))
    if not is_corpus or settings.model.checkpoint is not None:
        require_unused("the vectors do not come from a column of a Parquet dataset", (chosen, ("vector_column",)))
    if settings.model.checkpoint is not None:
        require_encoder([settings.model.checkpoint], settings)
        return
    require_unused("no text is encoded without --checkpoint", (settings.model, ENCODING))
    if engine.engine is not Engine.LOCAL:
        raise InvalidOptionError("--engine ray encodes texts, and there is no --checkpoint. Leave it out.")


@dataclass(frozen=True, slots=True)
class _Writers:
    """Where a corpus goes: a shard folder, and Parquet datasets where they were asked for."""

    shards: ShardWriter
    datasets: CorpusWriter | None

    def add(self, name: str, batch: Batch) -> int:
        """Append rows of "queries" or "documents"; the number of rows so far."""
        if batch.vectors is None:
            raise ValueError(f"{name} without vectors")
        side = self.shards.queries if name == "queries" else self.shards.documents
        side.add(batch.vectors, batch.ids, batch.texts)
        if self.datasets is not None:
            self.datasets.add(name, batch)
        return side.n_rows


def _load(
    name: str, settings: Settings, log: Log = SILENT, *, encode_parts: EncodeParts | None
) -> tuple[EmbeddingStore, Model]:
    """As `systems.load`, with an encoder that works in parts: in this process, or wherever ``encode_parts`` does."""
    store, model = load(name, settings, log)
    encoder = in_parts(model.encoder)
    if encode_parts is not None:
        encoder = PartsEncoder(model.encoder, encode_parts, PART_BATCHES * PARTS_A_CALL)
    return store, replace(model, encoder=encoder)


def _encoder_on_worker(settings: Settings) -> EncodePart:
    """Loads the model where it is called: in an actor, on whatever device that finds."""
    return encode_part(load(str(settings.model.checkpoint), settings)[1].encoder)


def _write_collection(writers: _Writers, settings: Settings, loader: Loader, log: Log) -> None:
    collection = read(settings.with_options(max_samples=0), log)
    found = embed_with(checkpoint_of(settings), collection, settings, log, with_base=False, loader=loader).embeddings
    if found is None:
        raise InvalidOptionError("A shard folder holds vectors, and a run has none. Pass --checkpoint or --embeddings.")
    writers.shards.similarity = SimilarityFunction(found.similarity)
    writers.add("queries", Batch(list(collection.query_ids), list(collection.queries), found.queries))
    writers.add("documents", Batch(list(collection.document_ids), list(collection.documents), found.documents))
    owners = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))
    writers.shards.judge(owners, collection.relevant, collection.gains)
    if writers.datasets is not None:
        queries = [collection.query_ids[row] for row in owners]
        documents = [collection.document_ids[row] for row in collection.relevant]
        writers.datasets.judge(Qrels(queries, documents, collection.gains))
    if len(collection.negatives.queries):
        writers.shards.oppose(collection.negatives)
    if collection.own is not None:
        writers.shards.leave_out(collection.own)
    writers.shards.encoder = _made_by(found.facts.checkpoint, found.facts.fingerprint)


def _made_by(name: str, fingerprint: str | None) -> dict[str, str]:
    return {"name": name} if fingerprint is None else {"name": name, "fingerprint": fingerprint}


def _write_corpus(writers: _Writers, settings: Settings, chosen: ShardSettings, loader: Loader, log: Log) -> None:
    """Queries, documents and judgments, batch by batch; only the judged ids are held."""
    qrels = read_qrels(str(chosen.judgments))
    source = _Source(settings, loader, log)
    writers.shards.similarity = source.similarity
    places, own = [Places(qrels.queries), Places(qrels.documents)], OwnDocuments(qrels.queries)
    compare = own.see_queries, own.see_documents
    for name, role, seen, see_texts in zip(SIDES, ("query", "document"), places, compare, strict=False):
        rows = ParquetRows(getattr(chosen, name), vector_column=chosen.vector_column)
        n_rows = rows.n_rows
        with log.progress(f"Writing {name}", unit="rows") as progress:
            for batch in source.batches(rows, role):
                seen.see(batch.ids, rows.where)
                n_written = writers.add(name, batch)
                see_texts(batch.ids, batch.texts, n_written - len(batch.ids))
                progress(n_written, n_rows)
    known = known_qrels(qrels, *places, allow_missing=settings.data.allow_missing)
    query, document, gain = qrels_rows(known, *places)
    writers.shards.judge(query, document, gain)
    if not settings.data.keep_self:
        _leave_out(writers.shards, own, Cells.of_pairs(query, document, writers.shards.queries.n_rows), log)
    if writers.datasets is not None:
        writers.datasets.judge(known)
    writers.shards.encoder = source.made_by
    if settings.model.checkpoint is None:
        norms = writers.shards.queries.norms, writers.shards.documents.norms
        for note in similarity_of_vectors(settings.model.similarity, *norms)[1]:
            log.warn(note)


def _leave_out(shards: ShardWriter, own: OwnDocuments, judgments: Cells, log: Log) -> None:
    cells = own.cells(judgments)
    if cells is not None:
        log.fact("", said_of_own(cells))
        shards.leave_out(cells)
    if own.n_unknown:
        log.warn(
            f"{own.n_unknown:,} documents have the id of a query, and without texts nobody knows whether they are that "
            "query. They are ranked, and if they are, every such query finds itself. Add the texts in a column 'text'."
        )


class _Source:
    """Where the vectors come from: a column, or a model in this process or on a cluster."""

    def __init__(self, settings: Settings, loader: Loader, log: Log) -> None:
        self._batch_size = settings.model.batch_size
        self._model: Model | None = None
        is_dot = settings.model.similarity is SimilarityFunction.DOT
        self.similarity = SimilarityFunction.DOT if is_dot else SimilarityFunction.COSINE
        self.made_by: dict[str, str] = {}
        if settings.model.checkpoint is not None:
            self._store, self._model = loader(settings.model.checkpoint, settings, log)
            self.similarity = SimilarityFunction(self._model.facts.similarity)
            self.made_by = _made_by(self._model.facts.checkpoint, self._model.facts.fingerprint)

    def batches(self, rows: ParquetRows, role: str) -> Iterator[Batch]:
        """The rows of a dataset with their vectors; a DataFormatError if it has neither these nor texts to encode."""
        model = self._model
        if model is None:
            if rows.vector_column is None:
                raise DataFormatError(
                    f"'{rows.where}' has no column of vectors. Pass --checkpoint to encode its texts, or name the "
                    f"column: --vector-column"
                )
            yield from rows.batches()
            return
        if rows.text_column is None:
            raise DataFormatError(f"'{rows.where}' has no column 'text', and --checkpoint encodes texts.")
        prompt = model.query_prompt if role == "query" else model.document_prompt
        for batch in rows.batches(with_vectors=False):
            texts = batch.texts or []
            pooled = encode_texts(texts, model.encoder, self._store, batch_size=self._batch_size, prompt=prompt)
            yield Batch(batch.ids, texts, model.projector.project(pooled.vectors, what=role))
