"""The documentation site as it is built: every link leads somewhere, every page is also Markdown, search finds."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from tests.support import tiny_run as tiny
from tools.schema import schema
from tools.site.__main__ import ROOT, build
from tools.site.pages import GALLERY, OF_REPOSITORY

import embedscope
from embedscope.cli.arguments import COMMANDS
from embedscope.output.page import html
from embedscope.settings import Settings, flag, options_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

yaml = pytest.importorskip("yaml")
pytest.importorskip("zensical")

ADDRESS = "https://embedscope.github.io/embedscope/"
REPORT = re.compile(rf"\({GALLERY}/([\w-]+\.html)\)")
SEEN = ("", "visualization-guide/", "reference/cli/", "reference/python/", "reference/report-json/", "gallery/")
"""Pages that are opened in the browser."""

OPEN_SEARCH = """() => {
    const hosts = [...document.body.children].filter((element) => element.shadowRoot !== null);
    const boxes = hosts.flatMap((host) => [...host.shadowRoot.querySelectorAll("input")]);
    const isOpen = boxes.some((box) => box.checkVisibility({ visibilityProperty: true }));
    if (!isOpen) document.querySelector(".md-search__button").click();
    return isOpen;
}"""
"""Clicks until the search is open: the button is there before the script that listens to it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, with a small report in place of each of the gallery."""
    folder = tmp_path_factory.mktemp("site")
    gallery = folder / "reports"
    gallery.mkdir()
    page = html.render(tiny.payload(), title="test")
    for name in {"small.html", *REPORT.findall((ROOT / "docs" / "gallery.md").read_text(encoding="utf-8"))}:
        (gallery / name).write_text(page, encoding="utf-8")
    return build(folder / "build", gallery)


# --- links --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page links to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for name, value in attrs if name in ("href", "src") and value is not None]
        self.anchors |= {value for name, value in attrs if name in ("id", "name") and value is not None}


def pages(site: Path) -> dict[str, Page]:
    """Address of every page below that of the site -> what it holds; reports of the gallery are no pages of ours."""
    files = [path for path in site.rglob("*.html") if path.parent != site / GALLERY or path.name == "index.html"]
    return {path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8")) for path in files}


def broken(site: Path) -> list[str]:
    """Every link of the site into itself that leads nowhere, with its page."""
    known, found = pages(site), []
    for name, page in known.items():
        for target in page.targets:
            address, anchor = urldefrag(urljoin(ADDRESS + name, target))
            if not address.startswith(ADDRESS):
                continue
            place = unquote(address.removeprefix(ADDRESS))
            place = f"{place}index.html" if place in ("",) or place.endswith("/") else place
            is_there = (site / place).is_file()
            if not is_there or (anchor and place in known and unquote(anchor) not in known[place].anchors):
                found.append(f"{name}: {target}")
    return found


def test_every_link_anchor_and_picture_of_the_built_site_leads_somewhere(site: Path) -> None:
    assert sum(len(page.targets) for page in pages(site).values()) > 1_000
    assert broken(site) == []


def test_no_page_takes_a_script_a_style_or_a_picture_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        taken = re.findall(
            r'<(?:script|img|link rel="stylesheet")[^>]*(?:src|href)="(https?://[^"]+)', path.read_text()
        )
        assert taken == [], path.relative_to(site)


# --- pages --------------------------------------------------------------------------------------------------------


def navigation() -> list[str]:
    """Every page that the navigation names."""

    def leaves(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        else:
            for each in node.values() if isinstance(node, dict) else node:
                yield from leaves(each)

    return list(leaves(_configuration()["nav"]))


def _configuration() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8")))


def test_the_navigation_has_every_page_once(site: Path) -> None:
    made = {path.relative_to(site.parent / "docs").as_posix() for path in (site.parent / "docs").rglob("*.md")}
    assert sorted(navigation()) == sorted(made)
    assert {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")} <= made
    assert set(OF_REPOSITORY.values()) <= made


def test_llms_txt_lists_every_page_with_a_description(site: Path) -> None:
    plugin = next(
        each["llmstxt"] for each in _configuration()["plugins"] if isinstance(each, dict) and "llmstxt" in each
    )
    described = [page for section in plugin["sections"].values() for entry in section for page in entry]
    assert sorted(described) == sorted(navigation())
    lines = (site / "llms.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# embedscope"
    assert lines[2].startswith("> ")
    listed = [re.fullmatch(r"- \[.+\]\(<?(https:[^>)]+)>?\): \S.*", line) for line in lines if line.startswith("- ")]
    assert len(listed) == len(described)
    for link in listed:
        assert link is not None
        assert (site / link[1].removeprefix(ADDRESS)).is_file()


def test_every_page_is_also_markdown_and_all_of_them_one_file(site: Path) -> None:
    full = (site / "llms-full.txt").read_text(encoding="utf-8")
    for page in navigation():
        twin = site / page if page == "index.md" else site / page.removesuffix(".md") / "index.md"
        text = twin.read_text(encoding="utf-8")
        assert text.startswith("# "), page
        assert text.splitlines()[0] in full


# --- the reference ------------------------------------------------------------------------------------------------


def test_the_reference_has_every_command_option_setting_name_and_key(site: Path) -> None:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (site.parent / "docs" / "reference").glob("*.md")}
    for command in COMMANDS:
        section = texts["cli"].partition(f"## embedscope {command.name}\n")[2].partition("\n## ")[0]
        for group in command.groups:
            for name in group.names or options_of(group.settings):
                option = options_of(group.settings)[name]
                word = option.metavar if name in command.positional else (option.flags or (flag(name),))[0]
                assert f"`{word}`" in section, f"{command.name}: {name}"
    assert all(f"| `{name}` |" in texts["settings"] for name in Settings().as_options())
    assert all(f"::: embedscope.{name}\n" in texts["python"] for name in embedscope.__all__ if name[0] != "_")
    assert all(f"| `{key}` |" in texts["report-json"] for key in schema()["$defs"]["report"]["properties"])


def test_the_page_of_the_api_shows_docstrings_as_markdown(site: Path) -> None:
    text = (site / "reference" / "python" / "index.md").read_text(encoding="utf-8")
    assert "Rank metrics and similarity figures of query and document embeddings" in text
    assert re.findall(r":\w+:`|``[^`]|^::$", text.replace("```", ""), re.MULTILINE) == []


# --- in a browser -------------------------------------------------------------------------------------------------


class Silent(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """The address of the site on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page(browser: Any, served: str) -> Iterator[Any]:
    """A page of the browser, which complained of nothing and asked for nothing elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    faults: list[str] = []

    def note(what: str, is_fault: bool) -> None:
        faults.extend([what] * is_fault)

    opened = context.new_page()
    opened.set_default_timeout(120_000)
    opened.on("console", lambda said: note(said.text, said.type in ("error", "warning")))
    opened.on("pageerror", lambda error: note(str(error), True))
    opened.on("request", lambda sent: note(sent.url, not sent.url.startswith((served, "data:", "blob:"))))
    opened.on("response", lambda came: note(f"{came.status} {came.url}", came.status >= 400))
    yield opened
    context.close()
    assert faults == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_the_window_in_light_and_dark(page: Any, served: str, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for place in SEEN:
        page.goto(served + place)
        page.wait_for_selector("h1")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), place


def test_the_search_finds_a_page_by_its_words(page: Any, served: str) -> None:
    page.goto(served)
    page.wait_for_function(OPEN_SEARCH, polling=500)
    page.get_by_placeholder("Search").fill("effectively independent")
    page.get_by_role("option").filter(has=page.locator("mark")).first.click()
    page.wait_for_url("**/*?h=effectively*")
    assert "effectively" in page.inner_text("article")


def test_the_navigation_leads_to_the_reference(page: Any, served: str) -> None:
    page.goto(served)
    (first, *_) = next(tab["Reference"] for tab in _configuration()["nav"] if "Reference" in tab)
    (place,) = first.values()
    page.locator(".md-tabs").get_by_role("link", name="Reference").click()
    page.wait_for_url(f"**/{place.removesuffix('.md')}/")
    page.locator(".md-sidebar--primary").get_by_role("link", name="report.json").click()
    page.wait_for_url("**/reference/report-json/")


def test_a_report_of_the_gallery_opens(page: Any, served: str) -> None:
    page.goto(f"{served}{GALLERY}/small.html#queries")
    page.wait_for_selector("main")
