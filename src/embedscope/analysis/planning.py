"""What evaluating a corpus will cost, from rates measured on this machine; the model is explained in docs/scale.md.

Four rates are measured, in a few seconds and with the code that does the work: cells of the score matrix through the
whole pass, bytes of a shard through reading and normalising, documents through the sums over all pairs, and queries
through the bootstrap. Everything else is counting.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedscope.analysis.intervals import Resampler
from embedscope.analysis.options import DEFAULTS, Options
from embedscope.analysis.scoring import N_BINS
from embedscope.data.shard_writer import SHARD_BYTES, write_shards
from embedscope.engines.local import DOCUMENT_BLOCK, QUERY_BLOCK, for_each_block
from embedscope.engines.memory import MOST_ROWS, CorpusSize, MemoryPlan, plan_memory
from embedscope.numerics.judgments import Judgments
from embedscope.numerics.streaming import HistogramAccumulator, TieAccumulator, TopKAccumulator, sum_and_gram
from embedscope.numerics.threads import in_threads, n_threads, one_thread_products
from embedscope.numerics.vectors import score_pairs, unit_rows
from embedscope.protocols import Float32Array

_PROBE_QUERIES, _PROBE_DOCUMENTS = 1024, 65_536
_PROBE_BYTES = SHARD_BYTES
_PROBE_CLUSTERS = 1000
_PROBE_SECONDS = 1.0
_FIGURES = 20
"""Intervals that a run computes: nine metrics and the figures of similarity."""

NETWORK_BYTES_PER_S = 1.25e9
"""Assumed between nodes: 10 Gbit/s."""

DEVICE_BYTES_PER_S = 12e9
"""Assumed from host to GPU: PCIe 3 x16."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What this machine was measured to do with vectors of one length."""

    product_flops: float  # a second, of the bare matrix product in float32
    cells: float  # (query, document) pairs a second through product and accumulators
    read_bytes: float  # a second from disk to float32 unit rows, SHA-256 included
    moment_rows: float  # documents a second through the sums over all pairs
    interval_queries: float  # queries a second through all intervals
    n_cores: int


@dataclass(frozen=True, slots=True)
class Estimate:
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
        return -(-self.n_bytes // SHARD_BYTES)

    def size(self, options: Options = DEFAULTS) -> CorpusSize:
        """What the memory depends on."""
        n_pairs = self.n_judgments or self.n_queries
        per_query = -(-n_pairs // self.n_queries)
        k = options.k + min(per_query, 90)
        return CorpusSize(self.n_queries, self.n_documents, n_pairs, self.dim, self.itemsize, k)


def measure_rates(dim: int, dtype: str = "float16", *, options: Options = DEFAULTS, seed: int = 0) -> Rates:
    """The rates of this machine for vectors of ``dim`` numbers; takes some seconds and 64 MB of temporary disk."""
    generator = np.random.default_rng(seed)
    queries, documents = (_unit(generator, n, dim) for n in (_PROBE_QUERIES, _PROBE_DOCUMENTS))
    with one_thread_products():  # as in the pass
        return Rates(
            product_flops=2 * dim * _product_rate(queries, documents),
            cells=_pass_rate(queries, documents, options),
            read_bytes=_read_rate(dim, dtype, generator),
            moment_rows=len(documents) / _mean_seconds(lambda: sum_and_gram(documents)),
            interval_queries=_PROBE_CLUSTERS / _interval_seconds(generator, options),
            n_cores=n_threads(),
        )


def one_machine(corpus: Corpus, rates: Rates, memory: int | None = None) -> tuple[Estimate, MemoryPlan]:
    """The estimate for this machine alone, and the plan of its memory.

    Raises
    ------
    InvalidOptionError
        If ``memory`` is less than the smallest plan needs.
    """
    plan = plan_memory(corpus.size(), memory, n_threads=rates.n_cores)
    seconds = _work_seconds(corpus, rates, corpus.n_documents)
    moved = {"read from disk": float(corpus.n_bytes)}
    return Estimate("this machine", seconds, plan.total, moved), plan


def several_nodes(corpus: Corpus, rates: Rates, nodes: int, memory: int | None = None) -> Estimate:
    """The estimate for ``nodes`` machines like this one, each with the shards that fall to it."""
    plan = plan_memory(corpus.size(), memory)
    # The slowest node decides: shards are whole.
    share = -(-corpus.n_shards // nodes) / corpus.n_shards
    rounds = math.ceil(math.log2(max(corpus.n_shards, 2)))
    part = _part_bytes(corpus)
    queries = corpus.n_queries * corpus.dim * 4.0
    seconds = _work_seconds(corpus, rates, math.ceil(corpus.n_documents * share))
    seconds["network"] = (queries * math.ceil(math.log2(nodes + 1)) + part * rounds) / NETWORK_BYTES_PER_S
    moved = {
        "read from disk": float(corpus.n_bytes),
        "queries to the nodes": queries * nodes,
        "parts merged": part * (corpus.n_shards - 1.0),
    }
    workers = nodes * rates.n_cores
    note = f"{corpus.n_shards:,} shards on {workers:,} workers of one core"
    if corpus.n_shards < workers:
        note += ": some have nothing to do; write smaller shards"
    return Estimate(f"{nodes:,} nodes like it", seconds, plan.total, moved, note)


def one_gpu(corpus: Corpus, rates: Rates, tflops: float) -> Estimate:
    """The estimate for one GPU of ``tflops`` in this machine: the product there, everything else here.

    Reading, copying and multiplying overlap, so the slowest of the three counts.
    """
    stream = {
        "product on the GPU": 2.0 * corpus.dim * corpus.n_documents * corpus.n_queries / (tflops * 1e12),
        "reading": corpus.n_bytes / rates.read_bytes,
        "copying": corpus.n_documents * corpus.dim * 4 / DEVICE_BYTES_PER_S,
    }
    slowest = max(stream, key=lambda name: stream[name])
    seconds = {slowest: stream[slowest], "intervals": corpus.n_queries / rates.interval_queries}
    plan = plan_memory(corpus.size())
    moved = {"read from disk": float(corpus.n_bytes), "to the GPU": corpus.n_documents * corpus.dim * 4.0}
    note = f"{tflops:g} TFLOP/s are assumed, not measured; a floor: ranking on the device is not counted"
    return Estimate("one GPU", seconds, plan.total, moved, note)


def _work_seconds(corpus: Corpus, rates: Rates, n_documents: int) -> dict[str, float]:
    """Time of one machine for ``n_documents`` of the corpus."""
    return {
        "scoring": n_documents * corpus.n_queries / rates.cells,
        "reading": n_documents * corpus.dim * corpus.itemsize / rates.read_bytes,
        "sums": n_documents / rates.moment_rows,
        "intervals": corpus.n_queries / rates.interval_queries,
    }


def _part_bytes(corpus: Corpus) -> float:
    """Bytes of what one shard is turned into."""
    return corpus.n_queries * corpus.size().k * 12.0 + corpus.size().n_pairs * 24.0 + N_BINS * 8 + corpus.dim**2 * 8


def _unit(generator: np.random.Generator, n: int, dim: int) -> Float32Array:
    rows = generator.standard_normal((n, dim), dtype=np.float32)
    return unit_rows(rows).astype(np.float32, copy=False)


def _product_rate(queries: Float32Array, documents: Float32Array) -> float:
    """Cells a second of the bare matrix product, in blocks of the size that the pass uses, one thread a block."""
    rows = documents[:DOCUMENT_BLOCK]
    outs = [np.empty((QUERY_BLOCK, len(rows)), dtype=np.float32) for _ in range(n_threads())]
    starts = range(0, len(queries) - QUERY_BLOCK + 1, QUERY_BLOCK)

    def multiply(out: Float32Array) -> None:
        for start in starts:
            np.matmul(queries[start : start + QUERY_BLOCK], rows.T, out=out)

    seconds = _mean_seconds(lambda: list(in_threads(multiply, outs)))
    return len(outs) * len(starts) * QUERY_BLOCK * len(rows) / seconds


def _pass_rate(queries: Float32Array, documents: Float32Array, options: Options) -> float:
    """Cells a second through product and accumulators, as a long run sees them: their lists are full."""
    relevant = np.arange(len(queries), dtype=np.int64)
    judgments = Judgments(np.arange(len(queries) + 1, dtype=np.int64), relevant, np.ones(len(queries)), 1 << 40)
    consumers = (
        TieAccumulator(judgments, score_pairs(queries, documents, relevant, relevant), options.tie_tolerance),
        TopKAccumulator(len(queries), options.k + 1),
        HistogramAccumulator(N_BINS, exclude=judgments),
    )
    for_each_block(queries, documents, consumers)  # compiles, and fills the lists
    seconds = _mean_seconds(lambda: for_each_block(queries, documents, consumers, document_offset=len(documents)))
    return len(queries) * len(documents) / seconds


def _read_rate(dim: int, dtype: str, generator: np.random.Generator) -> float:
    """Bytes a second from disk to unit rows, the operating system's cache of the file dropped first where it can be."""
    n_rows = min(_PROBE_BYTES // (dim * np.dtype(dtype).itemsize) + 1, 4 * MOST_ROWS)
    with tempfile.TemporaryDirectory(prefix="embedscope-plan-") as place:
        where = Path(place) / "probe"
        blocks = (_unit(generator, min(MOST_ROWS, n_rows - at), dim) for at in range(0, n_rows, MOST_ROWS))
        folder = write_shards(where, np.eye(1, dim, dtype=np.float32), blocks, [[0]], dtype=dtype)

        def read() -> None:
            _forget(where)
            for _ in folder.documents.blocks(0, MOST_ROWS):
                pass

        return folder.documents.shards[0].bytes / _mean_seconds(read)


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


def _interval_seconds(generator: np.random.Generator, options: Options) -> float:
    resampler = Resampler(np.arange(_PROBE_CLUSTERS), options.n_draws, np.random.SeedSequence(0))
    values = {str(i): generator.random(_PROBE_CLUSTERS) for i in range(_FIGURES)}
    return _mean_seconds(lambda: resampler.means(values), 0.0)


def _mean_seconds(call: Callable[[], object], at_least: float = _PROBE_SECONDS) -> float:
    """Seconds of one call, over as many as take ``at_least`` seconds together.

    The mean, not the best: on a machine that others use as well the waiting belongs to what a run will take.
    """
    start, n_calls = time.perf_counter(), 0
    while n_calls == 0 or time.perf_counter() - start < at_least:
        call()
        n_calls += 1
    return (time.perf_counter() - start) / n_calls
