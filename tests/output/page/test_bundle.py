"""The built front end: current, complete, and safe to stand inside HTML."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from pathlib import Path

WEB = Path(__file__).resolve().parents[3] / "web"
SOURCES = ("package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")


def bundled(name: str) -> str:
    return files("embedscope.output.page").joinpath("bundle", name).read_text(encoding="utf-8")


def source_hash() -> str:
    """SHA-256 over the digests and names of what the bundle is built from, as web/vite.config.ts computes it."""
    names = [*SOURCES, *(path.relative_to(WEB).as_posix() for path in (WEB / "src").rglob("*") if path.is_file())]
    total = hashlib.sha256()
    for name in sorted(names):
        total.update(f"{hashlib.sha256((WEB / name).read_bytes()).hexdigest()}  {name}\n".encode())
    return total.hexdigest()


def test_the_bundle_was_built_from_the_sources_beside_it() -> None:
    assert bundled("source.sha256").strip() == source_hash(), "stale bundle: run 'npm ci && npm run build' in web/"


def test_the_script_cannot_end_its_own_element() -> None:
    assert not re.search(r"</script|<!--", bundled("embedscope.js"), re.IGNORECASE)


def test_the_style_cannot_end_its_own_element_and_fetches_nothing() -> None:
    style = bundled("embedscope.css")
    assert "</style" not in style.lower()
    assert not re.search(r"url\(|@import|@font-face", style)


def test_the_script_makes_no_program_from_text_and_asks_nobody_but_its_own_server() -> None:
    script = bundled("embedscope.js")
    for word in ("eval(", "Function(", "importScripts", "XMLHttpRequest", "WebSocket", "sendBeacon", "new Worker"):
        assert word not in script, word
    assert [script[match.end() :][:6] for match in re.finditer(r"fetch\(", script)] == ["`/api/"]


def test_no_source_sets_markup_from_text() -> None:
    for path in (WEB / "src").rglob("*.ts*"):
        source = path.read_text(encoding="utf-8")
        for word in ("dangerouslySetInnerHTML", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
            assert word not in source, f"{path.name}: {word}"


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (WEB / "package-lock.json").read_text(encoding="utf-8")
