"""One pass over a corpus on disk, shard by shard: what each shard is turned into, and how the parts become one.

A shard is the unit of work. Whoever runs it, in whatever order and with however many threads, it is cut into the same
blocks and gives the same `PartialScores`; these are merged in an order that depends on their number alone, so that one
process and a cluster form the same sums in the same order. A part knows the shards it has seen, and two parts that have
seen the same shard do not merge: nothing is counted twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from embedscope.errors import EmbedscopeError
from embedscope.metrics.histograms import HistogramAccumulator
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.local_pass import block_shape, for_each_block
from embedscope.metrics.pair_sums import sum_and_gram
from embedscope.metrics.threads import one_thread_products
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.ties import TieCounts
from embedscope.metrics.top_k import TopKAccumulator
from embedscope.protocols import Float32Array, Float64Array, IntArray, ProgressCallback
from embedscope.scale.shard_folder import ShardFolder

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class ShardTask:
    """What has to be known to score any shard of a folder."""

    queries: Float32Array  # (Q, dim), as they are compared, the judged ones
    judgments: Judgments  # of these queries over all documents
    pair_scores: Float64Array  # (P,)
    k: int  # documents kept for each query
    tolerance: float
    n_bins: int
    rows_per_block: int  # documents in memory at once
    bound: float = 1.0  # of the scores


@dataclass(frozen=True, slots=True, eq=False)
class PartialScores:
    """What some shards say about every query; ``total`` and ``gram`` are the sum of their rows and D'D.

    Counts only: the judgments, which are those of the task, would travel with every part.
    """

    shards: frozenset[int]
    counts: TieCounts  # (P,) each
    top: TopKAccumulator
    histogram: IntArray  # (n_bins,)
    total: Float64Array  # (dim,)
    gram: Float64Array  # (dim, dim)

    def merge(self, other: PartialScores) -> PartialScores:
        """What both say together; an EmbedscopeError if a shard is in both: it would be counted twice."""
        both = self.shards & other.shards
        if both:
            raise EmbedscopeError(f"Shard {min(both)} would be counted twice: two parts of the corpus have seen it.")
        return PartialScores(
            shards=self.shards | other.shards,
            counts=TieCounts(
                greater=self.counts.greater + other.counts.greater,
                tied=self.counts.tied + other.counts.tied,
                tied_before=self.counts.tied_before + other.counts.tied_before,
                tolerance=self.counts.tolerance,
            ),
            top=self.top.merge(other.top),
            histogram=self.histogram + other.histogram,
            total=self.total + other.total,
            gram=self.gram + other.gram,
        )


class Engine(Protocol):
    """Scores every shard of a folder."""

    def __call__(
        self, folder: ShardFolder, task: ShardTask, progress: ProgressCallback | None = None
    ) -> PartialScores: ...


def score_shard(
    folder: ShardFolder, task: ShardTask, number: int, progress: ProgressCallback | None = None
) -> PartialScores:
    """Every query against the documents of one shard; ``progress`` is told how many of its rows are done.

    Raises
    ------
    DataFormatError, InvalidEmbeddingsError
        If the shard is damaged, or a row has no direction.
    """
    n_rows, n_documents = folder.documents.shards[number].rows, folder.documents.n_rows
    ties = TieAccumulator(task.judgments, task.pair_scores, task.tolerance)
    top = TopKAccumulator(len(task.queries), min(task.k, n_documents))
    histogram = HistogramAccumulator(task.n_bins, exclude=task.judgments.not_negative, bound=task.bound)
    total, gram = np.zeros(folder.dim), np.zeros((folder.dim, folder.dim))
    query_block, document_block = block_shape(len(task.queries), task.rows_per_block)
    with one_thread_products():  # a product cut among threads rounds differently with every number of them
        for start, rows in folder.documents.blocks(number, task.rows_per_block):
            for_each_block(
                task.queries,
                rows,
                (ties, top, histogram),
                query_block=query_block,
                document_block=document_block,
                document_offset=start,
                excluded=task.judgments.excluded,
            )
            block_total, block_gram = sum_and_gram(rows)
            total += block_total
            gram += block_gram
            if progress is not None:
                progress(start - folder.documents.starts[number] + len(rows), n_rows)
    return PartialScores(frozenset([number]), ties.result(), top, histogram.result(), total, gram)


def score_shards(folder: ShardFolder, task: ShardTask, progress: ProgressCallback | None = None) -> PartialScores:
    """Every query against every document, one shard after the other, in this process; raises as `score_shard`."""
    documents = folder.documents

    def scored(number: int) -> PartialScores:
        def tell(done: int, total: int, message: str | None = None) -> None:
            if progress is not None:
                progress(documents.starts[number] + done, documents.n_rows, message)

        return score_shard(folder, task, number, tell)

    n_shards = len(documents.shards)
    parts = (scored(number) for number in range(n_shards))
    return require_all(merge_in_groups(parts, n_shards, PartialScores.merge), folder)


def merge_in_groups(parts: Iterable[T], n_parts: int, merge: Callable[[T, T], T]) -> T:
    """All parts as one: the square root of their number at a time, one after the other, and then these groups.

    The order depends on the number of parts alone. Parts may be made as they are asked for; ``MOST_PARTS`` of them
    exist at once, whatever their number. They may also be promises of parts that a cluster computes: groups do not wait
    for one another, and the longest chain is twice the square root.

    >>> merge_in_groups("abcde", 5, lambda left, right: f"({left}{right})")
    '(((ab)c)(de))'
    """
    n_groups, size = groups_of(n_parts)
    remaining = iter(parts)
    return _fold((_fold(islice(remaining, size), merge) for _ in range(n_groups)), merge)


def groups_of(n_parts: int) -> tuple[int, int]:
    """Number of the groups that parts are merged in, and parts of a group (of the last one, at most)."""
    size = math.isqrt(n_parts - 1) + 1
    return -(-n_parts // size), size


MOST_PARTS = 4
"""Parts that exist at once while they are merged: the whole so far, the group so far, a new one, and two as one."""


def _fold(parts: Iterable[T], merge: Callable[[T, T], T]) -> T:
    waiting = iter(parts)
    whole = next(waiting)
    for part in waiting:
        whole = merge(whole, part)
        del part  # or it would be held while the next one is made
    return whole


def require_all(found: PartialScores, folder: ShardFolder) -> PartialScores:
    """``found``, once it is known to have seen every shard of the folder; an EmbedscopeError if it has not."""
    missing = set(range(len(folder.documents.shards))) - found.shards
    if missing:
        raise EmbedscopeError(f"{len(missing):,} shards were not scored, first: {min(missing)}. Run it again.")
    return found
