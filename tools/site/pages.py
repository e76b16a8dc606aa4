"""The folder of pages that the site is built from: `docs/`, pages of the repository, generated pages, the gallery.

On GitHub a page may link to any file of the repository. On the site such a link leads to the page that was made of the
file, or else to the file on GitHub.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from tools.site import reference

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/embedscope/embedscope"
GALLERY = "gallery"
"""Folder of the site that holds the reports of the gallery."""

OF_REPOSITORY = {
    "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security-policy.md",
}  # fmt: skip
"""Files outside `docs/` that are pages too -> their places on the site."""

GENERATED = {
    "reference/cli.md": reference.command_line,
    "reference/settings.md": reference.settings,
    "reference/python.md": reference.python,
    "reference/report-json.md": reference.report_json,
}

FENCED = re.compile(r"^(```+).*?^\1$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")


class BrokenLinkError(Exception):
    """Pages link to what is not there."""


def assemble(folder: Path, gallery: Path | None) -> None:
    """Write every page, picture and style of the site into ``folder``, which is emptied first.

    Parameters
    ----------
    folder : Path
    gallery : Path or None
        Folder of the gallery's reports, ``NAME.html`` each; None for a site without them.

    Raises
    ------
    BrokenLinkError
        If a page links to a file of the repository, or a report of the gallery, that is not there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    if gallery is not None:
        (folder / GALLERY).mkdir(exist_ok=True)
        for report in sorted(gallery.glob("*.html")):
            shutil.copy(report, folder / GALLERY)
    for name, make in GENERATED.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(make(), encoding="utf-8")
    sources = {page.relative_to(ROOT / "docs").as_posix(): page for page in ROOT.glob("docs/**/*.md")}
    sources |= {place: ROOT / name for name, place in OF_REPOSITORY.items()}
    missing: list[str] = []
    for place, source in sources.items():
        text = _relinked(source.read_text(encoding="utf-8"), source, place, folder, missing)
        (folder / place).write_text(text, encoding="utf-8")
    if missing:
        raise BrokenLinkError("\n".join(missing))


def _relinked(text: str, source: Path, place: str, folder: Path, missing: list[str]) -> str:
    """The text of a page with its relative links as they are from ``place``; ``missing`` gains those to nothing."""

    def link(match: re.Match[str]) -> str:
        target, hash_, anchor = match[2].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        found = _target(target, source, place, folder)
        if found is None:
            made = "; python -m tools.gallery makes it (--gallery)" if f"{GALLERY}/" in target else ""
            missing.append(f"{source.relative_to(ROOT)} links to '{target}', which is not there{made}.")
        return f"{match[1]}{found}{hash_}{anchor}{match[3]}"

    fences = [match.span() for match in FENCED.finditer(text)]
    parts, at = [], 0
    for start, end in [*fences, (len(text), len(text))]:
        parts += [LINK.sub(link, text[at:start]), text[start:end]]
        at = end
    return "".join(parts)


def _target(target: str, source: Path, place: str, folder: Path) -> str | None:
    """Where a link to a file of the repository leads from the page at ``place``; None where there is no such file."""
    file = Path(os.path.normpath(source.parent / target))
    name = file.relative_to(ROOT).as_posix()
    on_site = OF_REPOSITORY.get(name, name.removeprefix("docs/") if name.startswith("docs/") else None)
    if on_site is not None and (on_site in OF_REPOSITORY.values() or (folder / on_site).is_file()):
        return Path(os.path.relpath(folder / on_site, (folder / place).parent)).as_posix()
    return f"{REPOSITORY}/{'tree' if file.is_dir() else 'blob'}/main/{name}" if file.exists() else None
