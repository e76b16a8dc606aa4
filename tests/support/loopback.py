"""An endpoint on this machine, for tests: as well-behaved as it is asked to be."""

from __future__ import annotations

import json
import ssl
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import numpy as np

DIM = 8

Encode = Callable[[Sequence[str]], np.ndarray]
Mishap = Callable[[Any, list[str]], None]
"""Answers a request in the place of the endpoint: given the handler, and the texts."""


def made_up(texts: Sequence[str], dim: int = DIM) -> np.ndarray:
    """Vectors that depend on the text alone, of norm about 3."""
    return np.stack([np.random.default_rng(zlib.crc32(text.encode())).standard_normal(dim) for text in texts])


@dataclass
class Loopback:
    """What the server does, and what it was asked."""

    encode: Encode = made_up
    models: Sequence[str] = ("tiny",)
    mishaps: deque[Mishap] = field(default_factory=deque)  # one a request for vectors, then it behaves
    asked: list[tuple[str, dict[str, str], list[str]]] = field(default_factory=list)  # path, headers, texts
    most_at_once: int = 0
    delay_s: float = 0.0
    port: int = 0
    _now: int = 0
    _lock: Any = field(default_factory=Lock)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def texts(self) -> list[str]:
        """Every text that was sent."""
        return [text for _, _, texts in self.asked for text in texts]

    def answer(self, handler: Any, question: Mapping[str, Any] | None) -> None:
        """One answer to one request."""
        texts = [] if question is None else list(question["input"])
        with self._lock:
            self.asked.append((handler.path, dict(handler.headers), texts))
            mishap = self.mishaps.popleft() if question is not None and self.mishaps else None
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        time.sleep(self.delay_s)
        try:
            if mishap is not None:
                mishap(handler, texts)
            elif question is None:
                send(handler, {"object": "list", "data": [{"id": name} for name in self.models]})
            else:
                send(handler, {"data": rows_of(self.encode(texts)), "model": question["model"], "usage": {}})
        finally:
            with self._lock:
                self._now -= 1


def rows_of(vectors: np.ndarray) -> list[dict[str, Any]]:
    """Vectors in the form of an answer."""
    return [{"index": n, "embedding": row, "object": "embedding"} for n, row in enumerate(vectors.tolist())]


def send(
    handler: Any,
    content: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    missing: int = 0,
) -> None:
    """An answer as JSON, or as the bytes that it is; ``missing`` bytes are promised and not sent."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body) + missing))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(loopback: Loopback, tls: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    """The endpoint while the block runs, on a port that is free; over HTTPS with ``tls``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self._answer(json.loads(self.rfile.read(length)))

        def do_GET(self) -> None:
            self._answer(None)

        def _answer(self, question: Mapping[str, Any] | None) -> None:
            try:
                loopback.answer(self, question)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # who asked has gone

        def log_message(self, *said: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    loopback.port = server.server_address[1]
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
