"""``embedscope shard``: vectors, judgments and texts into a shard folder, which may be larger than memory."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.cli import inputs
from embedscope.cli.corpus_command import OF_A_MODEL, engine_of, refuse_unused
from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.errors import DataFormatError, InvalidOptionError
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import encode_texts
from embedscope.models.model import Model, load_model
from embedscope.output.terminal import Terminal
from embedscope.protocols import Float32Array
from embedscope.scale.parquet_corpus import (
    Batch,
    CorpusWriter,
    ParquetRows,
    Places,
    Qrels,
    judged_rows,
    known_qrels,
    read_qrels,
    writing_corpus,
)
from embedscope.scale.ray_engine import encode_dataset
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_writer import ShardWriter, require_new, writing_shards

SIDES = ("queries", "documents", "judgments")


def run(options: argparse.Namespace) -> int:
    """Write the folder; the exit status."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    engine_of(options)
    is_corpus = _is_corpus(options)
    _refuse_what_changes_nothing(options, is_corpus=is_corpus)
    require_new(options.output)
    with ExitStack() as outputs:
        datasets = None
        if options.parquet is not None:
            datasets = outputs.enter_context(writing_corpus(options.parquet, dtype=options.dtype))
        shards = outputs.enter_context(
            writing_shards(options.output, dtype=options.dtype, rows_per_shard=options.shard_rows)
        )
        if is_corpus:
            _write_corpus(_Writers(shards, datasets), options, terminal)
        else:
            _write_collection(_Writers(shards, datasets), options, terminal)
    folder = ShardFolder(options.output)
    n_bytes = sum(shard.bytes for side in (folder.queries, folder.documents) for shard in side.shards)
    terminal.step(
        f"{options.output}: {folder.queries.n_rows:,} queries and {folder.documents.n_rows:,} documents of "
        f"{folder.dim} dimensions, {folder.dtype}, {n_bytes / 1e6:,.1f} MB in {len(folder.documents.shards):,} shards "
        f"of documents, in {time.perf_counter() - started:.1f} s"
    )
    return 0


def _is_corpus(options: argparse.Namespace) -> bool:
    """Whether the input is three Parquet datasets, and not a data set.

    Raises
    ------
    InvalidOptionError
        If it is neither, or something of both.
    """
    given = [name for name in SIDES if getattr(options, name) is not None]
    if options.data is None and len(given) == len(SIDES):
        if options.embeddings is not None:
            raise InvalidOptionError("--embeddings belongs to --data; Parquet datasets have a column of vectors.")
        return True
    if options.data is not None and not given:
        inputs.checkpoint_of(options)
        if options.engine != "local":
            raise InvalidOptionError("--engine ray encodes Parquet datasets: --queries, --documents and --judgments.")
        return False
    raise InvalidOptionError(
        "Pass either --data (with --embeddings or --checkpoint), or all of --queries, --documents and --judgments "
        "(Parquet, with a column of vectors, or texts and --checkpoint)."
    )


def _refuse_what_changes_nothing(options: argparse.Namespace, *, is_corpus: bool) -> None:
    """Refuse options that would be read by nobody.

    Raises
    ------
    InvalidOptionError
        If one was given.
    """
    if is_corpus:
        refuse_unused(options, ("split", "drop_empty"), "Parquet datasets are taken as they are")
    if not is_corpus or options.checkpoint is not None:
        refuse_unused(options, ("vector_column",), "the vectors do not come from a column of a Parquet dataset")
    if options.checkpoint is not None:
        return
    refuse_unused(options, OF_A_MODEL, "no text is encoded without --checkpoint")
    if options.engine != "local":
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


# --- a data set in memory -----------------------------------------------------------------------------------------


def _write_collection(writers: _Writers, options: argparse.Namespace, terminal: Terminal) -> None:
    collection = read_collection(
        options.data, drop_empty=options.drop_empty, allow_missing=options.allow_missing, split=options.split
    )
    terminal.data(options.data, collection)
    found = inputs.embed(inputs.checkpoint_of(options), collection, options, terminal, with_base=False).embeddings
    writers.add("queries", Batch(list(collection.query_ids), list(collection.queries), found.queries))
    writers.add("documents", Batch(list(collection.document_ids), list(collection.documents), found.documents))
    owners = _query_of_pair(collection)
    writers.shards.judge(owners, collection.relevant, collection.gains)
    if writers.datasets is not None:
        queries = [collection.query_ids[row] for row in owners]
        documents = [collection.document_ids[row] for row in collection.relevant]
        writers.datasets.judge(Qrels(queries, documents, collection.gains))
    if len(collection.negatives.queries):
        writers.shards.oppose(collection.negatives)
    writers.shards.encoder = _made_by(found.facts.checkpoint, found.facts.fingerprint)


def _query_of_pair(collection: Collection) -> Any:
    return np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))


def _made_by(name: str, fingerprint: str | None) -> dict[str, str]:
    return {"name": name} if fingerprint is None else {"name": name, "fingerprint": fingerprint}


# --- Parquet datasets ---------------------------------------------------------------------------------------------


def _write_corpus(writers: _Writers, options: argparse.Namespace, terminal: Terminal) -> None:
    """Queries, documents and judgments, batch by batch; only the judged ids are held."""
    qrels = read_qrels(options.judgments)
    source = _Source(options, terminal)
    places = [Places(qrels.queries), Places(qrels.documents)]
    for name, role, seen in zip(SIDES, ("query", "document"), places, strict=False):
        rows = ParquetRows(getattr(options, name), vector_column=options.vector_column)
        n_rows = rows.n_rows
        with terminal.progress(f"Writing {name}", unit="rows") as progress:
            for batch in source.batches(rows, role):
                seen.see(batch.ids, rows.where)
                progress(writers.add(name, batch), n_rows)
    writers.shards.judge(*judged_rows(qrels, *places, allow_missing=options.allow_missing))
    if writers.datasets is not None:
        writers.datasets.judge(known_qrels(qrels, *places))
    writers.shards.encoder = source.made_by


class _Source:
    """Where the vectors come from: a column, or a model in this process or on a cluster."""

    def __init__(self, options: argparse.Namespace, terminal: Terminal) -> None:
        self._options = options
        self._model: Model | None = None
        if options.checkpoint is None:
            self.made_by: dict[str, str] = {}
            return
        self._store = EmbeddingStore(
            None if options.cache_dir is None else Path(options.cache_dir),
            warn=terminal.warn,
            is_enabled=not options.no_cache,
        )
        self._model = load_model(options.checkpoint, **inputs.model_options(options), hashes=self._store.hashes)
        terminal.model(self._model.facts)
        self.made_by = _made_by(self._model.facts.checkpoint, self._model.facts.fingerprint)

    def batches(self, rows: ParquetRows, role: str) -> Iterator[Batch]:
        """The rows of a dataset with their vectors.

        Raises
        ------
        DataFormatError
            If texts are to be encoded and there are none, or there is neither a model nor a column of vectors.
        """
        if self._model is None:
            if rows.vector_column is None:
                raise DataFormatError(
                    f"'{rows.where}' has no column of vectors. Pass --checkpoint to encode its texts, or name the "
                    f"column: --vector-column"
                )
            yield from rows.batches()
            return
        if rows.text_column is None:
            raise DataFormatError(f"'{rows.where}' has no column 'text', and --checkpoint encodes texts.")
        if self._options.engine == "ray":
            yield from self._on_a_cluster(rows, rows.text_column, role)
            return
        encode = _encoder(self._model, role, self._options.batch_size, self._store)
        for batch in rows.batches(with_vectors=False):
            texts = batch.texts or []
            yield Batch(batch.ids, texts, encode(texts))

    def _on_a_cluster(self, rows: ParquetRows, text: str, role: str) -> Iterator[Batch]:
        options = self._options
        make = _EncoderOnWorker(options.checkpoint, inputs.model_options(options), role, options.batch_size)
        yield from encode_dataset(
            rows.where, make, id_column=rows.id_column, text_column=text, address=options.ray_address
        )


class _EncoderOnWorker:
    """Loads the model where it is called: in an actor, on whatever device that finds."""

    def __init__(self, checkpoint: str, model_options: dict[str, Any], role: str, batch_size: int) -> None:
        self._checkpoint, self._options = checkpoint, model_options
        self._role, self._batch_size = role, batch_size

    def __call__(self) -> Callable[[Sequence[str]], Float32Array]:
        return _encoder(load_model(self._checkpoint, **self._options), self._role, self._batch_size, None)


def _encoder(
    model: Model, role: str, batch_size: int, store: EmbeddingStore | None
) -> Callable[[Sequence[str]], Float32Array]:
    prompt = model.query_prompt if role == "query" else model.document_prompt

    def encode(texts: Sequence[str]) -> Float32Array:
        pooled = encode_texts(texts, model.encoder, store, batch_size=batch_size, prompt=prompt).vectors
        return model.projector.project(pooled, what=role)

    return encode
