"""The application: one page and three questions, each a JSON object that is checked before anything is done with it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from embedscope.errors import EmbedscopeError, importing
from embedscope.log import Log
from embedscope.output.page import html
from embedscope.plain_files import parse_json
from embedscope.serve.answers import LISTED, MOST_DOCUMENT_CHARACTERS, MOST_LISTED, MOST_QUERY_CHARACTERS, Answers
from embedscope.serve.bounds import Limits, OneAtATime, Rate, RefusedError
from embedscope.serve.guard import Application, Guard
from embedscope.serve.loading import Served

Fields = Mapping[str, Any]
Question = Callable[[Answers, Fields], Callable[[], Any]]
"""Checks the fields of a request; what it returns is then done in turn."""

_CLOSED_SCRIPT = (
    "const key = 'embedscope-token', token = sessionStorage.getItem(key);"
    "if (token && !location.search) location.replace('/?token=' + encodeURIComponent(token) + location.hash);"
    "else sessionStorage.removeItem(key);"
)
_CLOSED = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>embedscope serve</title>
<p>Open the address that <code>embedscope serve</code> has printed: it holds a token, and this one does not.</p>
<script>{script}</script>
</html>
"""


def application(served: Served, *, host: str, token: str, limits: Limits, log: Log) -> tuple[Application, OneAtATime]:
    """What answers requests to ``host``, and the thread of its model, to be closed at the end."""
    with importing("starlette", needed_for="embedscope serve", extra="serve"):
        from starlette.applications import Starlette
        from starlette.exceptions import HTTPException
        from starlette.requests import Request
        from starlette.responses import JSONResponse, Response
        from starlette.routing import Route

    page = html.render(served.payload, title=served.title, is_served=True).encode()
    policy = html.policy_of_served_page()
    worker = OneAtATime(limits, served.answers.encode_ahead)

    async def show(request: Request) -> Response:
        return Response(page, media_type="text/html", headers={"Content-Security-Policy": policy})

    def answering(question: Question) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            fields = await _fields(request, limits)
            found = await _while_connected(request, worker.do(question(served.answers, fields), fields["text"]))
            return Response(json.dumps(found, allow_nan=False), media_type="application/json")

        return answer

    async def refuse(request: Request, error: Exception) -> Response:
        refused = _refusal(error, log)
        more = {} if refused.retry_s is None else {"Retry-After": str(refused.retry_s)}
        more |= {"Connection": "close"} if refused.status in (408, 413) else {}
        more |= dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        return JSONResponse({"error": refused.reason}, refused.status, headers=more)

    routes = [Route("/", show, methods=["GET"])]
    routes += [Route(f"/api/{name}", answering(each), methods=["POST"]) for name, each in QUESTIONS.items()]
    inner = Starlette(
        routes=routes,
        exception_handlers=dict.fromkeys((HTTPException, RefusedError, EmbedscopeError, Exception), refuse),
    )
    inner.router.redirect_slashes = False
    return Guard(_caught(inner), host, token, Rate(limits.rate), _closed_page()), worker


async def _while_connected(request: Any, work: Coroutine[Any, Any, Any]) -> Any:
    """What ``work`` gives; it is cancelled where the client goes away."""

    async def leave() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(leave())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise RefusedError(499, "the client has gone")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


def _caught(inner: Application) -> Application:
    """``inner``, whose faults end where they were answered: starlette raises them again."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with suppress(Exception):
            await inner(scope, receive, send)

    return app


def _refusal(error: Exception, log: Log) -> RefusedError:
    """The status and the line for an error."""
    status = getattr(error, "status_code", None)
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, EmbedscopeError):
        return RefusedError(422, " ".join(str(error).split()))
    if status is not None:
        reason = {404: "there is nothing at this address", 405: "this method is not known here"}
        return RefusedError(int(status), reason.get(int(status), "the request cannot be read"))
    log.warn(f"a request ended in a fault of embedscope ({type(error).__name__})")
    return RefusedError(500, f"a fault of embedscope ({type(error).__name__})")


def _closed_page() -> tuple[bytes, str]:
    """The page without a token, and its policy; it goes on with the token that this tab was opened with."""
    digest = base64.b64encode(hashlib.sha256(_CLOSED_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{digest}'; frame-ancestors 'none'"
    return _CLOSED.format(script=_CLOSED_SCRIPT).encode(), policy


# --- what a request holds -----------------------------------------------------------------------------------------


async def _fields(request: Any, limits: Limits) -> Fields:
    """The JSON object in the body of a request."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "expected the content type application/json")
    try:
        value = parse_json((await _body(request, limits)).decode())
    except ValueError as error:  # what is said of the content holds none of its text
        raise RefusedError(400, f"the body is not JSON ({type(error).__name__})") from None
    if not isinstance(value, dict):
        raise RefusedError(400, "expected a JSON object")
    return value


async def _body(request: Any, limits: Limits) -> bytes:
    stated = request.headers.get("content-length", "0")
    too_large = RefusedError(413, f"the body has more than {limits.body:,} bytes")
    if not stated.isdecimal() or len(stated) > 12 or int(stated) > limits.body:
        raise too_large
    parts = bytearray()
    try:
        async with asyncio.timeout(limits.body_s):
            async for part in request.stream():
                parts += part
                if len(parts) > limits.body:
                    raise too_large
    except TimeoutError:
        raise RefusedError(408, f"the body did not come within {limits.body_s:g} s") from None
    except Exception as error:
        if isinstance(error, RefusedError):
            raise
        raise RefusedError(400, "the body was cut short") from None
    return bytes(parts)


def _require_known(fields: Fields, *known: str) -> None:
    unknown = sorted(fields.keys() - set(known))
    if unknown:
        raise RefusedError(400, f"expected no other field than {', '.join(known)}")


def _text(fields: Fields, name: str, most: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        raise RefusedError(400, f"expected a text in the field '{name}'")
    if len(value) > most:
        raise RefusedError(400, f"the field '{name}' has more than {most:,} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RefusedError(400, f"the field '{name}' holds half of a surrogate pair") from None
    return value


def _whole(fields: Fields, name: str, least: int, most: int, default: int | None = None) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RefusedError(400, f"expected a whole number from {least} to {most} in the field '{name}'")
    return value


def _search(answers: Answers, fields: Fields) -> Callable[[], Any]:
    _require_known(fields, "text", "k", "edited")
    text, k = _text(fields, "text", MOST_QUERY_CHARACTERS), _whole(fields, "k", 1, MOST_LISTED, LISTED)
    edited = None if fields.get("edited") is None else _text(fields, "edited", MOST_QUERY_CHARACTERS)
    return lambda: answers.search(text, k=k, edited=edited)


def _score(answers: Answers, fields: Fields) -> Callable[[], Any]:
    _require_known(fields, "text", "document", "row")
    text, row = _text(fields, "text", MOST_QUERY_CHARACTERS), _whole(fields, "row", 0, answers.corpus.n - 1)
    document = _text(fields, "document", MOST_DOCUMENT_CHARACTERS)
    return lambda: answers.score(text, document, row)


def _words(answers: Answers, fields: Fields) -> Callable[[], Any]:
    _require_known(fields, "text", "first", "second")
    text = _text(fields, "text", MOST_QUERY_CHARACTERS)
    first, second = (_whole(fields, name, 0, answers.corpus.n - 1) for name in ("first", "second"))
    if first == second:
        raise RefusedError(400, "expected two documents in the fields 'first' and 'second'")
    return lambda: answers.words(text, first, second)


QUESTIONS: Mapping[str, Question] = {"search": _search, "score": _score, "words": _words}
"""By their names below ``/api/``."""
