"""Firefox without a window, over its own protocol (Marionette): JSON behind its length, on a port of loopback."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

PATIENCE_S = 60
PREFERENCES = {
    "marionette.port": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "network.proxy.type": 1,  # to an address that refuses: nothing leaves the machine
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
}


class Firefox:
    """An open window."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._read()
        self._n = 0
        self._send("WebDriver:NewSession", capabilities={})
        self._send("WebDriver:SetWindowRect", width=1280, height=900)

    def open(self, address: str) -> None:
        """Open an address afresh."""
        for each in ("about:blank", address):
            self._send("WebDriver:Navigate", url=each)

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        return self._send("WebDriver:ExecuteScript", script=f"return ({expression})", args=[])["value"]

    def wait_for(self, expression: str) -> Any:
        """The value of an expression as soon as it is true."""
        last = time.monotonic() + PATIENCE_S
        while not (found := self.value(expression)):
            if time.monotonic() > last:
                raise TimeoutError(f"never true: {expression}")
            time.sleep(0.05)
        return found

    def screenshot(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self._send("WebDriver:TakeScreenshot", full=False)["value"])

    def quit(self) -> None:
        """Close Firefox."""
        self._send("Marionette:Quit", flags=["eForceQuit"])

    def _send(self, command: str, **parameters: Any) -> Any:
        self._n += 1
        message = json.dumps([0, self._n, command, parameters]).encode()
        self._stream.write(b"%d:%b" % (len(message), message))
        self._stream.flush()
        _, _, fault, answer = self._read()
        if fault:
            raise RuntimeError(f"{command}: {fault['message']}")
        return answer

    def _read(self) -> Any:
        length = b""
        while (digit := self._stream.read(1)) not in (b":", b""):
            length += digit
        return json.loads(self._stream.read(int(length)))


@contextmanager
def firefox(program: str, profile: Path) -> Iterator[Firefox]:
    """Firefox with a fresh profile in a folder that exists and is empty."""
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
    command = [program, "--headless", "--no-remote", "--marionette", "--profile", str(profile)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with (
            socket.create_connection(("127.0.0.1", _port(profile, process)), timeout=PATIENCE_S) as connection,
            connection.makefile("rwb") as stream,
        ):
            opened = Firefox(stream)  # type: ignore[arg-type]
            yield opened
            opened.quit()
            process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()


def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    """The port that Firefox took, which it writes into its profile."""
    last = time.monotonic() + PATIENCE_S
    while time.monotonic() < last and process.poll() is None:
        file = profile / "MarionetteActivePort"
        if file.exists() and (written := file.read_text(encoding="utf-8")):
            return int(written)
        time.sleep(0.05)
    raise TimeoutError("Firefox opened no port")
