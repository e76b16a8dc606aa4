"""Exact ranks, lists and histogram of 10,000 x 5,000,000 x 256 on a CUDA device, beside the card's matrix product.

Claim: the whole pass, with the way of the documents to the card, takes at most four times as long as the bare product
of that shape in float32 into a reused output. A product of 256 numbers is so short on a card that reading its result
once takes about as long: ties, lists and bins have to read it several times.

Documents are made on the device, block after block from the seed, and brought to the host before the clock starts, so
that no memory has to hold them all. Each block goes through every candidate in turn; a round is the sum over all of
them. Ranks of some queries are counted by the processor too.

    PYTHONPATH=src python benchmarks/gpu_evaluation.py [--documents 5000000]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedscope.measure.scoring import N_BINS
from embedscope.metrics import local_pass as local
from embedscope.metrics import torch_pass as torch_device
from embedscope.metrics.histograms import HistogramAccumulator
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.tie_counting import TieAccumulator
from embedscope.metrics.top_k import TopKAccumulator
from embedscope.metrics.vectors import score_pairs, unit_rows
from embedscope.protocols import Float32Array
from embedscope.settings import TIE_TOLERANCE
from gpu_common import chosen_device, gpu_parser, publish, synchronise
from measuring import Claim, Rounds, seconds_of

OURS = "embedscope: ranks with ties, lists, 40,000 bins"
WITH_TRANSFER = "bare product, documents brought to the device"
PRODUCT = "bare product, everything on the device"
K = 10
N_CHECKED = 16


@dataclass(frozen=True, slots=True)
class Size:
    """Of the matrix, and of the blocks that documents are made in."""

    n_queries: int
    n_documents: int
    dim: int
    block: int


def document_blocks(size: Size, device: str, seed: int) -> Iterator[tuple[int, Float32Array]]:
    """First row and unit rows of each block; a block depends on the seed and on its own number only."""
    import torch

    for number, start in enumerate(range(0, size.n_documents, size.block)):
        generator = torch.Generator(device).manual_seed(seed * 1_000_003 + number)
        n = min(size.block, size.n_documents - start)
        rows = torch.randn((n, size.dim), generator=generator, device=device)
        yield start, torch.nn.functional.normalize(rows).cpu().numpy()


def problem(size: Size, device: str, seed: int) -> tuple[Float32Array, Judgments, Float32Array]:
    """Queries near one relevant document each, the judgments, and those documents; made in a pass of its own."""
    generator = np.random.default_rng(seed)
    relevant = generator.integers(0, size.n_documents, size.n_queries)
    near = np.empty((size.n_queries, size.dim), dtype=np.float32)
    for start, block in document_blocks(size, device, seed):
        here = np.flatnonzero((relevant >= start) & (relevant < start + len(block)))
        near[here] = block[relevant[here] - start]
    noise = generator.standard_normal(near.shape, dtype=np.float32) * np.float32(3.5 / np.sqrt(size.dim))
    judgments = Judgments.from_lists([[row] for row in relevant.tolist()], n_documents=size.n_documents)
    return unit_rows(near + noise), judgments, near


class Products:
    """The bare product of a block of documents with every query, into one output on the device."""

    def __init__(self, queries: Float32Array, size: Size, device: str) -> None:
        import torch

        self._device = device
        self._queries = torch.from_numpy(queries).to(device)
        self._width = min(size.block, 1 << 17)
        rows = max(1, (1 << 30) // (4 * self._width))  # a GiB of scores at a time
        self._rows = min(rows, len(queries))
        self._out = torch.empty((self._rows, self._width), device=device)

    def on_device(self, documents: Any) -> None:
        import torch

        with torch_device.full_precision():
            for start in range(0, len(documents), self._width):
                columns = documents[start : start + self._width].T
                for row in range(0, len(self._queries), self._rows):
                    part = self._queries[row : row + self._rows]
                    torch.matmul(
                        part, columns, out=self._out.view(-1)[: len(part) * columns.shape[1]].view(len(part), -1)
                    )
        synchronise(self._device)

    def from_host(self, block: Float32Array) -> None:
        import torch

        self.on_device(torch.from_numpy(block).to(self._device))


def evaluation_claim(size: Size, device: str, repeats: int, seed: int) -> Claim:
    """All candidates on every block, ``repeats`` rounds after one that does not count."""
    import torch

    queries, judgments, near = problem(size, device, seed)
    products = Products(queries, size, device)
    pair_scores = score_pairs(queries, near, np.arange(size.n_queries), np.arange(size.n_queries))
    checked = np.arange(min(N_CHECKED, size.n_queries))
    by_processor = TieAccumulator(judgments.select(checked), pair_scores[checked], TIE_TOLERANCE)
    seconds: dict[str, list[float]] = {OURS: [], WITH_TRANSFER: [], PRODUCT: []}
    for number in range(-1, repeats):
        ties = TieAccumulator(judgments, pair_scores, TIE_TOLERANCE)
        consumers = (ties, TopKAccumulator(size.n_queries, K), HistogramAccumulator(N_BINS, exclude=judgments))
        taken = dict.fromkeys(seconds, 0.0)
        for start, block in document_blocks(size, device, seed):

            def evaluate(start: int = start, block: Float32Array = block, consumers: Any = consumers) -> None:
                torch_device.for_each_block(queries, block, consumers, device=device, document_offset=start)

            there = torch.from_numpy(block).to(device)
            synchronise(device)
            taken[OURS] += seconds_of(evaluate)
            taken[WITH_TRANSFER] += seconds_of(lambda block=block: products.from_host(block))
            taken[PRODUCT] += seconds_of(lambda there=there: products.on_device(there))
            if number < 0:
                local.for_each_block(queries[checked], block, (by_processor,), document_offset=start)
        if number >= 0:
            for label, total in taken.items():
                seconds[label].append(total)
    rounds = Rounds(seconds)
    counts, expected = ties.result(), by_processor.result()
    n_equal = int(np.sum(counts.greater[checked] == expected.greater))
    times = 1 / rounds.peer(PRODUCT, ours=OURS).ratio
    rate = 2.0 * size.n_queries * size.n_documents * size.dim / rounds.timing(PRODUCT).median_s / 1e12
    return Claim(
        claim=f"Exact evaluation of {size.n_queries:,} x {size.n_documents:,} x {size.dim} on a device",
        ours=rounds.timing(OURS),
        peers=(rounds.peer(WITH_TRANSFER, ours=OURS), rounds.peer(PRODUCT, ours=OURS)),
        target="at most 4 times the card's matrix product",
        met=times <= 4 and n_equal == len(checked),
        note=(
            f"{times:.2f} times the bare product, which runs at {rate:.3g} TFLOP/s in float32; of {len(checked)} "
            f"queries counted by the processor too, {n_equal} have the same ranks."
        ),
    )


def main() -> None:
    parser = gpu_parser(__doc__, repeats=3)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--documents", type=int, default=5_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--block", type=int, default=1 << 19, help="documents made at a time (default: %(default)s)")
    options = parser.parse_args()
    device = chosen_device(is_quick=options.quick)
    size, repeats = Size(options.queries, options.documents, options.dim, options.block), options.repeats
    if options.quick:
        size, repeats = Size(50, 1_000, 16, 300), 1
    claims = [] if device is None else [evaluation_claim(size, device, repeats, options.seed)]
    publish(claims, device, options)


if __name__ == "__main__":
    main()
