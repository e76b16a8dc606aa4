"""How an extra is added to the installation at hand: the command that a user can type.

Where a package came from stands in ``direct_url.json`` beside it (PEP 610); one from an index has no such file.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

_NAME = "embedscope"
_UVX = ("archive-v", "environments-v")
"""Folders of uv's cache that hold the environments of uvx."""


def install_command(extra: str) -> str:
    """The command that installs embedscope with an extra, from where it came, for the environment that runs it.

    pip's, or uv's in an environment that uv made and that has no pip.
    """
    origin, prefix = _origin(), Path(sys.prefix)
    requirement = quoted(requirement_of(extra, origin))
    editable = "--editable " if origin.get("dir_info", {}).get("editable") else ""
    if find_spec("pip") is None and _is_made_by_uv(prefix):
        if (prefix / "uv-receipt.toml").exists():
            return f"uv tool install {editable}{requirement}"
        if any(part.startswith(_UVX) for part in prefix.parts):
            return f"uvx --from {requirement} {_NAME}"
        return f"uv pip install {editable}{requirement}"
    is_first = Path(shutil.which("pip") or "").parent == Path(sys.executable).parent
    python = "" if is_first or prefix == Path(sys.base_prefix) else f"{quoted(sys.executable)} -m "
    return f"{python}pip install {editable}{requirement}"


def requirement_of(extra: str, origin: Mapping[str, Any]) -> str:
    """What an installer is given for embedscope with an extra.

    >>> requirement_of("demo", {})
    'embedscope[demo]'
    >>> requirement_of("demo", {"url": "https://example.org/e.git", "vcs_info": {"vcs": "git"}})
    'embedscope[demo] @ git+https://example.org/e.git'
    """
    url = str(origin.get("url", ""))
    if url.startswith("file:"):
        path = Path(url2pathname(urlsplit(url).path))
        if not path.exists():
            return f"{_NAME}[{extra}]"
        return f"{'.' if path.samefile(Path.cwd()) else path}[{extra}]"
    if not url:
        return f"{_NAME}[{extra}]"
    source = origin.get("vcs_info", {})
    scheme = f"{source['vcs']}+" if source else ""
    revision = f"@{source['requested_revision']}" if source.get("requested_revision") else ""
    folder = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
    return f"{_NAME}[{extra}] @ {scheme}{url}{revision}{folder}"


def quoted(requirement: str) -> str:
    """``requirement`` as one word of a command line of this system."""
    return f'"{requirement}"' if os.name == "nt" else shlex.quote(requirement)


def _origin() -> dict[str, Any]:
    """``direct_url.json`` of the distribution; where nothing is installed, that of the checkout that is imported."""
    try:
        found = distribution(_NAME).read_text("direct_url.json")
        return dict(json.loads(found)) if found else {}
    except (PackageNotFoundError, ValueError):
        checkout = Path(__file__).resolve().parents[2]
        return {"url": checkout.as_uri()} if (checkout / "pyproject.toml").exists() else {}


def _is_made_by_uv(prefix: Path) -> bool:
    try:
        return re.search(r"^uv *=", (prefix / "pyvenv.cfg").read_text(encoding="utf-8"), re.MULTILINE) is not None
    except OSError:
        return False
