"""Whether minimal pairs find a model that does not read numbers, and are silent on one that does.

Claims: of a planted model to which all digits are 0, every kind of value is ignored in at least 90 % of the pairs and
is a finding; of one that reads numbers none is ignored in more than 20 %, and there is no finding in 20 seeds. Both
are bags of words with a random direction for each word. The reading one has a direction for each value in place of its
digits, and a weak one for the way in which it is written, so that another spelling changes its scores too.

    PYTHONPATH=src python benchmarks/minimal_pairs.py
    PYTHONPATH=src python benchmarks/minimal_pairs.py --seeds 2 --queries 60     (a short run)
"""

from __future__ import annotations

import argparse
import re
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from embedscope.data.collection import Collection, Row, build_collection
from embedscope.data.stated_values import stated_values
from embedscope.diagnose.minimal_pairs import ignored_values, minimal_pairs
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import rank
from embedscope.models.embed import Embeddings
from embedscope.protocols import Float32Array
from embedscope.result import MinimalPairs, ModelFacts
from embedscope.settings import Settings

DIM = 256
SPELLING = 0.2
"""Weight of how a value is written, in the model that reads it; a word has weight 1."""

SETTINGS = Settings.of(draws=500, examples=0)
Encode = Callable[[Sequence[str]], Float32Array]


def direction(token: str) -> np.ndarray:
    """A random direction for each token, always the same."""
    return np.random.default_rng(zlib.crc32(token.encode())).standard_normal(DIM)


def embedded(bags: Sequence[Sequence[tuple[str, float]]]) -> Float32Array:
    """Unit rows of weighted bags of tokens, shape (n, DIM)."""
    rows = np.array([sum((weight * direction(token) for token, weight in bag), np.zeros(DIM)) for bag in bags])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def blind_to_digits(texts: Sequence[str]) -> Float32Array:
    """Vectors of texts all of whose digits are 0."""
    return embedded([[(word, 1.0) for word in re.sub(r"\d", "0", text).split()] for text in texts])


def reading_numbers(texts: Sequence[str]) -> Float32Array:
    """Vectors of texts whose values are words of their own, however they are written."""
    bags = []
    for text in texts:
        bag, rest = [], text
        for value in reversed(stated_values(text)):
            spelling = text[value.start : value.end]
            rest = rest[: value.start] + " " + rest[value.end :]
            bag += [(f"{value.kind} {value.value}", 1.0), (f"written {spelling}", SPELLING)]
        bags.append(bag + [(word, 1.0) for word in rest.split()])
    return embedded(bags)


def planted(n_queries: int, seed: int) -> Collection:
    """Documents of random words and one value; the query has some of the words and the value."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("bcdfghklmnprstvz"))
    rows = []
    for place in range(n_queries):
        words = ["".join(generator.choice(letters, size=6)) for _ in range(9)]
        number = int(generator.integers(11, 99))
        value = (
            f"{number}",
            f"{number} km",
            f"${number}.{int(generator.integers(11, 99))}",
            f"{number * 1000 + int(generator.integers(1, 900))} kg",
            f"{int(generator.integers(13, 28))}/{int(generator.integers(1, 12))}/2021",
        )[place % 5]
        document = " ".join([*words[:4], value, *words[4:]])
        rows.append(Row(" ".join([words[0], words[3], value, words[4], words[6]]), (document,)))
    return build_collection(rows, format="planted")


def measured(collection: Collection, encode: Encode, *, seed: int) -> tuple[tuple[MinimalPairs, ...], int]:
    """The minimal pairs of a model, and how many findings they make."""
    embeddings = Embeddings(
        encode(collection.queries), encode(collection.documents), ModelFacts("planted", "bag of words", dim=DIM)
    )
    query_set = QuerySet.of(collection, seed=seed, draws=SETTINGS.measure.draws)
    ranked = rank(collection, embeddings, query_set, SETTINGS)
    pairs = minimal_pairs(
        ranked.query_table,
        ranked.document_table,
        ranked.queries,
        embeddings.documents,
        encode,
        query_set.resampler,
        seed=seed,
        budget=10 * len(collection.queries),
    )
    return pairs, len(list(ignored_values(pairs, ranked.query_table)))


def main() -> None:
    """Print, for each model, the share of ignored values by kind and the number of findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="data sets (default: 20)")
    parser.add_argument("--queries", type=int, default=200, help="queries of each (default: 200)")
    options = parser.parse_args()
    print("| model | kind | pairs | ignored, lowest | ignored, highest | findings |\n|---|---|---|---|---|---|")
    for encode in (blind_to_digits, reading_numbers):
        shares: dict[str, list[float]] = {}
        n_pairs: dict[str, int] = {}
        n_findings = 0
        for seed in range(options.seeds):
            pairs, found = measured(planted(options.queries, seed), encode, seed=seed)
            n_findings += found
            for one in pairs:
                shares.setdefault(one.kind, []).append(one.ignored.value or 0.0)
                n_pairs[one.kind] = n_pairs.get(one.kind, 0) + one.n
        for kind, values in shares.items():
            name = encode.__name__.replace("_", " ")
            print(f"| {name} | {kind} | {n_pairs[kind]} | {min(values):.2f} | {max(values):.2f} | {n_findings} |")


if __name__ == "__main__":
    main()
