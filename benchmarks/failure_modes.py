"""Which failure mode is named where the cause is known, and what is claimed of failures that have none.

Claims: of failures planted for one cause, at least 90 % get its mode; of failures whose winner is drawn at random,
hardly any gets a mode that blames a word, and none of these modes becomes a finding. Prints a Markdown table, which
stands in docs/diagnosis.md.

Data: invented words, so that nothing is known of them but how often they occur: 150 queries, each with a right document
that has its words among common ones, and a document that is built to win. The model counts words, weighed by inverse
document frequency, and sees nothing of the class that is planted: numbers, names (words with a capital), rare words.

    PYTHONPATH=src python benchmarks/failure_modes.py --seeds 5
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from embedscope.data.collection import Negative, Row, build_collection
from embedscope.diagnose.failure_modes import FailureModes
from embedscope.diagnose.findings import failure_modes
from embedscope.diagnose.mode_faults import failure_findings
from embedscope.diagnose.modes import FailureMode
from embedscope.diagnose.shared_words import terms
from embedscope.measure.query_set import QuerySet
from embedscope.measure.ranked import rank
from embedscope.models.embed import Embeddings
from embedscope.pipeline import measure
from embedscope.result import ModelFacts
from embedscope.settings import Settings
from embedscope.systems import Embedded

N_QUERIES = 150
SETTINGS = Settings.of(draws=1_000, examples=0)
LATIN, CYRILLIC = "abdefgiklmnoprstuvz", "абвгдежзиклмнопрстуф"
READ = 400
"""Characters that the model with a maximum length reads."""


@dataclass
class Planted:
    """A data set and what the model does not see of it."""

    rows: list[Row] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    is_seen: Callable[[str], bool] = lambda written: True
    read: int | None = None
    shuffled: bool = False


class Words:
    """Invented words, the same for the same generator."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.common = [self.new() for _ in range(60)]
        self.topics = [self.new() for _ in range(80)]
        self.names = [self.new().capitalize() for _ in range(80)]

    def new(self, letters: str = LATIN, n: int = 7) -> str:
        return "".join(self.generator.choice(list(letters), n))

    def some(self, words: list[str], n: int) -> list[str]:
        return [str(word) for word in self.generator.choice(words, n, replace=False)]

    def number(self) -> str:
        return str(self.generator.integers(100, 10_000))

    def document(self, *own: str, n: int = 30) -> str:
        """The words ``own`` in a text of common ones; no name begins it."""
        text = self.some(self.common, n)
        for word in own:
            text.insert(int(self.generator.integers(3, len(text))), word)
        return " ".join(text)


def ignored(kind: str) -> Callable[[Words], Planted]:
    """The winner is the right document with another number, name or rare word, which the model does not see."""
    is_blind: Callable[[str], bool] = {
        "number": str.isdigit,
        "name": lambda written: written[:1].isupper(),
        "rare word": lambda written: len(written) == 9,
    }[kind]

    def plant(words: Words) -> Planted:
        other: Callable[[], str] = {
            "number": words.number,
            "name": lambda: words.some(words.names, 1)[0],
            "rare word": lambda: words.new(n=9),
        }[kind]
        planted = Planted(is_seen=lambda written: not is_blind(written))
        for _ in range(N_QUERIES):
            topics, asked = words.some(words.topics, 3), other()
            wrong = next(value for value in iter(other, "") if value != asked)
            planted.rows.append(Row(" ".join((*topics, asked)), (words.document(*topics, asked),), ()))
            planted.unlabelled.append(words.document(*topics, wrong, n=25))  # shorter, so that the rest prefers it
        return planted

    return plant


def lured(words: Words) -> Planted:
    """The right document says one word of the query in another; the winner has it and lacks a common one less."""
    planted = Planted()
    for _ in range(N_QUERIES):
        topics = words.some(words.topics, 4)
        planted.rows.append(Row(" ".join(topics), (words.document(*topics[:2]),), ()))
        planted.unlabelled.append(words.document(*topics[:3]))
    return planted


def in_other_words(words: Words) -> Planted:
    """The right document has no word of the query."""
    planted = Planted()
    for _ in range(N_QUERIES):
        topics = words.some(words.topics, 4)
        planted.rows.append(Row(" ".join(topics), (words.document(words.new(), words.new()),), ()))
        planted.unlabelled.append(words.document(*words.some(words.topics, 4)))
    return planted


def cut_off(words: Words) -> Planted:
    """The words of the query stand behind what the model reads of the right document."""
    planted = Planted(read=READ)
    for _ in range(N_QUERIES):
        topics = words.some(words.topics, 4)
        planted.rows.append(Row(" ".join(topics), (words.document(n=55) + " " + " ".join(topics),), ()))
        planted.unlabelled.append(words.document(*topics[:2]))
    return planted


def unjudged(words: Words) -> Planted:
    """A shorter document has the words of the query too, and is not labelled."""
    planted = Planted()
    for _ in range(N_QUERIES):
        topics = words.some(words.topics, 4)
        planted.rows.append(Row(" ".join(topics), (words.document(*topics[:3]),), ()))
        planted.unlabelled.append(words.document(*topics, n=20))
    return planted


def other_script(words: Words) -> Planted:
    """The right document is in another script, and a text of the query's own wins."""
    planted = Planted()
    for _ in range(N_QUERIES):
        topics = words.some(words.topics, 4)
        foreign = " ".join(words.new(CYRILLIC) for _ in range(20))
        planted.rows.append(Row(" ".join(topics), (foreign,), ()))
        planted.unlabelled.append(words.document(*words.some(words.topics, 4)))
    return planted


def vague(words: Words) -> Planted:
    """Seven documents have the two words of the query, and one of them is labelled."""
    planted = Planted()
    for _ in range(N_QUERIES // 5):
        topics = [words.new(), words.new()]
        planted.rows.append(Row(" ".join(topics), (words.document(*topics, n=40),), ()))
        planted.unlabelled += [words.document(*topics, n=41) for _ in range(2)]
        planted.unlabelled += [words.document(*topics, n=20) for _ in range(4)]
    return planted


def at_random(words: Words) -> Planted:
    """A third of the queries have the scores of another one: nothing is to be known of their failures."""
    planted = ignored("number")(words)
    planted.is_seen, planted.shuffled = lambda written: True, True
    return planted


PLANTED: dict[str, tuple[Callable[[Words], Planted], frozenset[FailureMode]]] = {
    "numbers are not seen": (ignored("number"), frozenset({FailureMode.NUMBER})),
    "names are not seen": (ignored("name"), frozenset({FailureMode.NAME})),
    "rare words are not seen": (ignored("rare word"), frozenset({FailureMode.RARE})),
    "the winner has more of the words": (lured, frozenset({FailureMode.LURE})),
    "the right document says it in other words": (in_other_words, frozenset({FailureMode.GAP})),
    "the words are cut off": (cut_off, frozenset({FailureMode.CUT_OFF})),
    "an answer was not labelled": (unjudged, frozenset({FailureMode.UNJUDGED, FailureMode.FALSE_NEGATIVE})),
    "the right document is in another script": (other_script, frozenset({FailureMode.LANGUAGE})),
    "the query fits many documents": (vague, frozenset({FailureMode.VAGUE, FailureMode.UNJUDGED})),
}


def classified(planted: Planted, generator: np.random.Generator) -> tuple[FailureModes, list[str]]:
    """The modes of a planted run, and the codes of the findings that they make."""
    rows, n, read = list(planted.rows), len(planted.rows), planted.read
    for place, text in enumerate(planted.unlabelled):  # in the pool as a hard negative of a query far away
        other = (place * n // len(planted.unlabelled) + n // 2) % n
        rows[other] = replace(rows[other], negatives=(*rows[other].negatives, Negative(text, ("mined",), 1.0)))
    collection = build_collection(rows, format="planted")
    queries, documents = _vectors(collection.queries, [t[:read] for t in collection.documents], planted)
    if planted.shuffled:
        lost = generator.choice(n, n // 3, replace=False)
        queries[lost] = queries[generator.permutation(lost)]
    facts = ModelFacts("planted", "planted", documents.shape[1])
    embeddings = Embeddings(queries.astype(np.float32), documents.astype(np.float32), facts)
    query_set = QuerySet.of(collection, seed=0, draws=1_000)
    scored = measure(collection, Embedded(embeddings), rank(collection, embeddings, query_set, SETTINGS), SETTINGS)
    ends = {} if read is None else {text: read for text in collection.documents if len(text) > read}
    modes = failure_modes(scored, collection, read_ends=ends)
    return modes, [one.finding.code for one in failure_findings(scored.queries, modes, query_set.resampler)]


def _vectors(queries: tuple[str, ...], documents: list[str], planted: Planted) -> tuple[np.ndarray, np.ndarray]:
    """Counts of the words that are seen, weighed by inverse document frequency, unit rows."""
    seen = [{t for t, written in terms(text).items() if planted.is_seen(written)} for text in (*queries, *documents)]
    frequency = Counter(term for own in seen[len(queries) :] for term in own)
    column = {term: place for place, term in enumerate(sorted(frequency))}
    rows = np.full((len(seen), len(column) + 1), 0.0)
    rows[:, -1] = 0.01  # no row is zero
    for place, own in enumerate(seen):
        for term in own & column.keys():
            rows[place, column[term]] = math.log((1 + len(documents)) / frequency[term])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[: len(queries)], rows[len(queries) :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    print("| planted | failures | with its mode | most frequent others |\n|---|---|---|---|")
    for name, (plant, expected) in PLANTED.items():
        counts: Counter[str] = Counter()
        for seed in range(chosen.seeds):
            generator = np.random.default_rng(seed)
            counts.update(str(mode) for mode in classified(plant(Words(generator)), generator)[0].modes if mode)
        right = sum(counts[str(mode)] for mode in expected)
        others = ", ".join(f"{mode} {n}" for mode, n in counts.most_common(4) if mode not in expected)
        print(f"| {name} | {counts.total()} | {100 * right / max(counts.total(), 1):.0f} % | {others} |", flush=True)
    counts, codes = Counter(), Counter()
    for seed in range(chosen.seeds):
        generator = np.random.default_rng(seed)
        modes, found = classified(at_random(Words(generator)), generator)
        counts.update(str(mode) for mode in modes.modes if mode)
        codes.update(found)
    said = ", ".join(f"{mode} {100 * n / counts.total():.0f} %" for mode, n in counts.most_common())
    print(f"\nAt random, {counts.total()} failures: {said}. Findings in {chosen.seeds} runs: {dict(codes) or 'none'}.")


if __name__ == "__main__":
    main()
