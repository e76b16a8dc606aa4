"""Mean and deviation of the similarity over all pairs, without forming a pair.

Claim: 1,000,000 x 1,000,000 pairs of 128 dimensions take less than 10 seconds.

The peer forms the pairs, as every evaluator does that needs them: a blockwise float32 product whose sum and sum of
squares are added up in float64. It is timed on a part of the rows of queries (``--peer-queries``) and its time is
multiplied; its figures of that part are compared with ours.

    PYTHONPATH=src python benchmarks/pair_moments.py [--queries 1000000 --documents 1000000 --dim 128] [--json FILE]
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embedscope.measure.distributions import mean_and_std
from embedscope.metrics.pair_sums import sum_and_gram, sums_from_moments
from embedscope.metrics.vectors import unit_rows
from embedscope.protocols import Float32Array
from measuring import Claim, alternate, argument_parser, publish

BLOCK = 512, 8192


def sums_of_blocks(queries: Float32Array, documents: Float32Array) -> tuple[int, float, float]:
    """Number, sum and sum of squares by way of every pair, in blocks."""
    buffer = np.empty(BLOCK[0] * BLOCK[1], dtype=np.float32)
    total = squares = 0.0
    for start in range(0, len(queries), BLOCK[0]):
        rows = queries[start : start + BLOCK[0]]
        for first in range(0, len(documents), BLOCK[1]):
            columns = documents[first : first + BLOCK[1]]
            block = buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            np.matmul(rows, columns.T, out=block)
            total += float(block.sum(dtype=np.float64))
            squares += float(np.einsum("ij,ij->", block, block, dtype=np.float64))
    return len(queries) * len(documents), total, squares


def main() -> None:
    parser = argument_parser(__doc__, repeats=5)
    parser.add_argument("--queries", type=int, default=1_000_000)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--peer-queries", type=int, default=512, help="rows that the peer is timed on")
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    queries, documents = (
        unit_rows(generator.standard_normal((n, options.dim), dtype=np.float32) + np.float32(0.1))
        for n in (options.queries, options.documents)
    )
    part = queries[: options.peer_queries]
    ours, peer = "embedscope, all pairs of each query", "blocks of pairs, extrapolated"
    rounds = alternate(
        {
            ours: lambda: sums_from_moments(queries, *sum_and_gram(documents)),
            peer: lambda: sums_of_blocks(part, documents),
        },
        repeats=options.repeats,
    )
    factor = len(queries) / len(part)
    slow = rounds.peer(peer, ours=ours)
    slow = replace(
        slow,
        median_s=slow.median_s * factor,
        low_s=slow.low_s * factor,
        high_s=slow.high_s * factor,
        ratio=slow.ratio * factor,
    )
    sums, squares = sums_from_moments(part, *sum_and_gram(documents))
    exact = mean_and_std(len(part) * len(documents), float(sums.sum()), float(squares.sum()))
    formed = mean_and_std(*sums_of_blocks(part, documents))
    publish(
        [
            Claim(
                claim=f"Moments over {len(queries):,} x {len(documents):,} pairs of {options.dim} dimensions",
                ours=rounds.timing(ours),
                peers=(slow,),
                target="less than 10 s",
                met=rounds.timing(ours).median_s < 10,
                note=(
                    f"float64 throughout. On {len(part)} rows of queries the mean differs from that of the float32 "
                    f"blocks by {abs(exact[0] - formed[0]):.1g} and the deviation by {abs(exact[1] - formed[1]):.1g}."
                ),
            )
        ],
        options.json,
    )


if __name__ == "__main__":
    main()
