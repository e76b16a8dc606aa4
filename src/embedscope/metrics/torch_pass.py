"""The loop over the query x document matrix on a torch device: products, ties, best documents and bins stay there.

Ranks, lists and bins are those of `metrics.local_pass` up to the rounding of the products: the same windows of
tied scores rounded to the dtype of the blocks, the same order of equal scores, the same bins, whole-number counts.
Products are in full float32: TF32, which CUDA may use for float32 products and which keeps three decimal digits, would
make ties that the model did not make.

Documents travel to the device once, block after block; the queries and what the accumulators keep live there. Other
accumulators than those of ties, the best documents and the histogram are shown each block in host memory.

A block that does not fit into what the device has left is computed again in halves. Nothing is counted twice: readers
keep what they found in a block only when every one of them has read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from embedscope.errors import EmbedscopeError, InvalidOptionError, MissingExtraError, importing
from embedscope.machine import (
    free_device_bytes,
    is_out_of_memory,
    on_device,
    release_device_memory,
    resolve_device,
)
from embedscope.metrics.accumulators import Accumulator
from embedscope.metrics.histograms import HistogramAccumulator, bin_scale
from embedscope.metrics.judgments import Cells
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.top_k import TopKAccumulator
from embedscope.metrics.vectors import require_same_dim
from embedscope.protocols import FloatArray, ProgressCallback
from embedscope.settings import Device

if TYPE_CHECKING:
    from torch import Tensor

MIN_CELLS = 1_000_000_000
"""Cells of a matrix from which on starting a device costs less than it saves."""

_HOST_BYTES = 256 << 20
_SHARE_OF_FREE_MEMORY = 0.5
_SCORES_OF_CELL, _INTEGERS_OF_CELL = 6, 3
"""What is made at one time from a cell of a block, at most: for sorting on CUDA the score, its copy without the judged
pairs, the sorted one and the buffer it is sorted through, and three integers of 8 bytes (its place, the sorted place,
their buffer); two scores to spare. Ties and lists take less: 26 bytes of float32, 34 of float64, measured on the CPU.
"""

_SORTED_GROUPS = 16
"""From this many tie groups in a query on, sorting the rows is quicker than comparing them once for each group."""


def device_for(name: str, n_cells: int) -> str | None:
    """The torch device that should take a matrix of ``n_cells`` scores; None where this process does as well.

    Parameters
    ----------
    name : str
        As `machine.resolve_device` reads it; ``auto`` gives None where torch is absent.

    Raises
    ------
    InvalidOptionError
        If the device asked for is not there.
    MissingExtraError
        If a device is asked for by name and torch is absent.
    """
    return None if n_cells < MIN_CELLS else accelerator(name)


def accelerator(name: str) -> str | None:
    """The torch device that ``name`` stands for; None where that is the CPU, or torch is absent and was not asked for.

    Raises InvalidOptionError, MissingExtraError as `device_for`.
    """
    try:
        device = resolve_device(name)
    except MissingExtraError:
        if name == Device.AUTO:
            return None
        raise
    return None if device == Device.CPU else device


def for_each_block(
    queries: FloatArray,
    documents: FloatArray,
    consumers: Sequence[Accumulator],
    *,
    device: str,
    memory_bytes: int | None = None,
    document_offset: int = 0,
    excluded: Cells | None = None,
    progress: ProgressCallback | None = None,
) -> None:
    """Show every block of ``queries @ documents.T``, computed on ``device``, to every consumer.

    Parameters
    ----------
    queries, documents, document_offset, excluded
        As `local_pass.for_each_block`.
    consumers : sequence of Accumulator
        Hold the results when this returns. Blocks come documents outermost.
    device : str
        A torch device: "cuda", "cuda:1", "mps", "cpu".
    memory_bytes : int, optional
        What blocks, and what is made from them, may take on the device. Half of what is free on a CUDA device and
        256 MiB elsewhere unless given.
    progress : ProgressCallback, optional
        Is told after every block of documents how many are done.

    Raises
    ------
    InvalidEmbeddingsError
        If the dimensions differ.
    InvalidOptionError
        If the memory holds no block.
    EmbedscopeError
        If the device has too little memory for a block of one query.
    MissingExtraError
        If torch is not installed.

    Notes
    -----
    Device memory: ``memory_bytes``, the queries, and k scores and integers a query.
    """
    torch = _torch()
    require_same_dim(queries, documents)
    if memory_bytes is None:
        free = free_device_bytes(device)
        memory_bytes = _HOST_BYTES if free is None else int(free * _SHARE_OF_FREE_MEMORY)
    n_rows, n_columns = _block_shape(queries, documents, memory_bytes)
    with torch.inference_mode(), full_precision(), _memory_error(queries, n_columns, device):
        asked = on_device(queries, device)
        readers = [_reader(consumer, asked) for consumer in consumers]
        hidden = None if excluded is None else _Pairs(excluded, asked)
        for start in range(0, len(documents), n_columns):
            columns = on_device(documents[start : start + n_columns], device)
            n_rows = _read_column(readers, asked, columns, hidden, document_offset + start, n_rows)
            if progress is not None:
                progress(start + len(columns), len(documents))
        for reader in readers:
            reader.finish()


def _read_column(
    readers: Sequence[_Reader],
    queries: Tensor,
    documents: Tensor,
    excluded: _Pairs | None,
    document_start: int,
    n_rows: int,
) -> int:
    """Show the blocks of some documents, ``n_rows`` queries each, fewer where memory runs out; how many fitted."""
    start = 0
    while start < len(queries):
        rows = queries[start : start + n_rows]
        if _is_read(readers, rows, documents, excluded, start, document_start, is_last_try=len(rows) == 1):
            start += len(rows)
        else:
            release_device_memory()
            n_rows = len(rows) // 2
    return n_rows


def _is_read(
    readers: Sequence[_Reader],
    queries: Tensor,
    documents: Tensor,
    excluded: _Pairs | None,
    query_start: int,
    document_start: int,
    *,
    is_last_try: bool,
) -> bool:
    """Whether the block fitted into memory, and every reader has kept what it found in it.

    What was made of it is free again when this returns; as long as the error is alive, it would not be.
    """
    try:
        block = queries @ documents.T
        if excluded is not None:
            block[excluded.cells(block, query_start, document_start)] = -_torch().inf
        kept = [reader.read(block, query_start, document_start) for reader in readers]
    except Exception as error:
        if is_last_try or not is_out_of_memory(error):
            raise
        return False
    for keep in kept:
        keep()
    return True


@contextmanager
def _memory_error(queries: FloatArray, n_columns: int, device: str) -> Iterator[None]:
    """The device's own words about memory replaced by what was to be held, and what to do."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        release_device_memory()
        raise EmbedscopeError(
            f"The memory of '{device}' does not hold {len(queries):,} queries of {queries.shape[1]} numbers and a "
            f"block of one query and {n_columns:,} documents beside what is there already. Free memory on it, or let "
            f"the processor do it: --device cpu."
        ) from error


def _torch() -> Any:
    with importing("torch", needed_for="Scoring on a device", extra="models"):
        import torch
    return torch


def _block_shape(queries: FloatArray, documents: FloatArray, budget: int) -> tuple[int, int]:
    """Rows and columns of a block: at most a third of the memory for the documents, the rest for the scores."""
    row_bytes = documents.shape[1] * documents.itemsize
    cell_bytes = _SCORES_OF_CELL * documents.itemsize + _INTEGERS_OF_CELL * 8
    most = min(budget // 3 // max(1, row_bytes), budget * 2 // 3 // cell_bytes)
    n_columns = max(1, min(len(documents), most, 1 << 18))
    n_rows = (budget - n_columns * row_bytes) // (n_columns * cell_bytes)
    if n_rows < 1:
        raise InvalidOptionError(
            f"A block needs {row_bytes + cell_bytes:,} bytes of device memory or more, and {budget:,} may be used. "
            "Free memory on the device, or let the processor do it: --device cpu."
        )
    return min(n_rows, max(1, len(queries))), n_columns


@contextmanager
def full_precision() -> Iterator[None]:
    """float32 products in float32 while inside, whatever the program around asked for."""
    torch = _torch()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


_Keep = Callable[[], None]


class _Reader(Protocol):
    """Takes blocks in on the device, and at the end hands its accumulator what it found."""

    def read(self, block: Tensor, query_start: int, document_start: int) -> _Keep:
        """What has to be called for the block to count; until then nothing has changed.

        Columns count from the first document of the whole matrix.
        """
        ...

    def finish(self) -> None: ...


def _reader(consumer: Accumulator, queries: Tensor) -> _Reader:
    if type(consumer) is TieAccumulator:
        return _TieReader(consumer, queries)
    if type(consumer) is TopKAccumulator and consumer.dtype == _numpy_dtype(queries):
        return _TopKReader(consumer, queries)
    if type(consumer) is HistogramAccumulator:
        return _HistogramReader(consumer, queries)
    return _HostReader(consumer)


def _numpy_dtype(tensor: Tensor) -> np.dtype[Any]:
    return np.dtype(str(tensor.dtype).removeprefix("torch."))


class _HostReader:
    """For accumulators that know nothing of devices."""

    def __init__(self, consumer: Accumulator) -> None:
        self._consumer = consumer

    def read(self, block: Tensor, query_start: int, document_start: int) -> _Keep:
        return lambda: self._consumer.update(block.cpu().numpy(), query_start, document_start)

    def finish(self) -> None:
        pass


class _Pairs:
    """Some documents of each query, on the device."""

    def __init__(self, cells: Cells, queries: Tensor) -> None:
        _torch()
        self._indptr = cells.indptr
        self.rows = on_device(cells.query_of_pair, queries.device)
        self.documents = on_device(cells.documents.copy(), queries.device)

    def of_rows(self, start: int, stop: int) -> slice:
        """Where the pairs of some rows stand."""
        return slice(int(self._indptr[start]), int(self._indptr[stop]))

    def cells(self, block: Tensor, query_start: int, document_start: int) -> tuple[Tensor, Tensor]:
        """Rows and columns of those that lie in a block."""
        here = self.of_rows(query_start, query_start + len(block))
        columns = self.documents[here] - document_start
        is_inside = (columns >= 0) & (columns < block.shape[1])
        return (self.rows[here] - query_start)[is_inside], columns[is_inside]


class _HistogramReader:
    """Bins of a block, by the two roundings of `histograms.bin_numbers`."""

    def __init__(self, consumer: HistogramAccumulator, queries: Tensor) -> None:
        self._consumer = consumer
        self._pairs = None if consumer.exclude is None else _Pairs(consumer.exclude, queries)
        self._counts = _torch().zeros(consumer.n_bins, dtype=_torch().int64, device=queries.device)

    def read(self, block: Tensor, query_start: int, document_start: int) -> _Keep:
        counts = self._count(block.reshape(-1))
        if self._pairs is not None:
            rows, columns = self._pairs.cells(block, query_start, document_start)
            counts -= self._count(block[rows, columns])

        def keep() -> None:
            self._counts += counts

        return keep

    def finish(self) -> None:
        self._consumer.add(self._counts.cpu().numpy())

    def _count(self, scores: Tensor) -> Tensor:
        n_bins = self._consumer.n_bins
        scale, middle = bin_scale(n_bins, self._consumer.bound, _numpy_dtype(scores))
        place = scores.mul(float(scale)).add_(float(middle)).clamp_(0, n_bins - 1)
        counts: Tensor = _torch().bincount(place.to(_torch().int32), minlength=n_bins)
        return counts


class _TopKReader:
    """Lists by falling score, then by rising index."""

    def __init__(self, consumer: TopKAccumulator, queries: Tensor) -> None:
        torch = _torch()
        self._consumer = consumer
        shape = len(queries), consumer.k
        self._scores = torch.full(shape, -torch.inf, dtype=queries.dtype, device=queries.device)
        self._documents = torch.full(shape, np.iinfo(np.int64).max, dtype=torch.int64, device=queries.device)

    def read(self, block: Tensor, query_start: int, document_start: int) -> _Keep:
        torch = _torch()
        rows = slice(query_start, query_start + len(block))
        scores, columns = _best(block, min(self._consumer.k, block.shape[1]))
        scores = torch.cat([self._scores[rows], scores], dim=1)
        documents = torch.cat([self._documents[rows], columns + document_start], dim=1)
        order = documents.argsort(dim=1)
        order = order.gather(1, scores.gather(1, order).argsort(dim=1, descending=True, stable=True))
        best = order[:, : self._consumer.k]
        scores, documents = scores.gather(1, best), documents.gather(1, best)

        def keep() -> None:
            self._scores[rows], self._documents[rows] = scores, documents

        return keep

    def finish(self) -> None:
        scores, documents = self._scores.cpu().numpy(), self._documents.cpu().numpy()
        rows, places = np.nonzero(documents != np.iinfo(np.int64).max)
        self._consumer.offer(rows, scores[rows, places], documents[rows, places])


def _best(block: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Scores and columns of the k best cells of every row, ties to the smaller column; in no particular order."""
    torch = _torch()
    n_seen = min(k + 1, block.shape[1])
    scores, columns = block.topk(n_seen, dim=1)
    if n_seen == k:
        return scores, columns
    # topk takes any of the cells that equal the k-th best: where more do than there is room for, take the first.
    rows = torch.nonzero(scores[:, k - 1] == scores[:, k]).reshape(-1)
    scores, columns = scores[:, :k].contiguous(), columns[:, :k].contiguous()
    if len(rows):
        cells, limit = block[rows], scores[rows, k - 1, None]
        is_above, is_equal = cells > limit, cells == limit
        n_free = k - is_above.sum(dim=1, keepdim=True)
        is_chosen = is_above | (is_equal & (is_equal.cumsum(dim=1) <= n_free))
        columns[rows] = torch.nonzero(is_chosen)[:, 1].reshape(-1, k)
        scores[rows] = cells.gather(1, columns[rows])
    return scores, columns


class _TieReader:
    """Counts above, within and before the tie groups of each row, one group of every row at a time."""

    def __init__(self, consumer: TieAccumulator, queries: Tensor) -> None:
        _torch()
        self._consumer, self._device = consumer, queries.device
        self._pairs = _Pairs(consumer.judgments, queries)
        groups = consumer.groups
        self._indptr = groups.query_indptr
        self._above, self._lowest = (on_device(x, self._device) for x in consumer.limits_in(_numpy_dtype(queries)))
        self._group_of_pair = on_device(groups.of_pair, self._device)
        self._greater, self._tied = (self._zeros(len(groups.query)) for _ in range(2))
        self._tied_before = self._zeros(len(groups.of_pair))

    def read(self, block: Tensor, query_start: int, document_start: int) -> _Keep:
        torch = _torch()
        indptr = self._indptr[query_start : query_start + len(block) + 1]
        n_groups = np.diff(indptr)
        if not n_groups.any():
            return lambda: None
        others = block.clone()
        others[self._pairs.cells(block, query_start, document_start)] = -torch.inf  # below every window
        ordered = others.sort(dim=1).values if n_groups.max() >= _SORTED_GROUPS else None
        found = []
        for turn in range(int(n_groups.max())):
            rows = np.flatnonzero(n_groups > turn)
            groups = on_device(indptr[rows] + turn, self._device)
            at = on_device(rows, self._device)
            n_above, n_at_least = self._counts(others, ordered, at, groups)
            n_tied = n_at_least - n_above
            before = self._count_before(others, query_start, document_start, at, groups) if bool(n_tied.any()) else None
            found.append((groups, n_above, n_tied, before))

        def keep() -> None:
            for groups, n_above, n_tied, before in found:
                self._greater[groups] += n_above
                self._tied[groups] += n_tied
                if before is not None:
                    pairs, n_before = before
                    self._tied_before[pairs] += n_before

        return keep

    def finish(self) -> None:
        self._consumer.add(*(counts.cpu().numpy() for counts in (self._greater, self._tied, self._tied_before)))

    def _counts(self, others: Tensor, ordered: Tensor | None, at: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
        above, lowest = self._above[groups, None], self._lowest[groups, None]
        if ordered is not None:
            searchsorted, n = _torch().searchsorted, others.shape[1]
            rows = ordered[at]
            return n - searchsorted(rows, above, right=True)[:, 0], n - searchsorted(rows, lowest)[:, 0]
        rows = others if len(at) == len(others) else others[at]
        return (rows > above).sum(dim=1), (rows >= lowest).sum(dim=1)

    def _count_before(
        self, others: Tensor, query_start: int, document_start: int, at: Tensor, groups: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The pairs of the groups, and for each how many tied documents of the block have a smaller index."""
        torch = _torch()
        rows = others[at]
        is_tied = (rows >= self._lowest[groups, None]) & (rows <= self._above[groups, None])
        n_before = torch.nn.functional.pad(is_tied.cumsum(dim=1, dtype=torch.int32), (1, 0))  # (rows, n + 1)
        here = self._pairs.of_rows(query_start, query_start + len(others))
        row_of_group = torch.full((len(others),), -1, dtype=torch.int64, device=self._device)
        row_of_group[at] = torch.arange(len(at), device=self._device)
        row = row_of_group[self._pairs.rows[here] - query_start]
        is_member = (row >= 0) & (groups[row.clamp(min=0)] == self._group_of_pair[here])
        pairs = torch.nonzero(is_member).reshape(-1)
        columns = (self._pairs.documents[here][pairs] - document_start).clamp(0, others.shape[1])
        return here.start + pairs, n_before[row[pairs], columns]

    def _zeros(self, n: int) -> Tensor:
        zeros: Tensor = _torch().zeros(n, dtype=_torch().int64, device=self._device)
        return zeros
