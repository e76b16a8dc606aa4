"""Build the documentation site: ``python -m tools.site`` writes ``build/site``.

    python -m tools.site --gallery build/gallery     with the reports that tools.gallery has made
    python -m http.server --directory build/site     look at it: the search needs a server

A page that links to nothing, to an anchor that is not there or to an unknown name of the API ends the build. Nothing
that is generated is committed: `build/docs` holds the pages as they are built. Needs the extra docs.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.site.pages import ROOT, BrokenLinkError, assemble

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class BuildError(Exception):
    """What zensical says of the pages that it refuses."""


def build(folder: Path, gallery: Path | None) -> Path:
    """The folder of the built site, which is ``folder/site``.

    Parameters
    ----------
    folder : Path
        Work folder: the pages go to ``folder/docs``.
    gallery : Path or None
        Folder of the gallery's reports, ``NAME.html`` each; None for a site without them.

    Raises
    ------
    BrokenLinkError
        If a page links to a file that is not there.
    BuildError
        If zensical finds a fault in a page.
    """
    assemble(folder / "docs", gallery)
    root = folder.parent
    if root != ROOT:
        shutil.copy(ROOT / "mkdocs.yml", root)
    paths = os.pathsep.join(filter(None, [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH")]))
    words = ["build", "--strict", "--clean", "--config-file", str(root / "mkdocs.yml")]
    done = subprocess.run(
        [sys.executable, "-m", "zensical", *words],
        env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise BuildError(COLOUR.sub("", done.stdout).partition("Traceback")[0].strip())
    return folder / "site"


def main() -> int:
    """Build the site; 1 where a page is at fault."""
    parser = argparse.ArgumentParser(prog="python -m tools.site", description="Build the documentation site.")
    parser.add_argument("--gallery", type=Path, metavar="FOLDER", help="reports of the gallery, from tools.gallery")
    try:
        site = build(ROOT / "build", parser.parse_args().gallery)
    except (BrokenLinkError, BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{site.relative_to(ROOT)}: {sum(1 for _ in site.rglob('*.html'))} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
