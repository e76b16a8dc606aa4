"""Questions to an endpoint over HTTP: asked again while it is busy, and to no other host than the one that was named.

Redirects are not followed, proxies of the environment are not used, and certificates are checked.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, TypeVar

from embedscope import __version__
from embedscope.errors import EndpointError
from embedscope.models.endpoint_address import KEY_VARIABLES, Address, Key

Part = TypeVar("Part")
Found = TypeVar("Found")

_SHOWN = 200
_BUSY = (408, 425, 429)
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an endpoint is waited for."""

    request_s: float = 60.0  # for the answer to one request
    total_s: float = 180.0  # for one question, however often it is asked again
    attempts: int = 6
    first_wait_s: float = 0.5  # doubled after each attempt
    longest_wait_s: float = 30.0

    def wait_s(self, attempt: int) -> float:
        """Seconds until the next attempt: half of it is drawn, so that clients do not all come back at once."""
        longest: float = min(self.first_wait_s * 2 ** (attempt - 1), self.longest_wait_s)
        return random.SystemRandom().uniform(longest / 2, longest)


class _PassingError(Exception):
    """What may be over in a moment: the question can be asked again."""

    def __init__(self, what: str, retry_after_s: float | None = None) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Client:
    """Asks an endpoint and reads its answers as JSON."""

    address: Address
    key: Key | None = None
    patience: Patience = Patience()

    def ask(self, path: str, question: Mapping[str, Any] | None = None, *, most_bytes: int, stop: Event) -> Any:
        """The JSON answer at ``path`` below the address, to a POST of ``question``, or a GET where there is none.

        Parameters
        ----------
        most_bytes : int
            Size of the largest answer that is read.
        stop : Event
            Ends the waiting for another attempt.

        Raises
        ------
        EndpointError
            If there is no such answer, also after all attempts.
        """
        started = time.monotonic()
        for attempt in range(1, self.patience.attempts + 1):
            try:
                return self._ask_once(path, question, most_bytes)
            except _PassingError as error:
                what, wait_s = str(error), error.retry_after_s
            if wait_s is not None:
                what += f" (and asks to be left alone for {wait_s:.0f} s)"
            wait_s = self.patience.wait_s(attempt) if wait_s is None else wait_s
            spent_s = time.monotonic() - started
            if attempt == self.patience.attempts or spent_s + wait_s > self.patience.total_s or stop.wait(wait_s):
                break
        raise EndpointError(
            f"'{self.address}' {what}; asked {attempt} time{'s' if attempt > 1 else ''} in {spent_s:.0f} s. What was "
            f"encoded until then is in the cache. Run the command again later, or with a smaller --batch-size."
        )

    def _ask_once(self, path: str, question: Mapping[str, Any] | None, most_bytes: int) -> Any:
        from http.client import HTTPException
        from socket import gaierror
        from ssl import SSLEOFError, SSLError

        deadline = time.monotonic() + self.patience.request_s
        connection = self._connection()
        try:
            body = None if question is None else json.dumps(question).encode()
            connection.request("GET" if body is None else "POST", self.address.path + path, body, self._headers())
            with connection.getresponse() as response:
                if not 200 <= response.status < 300:
                    content = _read(response, _CHUNK_BYTES, deadline)
                    self._refuse(response.status, response.headers.get("Retry-After"), self._shown(content))
                content = _read(response, most_bytes, deadline)
                if response.length and len(content) <= most_bytes:
                    raise _PassingError("cut its answer short")
        except SSLEOFError:
            raise _PassingError("broke off the connection") from None
        except SSLError as error:
            raise EndpointError(
                f"There is no safe connection to '{self.address}' "
                f"({getattr(error, 'verify_message', None) or error.reason}). Name the certificate of its authority in "
                f"SSL_CERT_FILE, or pass http:// if the server speaks plain HTTP."
            ) from error
        except (ConnectionRefusedError, gaierror) as error:
            raise EndpointError(
                f"Nothing answers at '{self.address}' ({error.strerror or error}). Start the server, or correct the "
                f"address."
            ) from error
        except TimeoutError:
            raise _PassingError(f"gave no whole answer within {self.patience.request_s:g} s") from None
        except (HTTPException, OSError) as error:
            raise _PassingError(f"broke off the connection ({type(error).__name__})") from None
        finally:
            connection.close()
        if len(content) > most_bytes:
            raise EndpointError(
                f"'{self.address}' answered with more than {most_bytes:,} bytes, which are no vectors of the texts "
                f"that were sent. Correct the address."
            )
        return self._parsed(content)

    def _connection(self) -> Any:
        from http.client import HTTPConnection, HTTPSConnection

        where, timeout = (self.address.host, self.address.port), self.patience.request_s
        if not self.address.is_secure:
            return HTTPConnection(*where, timeout=timeout)
        from ssl import create_default_context

        return HTTPSConnection(*where, timeout=timeout, context=create_default_context())

    def _headers(self) -> dict[str, str]:
        own = {"Content-Type": "application/json", "Connection": "close", "User-Agent": f"embedscope/{__version__}"}
        return own if self.key is None else own | {"Authorization": f"Bearer {self.key.secret}"}

    def _parsed(self, content: bytes) -> Any:
        try:
            return json.loads(content if self.key is None else self.key.hidden_in(content.decode()))
        except (ValueError, RecursionError) as error:
            if content.lstrip()[:1] in (b"{", b"[") and not isinstance(error, RecursionError):
                raise _PassingError("gave an answer that breaks off") from None
            raise EndpointError(
                f"'{self.address}' should answer with JSON; it answered with {self._shown(content)}. Correct the "
                f"address, which mostly ends in /v1."
            ) from None

    def _refuse(self, status: int, retry_after: str | None, said: str) -> None:
        """Raise what an answer means that is no success."""
        from http import HTTPStatus

        answered = f"answered {status}"
        with suppress(ValueError):
            answered += f" {HTTPStatus(status).phrase}"
        if status in _BUSY or status >= 500:
            raise _PassingError(f"{answered}: {said}", _retry_after_s(retry_after))
        if 300 <= status < 400:
            raise EndpointError(
                f"'{self.address}' {answered}, a redirect. Texts and key go to no other address than the one "
                f"that was named: pass the one that serves."
            )
        advice = {
            401: f"Put its key into the environment as {' or '.join(KEY_VARIABLES)}.",
            403: f"Put its key into the environment as {' or '.join(KEY_VARIABLES)}.",
            404: "Correct the address, which mostly ends in /v1, or the name of the model (--model).",
        }
        more = advice.get(status, "Pass a smaller --batch-size if it takes fewer or shorter texts at a time.")
        raise EndpointError(f"'{self.address}' {answered}: {said}. {more}")

    def _shown(self, content: bytes) -> str:
        """The beginning of an answer in one line, without the key."""
        text = " ".join(content.decode("utf-8", "replace").split())
        return repr((text if self.key is None else self.key.hidden_in(text))[:_SHOWN])


def _read(response: Any, most_bytes: int, deadline: float) -> bytes:
    """The body of ``response``, or its first bytes, more than ``most_bytes``; TimeoutError past ``deadline``."""
    found = bytearray()
    while len(found) <= most_bytes and (part := response.read1(_CHUNK_BYTES)):
        found += part
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(found)


def _retry_after_s(stated: str | None) -> float | None:
    """Seconds that ``Retry-After`` asks for, which may be a number or a date; None where it asks for nothing."""
    from email.utils import parsedate_to_datetime

    if stated is None:
        return None
    try:
        if stated.strip().isdigit():
            return float(stated)
        return max(0.0, parsedate_to_datetime(stated).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def in_parallel(work: Callable[[Part, Event], Found], parts: Sequence[Part], n_threads: int) -> list[Found]:
    """``work`` of every part, in their order, by several threads; the first error sets the event of all and is raised.

    The threads are daemons: an interrupt ends the process without waiting for answers.
    """
    found: dict[int, Found] = {}
    errors: list[Exception] = []
    to_do, stop = list(reversed(range(len(parts)))), Event()

    def take() -> None:
        while to_do and not stop.is_set():
            try:
                place = to_do.pop()
            except IndexError:  # another thread took the last
                return
            try:
                found[place] = work(parts[place], stop)
            except Exception as error:
                errors.append(error)
                stop.set()

    threads = [Thread(target=take, daemon=True) for _ in range(min(n_threads, len(parts)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        stop.set()
    if errors:
        raise errors[0]
    return [found[place] for place in range(len(parts))]
