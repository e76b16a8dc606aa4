"""What a request may hold: whatever it does, one line says what is wrong with it, and nothing is a fault."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.served import TOKEN, answers_of, client_of

from embedscope.output.page import html
from embedscope.serve.application import _while_connected
from embedscope.serve.bounds import Limits, OneAtATime, RefusedError, UnwantedError, require_wanted

BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {**BEARER, "Content-Type": "application/json"}
SEARCH, SCORE, WORDS = "/api/search", "/api/score", "/api/words"


def definitions() -> dict[str, Any]:
    from importlib.resources import files

    return json.loads(files("embedscope.output.page").joinpath("schema.json").read_text("utf-8"))["$defs"]


@pytest.mark.parametrize(
    ("path", "asked", "kind"),
    [
        (SEARCH, {"text": "red room near park", "k": 2}, "live_answer"),
        (SCORE, {"text": "red", "document": "red", "row": 1}, "live_moved"),
        (WORDS, {"text": "red room", "first": 0, "second": 1}, "live_words"),
    ],
)
def test_an_answer_is_what_the_page_reads(path: str, asked: dict[str, Any], kind: str) -> None:
    answer = client_of().post(path, json=asked, headers=BEARER)
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), {"$ref": f"#/$defs/{kind}", "$defs": definitions()})


BROKEN = [
    b"", b"{", b"[]", b"null", b"7", b'"text"', b"{}", b"\xff\xfe", b"[" * 60_000, b'{"text":' * 8000,
    b'{"text": 7}', b'{"text": null}', b'{"text": ["red"]}', b'{"text": ""}', b'{"text": "  "}', b'{"text": "\\ud800"}',
    b'{"text": "red", "text": "blue"}', b'{"text": "red", "more": 1}', b'{"text": "red", "k": NaN}',
    b'{"text": "red", "k": Infinity}', b'{"text": "red", "k": 1e999}', b'{"text": "red", "k": 1.5}',
    b'{"text": "red", "k": true}', b'{"text": "red", "k": 0}', b'{"text": "red", "k": 101}',
    b'{"text": "red", "k": ' + b"9" * 6000 + b"}", b'{"text": "' + b"a" * 4001 + b'"}', b'{"text": "red", "edited": 1}',
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_body_is_400_with_one_line(body: bytes) -> None:
    answer = client_of().post(SEARCH, content=body, headers=JSON)
    assert answer.status_code == 400
    [(key, line)] = answer.json().items()
    assert key == "error"
    assert "\n" not in line


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (SCORE, {"text": "red", "document": "red", "row": -1}),
        (SCORE, {"text": "red", "document": "red", "row": 10**30}),
        (SCORE, {"text": "red", "document": "x" * 20_001, "row": 0}),
        (SCORE, {"text": "red", "document": "red"}),
        (WORDS, {"text": "red", "first": 0, "second": 0}),
        (WORDS, {"text": "red", "first": 0, "second": 3}),
        (WORDS, {"text": "red", "first": "0", "second": 1}),
    ],
)
def test_a_document_that_is_none_is_400(path: str, asked: dict[str, Any]) -> None:
    assert client_of().post(path, json=asked, headers=BEARER).status_code == 400


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
FIELDS = st.dictionaries(st.sampled_from(["text", "k", "edited", "document", "row", "first", "second", "x"]), VALUES)


CLIENT = client_of()


@settings(max_examples=40)
@given(asked=FIELDS, path=st.sampled_from([SEARCH, SCORE, WORDS]))
def test_no_json_object_is_a_fault(asked: dict[str, Any], path: str) -> None:
    answer = CLIENT.post(path, content=json.dumps(asked).encode(), headers=JSON)
    assert answer.status_code in (200, 400, 422)


@settings(max_examples=40)
@given(text=st.text(min_size=1, max_size=200))
def test_no_text_is_a_fault(text: str) -> None:
    answer = CLIENT.post(SEARCH, content=json.dumps({"text": text}).encode(), headers=JSON)
    assert answer.status_code in (200, 400, 422)


def test_a_body_of_another_kind_is_415() -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = client_of().post(SEARCH, content=b'{"text": "red"}', headers={**BEARER, "Content-Type": kind})
        assert answer.status_code == 415


def test_a_body_that_is_too_large_is_413_whether_it_says_so_or_not() -> None:
    body = json.dumps({"text": "a" * 70_000}).encode()
    assert client_of().post(SEARCH, content=body, headers=JSON).status_code == 413
    chunks = (body[start : start + 1000] for start in range(0, len(body), 1000))
    assert client_of().post(SEARCH, content=chunks, headers=JSON).status_code == 413


def test_more_requests_than_the_rate_are_429_and_say_when_to_come_again() -> None:
    client = client_of(rate=2.0)
    answers = [client.post(SEARCH, json={"text": "red"}, headers=BEARER) for _ in range(8)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 3
    assert int(refused[-1].headers["retry-after"]) >= 1


def test_one_request_at_a_time_and_a_full_queue_is_503() -> None:
    answers, started, go = answers_of(), threading.Event(), threading.Event()
    encode = answers.model.encoder.encode
    most, running = [0], [0]

    def slow(texts: Any, *, batch_size: int) -> Any:
        running[0] += 1
        most[0] = max(most[0], running[0])
        started.set()
        assert go.wait(30)
        running[0] -= 1
        return encode(texts, batch_size=batch_size)

    answers.model.encoder.encode = slow  # type: ignore[method-assign]
    client = client_of(answers, waiting=2)
    with ThreadPoolExecutor(8) as pool:
        ask = lambda _: client.post(SEARCH, json={"text": "red"}, headers=BEARER).status_code  # noqa: E731
        asked = [pool.submit(ask, 0) for _ in range(8)]
        assert started.wait(30)
        while sum(each.done() for each in asked) < 6:
            pass
        go.set()
        assert sorted(each.result() for each in asked) == [200, 200, *[503] * 6]
    assert most == [1]


def test_work_that_takes_too_long_is_504() -> None:
    answers, go = answers_of(), threading.Event()
    answers.model.encoder.encode = lambda texts, batch_size: go.wait(30)  # type: ignore[assignment, method-assign]
    answer = client_of(answers, work_s=0.05).post(SEARCH, json={"text": "red"}, headers=BEARER)
    go.set()
    assert answer.status_code == 504


def test_work_ends_at_its_next_step_where_nobody_waits_for_it() -> None:
    stopped = threading.Event()

    def work() -> None:
        try:
            while True:
                require_wanted()
        except UnwantedError:
            stopped.set()
            raise

    worker = OneAtATime(Limits(work_s=0.05), lambda queries: None)
    with pytest.raises(RefusedError):
        asyncio.run(worker.do(work, "red"))
    assert stopped.wait(30)
    assert asyncio.run(worker.do(lambda: "next", "red")) == "next"


def test_work_for_a_client_that_has_gone_is_cancelled() -> None:
    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def asked() -> bool:
        cancelled = asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        with pytest.raises(RefusedError, match="has gone"):
            await _while_connected(SimpleNamespace(receive=receive), work())
        return await asyncio.wait_for(cancelled.wait(), 30)

    assert asyncio.run(asked())


def test_no_batch_of_texts_is_encoded_after_the_request_was_given_up() -> None:
    answers, encoded, go = answers_of(), [0], threading.Event()
    whole = answers.model.encoder.encode

    def slow(texts: Any, *, batch_size: int) -> Any:
        encoded[0] += 1
        assert go.wait(30)
        return whole(texts, batch_size=batch_size)

    answers.words("red room", 0, 1)
    answers.model.encoder.encode = slow  # type: ignore[method-assign]
    text = " ".join(f"word{number}." for number in range(400))
    asked = {"text": text, "first": 0, "second": 1}
    client = client_of(answers, work_s=0.05)
    assert client.post(WORDS, json=asked, headers=BEARER).status_code == 504
    go.set()
    answers.model.encoder.encode = whole  # type: ignore[method-assign]
    while client.post(SEARCH, json={"text": "red"}, headers=BEARER).status_code != 200:
        pass
    assert encoded[0] == 1


def test_a_fault_is_500_with_no_text_in_it_and_the_server_lives_on() -> None:
    answers = answers_of()
    whole = answers.model.encoder.encode

    def broken(texts: Any, *, batch_size: int) -> Any:
        raise RuntimeError(f"secret {texts}")

    answers.model.encoder.encode = broken  # type: ignore[method-assign]
    client = client_of(answers)
    answer = client.post(SEARCH, json={"text": "private words"}, headers=BEARER)
    assert (answer.status_code, answer.json()) == (500, {"error": "a fault of embedscope (RuntimeError)"})
    answers.model.encoder.encode = whole  # type: ignore[method-assign]
    assert client.post(SEARCH, json={"text": "red"}, headers=BEARER).status_code == 200


def test_the_served_page_may_ask_its_server_and_a_file_may_ask_nobody() -> None:
    answer = client_of().get("/", params={"token": TOKEN})
    [meta] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', answer.text)
    for policy in (meta, answer.headers["content-security-policy"]):
        assert "connect-src 'self'" in policy
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
    offline = html.render({"kind": "embedscope-live"}, title="")
    assert "connect-src" not in offline
    assert TOKEN not in answer.text
