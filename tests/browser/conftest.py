"""Headless Chromium, with WebGL by software or without WebGL, always without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from embedscope.output.page import html

WITH_WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
WITHOUT_WEBGL = ("--disable-gpu", "--disable-3d-apis")
ALWAYS = ("--no-sandbox", "--disable-background-networking")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def absent(reason: str) -> None:
    """Leaves a test out, or fails it where nothing may be left out."""
    if os.environ.get("EMBEDSCOPE_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def program() -> str:
    """The path of Chromium; tests that need it are left out where it is absent."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        absent("no Chromium on this machine (apt-get install chromium)")
    return str(found)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """The running driver."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("playwright is not installed (pip install 'embedscope[dev]')")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Any, program: str) -> Iterator[Any]:
    """Chromium with WebGL2."""
    opened = playwright.chromium.launch(executable_path=program, args=[*ALWAYS, *WITH_WEBGL])
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def browser_without_webgl(playwright: Any, program: str) -> Iterator[Any]:
    """Chromium that refuses every WebGL context."""
    opened = playwright.chromium.launch(executable_path=program, args=[*ALWAYS, *WITHOUT_WEBGL])
    yield opened
    opened.close()


@dataclass
class Report:
    """An open report, and what the browser said while it was open."""

    page: Any
    address: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def go(self, view: str) -> None:
        """Open a view afresh by its address."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}#{view}")
        self.page.wait_for_selector("main")

    def wait_for_address(self, *parts: str) -> None:
        """Wait until each of ``parts`` stands in the address: the browser tells of a change some time after it."""
        self.page.wait_for_function("parts => parts.every(part => location.href.includes(part))", arg=parts)

    def selected(self) -> int:
        """How many queries the selection bar counts."""
        return int(self.page.inner_text(".selection-count strong").replace(",", ""))


Opener = Callable[..., Report]


@pytest.fixture
def open_report(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A function that writes a payload as a page and opens it from its file, offline."""
    contexts = []

    def open_one(payload: dict[str, Any], view: str = "verdict", *, webgl: bool = True, **options: Any) -> Report:
        file = tmp_path / "report.html"
        file.write_text(html.render(payload, title="test"), encoding="utf-8")
        chromium = request.getfixturevalue("browser" if webgl else "browser_without_webgl")
        settings = {"viewport": {"width": 1280, "height": 800}, "offline": True, **options}
        context = chromium.new_context(**settings)
        contexts.append(context)
        report = Report(context.new_page(), file.as_uri())
        page = report.page
        page.on("console", lambda message: _note(report, message))
        page.on("pageerror", lambda error: report.complaints.append(str(error)))
        page.on("request", lambda sent: report.requests.append(sent.url))
        page.on("dialog", lambda dialog: report.complaints.append(f"dialog {dialog.message}"))
        report.go(view)
        return report

    yield open_one
    for context in contexts:
        context.close()


def _note(report: Report, message: Any) -> None:
    # Software drawing is slow on purpose; the driver says so when a screenshot reads pixels back.
    if message.type in ("error", "warning") and "GPU stall" not in message.text:
        report.complaints.append(message.text)
