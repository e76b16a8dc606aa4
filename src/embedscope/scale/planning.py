"""What evaluating a corpus will cost, from rates measured on this machine; the model is explained in docs/scale.md.

The rates are measured in some seconds, with the code that does the work and in the way that the run will take:
cells of the score matrix through the whole pass, bytes of a shard through reading and checking, documents through the
sums over all pairs, places of lists through merging, queries through all that follows the pass, and the start of the
program. Everything else is counting.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from embedscope.measure.ranked import n_kept
from embedscope.measure.scoring import N_BINS
from embedscope.metrics.histograms import HistogramAccumulator
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.local_pass import block_shape, for_each_block
from embedscope.metrics.pair_sums import sum_and_gram
from embedscope.metrics.threads import in_threads, n_threads, one_thread_products
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.top_k import TopKAccumulator
from embedscope.metrics.vectors import score_pairs, unit_rows
from embedscope.protocols import Float32Array
from embedscope.scale.corpus import result_of_shards
from embedscope.scale.memory import MOST_ROWS, CorpusSize, MemoryPlan, plan_memory
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_pass import groups_of
from embedscope.scale.shard_writer import SHARD_BYTES, write_shards
from embedscope.settings import DEFAULTS, Settings

_PROBE_QUERIES, _PROBE_DOCUMENTS = 2048, 65_536
"""Queries enough that the pass takes compiled loops where a run of as many or more does."""

LONGEST_VECTOR = 16_384
"""Numbers of the longest vector whose rates are measured: the probe then holds 4 GB of documents."""

_PROBE_BYTES = SHARD_BYTES
_PROBE_SECONDS = 1.0
_FEW, _MANY = 64, 1024
"""Queries of two small corpora, whose difference says what a query costs after the pass."""

NETWORK_BYTES_PER_S = 1.25e9
"""Assumed between nodes: 10 Gbit/s."""

RAY_START_S = 2.4
"""Assumed until the workers of a cluster that is there have begun: runs of three sizes on two cores took 1.1 to 2.4 s
beyond their estimates without it (``benchmarks/plan_check.py --ray``)."""

DEVICE_BYTES_PER_S = 12e9
"""Assumed from host to GPU: PCIe 3 x16."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What this machine was measured to do with vectors of one length."""

    product_flops: float  # a second, of the bare matrix product in float32
    cells: float  # (query, document) pairs a second through product and accumulators
    read_bytes: float  # a second from disk to float32 unit rows, SHA-256 included
    write_bytes: float  # a second from float32 rows to shards on disk, SHA-256 included
    moment_rows: float  # documents a second through the sums over all pairs, on one core
    merged_places: float  # places of lists a second through merging
    interval_queries: float  # queries a second through what follows the pass: intervals, similarities, tables
    start_s: float  # from the command line to the pass, and back
    n_cores: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way of running it takes; ``seconds`` and ``bytes_moved`` by what takes them, ``memory`` of a process."""

    name: str
    seconds: Mapping[str, float]
    memory: int
    bytes_moved: Mapping[str, float]
    note: str = ""

    @property
    def total_s(self) -> float:
        """All steps, one after the other."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class Corpus:
    """The corpus that is planned for."""

    n_documents: int
    n_queries: int
    dim: int
    dtype: str = "float16"
    n_judgments: int | None = None  # one a query
    most_judgments: int | None = None  # of one query; as many as there could be

    @property
    def itemsize(self) -> int:
        """Bytes of a number on disk."""
        return np.dtype(self.dtype).itemsize

    @property
    def n_bytes(self) -> int:
        """Bytes of all document shards."""
        return self.n_documents * self.dim * self.itemsize

    @property
    def n_shards(self) -> int:
        """Document shards of the usual size."""
        return -(-self.n_documents // self.shard_rows)

    @property
    def shard_rows(self) -> int:
        """Documents of a full shard."""
        return min(self.n_documents, max(1, SHARD_BYTES // (self.dim * self.itemsize)))

    def size(self) -> CorpusSize:
        """What the memory depends on."""
        n_pairs = self.n_judgments or self.n_queries
        most = self.most_judgments or max(1, n_pairs - self.n_queries + 1)
        k = n_kept(DEFAULTS.measure.k, most)
        return CorpusSize(self.n_queries, self.n_documents, n_pairs, self.dim, self.itemsize, k)


def measure_rates(
    dim: int, dtype: str = "float16", n_queries: int = _PROBE_QUERIES, *, settings: Settings = DEFAULTS
) -> Rates:
    """The rates of this machine; takes some seconds, a process of its own, and 64 MB of temporary disk.

    Parameters
    ----------
    dim : int
        Numbers of a vector.
    dtype : str
        Of the shards on disk.
    n_queries : int
        Of the run: a few are scored by other loops than many.
    """
    generator = np.random.default_rng(0)
    queries = _unit(generator, min(n_queries, _PROBE_QUERIES), dim)
    documents = _unit(generator, _PROBE_DOCUMENTS, dim)
    interval_queries, start_s = _rates_of_the_rest(dim, dtype, generator, settings)
    read_bytes, write_bytes = _disk_rates(dim, dtype, generator)
    with one_thread_products():  # as in the pass
        cells, compiling_s = _pass_rate(queries, documents, settings)
        return Rates(
            product_flops=2 * dim * _product_rate(queries, documents),
            cells=cells,
            read_bytes=read_bytes,
            write_bytes=write_bytes,
            moment_rows=len(documents) / _mean_seconds(lambda: sum_and_gram(documents)),
            merged_places=_merge_rate(generator, settings),
            interval_queries=interval_queries,
            start_s=start_s + compiling_s,
            n_cores=n_threads(),
        )


def one_machine(corpus: Corpus, rates: Rates, memory: int | None = None) -> tuple[Cost, MemoryPlan]:
    """The estimate for this machine alone, and the plan of its memory.

    Raises
    ------
    InvalidOptionError
        If ``memory`` is less than the smallest plan needs.
    """
    plan = plan_memory(corpus.size(), memory, n_threads=rates.n_cores)
    seconds = {
        "start": rates.start_s,
        "scoring": corpus.n_documents * corpus.n_queries / rates.cells,
        "reading": corpus.n_bytes / rates.read_bytes,
        "sums": corpus.n_documents / rates.moment_rows,
        "merging": (corpus.n_shards - 1) * _merge_seconds(corpus, rates),
        "intervals": corpus.n_queries / rates.interval_queries,
    }
    moved = {"read from disk": float(corpus.n_bytes)}
    return Cost("this machine", seconds, plan.total, moved), plan


def several_nodes(corpus: Corpus, rates: Rates, nodes: int, memory: int | None = None) -> Cost:
    """The estimate for ``nodes`` machines like this one, each core a worker that takes whole shards.

    What a worker does, it does alone: it has one core's share of the rate of scoring, and reads and sums as one core of
    this machine does. Parts are merged as they come; after the last shard those of one group remain, then the groups.
    """
    plan = plan_memory(corpus.size(), memory)
    workers = nodes * rates.n_cores
    rounds = -(-corpus.n_shards // workers)
    n_rows = min(rounds * corpus.shard_rows, corpus.n_documents)  # of the busiest worker
    size = corpus.size()
    part = corpus.n_queries * size.k * 12.0 + size.n_pairs * 24.0 + N_BINS * 8 + corpus.dim**2 * 8  # of one shard
    queries = corpus.n_queries * corpus.dim * 4.0
    n_groups, n_in_group = groups_of(corpus.n_shards)
    n_merges = n_groups + n_in_group - 2
    seconds = {
        "start": rates.start_s + RAY_START_S,
        "scoring": n_rows * corpus.n_queries / (rates.cells / rates.n_cores),
        "reading": n_rows * corpus.dim * corpus.itemsize / rates.read_bytes,
        "sums": n_rows / rates.moment_rows,
        "merging": n_merges * _merge_seconds(corpus, rates),
        "network": (queries * math.ceil(math.log2(nodes + 1)) + part * n_merges) / NETWORK_BYTES_PER_S,
        "intervals": corpus.n_queries / rates.interval_queries,
    }
    moved = {
        "read from disk": float(corpus.n_bytes),
        "queries to the nodes": queries * nodes,
        "parts merged": part * (corpus.n_shards - 1.0),
    }
    note = f"{corpus.n_shards:,} shards on {workers:,} workers of one core"
    if corpus.n_shards < workers:
        note += ": some have nothing to do; write smaller shards"
    return Cost(f"{nodes:,} nodes like it", seconds, plan.total, moved, note)


def one_gpu(corpus: Corpus, rates: Rates, tflops: float) -> Cost:
    """The estimate for one GPU of ``tflops`` in this machine: the product there, everything else here.

    Reading, copying and multiplying overlap, so the slowest of the three counts.
    """
    stream = {
        "product on the GPU": 2.0 * corpus.dim * corpus.n_documents * corpus.n_queries / (tflops * 1e12),
        "reading": corpus.n_bytes / rates.read_bytes,
        "copying": corpus.n_documents * corpus.dim * 4 / DEVICE_BYTES_PER_S,
    }
    slowest = max(stream, key=lambda name: stream[name])
    seconds = {
        "start": rates.start_s,
        slowest: stream[slowest],
        "sums": corpus.n_documents / rates.moment_rows,
        "intervals": corpus.n_queries / rates.interval_queries,
    }
    plan = plan_memory(corpus.size())
    moved = {"read from disk": float(corpus.n_bytes), "to the GPU": corpus.n_documents * corpus.dim * 4.0}
    note = f"{tflops:g} TFLOP/s are assumed, not measured; a floor: ranking on the device is not counted"
    return Cost("one GPU", seconds, plan.total, moved, note)


def _merge_seconds(corpus: Corpus, rates: Rates) -> float:
    """Time to merge two parts: nearly all of it goes into the lists."""
    return corpus.n_queries * corpus.size().k / rates.merged_places


def _unit(generator: np.random.Generator, n: int, dim: int) -> Float32Array:
    rows = generator.standard_normal((n, dim), dtype=np.float32)
    return unit_rows(rows).astype(np.float32, copy=False)


def _product_rate(queries: Float32Array, documents: Float32Array) -> float:
    """Cells a second of the bare matrix product, in blocks of the shape that the pass uses, one thread a block."""
    n_rows, n_columns = block_shape(len(queries), len(documents))
    n_rows, columns = min(n_rows, len(queries)), documents[:n_columns]
    outs = [np.empty((n_rows, len(columns)), dtype=np.float32) for _ in range(n_threads())]
    starts = range(0, len(queries) - n_rows + 1, n_rows)

    def multiply(out: Float32Array) -> None:
        for start in starts:
            np.matmul(queries[start : start + n_rows], columns.T, out=out)

    seconds = _mean_seconds(lambda: list(in_threads(multiply, outs)))
    return len(outs) * len(starts) * n_rows * len(columns) / seconds


def _pass_rate(queries: Float32Array, documents: Float32Array, settings: Settings) -> tuple[float, float]:
    """Cells a second through product and accumulators, as a long run sees them; and how many seconds longer the first
    call took, which loads or makes the compiled loops and fills the lists."""
    relevant = np.arange(len(queries), dtype=np.int64)
    judgments = Judgments(np.arange(len(queries) + 1, dtype=np.int64), relevant, np.ones(len(queries)), 1 << 40)
    consumers = (
        TieAccumulator(judgments, score_pairs(queries, documents, relevant, relevant), settings.measure.tie_tolerance),
        TopKAccumulator(len(queries), n_kept(settings.measure.k, 1)),
        HistogramAccumulator(N_BINS, exclude=judgments),
    )
    first = _mean_seconds(lambda: for_each_block(queries, documents, consumers), 0.0)
    seconds = _mean_seconds(lambda: for_each_block(queries, documents, consumers, document_offset=len(documents)))
    return len(queries) * len(documents) / seconds, max(0.0, first - seconds)


def _merge_rate(generator: np.random.Generator, settings: Settings) -> float:
    """Places of lists a second through merging the lists of two shards."""
    k = n_kept(settings.measure.k, 1)
    parts = [TopKAccumulator(_MANY, k) for _ in range(2)]
    for number, part in enumerate(parts):
        scores = generator.random((_MANY, 4 * k), dtype=np.float32)
        part.update(scores, 0, number * 4 * k)
    return _MANY * k / _mean_seconds(lambda: parts[0].merge(parts[1]))


def _rates_of_the_rest(dim: int, dtype: str, generator: np.random.Generator, settings: Settings) -> tuple[float, float]:
    """Queries a second through what follows the pass, and the seconds of a run that has hardly anything to do.

    Two small corpora are evaluated here, and the smaller one by the command in a process of its own.
    """
    with tempfile.TemporaryDirectory(prefix="embedscope-plan-") as place:
        folders = [_small_corpus(Path(place) / str(n), n, dim, dtype, generator) for n in (_FEW, _MANY)]
        few, many = (_seconds_of(partial(result_of_shards, folder, settings)) for folder in folders)
        a_query = max(many - few, 1e-9) / (_MANY - _FEW)
        words = [sys.executable, "-m", "embedscope", "evaluate", "--embeddings", folders[0].where, "--quiet"]
        command = _seconds_of(lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL))
        return 1 / a_query, max(0.0, command - _FEW * a_query)


def _small_corpus(where: Path, n_queries: int, dim: int, dtype: str, generator: np.random.Generator) -> ShardFolder:
    documents = _unit(generator, 2 * _MANY, dim)
    queries = _unit(generator, n_queries, dim) + documents[:n_queries]
    return write_shards(where, queries, documents, [[i] for i in range(n_queries)], dtype=dtype)


def _seconds_of(call: Callable[[], object]) -> float:
    """The shorter of two calls: the first one also imports and fills caches."""
    return min(_mean_seconds(call, 0.0) for _ in range(2))


def _disk_rates(dim: int, dtype: str, generator: np.random.Generator) -> tuple[float, float]:
    """Bytes a second from disk to unit rows, the file's cache dropped first where it can be; and from rows to disk."""
    n_rows = min(_PROBE_BYTES // (dim * np.dtype(dtype).itemsize) + 1, 4 * MOST_ROWS)
    with tempfile.TemporaryDirectory(prefix="embedscope-plan-") as place:
        where = Path(place) / "probe"
        rows = _unit(generator, min(MOST_ROWS, n_rows), dim)
        blocks = (rows[: min(MOST_ROWS, n_rows - at)] for at in range(0, n_rows, MOST_ROWS))
        start = time.perf_counter()
        folder = write_shards(where, rows[:1], blocks, [[0]], dtype=dtype)
        written = n_rows * dim * np.dtype(dtype).itemsize / (time.perf_counter() - start)

        def read() -> None:
            _forget(where)
            for _ in folder.documents.blocks(0, MOST_ROWS):
                pass

        return folder.documents.shards[0].bytes / _mean_seconds(read), written


def _forget(where: Path) -> None:
    """Ask the operating system to drop the file's pages, so that the next read comes from the disk."""
    if not hasattr(os, "posix_fadvise"):
        return
    for file in (where / "documents").glob("*.npy"):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _mean_seconds(call: Callable[[], object], at_least: float = _PROBE_SECONDS) -> float:
    """Seconds of one call, over as many as take ``at_least`` seconds together.

    The mean, not the best: on a machine that others use as well the waiting belongs to what a run will take.
    """
    start, n_calls = time.perf_counter(), 0
    while n_calls == 0 or time.perf_counter() - start < at_least:
        call()
        n_calls += 1
    return (time.perf_counter() - start) / n_calls
