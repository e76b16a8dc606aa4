"""Whether the words that are said to decide a failure are those that do, and what looking costs.

Claims: on models with a planted fault (numbers that weigh nothing, a name that queries are read with in the place of
another and that weighs twice, a negation that weighs nothing, a filler word that weighs five times what others do) the
planted word is found in at least 90 % of the failures; on healthy models at most one finding (`word-decides`) appears
in 20 seeds. On the sample test file, explanations take at most 30 % of the processor time of encoding the run's own
texts. Prints Markdown tables.

Models: a text's vector is the sum of random directions of its words, each with a random weight; so what a word does is
known. Data: documents of random words, and for each query a decoy that differs in what the fault hides. In the healthy
collection 15 % of the queries ask for another document than their label: nothing is systematically wrong.

    PYTHONPATH=src python benchmarks/explanations.py                                  the planted and healthy models
    PYTHONPATH=src python benchmarks/explanations.py --checkpoint MODEL               and the cost on the sample
    PYTHONPATH=src python benchmarks/explanations.py --seeds 1 --healthy-seeds 2      (a short run)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from embedscope import pipeline, systems
from embedscope.data.collection import Collection, Row, build_collection
from embedscope.data.sample import sample_path
from embedscope.data.text_features import words
from embedscope.diagnose import explaining
from embedscope.diagnose.deletion import Encoders, explain_failures, failed_rows
from embedscope.diagnose.word_faults import deciding_word_findings
from embedscope.log import SILENT
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import Ranked, rank
from embedscope.models.embed import embed_collection, text_encoder
from embedscope.models.model import Model
from embedscope.models.projectors import Identity
from embedscope.protocols import Float32Array
from embedscope.result import Explanation, Explanations, Finding, ModelFacts, TextRole
from embedscope.settings import Settings

DIM, N, N_WORDS = 256, 80, 600
FILLER = "indeed"
SETTINGS = Settings.of(draws=500, examples=0, lexical=False)


@cache
def direction(word: str) -> Float32Array:
    """A random direction of a word."""
    return np.random.default_rng(list(word.encode())).standard_normal(DIM).astype(np.float32)


@dataclass(frozen=True)
class WordModel:
    """An `Encoder`: the sum of the weighted directions of a text's words; queries read some words as others."""

    weight: Callable[[str], float]
    read_as: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""
    dim: int = DIM
    fingerprint: str = "words"

    def with_prompt(self, prompt: str) -> WordModel:
        """The side of the queries."""
        return replace(self, prompt=prompt)

    def encode(self, texts: Sequence[str], *, batch_size: int) -> Float32Array:
        """Vectors of the texts."""
        return np.array([self._vector(text) for text in texts], dtype=np.float32).reshape(-1, DIM)

    def _vector(self, text: str) -> Float32Array:
        spelt = [self.read_as.get(word, word) if self.prompt else word for word in words(text)]
        return np.sum([np.float32(self.weight(word)) * direction(word) for word in spelt], axis=0)


@dataclass(frozen=True)
class Case:
    """A planted fault: texts, weights of words, and whether an explanation names the planted word."""

    name: str
    texts: Callable[[int, np.random.Generator], tuple[str, str, str]]  # query, right, decoy of the i-th
    weights: Mapping[str, float] | Callable[[str], float | None]
    is_found: Callable[[Explanation, str, str], bool]  # with the best word, and the role of its text
    read_as: Mapping[str, str] = field(default_factory=dict)


def topic(generator: np.random.Generator, n: int) -> list[str]:
    """Random words of no meaning, all different."""
    return [f"w{chr(97 + k % 26)}{chr(97 + k // 26)}" for k in generator.choice(N_WORDS, n, replace=False)]


def _decoyed(right: str, wrong: str) -> Callable[[int, np.random.Generator], tuple[str, str, str]]:
    """A query, its document with a little more in it, and a shorter decoy; ``{i}`` and ``{j}`` are two numbers."""

    def texts(i: int, generator: np.random.Generator) -> tuple[str, str, str]:
        own = topic(generator, 11)
        asked, ours, theirs = own[:5], own[5:10], own[10:]
        values = {"i": 100 + i, "j": 500 + i}
        return (
            " ".join([*asked, right.format(**values)]),
            " ".join([*asked, right.format(**values), *ours]),
            " ".join([*asked, wrong.format(**values), *theirs]),
        )

    return texts


def _filled(i: int, generator: np.random.Generator) -> tuple[str, str, str]:
    own = topic(generator, 16)
    return f"{' '.join(own[:5])} {FILLER}", " ".join(own[:9]), f"{' '.join(own[9:])} {FILLER}"


NAMES = {f"anna{i}": f"berta{i}" for i in range(N)}


def _named(i: int, generator: np.random.Generator) -> tuple[str, str, str]:
    own = topic(generator, 8)
    asked = " ".join(own[:5])
    return f"{asked} anna{i}", f"{asked} anna{i} {own[5]}", f"{' '.join(own[:3] + own[6:])} berta{i}"


CASES = (
    Case(
        "numbers weigh nothing",
        _decoyed("{i}", "{j}"),
        lambda word: 0.0 if word.isdigit() else None,
        lambda each, word, role: any(unseen.isdigit() for unseen in each.unseen),
    ),
    Case(
        "a name is read as another",
        _named,
        lambda word: 2.0 if word.startswith(("anna", "berta")) else None,
        lambda each, word, role: word.startswith({"query": "anna", "right": "anna", "wrong": "berta"}[role]),
        read_as=NAMES,
    ),
    Case(
        "a negation weighs nothing",
        _decoyed("no garden", "garden"),
        {"no": 0.0},
        lambda each, word, role: "no" in each.unseen,
    ),
    Case("a filler weighs five times", _filled, {FILLER: 5.0}, lambda each, word, role: word == FILLER),
)


def model_of(
    weights: Mapping[str, float] | Callable[[str], float | None], read_as: Mapping[str, str], seed: int
) -> Model:
    """Words of random weights (log-normal, 0.3), but for those that are planted."""

    @cache
    def weight(word: str) -> float:
        planted = weights(word) if callable(weights) else weights.get(word)
        drawn = np.random.default_rng([seed, *word.encode()]).normal(0, 0.3)
        return float(np.exp(drawn)) if planted is None else planted

    facts = ModelFacts(checkpoint="planted", layout="none", dim=DIM)
    return Model(WordModel(weight, read_as), Identity(DIM), facts, query_prompt="query")


def explained(collection: Collection, model: Model) -> tuple[Ranked, Explanations, tuple[Finding, ...]]:
    """All failures of the collection under the model, and the findings of them."""
    embeddings = embed_collection(collection, model)
    query_set = QuerySet.of(collection, seed=42, draws=500)
    ranked = rank(collection, embeddings, query_set, SETTINGS)
    rows = failed_rows(ranked).tolist()
    encoders = Encoders(text_encoder(model, prompt="query"), text_encoder(model, prompt=""))
    found = explain_failures(
        ranked, embeddings.documents, rows, encoders, seed=42, n_failures=len(rows), limit="all",
        progress=lambda done, total, message=None: None,
    )  # fmt: skip
    scored = pipeline.measure(collection, systems.Embedded(embeddings, model=model), ranked, SETTINGS)
    findings = deciding_word_findings(found, scored, query_set.resampler)
    return ranked, found, tuple(each.finding for each in findings)


def planted(seeds: int) -> Iterator[str]:
    """A table of how often the planted word is found."""
    yield "| fault | failures | planted word found | one word suffices | `word-decides` |"
    yield "|---|---|---|---|---|"
    for case in CASES:
        n, hits, firsts, findings = 0, 0, 0, 0
        for seed in range(seeds):
            generator = np.random.default_rng(seed)
            texts = [case.texts(i, generator) for i in range(N)]
            collection = build_collection(
                [Row(query, (right,)) for query, right, _ in texts],
                format="planted",
                extra_documents={f"decoy{i}": decoy for i, (_, _, decoy) in enumerate(texts)},
            )
            ranked, found, named = explained(collection, model_of(case.weights, case.read_as, seed))
            findings += bool(named)
            for each in found.failures:
                best = each.best
                word = "" if best is None else each.word(best, ranked.query_table, ranked.document_table).casefold()
                n, hits = n + 1, hits + case.is_found(each, word, "query" if best is None else best.role.value)
                firsts += any(deletion.puts_right_first for deletion in each.deletions)
        share = hits / max(n, 1)
        met = "" if share >= 0.9 else " **missed**"
        yield f"| {case.name} | {n:,} | {share:.1%}{met} | {firsts / max(n, 1):.0%} | {findings} of {seeds} |"


def healthy(seeds: int) -> Iterator[str]:
    """What is reported where nothing is planted."""
    n, unseen, n_words, named = 0, 0, 0, 0
    for seed in range(seeds):
        generator = np.random.default_rng([1, seed])
        documents = [topic(generator, 9) for _ in range(3 * N)]
        asked = [k if generator.random() > 0.15 else int(generator.integers(3 * N)) for k in range(3 * N)]
        rows = [
            Row(" ".join(["the", *generator.permutation(documents[k])[:5]]), (f"the {' '.join(documents[i])}",))
            for i, k in enumerate(asked)
        ]
        _, found, findings = explained(build_collection(rows, format="planted"), model_of({}, {}, seed))
        n += len(found.failures)
        unseen += sum(len(each.unseen) for each in found.failures)
        n_words += sum(one.role is TextRole.QUERY for each in found.failures for one in each.deletions)
        named += len(findings)
    yield f"Healthy: {named} findings in {seeds} seeds; {unseen} of {n_words:,} words of {n:,} failed queries not seen"


def cost(checkpoint: str) -> Iterator[str]:
    """What the share allows to look at on the sample, and what that takes beside encoding the run's own texts."""
    explaining.SECONDS = float("inf")
    settings = Settings.of(checkpoint=checkpoint, data=str(sample_path("test")), max_samples=0, no_cache=True)
    collection = pipeline.read(settings)
    store, model = systems.load(checkpoint, settings)
    model.encoder.encode(["loaded"], batch_size=1)
    started = time.process_time()
    embedded = systems.encode_with(model, store, collection, settings, SILENT)
    own = time.process_time() - started
    query_set = QuerySet.of(collection, seed=42, draws=500)
    ranked = rank(collection, embedded.embeddings, query_set, settings)
    started = time.process_time()
    found, reason = explaining.explain(
        ranked, embedded.embeddings.documents, model, store, settings, np.random.default_rng(42), SILENT
    )
    spent = time.process_time() - started
    if found is None:
        yield f"Cost on the sample: nothing is explained, because {reason}"
        return
    yield (
        f"Cost on the sample: {len(found.failures)} of {found.n_failures} failures ({found.limit}); "
        f"{found.n_texts:,} texts beside {len(collection.queries) + len(collection.documents):,}; "
        f"{spent:.1f} s of processor time beside "
        f"{own:.1f} s ({spent / own:.0%})"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--healthy-seeds", type=int, default=20)
    parser.add_argument("--checkpoint", help="a model, for the cost on the sample")
    options = parser.parse_args()
    for line in (*planted(options.seeds), "", *healthy(options.healthy_seeds)):
        print(line, flush=True)
    if options.checkpoint is not None:
        print(*cost(options.checkpoint), sep="\n")


if __name__ == "__main__":
    main()
