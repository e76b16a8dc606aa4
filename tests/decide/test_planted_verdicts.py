"""Planted test sets and models, each with what an expert would say: the verdict, and the words of its headline.

Every row goes through the composition of a run, from vectors to the result. One that names a reference is also compared
with it, and both have to say the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tests.support.planted import collapsed, collection_of, embedded, first_positive, model, rows_of, unit, words

from embedscope.comparison.paired import compare_runs
from embedscope.data.collection import Collection, Negative, Row, build_collection
from embedscope.decide.criteria import load_criteria
from embedscope.decide.verdict import judge_comparison
from embedscope.models.embed import Embeddings
from embedscope.pipeline import TrainingFile, result_of
from embedscope.result import Result, Verdict
from embedscope.settings import Settings
from embedscope.systems import Embedded

REFERENCE = "old.npz"


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A test set, a model, and what the model is held against."""

    collection: Collection
    ours: Embeddings
    base: Embeddings | None = None
    reference: Embeddings | None = None
    train: Collection | None = None


@dataclass(frozen=True)
class Case:
    """``words`` is a pattern that the headline holds; ``criteria`` a profile, or the text of a TOML file."""

    name: str
    plant: Callable[[], Planted]
    outcome: str
    words: str
    criteria: str = "ranks"


# --- test sets and models -----------------------------------------------------------------------------------------


def alone(n: int = 80, *, shared: float = 0.0, **how: float) -> Planted:
    """A model on ``n`` queries with three hard negatives each, ``shared`` of which repeat the words of the positive."""
    collection = collection_of(n, shared_words=shared)
    return Planted(collection=collection, ours=model(collection, **how))


def against(old: dict[str, float], new: dict[str, float], *, n: int = 80, shared: float = 0.0) -> Planted:
    """A model against another on the same test set."""
    found = alone(n, shared=shared, **new)
    return replace(found, reference=model(found.collection, **old, name=REFERENCE))


def lifted(planted: Planted, share: float) -> Planted:
    """The same ranks in a narrow cone: each cosine c becomes share + (1 - share) c."""

    def lift(rows: np.ndarray) -> np.ndarray:
        return unit(np.column_stack([np.sqrt(1 - share) * rows, np.full(len(rows), np.sqrt(share))]))

    ours = planted.ours
    return replace(planted, ours=embedded(lift(ours.queries), lift(ours.documents)))


def in_many_dimensions(similarity: float, *, dim: int = 1024) -> Planted:
    """Queries at the cosine ``similarity`` to their positive, in a space where all else is nearly orthogonal."""
    collection, generator = collection_of(80), np.random.default_rng(5)
    documents = unit(generator.standard_normal((len(collection.documents), dim)))
    own = documents[first_positive(collection)]
    noise = unit(generator.standard_normal(own.shape))
    queries = unit(similarity * own + np.sqrt(1 - similarity**2) * noise)
    return Planted(collection=collection, ours=embedded(queries, documents))


def with_close_seconds() -> Planted:
    """The first hard negative of each query lies just behind its positive."""
    found = alone()
    documents, negatives = found.ours.documents.copy(), found.collection.negatives
    for query, positive in enumerate(first_positive(found.collection)):
        own = negatives.documents[negatives.queries == query][0]
        documents[own] = unit((documents[positive] + 0.35 * documents[own])[np.newaxis])[0]
    return replace(found, ours=embedded(found.ours.queries, documents))


def with_tied_negatives() -> Planted:
    found = alone()
    documents, negatives = found.ours.documents.copy(), found.collection.negatives
    for query, positive in enumerate(first_positive(found.collection)):
        documents[negatives.documents[negatives.queries == query][0]] = documents[positive]
    return replace(found, ours=embedded(found.ours.queries, documents))


def on(rows: list[Row], **how: float) -> Planted:
    collection = build_collection(rows, format="planted")
    return Planted(collection=collection, ours=model(collection, **how))


def contradicting() -> Planted:
    rows = rows_of(80)
    rows[:8] = [replace(row, negatives=(*row.negatives, Negative(row.positives[0]))) for row in rows[:8]]
    return on(rows)


def in_a_small_pool() -> Planted:
    """40 queries that their file calls independent, on 8 documents."""
    rows = [replace(row, group=str(i)) for i, row in enumerate(rows_of(8, n_queries_each=5, n_negatives=0))]
    return on(rows)


def with_several_positives(*, gains: bool = False, shared: float = 0.0, share_wrong: float = 0.0) -> Planted:
    """Queries with three positives each, near the first, the second and the third in this order.

    With ``gains`` these count 3, 2 and 1. ``share_wrong`` of the queries lie nearer to other documents.
    """
    generator = np.random.default_rng(2)
    rows = []
    for i in range(60):
        positives = tuple(words(generator) for _ in range(3))
        own = words(generator, 3)
        query = f"{own} {positives[0]}" if i < shared * 60 else own
        rows.append(Row(query, positives, tuple(Negative(words(generator)) for _ in range(3))))
    collection = build_collection(rows, format="planted")
    documents = unit(generator.standard_normal((len(collection.documents), 256)))
    place = {text: i for i, text in enumerate(collection.documents)}
    near = np.array([[place[text] for text in row.positives] for row in rows])
    queries = np.einsum("p,qpd->qd", [1.0, 0.8, 0.6], documents[near])
    n_wrong = round(share_wrong * len(rows))
    queries[:n_wrong] = 0.3 * queries[:n_wrong] + 2 * documents[np.roll(near[:, 0], 7)[:n_wrong]]
    if gains:
        grade = {text: 3.0 - k for row in rows for k, text in enumerate(row.positives)}
        collection = replace(collection, gains=np.array([grade[collection.documents[d]] for d in collection.relevant]))
    return Planted(collection=collection, ours=embedded(unit(queries), documents))


def in_reverse_order(planted: Planted) -> Planted:
    """The same documents found, the least relevant first."""
    gains = planted.collection.gains
    return replace(planted, collection=replace(planted.collection, gains=4.0 - gains))


def head(*, base: dict[str, float], share_random: float = 0.0) -> Planted:
    """A head of half the width of its base, that keeps all of it but for ``share_random`` of the queries."""
    collection = collection_of(80)
    wide = model(collection, **base)
    matrix = np.linalg.qr(np.random.default_rng(6).standard_normal((64, 64)))[0][:, :48]
    own = model(collection)
    queries = own.queries @ matrix
    n = round(share_random * len(queries))
    queries[len(queries) - n :] = np.random.default_rng(7).standard_normal((n, 48))
    return Planted(collection=collection, ours=embedded(unit(queries), unit(own.documents @ matrix)), base=wide)


def chained(n: int = 100) -> Planted:
    """Each query shares one of its two documents with the next: one connected group, and many independent queries."""
    texts = [words(generator) for generator in [np.random.default_rng(4)] for _ in range(2 * n + 1)]
    own = np.random.default_rng(5)
    rows = [Row(words(own, 3), (texts[i], texts[i + 1]), (Negative(texts[n + 1 + i]),)) for i in range(n)]
    return on(rows)


def leaked() -> Planted:
    return replace(alone(), train=build_collection(rows_of(80)[:40] + rows_of(20, seed=9), format="planted"))


def dot_product(planted: Planted, *, negatives: float = 1.0) -> Planted:
    """As a model of inner products is measured: with norms of about 10, those of hard negatives longer by a factor."""
    ours, documents = planted.ours, planted.collection.negatives.documents
    norms = np.random.default_rng(6).uniform(9, 11, (len(ours.documents), 1))
    norms[documents] *= negatives
    found = embedded(10 * ours.queries, (norms * ours.documents).astype(np.float32))
    return replace(planted, ours=replace(found, facts=replace(found.facts, similarity="dot")))


NAMED = """
must_beat_lexical = false
[[criterion]]
id = "ndcg"
metric = "metrics.nDCG@5"
direction = ">"
threshold = 0.9
[[criterion]]
id = "precision"
metric = "metrics.P@1"
direction = ">"
threshold = 0.9
[[criterion]]
id = "third"
metric = "metrics.success@3"
direction = ">"
threshold = 0.9
[[criterion]]
id = "map"
metric = "metrics.MAP"
direction = ">"
threshold = 0.9
"""

GAIN = """
[[criterion]]
id = "gain"
metric = "comparisons.lexical.nDCG@7"
direction = ">"
threshold = 0.1
"""

CASES = (
    # Alone: ranks gate, levels advise.
    Case("good", alone, "deploy", r"^both gating checks pass on 80 independent queries; MRR 1\.0000 \["),
    Case("half wrong", lambda: alone(share_wrong=0.5), "retrain", r"^Relevant document at rank 1: 0\.5000 \["),
    Case("random vectors", lambda: alone(share_random=1.0), "retrain", r"^Queries cluster with their positives: 0\.0"),
    Case(
        "on both sides of the threshold",
        lambda: alone(share_wrong=0.1),
        "undecided",
        r"straddles the threshold, must be > 0\.85; about \d+ more independent queries would decide it with 80 % power",
    ),
    Case("at the threshold", lambda: alone(share_wrong=0.15), "undecided", "too close to the threshold"),
    Case(
        "collapsed",
        lambda: (lambda c: Planted(collection=c, ours=collapsed(c)))(collection_of(80)),
        "retrain",
        "^the space has collapsed: .* every ranking is chance$",
    ),
    Case("a point, and right", lambda: lifted(alone(), 0.9999), "deploy", "^deploy by its ranks; 3 similarity levels"),
    Case(
        "levels of E5",
        lambda: lifted(alone(), 0.9),
        "deploy",
        r"^deploy by its ranks; 3 similarity levels lie outside the checklist, which matters only where scores are "
        r"thresholded$",
    ),
    Case("a diagonal of 0.4", lambda: in_many_dimensions(0.4), "deploy", "^deploy by its ranks; 1 similarity level"),
    Case("a close second", with_close_seconds, "deploy", "^deploy by its ranks; 1 similarity level"),
    Case("levels of E5, half wrong", lambda: lifted(alone(share_wrong=0.5), 0.9), "retrain", "^Relevant document at"),
    Case("dot product", lambda: dot_product(alone()), "deploy", "^both gating checks pass"),
    Case("dot product, long negatives", lambda: dot_product(alone(), negatives=20), "retrain", "^Queries cluster with"),
    Case("dot product, half wrong", lambda: dot_product(alone(share_wrong=0.5)), "retrain", "^Relevant document at"),
    # Alone, by criteria that are named.
    Case("good, all seven", alone, "deploy", "^all 7 gating checks pass", "checklist"),
    Case("levels of E5, all seven", lambda: lifted(alone(), 0.9), "retrain", "must be > 0.25", "checklist"),
    Case("a diagonal of 0.4, all seven", lambda: in_many_dimensions(0.4), "retrain", "^Mean diagonal", "checklist"),
    Case("dot product, all seven", lambda: dot_product(alone()), "deploy", "^all 3 gating checks", "checklist"),
    Case("no hard negatives", lambda: on(rows_of(80, n_negatives=0)), "deploy", "^all 3 gating checks", "evidence"),
    Case("hard negatives win", lambda: alone(share_wrong=0.5), "retrain", "^Relevant document at rank 1", "evidence"),
    Case("metrics that are named", lambda: with_several_positives(gains=True), "deploy", "^all 4 gating", NAMED),
    Case("a gain that is named", alone, "deploy", "^the gating check passes", GAIN),
    # Test sets that cannot answer.
    Case("tiny", lambda: alone(12), "unfit", "^too few independent queries to judge by: 12, at least 30 needed"),
    Case("tiny and bad", lambda: alone(12, share_random=1.0), "unfit", "^too few independent queries"),
    Case("one cluster", lambda: on(rows_of(1, n_queries_each=60, n_negatives=30)), "unfit", "to judge by: 1, at least"),
    Case("paraphrases", lambda: on(rows_of(12, n_queries_each=10)), "unfit", "to judge by: 12, at least 30"),
    Case("leaked", leaked, "unfit", "^50 % of the test queries stand in the training file train.json"),
    Case("contradictory labels", contradicting, "unfit", "^8 texts are labelled both relevant and negative"),
    Case("tied", with_tied_negatives, "unfit", r"^Success@1 is 0\.000 or 1\.000 depending on how tied documents"),
    Case("a small pool", in_a_small_pool, "unfit", r"^a random order already has Success@1 = 0\.125 on 8 documents"),
    # What words and letters alone can do.
    Case("words solve it", lambda: alone(shared=1.0), "unfit", r"^character n-grams alone pass .* needs no model"),
    Case("words at 0.92, better", lambda: alone(100, shared=0.92), "deploy", "^both gating checks pass on 100"),
    Case(
        "words at 0.92, 0.26 worse",
        lambda: alone(100, shared=0.92, share_random=0.34),
        "retrain",
        r"^the model ranks worse than (character n-grams|BM25): MRR difference -0\.2",
    ),
    Case("words at 0.6, better", lambda: alone(shared=0.6), "deploy", "^both gating checks pass"),
    Case("words at 0.6, worse", lambda: alone(shared=0.6, share_random=0.7), "retrain", "worse than (character|BM25)"),
    Case(
        "words nearly as good", lambda: alone(39, shared=0.84), "undecided", r"^a gain over (character|BM25).* is not"
    ),
    # Several relevant documents, graded or not.
    Case("three positives", with_several_positives, "deploy", "^deploy by its ranks|^both gating checks pass"),
    Case(
        "three positives, half wrong",
        lambda: with_several_positives(shared=0.5, share_wrong=0.5),
        "retrain",
        r"^Relevant document at rank 1: 0\.5.*; with several relevant documents a query the ideal is 1\.0000, and the "
        r"best baseline, (character n-grams|BM25), reaches 0\.[45]",
    ),
    Case(
        "one shared document after another", chained, "deploy", r"^deploy by its ranks|on (5\d|[6-9]\d|100) independent"
    ),
    Case("graded, in order", lambda: with_several_positives(gains=True), "deploy", "gating checks pass|by its ranks"),
    Case(
        "graded, in reverse order",
        lambda: in_reverse_order(with_several_positives(gains=True)),
        "retrain",
        r"^ndcg: 0\.\d+ \[.*must be > 0\.9; with several relevant documents",
        NAMED,
    ),
    # A head and its base.
    Case(
        "a head that helps", lambda: head(base={"share_random": 0.5}), "deploy", "by its ranks|both gating checks pass"
    ),
    Case(
        "a head that spoils its base",
        lambda: head(base={}, share_random=0.5),
        "retrain",
        r"^the model ranks worse than the base model without its head: MRR difference -0\.",
    ),
    # Against a reference.
    Case(
        "better, and below the checklist",
        lambda: against({"share_random": 0.8}, {"share_random": 0.4}),
        "deploy",
        r"^better than old\.npz: deploy; by the checklist alone: retrain, \d of 7 pass$",
    ),
    Case(
        "better, and words beat both",
        lambda: against({"share_random": 0.9}, {"share_random": 0.5}, shared=0.8),
        "deploy",
        r"^better than old\.npz: deploy; (n-grams beat|BM25 beats) both; by the checklist alone: retrain",
    ),
    Case(
        "worse, and above the checklist",
        lambda: against({}, {"share_random": 0.03}, n=300),
        "retrain",
        r"^worse than old\.npz: retrain; by the checklist alone: deploy, 7 of 7 pass$",
    ),
    Case(
        "a baseline that wins", lambda: against({}, {"share_random": 0.28}), "retrain", r"^worse than old\.npz: retrain"
    ),
    Case("equal", lambda: against({}, {}), "undecided", r"^the same as old\.npz in the MRR of every query: undecided"),
    Case(
        "not to be told apart",
        lambda: against({"share_wrong": 0.1}, {"share_wrong": 0.15}),
        "undecided",
        r"^not surely better or worse than old\.npz: undecided",
    ),
    Case(
        "better, and below criteria that are named",
        lambda: against({"share_random": 0.8}, {"share_random": 0.4}),
        "retrain",
        r"^better than old\.npz, but a gating check fails: ",
        "checklist",
    ),
    Case(
        "words solve it, better",
        lambda: against({"share_random": 0.33}, {}, shared=1.0),
        "deploy",
        "^better than old",
    ),
    Case(
        "words solve it, worse",
        lambda: against({}, {"share_random": 0.26}, shared=1.0),
        "retrain",
        "(n-grams beat|BM25 beats) it",
    ),
    Case(
        "tiny, against a reference", lambda: against({"share_random": 0.5}, {}, n=12), "unfit", "^too few independent"
    ),
    Case(
        "collapsed, against a reference",
        lambda: (lambda found: replace(found, ours=collapsed(found.collection)))(against({}, {})),
        "retrain",
        "^the space has collapsed",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_what_an_expert_would_say(case: Case, tmp_path: Path) -> None:
    planted, criteria = case.plant(), case.criteria
    if "[[criterion]]" in criteria:
        (tmp_path / "named.toml").write_text(criteria, encoding="utf-8")
        criteria = str(tmp_path / "named.toml")
    settings = Settings.of(draws=400, skip_tsne=True, skip_umap=True, criteria=criteria, examples=0)
    result = measured(planted, planted.ours, settings, reference=planted.reference)
    verdict = result.verdict
    assert (verdict.outcome, bool(re.search(case.words, verdict.headline))) == (case.outcome, True), verdict
    assert verdict.reasons[0] == verdict.headline
    passed = {check.sentence for check in result.checklist if check.outcome == "pass"}
    assert passed.isdisjoint(verdict.reasons), "what passed is no reason"
    assert not any("-0.0000" in reason for reason in verdict.reasons)
    if planted.reference is not None:
        assert shown(compared(planted, settings)) == shown(verdict)


def measured(planted: Planted, ours: Embeddings, settings: Settings, *, reference: Embeddings | None = None) -> Result:
    baselines = {} if reference is None else {REFERENCE: reference}
    training = None if planted.train is None else TrainingFile("train.json", planted.train)
    return result_of(planted.collection, Embedded(ours, planted.base, baselines), settings, training=training)


def compared(planted: Planted, settings: Settings) -> Verdict:
    """The verdict of ``compare old.npz planted.npz``."""
    assert planted.reference is not None
    runs = {
        REFERENCE: measured(planted, planted.reference, settings),
        "planted.npz": measured(planted, planted.ours, settings),
    }
    comparison = compare_runs(runs, reference=REFERENCE, settings=settings)
    return judge_comparison(comparison, runs["planted.npz"], load_criteria(settings.measure.criteria))[1]


def shown(verdict: Verdict) -> tuple[str, ...]:
    """What a comparison adds about types of hard negatives stands after the figures of both."""
    return (verdict.outcome, verdict.profile, *verdict.reasons[:2])


def test_the_table_has_the_length_that_it_promises() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
