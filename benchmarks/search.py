"""The k best documents of every query, exact, beside FAISS's flat index.

Claim: no more than 1.2 times the time of ``faiss.IndexFlatIP``, with the same documents found.

The index is filled before the clock starts. FAISS orders equal scores as they come; embedscope takes the smaller index.

    PYTHONPATH=src python benchmarks/search.py [--queries 5000 --documents 100000 --dim 256 --k 10] [--json FILE]
"""

from __future__ import annotations

import numpy as np

from embedscope.metrics.local_pass import search_top_k
from embedscope.metrics.vectors import unit_rows
from measuring import Claim, alternate, argument_parser, publish


def main() -> None:
    parser = argument_parser(__doc__, repeats=5)
    parser.add_argument("--queries", type=int, default=5_000)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--k", type=int, default=10)
    options = parser.parse_args()
    import faiss

    generator = np.random.default_rng(options.seed)
    queries, documents = (
        unit_rows(generator.standard_normal((n, options.dim), dtype=np.float32))
        for n in (options.queries, options.documents)
    )
    index = faiss.IndexFlatIP(options.dim)
    index.add(documents)
    ours, peer = "embedscope search_top_k", "faiss.IndexFlatIP.search"
    rounds = alternate(
        {
            ours: lambda: search_top_k(queries, documents, options.k),
            peer: lambda: index.search(queries, options.k),
        },
        repeats=options.repeats,
    )
    found = search_top_k(queries, documents, options.k).documents
    agreement = float(np.mean(np.sort(found, axis=1) == np.sort(index.search(queries, options.k)[1], axis=1)))
    ratio = rounds.ratio(ours, to=peer)
    publish(
        [
            Claim(
                claim=f"Top {options.k} of {len(queries):,} x {len(documents):,} x {options.dim}",
                ours=rounds.timing(ours),
                peers=(rounds.peer(peer, ours=ours),),
                target="at most 1.2 times FAISS",
                met=ratio <= 1.2 and agreement > 0.999,
                note=f"{ratio:.2f} times FAISS; {100 * agreement:.3f} % of the listed documents agree.",
            )
        ],
        options.json,
    )


if __name__ == "__main__":
    main()
