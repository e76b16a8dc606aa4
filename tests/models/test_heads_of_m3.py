"""The sparse and ColBERT heads beside a transformer: scores are those of FlagEmbedding, and no head is made up."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.support.tiny_model import TEXTS, Tiny
from tests.support.tiny_scorers import write_m3

from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.errors import CheckpointError, InvalidOptionError, UnsafeCheckpointError
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.heads_of_m3 import lists_of_heads
from embedscope.models.model import load_model
from embedscope.settings import Head, ModelSettings, Pooling

Score = Callable[[str, str], float]


@pytest.fixture(scope="module")
def m3(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_m3(tmp_path_factory.mktemp("m3") / "model")


@pytest.fixture(scope="module")
def collection() -> Collection:
    return collection_of(TEXTS)


def collection_of(texts: tuple[str, ...]) -> Collection:
    rows = [
        {"query": "giá rẻ gần trường a", "positive": texts[0], "negatives": list(texts[2:])},
        {"query": "đại học yên tĩnh zzz", "positive": texts[1], "negatives": []},
    ]
    return read_collection(rows)


def ranked(m3: Tiny, collection: Collection, head: Head, **more: object) -> RankedLists:
    model = load_model(m3.folder, pooling=Pooling.CLS)
    return lists_of_heads(model, collection, ModelSettings(head=head, batch_size=2, **more))  # type: ignore[arg-type]


def reference(m3: Tiny) -> dict[str, Score]:
    """FlagEmbedding's formulas in torch, a text at a time."""
    heads = {name: torch.load(m3.folder / f"{name}_linear.pt") for name in ("sparse", "colbert")}
    left_out = {m3.tokenizer.convert_tokens_to_ids(token) for token in ("<s>", "</s>", "<pad>", "<unk>")}

    def hidden(text: str) -> tuple[torch.Tensor, list[int]]:
        tokens = m3.tokenizer([text], return_tensors="pt")
        with torch.no_grad():
            return m3.model(**tokens).last_hidden_state[0], tokens["input_ids"][0].tolist()

    def weights(text: str) -> dict[int, float]:
        states, ids = hidden(text)
        values = torch.relu(states @ heads["sparse"]["weight"].T + heads["sparse"]["bias"])[:, 0].tolist()
        found: dict[int, float] = {}
        for number, value in zip(ids, values, strict=True):
            if number not in left_out and value > 0:
                found[number] = max(value, found.get(number, 0.0))
        return found

    def vectors(text: str) -> torch.Tensor:
        states = hidden(text)[0][1:] @ heads["colbert"]["weight"].T + heads["colbert"]["bias"]
        return torch.nn.functional.normalize(states, dim=-1)

    def dense(query: str, document: str) -> float:
        return float(torch.nn.functional.cosine_similarity(hidden(query)[0][0], hidden(document)[0][0], dim=0))

    def sparse(query: str, document: str) -> float:
        own, other = weights(query), weights(document)
        return sum(weight * other.get(number, 0.0) for number, weight in own.items())

    def colbert(query: str, document: str) -> float:
        similarities = torch.einsum("in,jn->ij", vectors(query), vectors(document))
        return float(similarities.max(-1).values.sum() / len(similarities))

    return {"dense": dense, "sparse": sparse, "colbert": colbert}


def assert_scores(lists: RankedLists, collection: Collection, score: Score) -> None:
    """Every listed score is that of the reference, and what is not listed has the score 0."""
    listed = dict(zip(zip(lists.query_of_entry, lists.documents, strict=True), lists.scores, strict=True))
    for q, query in enumerate(collection.queries):
        for d, document in enumerate(collection.documents):
            assert listed.get((q, d), 0.0) == pytest.approx(score(query, document), abs=1e-5)


@pytest.mark.parametrize("head", [Head.SPARSE, Head.COLBERT])
def test_a_head_scores_as_flag_embedding_does(m3: Tiny, collection: Collection, head: Head) -> None:
    lists = ranked(m3, collection, head)
    assert_scores(lists, collection, reference(m3)[head])
    assert lists.tolerance == pytest.approx(1e-6 * np.abs(lists.scores).max())


@pytest.mark.parametrize("weights", [(), (0.4, 0.2, 0.4), (1.0, 0.3, 1.0)])
def test_all_heads_are_the_weighted_mean_of_their_scores(
    m3: Tiny, collection: Collection, weights: tuple[float, ...]
) -> None:
    own, (a, b, c) = reference(m3), weights or (1.0, 1.0, 1.0)

    def score(query: str, document: str) -> float:
        parts = (own[name](query, document) for name in ("dense", "sparse", "colbert"))
        return sum(w * part for w, part in zip((a, b, c), parts, strict=True)) / (a + b + c)

    lists = ranked(m3, collection, Head.ALL, fusion_weights=weights)
    assert_scores(lists, collection, score)
    assert len(lists.documents) == len(collection.queries) * len(collection.documents)
    assert lists.facts.head == f"dense, sparse and ColBERT, weighted {a:g}, {b:g}, {c:g}"


def test_a_document_without_a_token_of_the_query_is_not_returned(m3: Tiny) -> None:
    lists = ranked(m3, collection_of(("hai ba", "một", "giá", "quận", "phòng")), Head.SPARSE)
    first = lists.documents[lists.indptr[0] : lists.indptr[1]]
    assert len(first) <= 1


def test_blocks_of_documents_change_no_score(m3: Tiny, collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ranked(m3, collection, Head.ALL)
    monkeypatch.setattr("embedscope.models.scorers.BLOCK_TOKENS", 1)
    in_blocks = ranked(m3, collection, Head.ALL)
    assert in_blocks.documents.tolist() == whole.documents.tolist()
    np.testing.assert_allclose(in_blocks.scores, whole.scores, atol=1e-6)


def test_the_facts_say_which_head_scored_and_not_that_it_was_left_out(m3: Tiny, collection: Collection) -> None:
    facts = ranked(m3, collection, Head.COLBERT).facts
    assert (facts.head, facts.dim, facts.similarity) == ("ColBERT head", 16, "score")
    assert not any("not used" in note for note in facts.notes)


@pytest.mark.parametrize(("heads", "asked", "there"), [
    (("sparse",), Head.COLBERT, "dense, sparse"), (("colbert",), Head.ALL, "dense, colbert"),
    ((), Head.SPARSE, "dense"),
])  # fmt: skip
def test_an_absent_head_is_refused_with_those_that_are_there(
    tmp_path: Path, collection: Collection, heads: tuple[str, ...], asked: Head, there: str
) -> None:
    tiny = write_m3(tmp_path / "model", heads=heads)
    with pytest.raises(CheckpointError, match=f"its heads are {there}\\. Save"):
        ranked(tiny, collection, asked)


@pytest.mark.parametrize(("stored", "said"), [
    ({"weight": torch.zeros(1, 31), "bias": torch.zeros(1)}, "a matrix over 32 numbers"),
    ({"weight": torch.zeros(2, 32), "bias": torch.zeros(2)}, r"of shape \(2, 32\)"),
    ({"weight": torch.zeros(1, 32), "bias": torch.zeros(3)}, r"a bias of shape \(3,\)"),
    ({"weight": torch.full((1, 32), torch.nan), "bias": torch.zeros(1)}, "not finite"),
    ({"other": torch.zeros(1, 32)}, r"it holds other \(1, 32\)"),
])  # fmt: skip
def test_a_head_that_does_not_fit_is_refused(
    tmp_path: Path, collection: Collection, stored: dict[str, torch.Tensor], said: str
) -> None:
    tiny = write_m3(tmp_path / "model")
    torch.save(stored, tiny.folder / "sparse_linear.pt")
    with pytest.raises(CheckpointError, match=said):
        ranked(tiny, collection, Head.SPARSE)


def test_a_head_whose_pickle_would_run_code_is_refused_unrun(tmp_path: Path, collection: Collection) -> None:
    tiny = write_m3(tmp_path / "model")
    (tiny.folder / "sparse_linear.pt").write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(UnsafeCheckpointError, match="refused"):
        ranked(tiny, collection, Head.SPARSE)


def test_weights_that_are_not_three_are_refused(m3: Tiny, collection: Collection) -> None:
    with pytest.raises(
        InvalidOptionError, match="--head all needs 3 weights, not all of them 0: dense, sparse, colbert"
    ):
        ranked(m3, collection, Head.ALL, fusion_weights=(1.0, 2.0))
