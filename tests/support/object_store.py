"""An S3 store on this machine's loopback, which can refuse: moto's server, stopped at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

KEY = "reader"
"""The access key that the store lets in."""

REFUSED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class ObjectStore:
    """The store with its bucket ``bucket``."""

    def __init__(self, app: Any) -> None:
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Silent(WSGIRequestHandler):
            def log(self, *_: Any) -> None:
                """Say nothing."""

        self._app = app
        self.n_puts_left: int | None = None
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Silent)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        is_put = environ["REQUEST_METHOD"] == "PUT"
        if f"Credential={KEY}/" not in environ.get("HTTP_AUTHORIZATION", "") or (is_put and self.n_puts_left == 0):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(REFUSED)))])
            return [REFUSED if environ["REQUEST_METHOD"] != "HEAD" else b""]
        if is_put and self.n_puts_left is not None:
            self.n_puts_left -= 1
        answer: Iterable[bytes] = self._app(environ, start)
        return answer

    def uri(self, path: str) -> str:
        """The place ``path``, which begins with its bucket."""
        return f"s3://{path}?endpoint_override=127.0.0.1:{self._server.port}&scheme=http&region=us-east-1"

    def files(self, path: str) -> list[str]:
        """Names of the files under ``path``."""
        from pyarrow import fs

        store, found = fs.FileSystem.from_uri(self.uri(path))
        infos = store.get_file_info(fs.FileSelector(found, recursive=True, allow_not_found=True))
        return sorted(info.path for info in infos if info.type == fs.FileType.File)

    def stop(self) -> None:
        """End the server and its thread."""
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """The store, its credentials in the environment meanwhile."""
    pytest.importorskip("moto")
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from pyarrow import fs

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "http_proxy", "HTTP_PROXY"):
            patch.delenv(name, raising=False)
        store = ObjectStore(DomainDispatcherApplication(create_backend_app))
        try:
            made, _ = fs.FileSystem.from_uri(store.uri("bucket") + "&allow_bucket_creation=true")
            made.create_dir("bucket")
            yield store
        finally:
            store.stop()
