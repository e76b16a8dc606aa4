"""Robustness: planted changes of queries are measured, what does not change is left out, only new texts are encoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from embedscope.measure.perturbations import standard_perturbations
from embedscope.measure.robustness import AS_WRITTEN, measure_robustness
from embedscope.measure.scoring import rank_values
from embedscope.metrics.judgments import Judgments
from embedscope.metrics.vectors import unit_rows
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import text_encoder
from embedscope.models.model import Model
from embedscope.models.projectors import Identity
from embedscope.packs.rental_vi import PACK
from embedscope.protocols import Perturbation
from embedscope.result import ModelFacts, Robustness
from embedscope.stats.clusters import clusters_from_judgments
from embedscope.stats.paired_tests import holm
from embedscope.stats.resampler import Resampler

DIM = 32


def bag(texts: Sequence[str]) -> np.ndarray:
    """A model without weights: hashed letters in their places, so that any slip moves the vector."""
    rows = np.zeros((len(texts), DIM), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for place, letter in enumerate(text):
            row[(ord(letter) * 7 + place * 3) % DIM] += 1
    return unit_rows(rows + 1e-3)


TEXTS = tuple(f"{colour} {thing}" for colour in ("red", "green", "blue", "white") for thing in
              ("house", "garden", "roof", "window", "door", "stair", "lamp", "table"))  # fmt: skip
DOCUMENTS = tuple(f"{text}." for text in TEXTS)
JUDGED = Judgments.from_lists([[q] for q in range(len(TEXTS))], n_documents=len(DOCUMENTS))


def resampler(n: int = len(TEXTS)) -> Resampler:
    clusters = clusters_from_judgments(JUDGED.indptr, JUDGED.documents, JUDGED.n_documents)
    return Resampler(clusters[:n], 500, 1)


def measure(*perturbations: Perturbation, encode=bag) -> Robustness:  # type: ignore[no-untyped-def]
    return measure_robustness(
        TEXTS, bag(TEXTS), bag(DOCUMENTS), JUDGED, resampler(), encode, seed=3, perturbations=perturbations
    )


def only_red(text: str, _: np.random.Generator) -> str:
    return text.replace("red ", "xxxxxx ")


RED = Perturbation("red", "the word red blotted out", only_red)
SAME = Perturbation("same", "nothing", lambda text, _: text)
REVERSED = Perturbation("reversed", "read backwards", lambda text, _: text[::-1])


def test_queries_that_do_not_change_are_counted_and_left_out() -> None:
    (effect,) = measure(RED).effects
    assert (effect.n_changed, effect.n_unchanged) == (8, 24)
    assert effect.example == ("red house", "xxxxxx house")
    assert {change.wins + change.losses + change.ties for change in effect.changes} == {8}


def test_the_change_is_that_of_the_changed_queries_measured_alone() -> None:
    (effect,) = measure(RED).effects
    rows = np.arange(8)
    own = JUDGED.select(rows)
    perturbed = bag([only_red(TEXTS[row], np.random.default_rng()) for row in rows])
    before = rank_values(bag(TEXTS[:8]), bag(DOCUMENTS), own, ("MRR", "Success@1"), tolerance=1e-6)
    after = rank_values(perturbed, bag(DOCUMENTS), own, ("MRR", "Success@1"), tolerance=1e-6)
    for change in effect.changes:
        assert change.b == AS_WRITTEN
        assert change.difference == pytest.approx((after[change.metric] - before[change.metric]).mean())
        assert effect.before[change.metric] == pytest.approx(before[change.metric].mean())
        assert effect.after[change.metric] == pytest.approx(after[change.metric].mean())
    was, now = before["Success@1"] == 1, after["Success@1"] == 1
    assert effect.flip_rate.value == pytest.approx((was != now).mean())
    assert set(effect.lost) == set(np.flatnonzero(was & ~now))
    assert set(effect.gained) == set(np.flatnonzero(~was & now))


def test_a_harmful_perturbation_is_told_from_a_harmless_one() -> None:
    doubled = Perturbation("doubled", "a full stop at the end", lambda text, _: text + ".")
    harm, good = measure(REVERSED, doubled).effects
    assert harm.changes[0].high < 0
    assert harm.changes[0].p_adjusted < 0.05
    assert harm.flip_rate.low > 0
    assert good.after["MRR"] == 1.0
    assert harm.similarity.value < good.similarity.value <= 1


def test_the_query_that_falls_deepest_comes_first() -> None:
    (effect,) = measure(REVERSED).effects
    vectors = bag([text[::-1] for text in TEXTS])
    after = rank_values(vectors, bag(DOCUMENTS), JUDGED, ("MRR",), tolerance=1e-6)["MRR"]
    assert len(effect.lost) > 1
    assert (np.diff(after[effect.lost]) >= 0).all()


def test_a_perturbation_without_effect_on_any_text_says_so_and_encodes_nothing() -> None:
    def refuse(texts: Sequence[str]) -> np.ndarray:
        raise AssertionError(texts)

    (effect,) = measure(SAME, encode=refuse).effects
    assert (effect.n_changed, effect.changes, effect.example) == (0, (), None)
    assert effect.flip_rate.reason == "the perturbation changes no query"
    assert effect.similarity.value is None


def test_holm_goes_over_all_perturbations_and_measures() -> None:
    changes = [change for effect in measure(RED, SAME, REVERSED).effects for change in effect.changes]
    assert len(changes) == 4
    assert [c.p_adjusted for c in changes] == pytest.approx(list(holm(np.array([c.p for c in changes]))))


def test_the_standard_perturbations_run_and_are_the_same_on_every_run() -> None:
    every = standard_perturbations(PACK)

    def run() -> list[tuple[str, int, tuple[float, ...]]]:
        found = measure_robustness(
            TEXTS, bag(TEXTS), bag(DOCUMENTS), JUDGED, resampler(), bag, seed=3, perturbations=every
        )
        return [(e.name, e.n_changed, tuple(c.difference for c in e.changes)) for e in found.effects]

    assert run() == run()
    changed = {name: n for name, n, _ in run()}
    assert changed["swap"] == len(TEXTS)
    assert {changed[name] for name in ("telex", "number-format", "abbreviated", "spelled-out")} == {0}


def test_the_encoder_of_a_model_encodes_each_new_text_once_with_the_query_prompt() -> None:
    class Counting:
        fingerprint, dim = "letters", DIM

        def __init__(self, prompt: str = "", seen: list[str] | None = None) -> None:
            self.prompt, self.seen = prompt, [] if seen is None else seen
            self.fingerprint = f"letters {prompt}"

        def with_prompt(self, prompt: str) -> Counting:
            return Counting(prompt, self.seen)

        def encode(self, texts: Sequence[str], *, batch_size: int) -> np.ndarray:
            self.seen.extend(self.prompt + text for text in texts)
            return bag([self.prompt + text for text in texts])

    encoder = Counting()
    facts = ModelFacts(checkpoint="letters", layout="none", dim=DIM)
    model = Model(encoder=encoder, projector=Identity(DIM), facts=facts, query_prompt="query: ")
    encode = text_encoder(model, EmbeddingStore(is_enabled=False), prompt=model.query_prompt)
    found = encode(["one", "two", "one"])
    assert sorted(encoder.seen) == ["query: one", "query: two"]
    assert np.allclose(found, bag(["query: one", "query: two", "query: one"]), atol=1e-6)
