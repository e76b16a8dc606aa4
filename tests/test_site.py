"""How pages are put together for the site: links, docstrings, tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("griffe")

from tools.site import pages, reference
from tools.site.docstrings import as_markdown
from tools.site.reference import table

import embedscope


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository in place of ours, without generated pages."""
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "GENERATED", {})
    monkeypatch.setattr(pages, "OF_REPOSITORY", {"CHANGELOG.md": "changelog.md"})
    (tmp_path / "docs" / "start").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    (tmp_path / "CHANGELOG.md").write_text("[guide](docs/guide.md#a)")
    (tmp_path / "docs" / "guide.md").write_text("# Guide")
    return tmp_path


def assembled(repository: Path, text: str, gallery: Path | None = None) -> str:
    """The page `start/one.md` of this text, as it is on the site."""
    (repository / "docs" / "start" / "one.md").write_text(text)
    pages.assemble(repository / "built", gallery)
    return (repository / "built" / "start" / "one.md").read_text()


@pytest.mark.parametrize(
    ("written", "on_site"),
    [
        ("[g](../guide.md#a)", "[g](../guide.md#a)"),
        ("[c](../../CHANGELOG.md)", "[c](../changelog.md)"),
        ("[s](../../src)", f"[s]({pages.REPOSITORY}/tree/main/src)"),
        ("[web](https://example.org/a)", "[web](https://example.org/a)"),
        ("[here](#a)", "[here](#a)"),
        ("```text\n[x](nothing.md)\n```", "```text\n[x](nothing.md)\n```"),
    ],
)
def test_a_link_leads_to_the_page_of_the_file_or_to_the_file_on_github(
    repository: Path, written: str, on_site: str
) -> None:
    assert assembled(repository, written) == on_site


def test_a_page_outside_docs_links_into_the_site(repository: Path) -> None:
    assembled(repository, "")
    assert (repository / "built" / "changelog.md").read_text() == "[guide](guide.md#a)"


def test_a_link_to_what_is_not_there_is_refused_with_page_and_target(repository: Path) -> None:
    with pytest.raises(pages.BrokenLinkError, match=r"docs/start/one\.md links to 'nothing\.md', which is not"):
        assembled(repository, "[x](nothing.md)")


def test_reports_of_the_gallery_are_taken_in_and_a_missing_one_says_what_makes_it(repository: Path) -> None:
    with pytest.raises(pages.BrokenLinkError, match=r"tools\.gallery makes it"):
        assembled(repository, "[r](../gallery/a.html)")
    (repository / "reports").mkdir()
    (repository / "reports" / "a.html").write_text("<html>")
    assert assembled(repository, "[r](../gallery/a.html)", repository / "reports") == "[r](../gallery/a.html)"
    assert (repository / "built" / "gallery" / "a.html").is_file()


@pytest.mark.parametrize(
    ("docstring", "markdown"),
    [
        ("As :func:`~a.b` and ``c``.", "As `a.b` and `c`."),
        ("Tree.\n\n::\n\n    a\n", "Tree.\n\n\n    a"),
        ("So::\n\n    a\n\nb", "So:\n\n    a\n\nb"),
        (">>> f(1)\n2\n\nText", "```pycon\n>>> f(1)\n2\n```\n\nText"),
        (None, ""),
    ],
)
def test_a_docstring_becomes_markdown(docstring: str | None, markdown: str) -> None:
    assert as_markdown(docstring) == markdown


def test_the_page_of_the_api_has_every_public_name_once_and_begins_with_those_that_most_use() -> None:
    shown = re.findall(r"^::: embedscope\.(\w+)$", reference.python(), re.MULTILINE)
    assert sorted(shown) == sorted([name for name in embedscope.__all__ if name[0] != "_"] + ["errors"])
    assert [name for name in shown if name[0].islower()][:3] == ["compare", "evaluate", "run"]
    assert [name for name in shown if name[0].isupper()][:2] == ["Result", "Settings"]


def test_a_bar_in_a_cell_parts_no_cells_and_is_left_alone_in_code() -> None:
    assert table(("a",), [("x | y `z | None`",)]) == "| a |\n| --- |\n| x \\| y `z | None` |"
