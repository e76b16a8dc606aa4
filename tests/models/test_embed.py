"""Encoding a collection: each text once, nothing lost, and the same vectors whatever the order and the memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.data.collection import Collection, Negatives
from embedscope.errors import EmbedscopeError, InvalidEmbeddingsError, InvalidOptionError
from embedscope.models import EmbeddingStore, Identity, Model, embed_collection, encode_texts
from embedscope.models import embed as encode_module
from embedscope.models.cache import text_keys
from embedscope.result import ModelFacts


class Fake:
    """An encoder that counts what it is asked for; a vector can be told from its text."""

    dim = 3

    def __init__(self, prompt: str = "", *, memory: int = 10**9, fingerprint: str = "a" * 64) -> None:
        self.prompt = prompt
        self.memory = memory
        self.fingerprint = (fingerprint + prompt)[-64:]
        self.batches: list[list[str]] = []

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.batches for text in batch]

    def with_prompt(self, prompt: str) -> Fake:
        view = Fake(prompt, memory=self.memory)
        view.batches = self.batches
        return view

    def encode(self, texts: Sequence[str], *, batch_size: int) -> np.ndarray:
        if len(texts) > self.memory:
            raise self.error()
        self.batches.append([self.prompt + text for text in texts])
        return vectors_of([self.prompt + text for text in texts])

    def error(self) -> Exception:
        return RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


def vectors_of(texts: Sequence[str]) -> np.ndarray:
    return text_keys(texts)[:, :3].astype(np.float32).reshape(-1, 3) + 1


def collection(queries: Sequence[str], documents: Sequence[str]) -> Collection:
    nothing = np.zeros(0, dtype=np.int64)
    return Collection(
        format="test",
        query_ids=tuple(f"q{row}" for row in range(len(queries))),
        queries=tuple(queries),
        document_ids=tuple(f"d{row}" for row in range(len(documents))),
        documents=tuple(documents),
        indptr=np.zeros(len(queries) + 1, dtype=np.int64),
        relevant=nothing,
        gains=np.zeros(0),
        negatives=Negatives(nothing, nothing, np.zeros(0), ()),
        n_rows=len(queries),
        n_queries_available=len(queries),
        n_duplicate_queries=0,
        n_duplicate_documents=0,
    )


def model(encoder: Fake, query_prompt: str = "", document_prompt: str = "") -> Model:
    facts = ModelFacts(checkpoint="fake", layout="fake", dim=3)
    return Model(encoder, Identity(3), facts, query_prompt, document_prompt)


@settings(max_examples=40)
@given(texts=st.lists(st.text(max_size=5), max_size=30), batch_size=st.integers(1, 8), memory=st.integers(1, 8))
def test_vectors_stand_in_the_order_of_the_texts_whatever_the_batch_and_the_memory(
    texts: list[str], batch_size: int, memory: int
) -> None:
    encoder = Fake(memory=memory)
    encoded = encode_texts(texts, encoder, batch_size=batch_size)
    np.testing.assert_array_equal(encoded.vectors, vectors_of(texts))
    assert len(encoder.texts) == len(set(encoder.texts)) == encoded.n_encoded


def test_texts_are_encoded_longest_first_so_that_a_lack_of_memory_comes_early() -> None:
    encoder = Fake()
    encode_texts(["aa", "a", "aaaa", "aaa"], encoder, batch_size=2)
    assert encoder.batches == [["aaaa", "aaa"], ["aa", "a"]]


def test_equal_texts_in_another_unicode_form_are_encoded_once() -> None:
    encoder = Fake()
    vectors = encode_texts(["e\u0301", "\u00e9"], encoder).vectors
    assert encoder.texts == ["\u00e9"]
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_a_second_run_encodes_only_what_is_new(tmp_path: Path) -> None:
    first, second = Fake(), Fake()
    encode_texts(["a", "b"], first, EmbeddingStore(tmp_path))
    encoded = encode_texts(["b", "c", "a", "a"], second, EmbeddingStore(tmp_path))
    assert (second.texts, encoded.n_encoded, encoded.n_cached) == (["c"], 1, 2)
    np.testing.assert_array_equal(encoded.vectors, vectors_of(["b", "c", "a", "a"]))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_resumes_where_it_stopped(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_module, "FLUSH_TEXTS", 4)
    texts = [f"text {number}" for number in range(20)]
    encoder = Fake()

    def stop_at_11(done: int, total: int, message: str | None = None) -> None:
        if done >= 11:
            raise error("stop")

    with pytest.raises(error):
        encode_texts(texts, encoder, EmbeddingStore(tmp_path), batch_size=1, progress=stop_at_11)
    rest = Fake()
    encoded = encode_texts(texts, rest, EmbeddingStore(tmp_path), batch_size=1)
    assert (encoded.n_cached, encoded.n_encoded) == (11, 9)
    np.testing.assert_array_equal(encoded.vectors, vectors_of(texts))


def test_work_is_kept_every_so_many_texts_not_only_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode_module, "FLUSH_TEXTS", 4)
    kept: list[int] = []
    store = EmbeddingStore(tmp_path)
    add = store.add
    monkeypatch.setattr(store, "add", lambda name, keys, rows: (kept.append(len(keys)), add(name, keys, rows)))
    encode_texts([f"text {number}" for number in range(10)], Fake(), store, batch_size=2)
    assert kept == [4, 4, 2]


def test_progress_counts_distinct_texts_and_ends_at_all(tmp_path: Path) -> None:
    encode_texts(["a"], Fake(), EmbeddingStore(tmp_path))
    told: list[tuple[int, int]] = []
    texts = ["a", "b", "b", "c"]
    encode_texts(
        texts,
        Fake(),
        EmbeddingStore(tmp_path),
        batch_size=1,
        progress=lambda done, total, message=None: told.append((done, total)),
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


# --- memory -------------------------------------------------------------------------------------------------


class TorchLike(Fake):
    def error(self) -> Exception:
        return type("OutOfMemoryError", (RuntimeError,), {})("no memory")


class Plain(Fake):
    def error(self) -> Exception:
        return MemoryError()


@pytest.mark.parametrize("kind", [Fake, TorchLike, Plain])
def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_the_run_says_so(kind: type[Fake]) -> None:
    encoder = kind(memory=3)
    messages: list[str] = []

    def progress(done: int, total: int, message: str | None = None) -> None:
        if message:
            messages.append(message)

    texts = [f"text {number}" for number in range(20)]
    encoded = encode_texts(texts, encoder, batch_size=16, progress=progress)
    np.testing.assert_array_equal(encoded.vectors, vectors_of(texts))
    assert [message.split()[-4] for message in messages] == ["8", "4", "2"]
    assert max(map(len, encoder.batches)) == 2


def test_a_single_text_that_does_not_fit_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(EmbedscopeError, match=r"single text of 4 characters does not fit.*--max-length"):
        encode_texts(["a", "aaaa"], Fake(memory=0), batch_size=4)


def test_other_errors_of_the_encoder_are_not_taken_for_a_lack_of_memory() -> None:
    encoder = Fake(memory=0)
    encoder.error = lambda: RuntimeError("shapes do not match")  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="shapes"):
        encode_texts(["a"], encoder)


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [0, -3])
def test_a_batch_size_that_is_not_positive_is_an_error(batch_size: int) -> None:
    with pytest.raises(InvalidOptionError, match="--batch-size"):
        encode_texts(["a"], Fake(), batch_size=batch_size)


def test_numbers_that_are_not_finite_are_refused_and_not_kept(tmp_path: Path) -> None:
    encoder = Fake()
    encoder.encode = lambda texts, *, batch_size: np.full((len(texts), 3), np.nan, np.float32)  # type: ignore[method-assign]
    with pytest.raises(InvalidEmbeddingsError, match="not finite for 1 of 1 texts, first: 'a'"):
        encode_texts(["a"], encoder, EmbeddingStore(tmp_path))
    assert encode_texts(["a"], Fake(), EmbeddingStore(tmp_path)).n_cached == 0


def test_vectors_of_another_shape_are_refused() -> None:
    encoder = Fake()
    encoder.encode = lambda texts, *, batch_size: np.ones((1, 2), np.float32)  # type: ignore[method-assign]
    with pytest.raises(InvalidEmbeddingsError, match=r"expected \(1, 3\)"):
        encode_texts(["a"], encoder)


def test_a_prompt_for_an_encoder_that_takes_none_is_an_error() -> None:
    class Bare:
        dim, fingerprint = 3, "b" * 64

        def encode(self, texts: Sequence[str], *, batch_size: int) -> np.ndarray:
            return vectors_of(texts)

    with pytest.raises(InvalidOptionError, match="takes no prompt"):
        encode_texts(["a"], Bare(), prompt="query: ")
    np.testing.assert_array_equal(encode_texts(["a"], Bare()).vectors, vectors_of(["a"]))


# --- collections --------------------------------------------------------------------------------------------


def test_a_text_that_is_query_and_document_is_encoded_once() -> None:
    encoder = Fake()
    embeddings = embed_collection(collection(["a", "b"], ["b", "c", "a"]), model(encoder))
    assert sorted(encoder.texts) == ["a", "b", "c"]
    np.testing.assert_array_equal(embeddings.queries[1], embeddings.documents[0])
    assert (embeddings.queries.shape, embeddings.documents.shape) == ((2, 3), (3, 3))
    assert (embeddings.n_encoded, embeddings.n_cached) == (3, 0)
    np.testing.assert_allclose(np.linalg.norm(embeddings.documents, axis=1), 1, atol=1e-6)
    assert embeddings.queries.dtype == embeddings.documents.dtype == np.float32


def test_each_role_has_its_prompt_and_prompts_are_kept_apart_in_the_store(tmp_path: Path) -> None:
    encoder = Fake()
    store = EmbeddingStore(tmp_path)
    embeddings = embed_collection(collection(["a"], ["a"]), model(encoder, "query: ", "passage: "), store)
    assert sorted(encoder.texts) == ["passage: a", "query: a"]
    assert (embeddings.queries != embeddings.documents).any()
    again = embed_collection(collection(["a"], ["a"]), model(Fake(), "query: ", "passage: "), store)
    np.testing.assert_array_equal(again.queries, embeddings.queries)
    assert (again.n_encoded, again.n_cached) == (0, 2)


def test_a_text_without_a_direction_is_refused_by_its_id() -> None:
    encoder = Fake()
    encoder.encode = lambda texts, *, batch_size: np.array([[t != "b"] * 3 for t in texts], np.float32)  # type: ignore[method-assign]
    with pytest.raises(InvalidEmbeddingsError, match="d1"):
        embed_collection(collection(["a"], ["a", "b"]), model(encoder))
