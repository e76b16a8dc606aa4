"""The server: one socket, one process, no log of what was asked, and an end to connections that say nothing."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from typing import Any

from embedscope.errors import InputError, importing, require_installed
from embedscope.log import Log
from embedscope.serve.application import application
from embedscope.serve.bounds import Limits
from embedscope.serve.guard import HEAD_BYTES, is_loopback
from embedscope.serve.loading import Served


def require_extra() -> None:
    """Refuse, before any work, with ``MissingExtraError``, where the packages of a server are not installed."""
    require_installed(("starlette", "uvicorn"), needed_for="embedscope serve", extra="serve")


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens on the address already, before anything is answered; an `InputError` where it cannot."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # elsewhere two programs could then listen on one port
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen()
        except BaseException:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{host}:{port} cannot be listened on ({reason}). Choose another --port (0: any that is free), or an "
            f"address of this machine for --host."
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
        http=_protocol(limits),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.idle_s,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=HEAD_BYTES,
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


def _protocol(limits: Limits) -> type[Any]:
    """HTTP of uvicorn with a bound on how long a connection may ask nothing, and on how many there are.

    uvicorn waits for ever for the first bytes, and for the end of a head that has begun; where there are too many
    connections it refuses what any of them asks, so that who only connects shuts everybody out. Here the one that has
    waited longest without a whole request makes room.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    waiting: dict[Any, Any] = {}  # connections that have asked nothing yet, the oldest first, and their deadlines

    class Bounded(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()
            if len(self.connections) > limits.connections:
                oldest = next(iter(waiting))
                oldest.forget()
                oldest.transport.abort()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self.forget()

        def forget(self) -> None:
            if self in waiting:
                waiting.pop(self).cancel()

        def _watch(self) -> None:
            if self.conn.their_state is not h11.IDLE:
                self.forget()
            elif self not in waiting and not self.transport.is_closing():
                waiting[self] = self.loop.call_later(limits.head_s, self.transport.close)

    return Bounded
