"""The address of an endpoint and the key that goes with it: nothing secret is ever part of an address."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from embedscope.errors import InvalidOptionError

LOCAL = (
    "base_model", "pooling", "max_length", "head", "head_module", "activation", "weights", "device", "backend",
    "precision",
)  # fmt: skip
"""Model settings of an encoder on this machine, which an endpoint has no use for."""

AT_ENDPOINT = "the server of an endpoint decides how texts are encoded"
"""Why it has none."""

KEY_VARIABLES = ("EMBEDSCOPE_API_KEY", "OPENAI_API_KEY")
"""Variables of the environment that may hold the key; the first that is set counts."""

_PATH_OF_VECTORS = "/embeddings"


def is_endpoint(name: str | Path) -> bool:
    """Whether ``name`` is the address of an endpoint: what begins with ``http://`` or ``https://``."""
    return re.match(r"https?://", str(name), re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Address:
    """Where an endpoint is asked, and for which model where the address names one (``http://host/v1#NAME``)."""

    is_secure: bool
    host: str
    port: int | None
    path: str  # without "/" at its end
    model: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"http{'s' if self.is_secure else ''}://{host}{port}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent stays on this machine."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:  # a name
            return False

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address in ``text``; the path of the vectors itself, ``/embeddings``, may stand at its end.

        Raises
        ------
        InvalidOptionError
            If it is none, or holds a user, a password or a query: such are secrets, and an address is written down.
        """
        from urllib.parse import urlsplit

        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or not re.fullmatch(r"[!-~]+", text):
            raise InvalidOptionError("The address of the endpoint cannot be read. Expected http://HOST:PORT/v1.")
        if parts.username is not None or parts.password is not None or parts.query:
            what = "a query" if parts.query else "a user or a password"
            raise InvalidOptionError(
                f"The address of the endpoint at '{host}' holds {what}, and addresses are written into reports. Leave "
                f"it out, and put the key into the environment as {KEY_VARIABLES[0]}."
            )
        path = parts.path.rstrip("/").removesuffix(_PATH_OF_VECTORS)
        return cls(parts.scheme.lower() == "https", host, port, path, parts.fragment or None)


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an endpoint and the variable that holds it; its ``repr`` shows the variable alone."""

    variable: str
    secret: str = field(repr=False)

    @classmethod
    def of_environment(cls) -> Key | None:
        """The key of the environment; None where there is none.

        Raises InvalidOptionError, without the key, if it holds what no header can.
        """
        for variable in KEY_VARIABLES:
            secret = os.environ.get(variable, "").strip()
            if secret:
                if not re.fullmatch(r"[!-~]+", secret):
                    raise InvalidOptionError(
                        f"{variable} holds spaces, control characters or letters beyond ASCII, which no key has."
                    )
                return cls(variable, secret)
        return None

    def hidden_in(self, text: str) -> str:
        """``text`` without the key."""
        return text.replace(self.secret, "***")
