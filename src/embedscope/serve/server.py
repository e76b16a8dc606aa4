"""The server: one socket, one process, no log of what was asked, and an end to connections that say nothing."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from typing import Any

from embedscope.errors import InputError, importing
from embedscope.log import Log
from embedscope.serve.application import application
from embedscope.serve.bounds import Limits
from embedscope.serve.guard import is_loopback
from embedscope.serve.loading import Served

_HEAD_BYTES = 16 << 10


def require_extra() -> None:
    """Refuse, before any work, with ``MissingExtraError``, where the packages of a server are not installed."""
    for package in ("starlette", "uvicorn"):
        with importing(package, needed_for="embedscope serve", extra="serve"):
            __import__(package)


def listening(host: str, port: int) -> socket.socket:
    """A socket that is bound to the address; an `InputError` where it cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # elsewhere two programs could then listen on one port
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
    except OSError as error:
        raise InputError(
            f"{host}:{port} cannot be listened on ({error.strerror or error}). Choose another --port (0: any that is "
            f"free), or an address of this machine for --host."
        ) from error
    return bound


def serve(
    served: Served,
    bound: socket.socket,
    host: str,
    *,
    limits: Limits | None = None,
    log: Log,
    on_ready: Callable[[str], None],
) -> None:
    """Answer until the process is interrupted or terminated; the signal is raised again at the end.

    ``on_ready`` is told the address, with its token, once requests are answered.
    """
    with importing("uvicorn", needed_for="embedscope serve", extra="serve"):
        import uvicorn

    limits, token = limits or Limits(), secrets.token_urlsafe(32)
    app, worker = application(served, host=host, token=token, limits=limits, log=log)
    address = _address(host, bound.getsockname()[1], token)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.started:
                on_ready(address)

    config = uvicorn.Config(
        app,
        http=_protocol(limits.head_s),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=limits.idle_s,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=_HEAD_BYTES,
    )
    try:
        Server(config).run(sockets=[bound])
    finally:
        worker.close()
        bound.close()


def warning_of(host: str) -> str | None:
    """What is said of an address that others can reach too; None of this machine's own."""
    if is_loopback(host):
        return None
    return (
        f"--host {host} lets other machines reach this server, and texts leave this one unencrypted (http). Who has "
        f"the address with its token can read the data set and ask the model."
    )


def _address(host: str, port: int, token: str) -> str:
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104 - every address, under one name
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/?token={token}"


def _protocol(head_s: float) -> type[Any]:
    """HTTP of uvicorn that closes a connection of which no whole request has come within ``head_s``.

    uvicorn waits for ever for the first bytes, and for the end of a head that has begun.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Timely(H11Protocol):
        _deadline: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self._deadline is not None:
                self._deadline.cancel()

        def _watch(self) -> None:
            is_waiting = self.conn.their_state is h11.IDLE
            if is_waiting and self._deadline is None:
                self._deadline = self.loop.call_later(head_s, self.transport.close)
            elif not is_waiting and self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Timely
