"""``embedscope shard``: vectors, judgments and texts into a shard folder, which may be larger than memory."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.commands import inputs
from embedscope.commands.corpus import engine_of
from embedscope.data.collection import Collection
from embedscope.data.parquet_corpus import Batch, ParquetRows, Places, judged_rows, read_qrels
from embedscope.data.readers import read_collection
from embedscope.data.shard_writer import ShardWriter, SideWriter, require_new, writing_shards
from embedscope.data.shards import ShardFolder
from embedscope.encoding.encode import encode_texts
from embedscope.encoding.model import Model, load_model
from embedscope.encoding.store import EmbeddingStore
from embedscope.engines.ray import encode_dataset
from embedscope.errors import DataFormatError, InvalidOptionError
from embedscope.protocols import Float32Array, ProgressCallback
from embedscope.terminal import Terminal

SIDES = ("queries", "documents", "judgments")


def run(options: argparse.Namespace) -> int:
    """Write the folder; the exit status."""
    started = time.perf_counter()
    terminal = inputs.terminal_of(options)
    engine_of(options)
    is_corpus = _is_corpus(options)
    require_new(options.output)
    with writing_shards(options.output, dtype=options.dtype, rows_per_shard=options.shard_rows) as writer:
        if is_corpus:
            _write_corpus(writer, options, terminal)
        else:
            _write_collection(writer, options, terminal)
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


# --- a data set in memory -----------------------------------------------------------------------------------------


def _write_collection(writer: ShardWriter, options: argparse.Namespace, terminal: Terminal) -> None:
    collection = read_collection(
        options.data, drop_empty=options.drop_empty, allow_missing=options.allow_missing, split=options.split
    )
    terminal.data(options.data, collection)
    found = inputs.embed(inputs.checkpoint_of(options), collection, options, terminal, with_base=False).embeddings
    writer.queries.add(found.queries, collection.query_ids, collection.queries)
    writer.documents.add(found.documents, collection.document_ids, collection.documents)
    writer.judge(_query_of_pair(collection), collection.relevant, collection.gains)
    if len(collection.negatives.queries):
        writer.oppose(collection.negatives)
    writer.encoder = _made_by(found.facts.checkpoint, found.facts.fingerprint)


def _query_of_pair(collection: Collection) -> Any:
    return np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))


def _made_by(name: str, fingerprint: str | None) -> dict[str, str]:
    return {"name": name} if fingerprint is None else {"name": name, "fingerprint": fingerprint}


# --- Parquet datasets ---------------------------------------------------------------------------------------------


def _write_corpus(writer: ShardWriter, options: argparse.Namespace, terminal: Terminal) -> None:
    """Queries, documents and judgments, batch by batch; only the judged ids are held."""
    qrels = read_qrels(options.judgments)
    source = _Source(options, terminal)
    places = [Places(qrels.queries), Places(qrels.documents)]
    for name, side, seen in zip(SIDES, (writer.queries, writer.documents), places, strict=False):
        rows = ParquetRows(getattr(options, name), vector_column=options.vector_column)
        with terminal.progress(f"Writing {name}", unit="rows") as progress:
            _write_side(side, rows, source.batches(rows, "query" if name == "queries" else "document"), seen, progress)
    writer.judge(*judged_rows(qrels, *places, allow_missing=options.allow_missing))
    writer.encoder = source.made_by


def _write_side(
    side: SideWriter, rows: ParquetRows, batches: Iterator[Batch], seen: Places, progress: ProgressCallback
) -> None:
    n_rows = rows.n_rows
    for batch in batches:
        if batch.vectors is None:
            raise DataFormatError(
                f"'{rows.where}' has no column of vectors. Pass --checkpoint to encode its texts, or name the column: "
                f"--vector-column"
            )
        seen.see(batch.ids, rows.where)
        side.add(batch.vectors, batch.ids, batch.texts)
        progress(side.n_rows, n_rows)


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
            If texts are to be encoded and there are none.
        """
        if self._model is None:
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
        for vectors, columns in encode_dataset(rows.where, (text, rows.id_column), make, address=options.ray_address):
            yield Batch([str(name) for name in columns[rows.id_column]], [str(t) for t in columns[text]], vectors)


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
