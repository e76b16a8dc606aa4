"""A real server on this machine: its address, its ends, and connections that say nothing."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.scene import run
from tests.support.served import answers_of, write_tiny_run

from embedscope.errors import InputError
from embedscope.log import SILENT
from embedscope.serve import server
from embedscope.serve.bounds import Limits
from embedscope.serve.loading import Served


@contextmanager
def serving(**limits: float) -> Iterator[tuple[int, str]]:
    """A server in a thread of this process: its port and its token."""
    import uvicorn

    answers, ready, address = answers_of(), threading.Event(), []
    served = Served(answers, {"kind": "embedscope-live", "page_version": 1, "live": answers.facts}, "test")
    running: list[uvicorn.Server] = []
    begin = uvicorn.Server.startup

    async def startup(self: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        running.append(self)
        await begin(self, sockets=sockets)

    def on_ready(told: str) -> None:
        address.append(told)
        ready.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.Server, "startup", startup)
        bound = server.listening("127.0.0.1", 0)
        arguments = {"limits": Limits(**limits), "log": SILENT, "on_ready": on_ready}  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve, args=(served, bound, "127.0.0.1"), kwargs=arguments)
        thread.start()
        try:
            assert ready.wait(30)
            parts = urlsplit(address[0])
            yield int(parts.port or 0), parts.query.removeprefix("token=")
        finally:
            running[0].should_exit = True
            thread.join(30)
    assert not thread.is_alive()


def ask(port: int, token: str, text: str = "red room") -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/search", json.dumps({"text": text}), headers)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_a_server_answers_who_has_its_token_and_says_nothing_of_itself() -> None:
    with serving() as (port, token):
        assert len(token) >= 43
        assert ask(port, token)[0] == 200
        assert ask(port, "wrong")[0] == 401
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", f"/?token={token}")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("server")) == (200, None)
        assert b"embedscope-live" in answer.read()
        connection.close()


@pytest.mark.parametrize("sent", [b"", b"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nX-", b"G"])
def test_a_connection_that_sends_no_whole_head_is_closed(sent: bytes) -> None:
    with serving(head_s=0.2) as (port, token), socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
        slow.sendall(sent)
        assert slow.recv(100) == b""
        assert ask(port, token)[0] == 200


def test_connections_that_ask_nothing_make_room_for_who_asks() -> None:
    with serving(connections=4) as (port, token), ExitStack() as open_ones:
        silent = [open_ones.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(12)]
        assert ask(port, token)[0] == 200
        assert [each.recv(1) for each in silent[:8]] == [b""] * 8


def test_a_body_that_does_not_come_is_408() -> None:
    with serving(body_s=0.2) as (port, token), socket.create_connection(("127.0.0.1", port), timeout=30) as slow:
        head = f"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        slow.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert b" 408 " in slow.recv(1000).split(b"\r\n")[0]
        assert ask(port, token)[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
)
def test_a_request_that_is_none_is_refused_and_the_server_lives_on(sent: bytes) -> None:
    with serving() as (port, token):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as rude:
            rude.sendall(sent)
            status = int(rude.recv(1000).split(b" ", 2)[1])
        assert 400 <= status < 500
        assert ask(port, token)[0] == 200


def test_a_port_that_is_taken_and_a_host_that_is_none_are_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="cannot be listened on"):
        server.listening("127.0.0.1", taken.getsockname()[1])
    for host in ("192.0.2.1", "a" * 70, ".."):
        with pytest.raises(InputError, match="cannot be listened on"):
            server.listening(host, 0)


def test_nobody_else_can_listen_where_a_server_will() -> None:
    with server.listening("127.0.0.1", 0) as bound, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(bound.getsockname())


def test_an_address_of_the_network_is_warned_of() -> None:
    assert server.warning_of("127.0.0.1") is None
    assert "leave this one" in str(server.warning_of("0.0.0.0"))  # noqa: S104


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = run(capsys, "serve", ".")
    assert (done.status, "[serve]" in done.err) == (2, True)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_cleanly_and_no_text_was_said(tmp_path: Path, sent: signal.Signals, status: int) -> None:
    folder = write_tiny_run(tmp_path)
    running = subprocess.Popen(
        [sys.executable, "-m", "embedscope", "serve", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    address = running.stdout.readline().strip()
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]{43})", address)
    if found is None:
        running.kill()
        pytest.fail(f"{address}\n{running.communicate()[1]}")
    assert ask(int(found[1]), found[2], "phòng trọ yên tĩnh")[0] == 200
    running.send_signal(sent)
    out, err = running.communicate(timeout=60)
    assert running.returncode == status
    assert "yên tĩnh" not in out + err
    assert "Still running" not in err.partition("Serving until Ctrl-C")[2]
    assert err.splitlines()[-1] == f"embedscope: {'interrupted' if status == 130 else 'terminated'}"
