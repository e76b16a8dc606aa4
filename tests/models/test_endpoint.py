"""Endpoints: the vectors of the server whatever happens on the way, or one message; the key goes nowhere else."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.loopback import DIM, Loopback, Mishap, made_up, rows_of, send, serving

from embedscope.errors import (
    CheckpointError,
    EmbedscopeError,
    EndpointError,
    InvalidEmbeddingsError,
    InvalidOptionError,
)
from embedscope.models import endpoint_client
from embedscope.models.cache import EmbeddingStore
from embedscope.models.checkpoint import load_checkpoint
from embedscope.models.embed import encode_texts
from embedscope.models.endpoint import PROBES, EndpointEncoder, _notes_of_key, apart, connect
from embedscope.models.endpoint_address import Address, Key, is_endpoint
from embedscope.models.endpoint_client import Client, Patience
from embedscope.models.model import load_model
from embedscope.settings import Pooling

TEXTS = [f"text {n}" for n in range(10)]
HASTY = Patience(request_s=0.4, total_s=4.0, attempts=3, first_wait_s=0.01)
KEY = "sk-not-to-be-seen-0123456789"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("EMBEDSCOPE_API_KEY", raising=False)
    with serving(Loopback()) as loopback:
        yield loopback


def encoder_of(server: Loopback, *mishaps: Mishap) -> EndpointEncoder:
    """The endpoint, tried; what it is asked from now on is answered by ``mishaps`` first."""
    found = connect(server.address, patience=HASTY).encoder
    server.mishaps.extend(mishaps)
    return found


def with_rows(change: Callable[[list[dict[str, Any]]], Any]) -> Mishap:
    """Answers with other rows than those of the texts."""
    return lambda handler, texts: send(handler, {"data": change(rows_of(made_up(texts)))})


def with_vector(place: int, values: Any) -> Mishap:
    """Answers with ``values`` as one of the vectors."""

    def change(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows[place]["embedding"] = values
        return rows

    return with_rows(change)


# --- what comes back ----------------------------------------------------------------------------------------------


def test_vectors_are_those_of_the_server_in_the_order_of_the_texts(server: Loopback) -> None:
    server.delay_s = 0.02
    encoder = encoder_of(server)
    server.asked.clear()
    found = encoder.encode(TEXTS, batch_size=3)
    assert (found.dtype, encoder.dim) == (np.float32, DIM)
    np.testing.assert_allclose(found, made_up(TEXTS), rtol=1e-6)
    assert sorted(len(texts) for _, _, texts in server.asked) == [1, 3, 3, 3]
    assert 1 < server.most_at_once <= encoder.n_parallel
    assert {path for path, _, _ in server.asked} == {"/v1/embeddings"}


def test_a_prompt_is_sent_before_each_text(server: Loopback) -> None:
    encoder = encoder_of(server).with_prompt("query: ")
    server.asked.clear()
    encoder.encode(["a", "b"], batch_size=8)
    assert server.texts == ["query: a", "query: b"]


def test_vectors_are_put_in_order_by_their_index(server: Loopback) -> None:
    encoder = encoder_of(server, with_rows(lambda rows: rows[::-1]))
    np.testing.assert_allclose(encoder.encode(TEXTS, batch_size=10), made_up(TEXTS), rtol=1e-6)


def test_vectors_in_base64_are_read(server: Loopback) -> None:
    def packed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        as_text = [base64.b64encode(np.array(row["embedding"], "<f4").tobytes()).decode() for row in rows]
        return [{**row, "embedding": text} for row, text in zip(rows, as_text, strict=True)]

    encoder = encoder_of(server, with_rows(packed))
    np.testing.assert_allclose(encoder.encode(TEXTS, batch_size=10), made_up(TEXTS), rtol=1e-6)


def test_an_encoder_that_works_side_by_side_is_given_as_many_batches_and_keeps_what_is_done(
    server: Loopback, tmp_path: Path
) -> None:
    encoder, store = encoder_of(server), EmbeddingStore(tmp_path)
    server.mishaps.extend([*[lambda handler, texts: send(handler, {"data": rows_of(made_up(texts))})] * 4])
    server.mishaps.append(lambda handler, texts: send(handler, b"no", status=400))
    with pytest.raises(EndpointError, match="400"):
        encode_texts(TEXTS, encoder, store, batch_size=2)
    again = encode_texts(TEXTS, encoder, store, batch_size=2)
    assert (again.n_cached, again.n_encoded) == (8, 2)
    np.testing.assert_allclose(again.vectors, made_up(TEXTS), rtol=1e-6)


# --- what passes --------------------------------------------------------------------------------------------------


def _dropped(handler: Any, texts: list[str]) -> None:
    handler.close_connection = True


def _slow(handler: Any, texts: list[str]) -> None:
    time.sleep(0.8)
    send(handler, {"data": rows_of(made_up(texts))})


def _trickling(handler: Any, texts: list[str]) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(8):
        handler.wfile.write(b" ")
        time.sleep(0.1)


PASSING: dict[str, Mishap] = {
    "429": lambda handler, texts: send(handler, b"slow down", status=429),
    "500": lambda handler, texts: send(handler, {"error": "oops"}, status=500),
    "503": lambda handler, texts: send(handler, b"loading", status=503, headers={"Retry-After": "0"}),
    "a body shorter than stated": lambda handler, texts: send(handler, b'{"data": [', missing=100),
    "half a body": lambda handler, texts: send(handler, json.dumps({"data": rows_of(made_up(texts))}).encode()[:-40]),
    "a dropped connection": _dropped,
    "no answer in time": _slow,
    "an answer that trickles": _trickling,
}


@pytest.mark.parametrize("mishap", PASSING.values(), ids=PASSING)
def test_what_may_pass_is_asked_again(server: Loopback, mishap: Mishap) -> None:
    encoder = encoder_of(server, mishap, mishap)
    np.testing.assert_allclose(encoder.encode(TEXTS, batch_size=10), made_up(TEXTS), rtol=1e-6)


@pytest.mark.parametrize("mishap", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_ends_in_one_message(server: Loopback, mishap: Mishap) -> None:
    encoder = encoder_of(server, *[mishap] * 3)
    with pytest.raises(EndpointError, match=r"asked 3 times in \d s\. What was encoded until then is in the cache"):
        encoder.encode(TEXTS, batch_size=10)


def test_a_server_that_asks_for_patience_is_left_alone_as_long(server: Loopback) -> None:
    encoder = encoder_of(server, lambda handler, texts: send(handler, b"", status=429, headers={"Retry-After": "1"}))
    started = time.monotonic()
    encoder.encode(TEXTS, batch_size=10)
    assert time.monotonic() - started >= 1


def test_a_server_that_asks_for_more_patience_than_there_is_is_given_up_at_once(server: Loopback) -> None:
    encoder = encoder_of(server, lambda handler, texts: send(handler, b"", status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(EndpointError, match=r"answered 429 Too Many Requests.*left alone for 3600 s.*asked 1 time in"):
        encoder.encode(TEXTS, batch_size=10)


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60))
    assert endpoint_client._retry_after_s("7") == 7
    assert 55 < (endpoint_client._retry_after_s(later) or 0) <= 60
    assert endpoint_client._retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert [endpoint_client._retry_after_s(text) for text in (None, "soon", "²")] == [None, None, None]


def test_waits_double_and_are_drawn() -> None:
    patience = Patience(first_wait_s=1.0, longest_wait_s=4.0)
    drawn = [[patience.wait_s(attempt) for _ in range(50)] for attempt in (1, 2, 3, 4)]
    for longest, waits in zip((1, 2, 4, 4), drawn, strict=True):
        assert longest / 2 <= min(waits) < max(waits) <= longest


# --- what is refused ----------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Mishap, type[EmbedscopeError], str]] = {
    "too few": (with_rows(lambda rows: rows[1:]), EndpointError, "gave 9 vectors for 10 texts"),
    "too many": (with_rows(lambda rows: [*rows, rows[0]]), EndpointError, "gave 11 vectors for 10 texts"),
    "an index twice": (with_rows(lambda rows: [*rows[:-1], rows[0]]), EndpointError, "gave the index 0 twice"),
    "an index too high": (
        with_rows(lambda rows: [*rows[:-1], {**rows[-1], "index": 10}]),
        EndpointError,
        "each once; it gave the index 10",
    ),
    "no index": (
        with_rows(lambda rows: [{"embedding": row["embedding"]} for row in rows]),
        EndpointError,
        "gave the index null",
    ),
    "NaN": (with_vector(3, [float("nan")] * DIM), InvalidEmbeddingsError, "not finite for 'text"),
    "infinity": (with_vector(3, [float("inf")] * DIM), InvalidEmbeddingsError, "not finite for 'text"),
    "beyond float32": (with_vector(3, [1e300] * DIM), InvalidEmbeddingsError, "not finite for 'text"),
    "zero": (with_vector(3, [0.0] * DIM), InvalidEmbeddingsError, "zero for 'text"),
    "another length": (
        lambda handler, texts: send(handler, {"data": rows_of(made_up(texts, 6))}),
        EndpointError,
        "vectors of 6 and of 8 numbers",
    ),
    "lengths that differ": (with_vector(3, [1.0] * 5), EndpointError, "vectors of 5 and of 8 numbers"),
    "a vector a token": (with_vector(3, [[1.0] * DIM] * 2), EndpointError, "one list of numbers"),
    "a ragged vector": (with_vector(3, [1.0, [2.0]]), EndpointError, "one list of numbers"),
    "texts for numbers": (with_vector(3, ["1.0"] * DIM), EndpointError, "one list of numbers"),
    "no vector": (with_vector(3, None), EndpointError, "one list of numbers"),
    "broken base64": (with_vector(3, "%%%"), EndpointError, "one list of numbers"),
    "a page": (
        lambda handler, texts: send(handler, b"<html>login</html>"),
        EndpointError,
        "answered with '<html>login",
    ),
    "another JSON": (
        lambda handler, texts: send(handler, {"result": 1}),
        EndpointError,
        r'answered with \{"result": 1',
    ),
    "deep JSON": (lambda handler, texts: send(handler, b"[" * 200_000), EndpointError, "should answer with JSON"),
    "more than there can be": (
        lambda handler, texts: send(handler, b" " * (12 << 20)),
        EndpointError,
        "more than 11,534,336 bytes",
    ),
    "400": (
        lambda handler, texts: send(handler, {"error": {"message": "too long"}}, status=400),
        EndpointError,
        "400 Bad Request: .*too long.*--batch-size",
    ),
    "401": (lambda handler, texts: send(handler, b"who?", status=401), EndpointError, "EMBEDSCOPE_API_KEY or OPENAI"),
    "404": (lambda handler, texts: send(handler, b"no model", status=404), EndpointError, "mostly ends in /v1"),
    "a status that nobody knows": (
        lambda handler, texts: send(handler, b"?", status=499),
        EndpointError,
        "answered 499",
    ),
}


@pytest.mark.parametrize(("mishap", "kind", "said"), REFUSED.values(), ids=REFUSED)
def test_an_answer_that_is_none_is_refused_in_one_message_and_nothing_is_cached(
    server: Loopback, tmp_path: Path, mishap: Mishap, kind: type[EmbedscopeError], said: str
) -> None:
    encoder, store = encoder_of(server, mishap), EmbeddingStore(tmp_path)
    n_asked = len(server.asked)
    with pytest.raises(kind, match=said) as refusal:
        encode_texts(TEXTS, EndpointEncoder(encoder.client, "tiny", DIM, "", n_parallel=1), store, batch_size=10)
    assert server.address in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(server.asked) == n_asked + 1
    assert not list(tmp_path.rglob("*.vectors"))


def test_a_redirect_is_not_followed_and_the_other_host_sees_nothing(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(Loopback()) as other:
        for status in (301, 302, 307, 308):
            place = {"Location": f"{other.address}/embeddings"}
            server.mishaps.append(lambda handler, texts, s=status, p=place: send(handler, b"", status=s, headers=p))
            with pytest.raises(EndpointError, match=f"answered {status} .*a redirect"):
                connect(server.address, model="tiny", patience=HASTY)
        assert other.asked == []


def test_nothing_behind_the_address_is_said_at_once(server: Loopback) -> None:
    started = time.monotonic()
    with pytest.raises(EndpointError, match=r"Nothing answers at 'http://127.0.0.1:9/v1' \(Connection refused\)"):
        connect("http://127.0.0.1:9/v1", model="tiny")
    assert time.monotonic() - started < 2


def test_plain_http_behind_https_is_said_at_once(server: Loopback) -> None:
    with pytest.raises(EndpointError, match=r"no safe connection"):
        connect(server.address.replace("http:", "https:"), model="tiny", patience=HASTY)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that no authority has signed, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl")
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", str(file.with_suffix(".crt"))]
    subprocess.run([openssl, *words.split(), *more], check=True, capture_output=True)
    file.write_text(file.read_text() + file.with_suffix(".crt").read_text())
    return file


def test_a_certificate_that_nobody_vouches_for_is_refused_and_one_that_is_named_is_taken(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDSCOPE_API_KEY", KEY)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(Loopback(), tls) as server:
        address = server.address.replace("http:", "https:")
        with pytest.raises(EndpointError, match=r"no safe connection .*self.signed certificate.*SSL_CERT_FILE"):
            connect(address, model="tiny", patience=HASTY)
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
        assert connect(address, model="tiny", patience=HASTY).encoder.dim == DIM


# --- addresses and keys -------------------------------------------------------------------------------------------


def test_an_address_is_read_with_or_without_the_path_of_the_vectors() -> None:
    for text in ("http://host:80/v1", "http://host:80/v1/", "HTTP://host:80/v1/embeddings", "http://host:80/v1#m"):
        assert str(Address.parse(text)) == "http://host:80/v1"
    assert str(Address.parse("https://[::1]:8080")) == "https://[::1]:8080"
    assert Address.parse("http://host/v1#owner/name").model == "owner/name"
    assert [is_endpoint(name) for name in ("http://h", "https://h", "owner/name", "hub:http", "ftp://h")] == [
        True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        f"http://user:{KEY}@host/v1", f"http://{KEY}@host/v1", f"http://host/v1?key={KEY}", f"http://h ost/{KEY}",
        f"http://[/{KEY}", f"http://host:{KEY}/v1", f"http:///{KEY}",
    ],
)  # fmt: skip
def test_an_address_that_holds_a_secret_or_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InvalidOptionError, match="address of the endpoint") as refusal:
        connect(text, model="tiny")
    assert KEY not in str(refusal.value)


def test_the_key_is_sent_in_its_header_and_nowhere_else(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-another-server")
    monkeypatch.setenv("EMBEDSCOPE_API_KEY", f" {KEY}\n")
    echo: Mishap = lambda handler, texts: send(  # noqa: E731
        handler, f"wrong key {handler.headers['Authorization']}".encode() * 20, status=401
    )
    encoder = encoder_of(server, echo, lambda handler, texts: send(handler, {"data": [KEY]}))
    assert KEY not in repr(encoder)
    for _ in range(2):
        with pytest.raises(EndpointError) as refusal:
            encoder.encode(["a"], batch_size=1)
        assert KEY not in str(refusal.value)
        assert "***" in str(refusal.value)
    for path, headers, texts in server.asked:
        assert headers.pop("Authorization") == f"Bearer {KEY}"
        assert KEY not in json.dumps([path, headers, texts])


def test_a_key_that_leaves_this_machine_without_encryption_is_noted() -> None:
    key = Key("OPENAI_API_KEY", KEY)
    noted = {
        text: _notes_of_key(Client(Address.parse(text), key))
        for text in ("http://127.0.0.1/v1", "http://[::1]/v1", "http://localhost/v1", "https://host/v1")
    }
    assert not any(noted.values())
    for host in ("host", "127.0.0.1.host", "10.0.0.1"):
        (note,) = _notes_of_key(Client(Address.parse(f"http://{host}/v1"), key))
        assert note == f"The key in OPENAI_API_KEY goes to '{host}' without encryption."


def test_without_a_key_none_is_sent(server: Loopback) -> None:
    encoder_of(server)
    assert not any("Authorization" in headers for _, headers, _ in server.asked)


def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\nX-More: 1")
    with pytest.raises(InvalidOptionError, match="OPENAI_API_KEY holds") as refusal:
        connect(server.address)
    assert KEY not in str(refusal.value)


# --- which model --------------------------------------------------------------------------------------------------


def test_the_only_model_is_taken_and_of_several_one_has_to_be_named(server: Loopback) -> None:
    assert connect(server.address).encoder.model == "tiny"
    server.models = ("one", "two")
    with pytest.raises(InvalidOptionError, match=r"Pass --model NAME: .* lists 'one', 'two'"):
        connect(server.address)
    assert connect(f"{server.address}#two", model="one").encoder.model == "two"
    server.models = ()
    with pytest.raises(InvalidOptionError, match="lists none"):
        connect(server.address)


def test_a_model_of_another_name_that_answers_is_noted(server: Loopback) -> None:
    server.mishaps.append(lambda handler, texts: send(handler, {"data": rows_of(made_up(texts)), "model": "other"}))
    assert connect(server.address).notes == ("The endpoint was asked for 'tiny' and says that 'other' answered.",)


def test_the_facts_name_address_and_model_and_say_whether_rows_are_unit_vectors(server: Loopback) -> None:
    facts = load_model(server.address).facts
    assert (facts.checkpoint, facts.layout, facts.dim) == (f"{server.address}#tiny", "endpoint", DIM)
    assert facts.similarity == "cosine"
    assert any("scored by cosine. Pass --similarity dot" in note for note in facts.notes)
    assert load_model(server.address, similarity="dot").facts.similarity == "dot"
    server.encode = lambda texts: made_up(texts) / np.linalg.norm(made_up(texts), axis=1, keepdims=True)
    assert load_model(server.address).facts.notes == ("The endpoint gives vectors of norm 1.",)


def test_how_a_checkpoint_encodes_is_refused_for_an_endpoint(server: Loopback) -> None:
    with pytest.raises(InvalidOptionError, match="--pooling, --max-length would change nothing: the server"):
        load_model(server.address, pooling=Pooling.CLS, max_length=128)
    with pytest.raises(CheckpointError, match="its weights and tokenizer are not at hand"):
        load_checkpoint(server.address)


# --- the same text twice, and the same model twice ----------------------------------------------------------------


def wavering(size: float) -> Callable[..., np.ndarray]:
    """Vectors that a batch of several moves to about 1 - cosine = ``size``."""

    def encode(texts: list[str]) -> np.ndarray:
        vectors = made_up(texts)
        if len(texts) > 1:
            aside = np.roll(vectors, 1, axis=1)
            aside -= vectors * (aside * vectors).sum(1, keepdims=True) / np.square(vectors).sum(1, keepdims=True)
            aside *= np.linalg.norm(vectors, axis=1, keepdims=True) / np.linalg.norm(aside, axis=1, keepdims=True)
            vectors = vectors + np.sqrt(2 * size) * aside
        return vectors

    return encode


@pytest.mark.parametrize("size", [1e-8, 1e-4, 1e-2])
def test_a_text_that_has_two_vectors_is_noted_or_refused_by_how_far_they_are_apart(
    server: Loopback, size: float
) -> None:
    server.encode = wavering(size)
    if size > 1e-3:
        with pytest.raises(EndpointError, match=r"the same text two vectors, .* 1 - cosine = 9\.9e-03; expected"):
            connect(server.address)
    else:
        noted = [note for note in connect(server.address).notes if "two vectors" in note]
        assert len(noted) == (size > 1e-6)


def test_the_distance_of_vectors_of_one_norm_is_one_minus_their_cosine() -> None:
    from sklearn.metrics.pairwise import paired_cosine_distances

    one, other = (made_up([f"{name} {n}" for n in range(20)]).astype(np.float32) for name in "ab")
    one, other = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (one, other))
    plain = 1 - (one.astype(float) * other.astype(float)).sum(axis=1)
    np.testing.assert_allclose(apart(one, other), plain, atol=1e-7)
    np.testing.assert_allclose(apart(one, other), paired_cosine_distances(one, other), atol=1e-6)


def test_another_model_behind_the_same_name_is_not_answered_from_the_cache(server: Loopback, tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path)

    def encoded() -> Any:
        encoder = connect(server.address, hashes=store.hashes).encoder
        return encode_texts(TEXTS, encoder, store)

    assert [encoded().n_cached, encoded().n_cached] == [0, 10]
    server.encode = lambda texts: -made_up(texts)
    assert [encoded().n_cached, encoded().n_cached] == [0, 10]
    np.testing.assert_allclose(encoded().vectors, -made_up(TEXTS), rtol=1e-6)
    server.encode = lambda texts: 2 * made_up(texts)  # normalises no longer
    assert encoded().n_cached == 0
    server.encode = lambda texts: made_up(texts, 6)
    assert encoded().n_cached == 0
    server.encode = made_up
    assert encoded().n_cached == 10


def test_a_server_whose_numbers_waver_keeps_its_place_in_the_cache(server: Loopback, tmp_path: Path) -> None:
    hashes = EmbeddingStore(tmp_path).hashes
    prints = set()
    for size in (1.0e-5, 1.1e-5, 1.2e-5):
        server.encode = wavering(size)
        prints.add(connect(server.address, hashes=hashes).encoder.fingerprint)
    assert len(prints) == 1
    (tmp_path / "file-hashes.json").write_text(
        json.dumps({f"endpoint {server.address} tiny": {"probes": ["%", 3, "AAAA"]}}), encoding="utf-8"
    )
    connect(server.address, hashes=hashes)  # a damaged memory stops nothing


def test_address_name_prompt_and_probes_have_their_own_place_in_the_cache(server: Loopback) -> None:
    encoder = encoder_of(server)
    with serving(Loopback()) as other:
        others = [
            connect(other.address).encoder,
            connect(f"{server.address}#another").encoder,
            encoder.with_prompt("query: "),
        ]
    assert len({encoder.fingerprint, *(one.fingerprint for one in others)}) == 4
    assert all(probe in server.texts for probe in PROBES)
