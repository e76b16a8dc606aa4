"""Who may ask: the host and origin of a request, its token, and the headers of every answer.

A page of another site can make a browser send requests to this machine, and a name that it owns can be made to point
here (DNS rebinding). So a request has to name this server as its host, to come from this server's page where a browser
says whence it comes, and to hold the token. No cookie does: browsers send those to every port of an address.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from embedscope.serve.bounds import Rate, RefusedError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SAFE = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The policy of an answer that is no page."""

HEAD_BYTES = 16 << 10
"""Of the names and values of a request's headers, at most."""

_HOST = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([\w.-]{1,253}))(?::\d{1,5})?", re.ASCII | re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether an address, or name, to listen on is one that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_own_name(name: str, bound: str) -> bool:
    """Whether a server that listens on ``bound`` may be called ``name``: it was not if another name points here.

    Names of this machine alone, or its addresses, which nobody else can let point here. The port is not compared,
    because ssh may forward another one.
    """
    if is_loopback(name):
        return True
    if is_loopback(bound):
        return False
    if name in (bound.lower(), socket.gethostname().lower()):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets through, to ``app``, what may ask; ``closed`` is the page, with its policy, that is shown to others."""

    app: Application
    host: str
    token: str
    rate: Rate
    closed: tuple[bytes, str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        answer = _with_headers(send)
        try:
            self._admit(scope)
        except RefusedError as refused:
            is_page = refused.status == 401 and scope["path"] == "/" and scope["method"] == "GET"
            await (_send_page(answer, *self.closed) if is_page else send_refused(answer, refused))
            return
        await self.app(scope, receive, answer)

    def _admit(self, scope: Scope) -> None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEAD_BYTES:
            raise RefusedError(431, f"the headers have more than {HEAD_BYTES:,} bytes")
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value for name, value in headers if name == "host"]
        if len(hosts) != 1 or not is_own_name(_name_of(hosts[0]), self.host):
            raise RefusedError(421, "this server does not go by the name in the header Host")
        stated = dict(headers)
        if stated.get("origin", f"http://{hosts[0]}") != f"http://{hosts[0]}":
            raise RefusedError(403, "a page of another origin asked")
        is_page = scope["path"] == "/"
        if not is_page and stated.get("sec-fetch-site", "same-origin") != "same-origin":
            raise RefusedError(403, "a page of another site asked")
        token = stated.get("authorization", "").removeprefix("Bearer ")
        if is_page and not token:
            token = _token_in(scope["query_string"])
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise RefusedError(401, "the token is missing, or is not that of this server")
        self.rate.take()


def _name_of(host: str) -> str:
    """The name in a header Host, without its port, in lower case; "" where it is none."""
    found = _HOST.fullmatch(host)
    return "" if found is None else (found[1] or found[2]).lower()


def _token_in(query: bytes) -> str:
    try:
        values = parse_qs(query.decode("ascii"), max_num_fields=8).get("token", [])
    except ValueError:
        return ""
    return values[0] if len(values) == 1 else ""


async def send_refused(send: Send, refused: RefusedError) -> None:
    """Send one line that says why there is no answer."""
    body = json.dumps({"error": refused.reason}).encode()
    more = [] if refused.retry_s is None else [(b"retry-after", str(refused.retry_s).encode())]
    # What may be left of its body is not read: the connection ends.
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [*more, (b"connection", b"close")] if refused.status in (401, 403, 413, 421, 431) else more
    await _send(send, refused.status, headers, body)


async def _send_page(send: Send, page: bytes, policy: str) -> None:
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(page)).encode()),
        (b"content-security-policy", policy.encode()),
        (b"connection", b"close"),
    ]
    await _send(send, 401, headers, page)


async def _send(send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send: Send) -> Send:
    """``send``, with the headers of `SAFE` and a policy on every answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            more: Mapping[str, str] = {**SAFE, "Content-Security-Policy": NOTHING}
            added = [(name.lower().encode(), value.encode()) for name, value in more.items()]
            message = {**message, "headers": [*message["headers"], *(pair for pair in added if pair[0] not in own)]}
        await send(message)

    return sending
